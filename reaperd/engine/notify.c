/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/notify.h"

#ifdef HAVE_LIBSYSTEMD
#include <stdlib.h>
#include <systemd/sd-daemon.h>

/* The loop itself says that it turns: a broker that lives beside a hung engine would not be a daemon that works. */
static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	sd_notify(0, "WATCHDOG=1");
}

void notify_ready(struct engine *engine)
{
	uint64_t interval = 0;

	sd_notify(0, "READY=1");
	/* WATCHDOG_PID names the broker, the service's main process; NotifyAccess=all lets us speak for both. */
	if (getenv("WATCHDOG_USEC"))
		interval = strtoull(getenv("WATCHDOG_USEC"), NULL, 10);
	if (interval == 0)
		return;
	ev_timer_init(&engine->watchdog, on_watchdog, 0., (double)interval / 2e6);
	ev_timer_start(engine->loop, &engine->watchdog);
}

void notify_free(struct engine *engine)
{
	ev_timer_stop(engine->loop, &engine->watchdog);
}
#else
void notify_ready(struct engine *engine)
{
	(void)engine;
}

void notify_free(struct engine *engine)
{
	(void)engine;
}
#endif
