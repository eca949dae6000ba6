/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the ledger takes: writes a journal of a million events (or as many as the argument says) in turns of a
 * thousand, and asks it what people ask. Prints one line a question. In a directory of its own below $TMPDIR, removed
 * at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

#define TURN		 1000
#define EVENTS_OF_ACTION 8

static char path[128];

static double since(struct now start)
{
	return (double)(clock_now().mono - start.mono) / NSEC_PER_MSEC;
}

static void add(struct store *store, int64_t i)
{
	char name[32], target[96];
	struct store_event event = {
		.time = INT64_C(1795000000000000000) + i * NSEC_PER_MSEC,
		.type = i % 2 ? EVENT_DETACH : EVENT_ATTACH,
		.mount_id = (uint64_t)(i / 2 + 1000),
		.root = "/worker/build",
		.action = name,
		.generation = 1,
		.target = target,
		.pid = 4711,
		.comm = "bb_runner",
	};

	snprintf(name, sizeof(name), "%016llx", (unsigned long long)(i / EVENTS_OF_ACTION) * 0x9e3779b97f4a7c15);
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
	printf("%-32s %9.2f ms, %d rows\n", what, since(start), rows);
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
	printf("%-32s %9.2f ms, %.2f us a row, %.0f MiB\n", "write", elapsed, elapsed * 1000 / (double)events,
	       (double)store_bytes(store) / (1 << 20));
}

static void retain(struct store *store)
{
	struct now start = clock_now();
	int gone =
		store_retain(store, 1, 0, (struct now){ .real = INT64_C(1795000000000000000) + 3600 * NSEC_PER_SEC });

	store_commit(store);
	printf("%-32s %9.2f ms, %d rows\n", "one step of retention", since(start), gone);
}

static void measure(int64_t events)
{
	struct now start = clock_now();
	struct store *store = store_open(path);
	char name[32];

	if (!store)
		return;
	store_begin_boot(store, "bench", 1, start);
	printf("%-32s %9.2f ms\n", "make", since(start));
	fill(store, events);
	snprintf(name, sizeof(name), "%016llx",
		 (unsigned long long)(events / 2 / EVENTS_OF_ACTION) * 0x9e3779b97f4a7c15);
	ask(store, "events of an action", (struct store_filter){ .action = name });
	ask(store, "events of a mount", (struct store_filter){ .mount_id = (uint64_t)(events / 4 + 1000) });
	ask(store, "the last 100", (struct store_filter){ .limit = 100 });
	ask(store, "100 after a number", (struct store_filter){ .after_seq = events / 2, .limit = 100 });
	ask(store, "a minute",
	    (struct store_filter){ .since = INT64_C(1795000000000000000), .until = INT64_C(1795000060000000000) });
	retain(store);
	start = clock_now();
	store_close(store);
	printf("%-32s %9.2f ms\n", "close", since(start));
	start = clock_now();
	store = store_open(path);
	printf("%-32s %9.2f ms\n", "open", since(start));
	store_close(store);
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	char dir[64];

	snprintf(dir, sizeof(dir), "%.40s/ledger-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	measure(argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000);
	unlink(path);
	rmdir(dir);
	return EXIT_SUCCESS;
}
