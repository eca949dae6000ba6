/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the ledger takes: writes a journal of so many events in turns of a thousand, and asks it what people ask.
 *
 *	ledger FILE EVENTS
 *
 * Prints {"write_us", ...}, a row's time and each question's in milliseconds, and "action", the name that was asked
 * for. FILE stays.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define FIRST		 INT64_C(1795000000000000000) /* ns since 1970 */
#define TURN		 1000
#define EVENTS_OF_ACTION 8

static double since(struct now start)
{
	return (double)(clock_now().mono - start.mono) / NSEC_PER_MSEC;
}

static void name_action(int64_t event, char *name, size_t size)
{
	snprintf(name, size, "%016llx", (unsigned long long)(event / EVENTS_OF_ACTION) * 0x9e3779b97f4a7c15);
}

static void add(struct store *store, int64_t i)
{
	char name[32], target[96];
	struct store_event event = {
		.time = FIRST + i * NSEC_PER_MSEC,
		.type = i % 2 ? EVENT_DETACH : EVENT_ATTACH,
		.mount_id = (uint64_t)(i / 2 + 1000),
		.root = "/worker/build",
		.action = name,
		.generation = 1,
		.target = target,
		.pid = 4711,
		.comm = "bb_runner",
	};

	name_action(i, name, sizeof(name));
	snprintf(target, sizeof(target), "/worker/build/%s/root/proc", name);
	store_add_event(store, &event);
}

static int count_row(void *context, const struct store_event *event)
{
	(void)event;
	++*(int *)context;
	return 0;
}

static void ask(struct store *store, const char *what, struct store_filter filter)
{
	struct now start = clock_now();
	int rows = 0;

	filter.type = -1;
	if (store_events(store, &filter, count_row, &rows) < 0)
		rows = -1;
	printf(", \"%s_ms\": %.3f, \"%s_rows\": %d", what, since(start), what, rows);
}

static void fill(struct store *store, int64_t events)
{
	struct now start = clock_now();
	double elapsed;

	for (int64_t i = 0; i < events; i++) {
		add(store, i);
		if (i % TURN == TURN - 1)
			store_commit(store);
	}
	store_commit(store);
	elapsed = since(start);
	printf("{\"events\": %lld, \"write_us\": %.3f, \"mib\": %.1f", (long long)events,
	       elapsed * 1000 / (double)events, (double)store_bytes(store) / (1 << 20));
}

static void retain(struct store *store)
{
	struct now start = clock_now();
	int gone = store_retain(store, 1, 0, (struct now){ .real = FIRST + 3600 * NSEC_PER_SEC });

	store_commit(store);
	printf(", \"retain_ms\": %.3f, \"retain_rows\": %d", since(start), gone);
}

static void measure(const char *path, int64_t events)
{
	struct now start = clock_now();
	struct store *store = store_open(path);
	char name[32];

	if (!store)
		errx(1, "%s", path);
	store_begin_boot(store, "bench", 1, start);
	fill(store, events);
	name_action(events / 2, name, sizeof(name));
	ask(store, "of_action", (struct store_filter){ .action = name });
	ask(store, "of_mount", (struct store_filter){ .mount_id = (uint64_t)(events / 4 + 1000) });
	ask(store, "last_100", (struct store_filter){ .limit = 100 });
	ask(store, "next_100", (struct store_filter){ .after_seq = events / 2, .limit = 100 });
	ask(store, "of_a_minute", (struct store_filter){ .since = FIRST, .until = FIRST + 60 * NSEC_PER_SEC });
	retain(store);
	start = clock_now();
	store_close(store);
	printf(", \"close_ms\": %.3f", since(start));
	start = clock_now();
	store = store_open(path);
	printf(", \"open_ms\": %.3f, \"action\": \"%s\"}\n", since(start), name);
	store_close(store);
}

int main(int argc, char **argv)
{
	if (argc != 3 || strtoll(argv[2], NULL, 10) <= 0)
		errx(2, "usage: ledger FILE EVENTS");
	measure(argv[1], strtoll(argv[2], NULL, 10));
	return EXIT_SUCCESS;
}
