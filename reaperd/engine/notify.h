/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells a service manager that we are ready and alive (sd_notify, watchdog), where built with libsystemd; else nothing.
 */
#ifndef REAPERD_ENGINE_NOTIFY_H
#define REAPERD_ENGINE_NOTIFY_H

#include "engine/state.h"

/* READY=1, and from then on WATCHDOG=1 at half the interval that the service manager asks for. */
void notify_ready(struct engine *engine);
void notify_free(struct engine *engine);

#endif
