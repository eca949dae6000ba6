/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real engine in a made-up world, thousands of steps from one seed, invariants looked at after each. Without
 * arguments a fixed set of seeds, in which each kind of thing must happen; `test_sim SEED [STEPS]` replays one, with
 * the engine's log; `test_sim --seeds N [--from S] [--steps K]` runs more.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"
#include "world.h"

#define SEEDS	     28
#define STEPS	     900
#define REPLAY_STEPS 300

char ledger_dir[64];

static void one_step(void)
{
	uint32_t root;

	if (world_server_is_asked_for(&root) && world_chance(50))
		world_server_changes();
	else if (world_chance(4))
		world_trouble_happens();
	else
		world_farm_happens();
	if (world_chance(10))
		world_people_happen();
	if (world_chance(world_broker_step() ? 5 : 1) && world.engine->ready)
		world_engine_restart();
	for (uint32_t turns = world_random(4); turns > 0; turns--) {
		world_turn(true);
		world_pass((int64_t)world_random(1500) * NSEC_PER_MSEC);
	}
	world_must_be_consistent();
	ledger_must_be_reconciled();
}

static void make_ledger_dir(void)
{
	snprintf(ledger_dir, sizeof(ledger_dir), "/tmp/reaperd-sim-XXXXXX");
	if (!mkdtemp(ledger_dir))
		abort();
}

static void remove_ledger_dir(void)
{
	char command[128];

	if (getenv("SIM_KEEP")) {
		printf("the ledger is in %s\n", ledger_dir);
		return;
	}
	snprintf(command, sizeof(command), "rm -rf %s", ledger_dir);
	if (system(command) != 0)
		abort();
}

/* True where nothing was violated; *ret_trace is what happened, as one number. */
static bool run(uint64_t seed, unsigned steps, uint64_t *ret_trace)
{
	make_ledger_dir();
	world_begin(seed);
	world_engine_begin(ledger_dir);
	for (unsigned step = 0; step < steps && !*world.violation; step++)
		one_step();
	if (!*world.violation)
		world_settle();
	printf("seed %llu: %u things happened, %llu steps asked, %llu mounts reaped, trace %016llx: %s\n",
	       (unsigned long long)seed, steps, (unsigned long long)world.steps, (unsigned long long)world.reaped,
	       (unsigned long long)world.trace, *world.violation ? world.violation : "kept");
	if (*world.violation)
		printf("  replay: tests/sim/test_sim %llu %u\n", (unsigned long long)seed, steps);
	world_engine_end();
	world_broker_end();
	world_process_end_all();
	remove_ledger_dir();
	*ret_trace = world.trace;
	return !*world.violation;
}

static bool same_seed_gives_the_same_trace(uint64_t seed)
{
	uint64_t first, second;
	bool kept = run(seed, REPLAY_STEPS, &first) && run(seed, REPLAY_STEPS, &second);

	if (kept && first != second)
		printf("seed %llu: another trace at the second time\n", (unsigned long long)seed);
	return kept && first == second;
}

/* What never happens is not tested. */
static bool everything_happened(void)
{
	bool all = true;

	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		printf("%8lu  %s\n", kind_counts[kind], kind_names[kind]);
		all &= kind_counts[kind] > 0;
	}
	if (!all)
		printf("something in this list never happened\n");
	return all;
}

static int run_seeds(uint64_t from, uint64_t count, unsigned steps, bool is_fixed_set)
{
	unsigned long passed = 0, failed = 0;
	uint64_t trace;

	for (uint64_t seed = from; seed < from + count; seed++)
		*(run(seed, steps, &trace) ? &passed : &failed) += 1;
	if (is_fixed_set)
		for (uint64_t seed = from; seed < from + 3; seed++)
			*(same_seed_gives_the_same_trace(seed) ? &passed : &failed) += 1;
	if (!everything_happened() && is_fixed_set)
		failed++;
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed ? 1 : 0;
}

static unsigned long long number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || end == text) {
		fprintf(stderr, "usage: test_sim [SEED [STEPS] | --seeds N [--from S] [--steps K]]\n");
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "from", required_argument, NULL, 'f' },
		{ "steps", required_argument, NULL, 's' },
		{ 0 },
	};
	uint64_t seeds = SEEDS, from = 1, trace;
	unsigned steps = STEPS;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		unsigned long long value = number(option == '?' ? "" : optarg);

		if (option == 's')
			steps = (unsigned)value;
		else
			*(option == 'n' ? &seeds : &from) = value;
	}
	log_open("sim", optind < argc ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	ledger_disk_begin();
	if (optind == argc)
		return run_seeds(from, seeds, steps, argc == 1);
	if (optind + 1 < argc)
		steps = (unsigned)number(argv[optind + 1]);
	return run(number(argv[optind]), steps, &trace) ? 0 : 1;
}
