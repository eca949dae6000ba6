/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes wrong: storage, clocks, the table, the disk. */
#include "world.h"

static void storage_changes(void)
{
	struct world_root *root = &world.roots[world_random(WORLD_ROOTS)];

	switch (world_random(3)) {
	case 0:
		root->fails = !root->fails;
		world_note(KIND_STORAGE_FAILS, root->fails);
		break;
	case 1:
		root->hangs = !root->hangs;
		world_note(KIND_STORAGE_HANGS, root->hangs);
		break;
	default:
		root->dead = !root->dead;
		world_note(KIND_STORAGE_DIES, root->dead);
	}
}

static void root_is_covered_or_uncovered(void)
{
	uint32_t index = world_random(WORLD_ROOTS);
	struct world_root *root = &world.roots[index];
	struct world_mount *cover;

	if (root->cover) {
		world_note(KIND_UNCOVER, index);
		world_detach(world_mount(root->cover));
		return;
	}
	cover = world_attach(world_standing(index), 0, root->path + 1, "tmpfs");
	if (!cover)
		return;
	root->cover = cover->id;
	world_note(KIND_COVER, index);
}

/* The clock on the wall is set; ours goes on. A machine that slept is the same: its monotonic clock slept too. */
static void wall_clock_is_set(void)
{
	int64_t seconds = (int64_t)world_random(7200) - 3600;

	world.now.real += seconds * NSEC_PER_SEC;
	world_note(seconds < 0 ? KIND_WALL_CLOCK_BACK : KIND_WALL_CLOCK_AHEAD, 0);
	world_pass(0);
}

static void time_behaves_oddly(void)
{
	if (world.time_stands) {
		world.time_stands = false;
	} else if (world_chance(30)) {
		world_note(KIND_TIME_STANDS, 0);
		world.time_stands = true;
	} else {
		world_note(KIND_LONG_TIME, 0);
		world_pass((int64_t)world_random(world_chance(10) ? 86400 : 120) * NSEC_PER_SEC);
	}
}

static void table_is_hard_to_read(void)
{
	if (world_chance(50))
		world.fail_reads = 1 + (int)world_random(3);
	else
		world.unseen = 1 + world_random(2);
	world.table_changed = true;
}

void world_disk_changes(void)
{
	static const enum kind kinds[] = { KIND_DISK_BACK, KIND_DISK_FULL, KIND_DISK_FAILS, KIND_DISK_LOCKED,
					   KIND_DISK_CORRUPT };

	enum disk_fault next = (enum disk_fault)(1 + world_random(world_chance(20) ? 4 : 3));

	if (world.disk != DISK_FINE)
		next = DISK_FINE;
	ledger_disk_set(next);
	world_note(kinds[next], 0);
}

static void configuration_changes(void)
{
	/* What was asked for under the former one and is not received yet is answered ESTALE. */
	world_config_any();
	world_note(KIND_RELOAD, world.config.serial);
	world_broker_configure(ledger_dir);
}

void world_trouble_happens(void)
{
	static void (*const things[])(void) = {
		storage_changes,       root_is_covered_or_uncovered, wall_clock_is_set,
		time_behaves_oddly,    world_server_changes,	     world_server_changes,
		table_is_hard_to_read, world_disk_changes,	     configuration_changes,
	};

	things[world_random(sizeof(things) / sizeof(things[0]))]();
}

void world_trouble_ends(void)
{
	for (uint32_t root = 0; root < WORLD_ROOTS; root++) {
		if (world.roots[root].cover)
			world_detach(world_mount(world.roots[root].cover));
		world.roots[root] = (struct world_root){ .path = world.roots[root].path };
	}
	world_servers_end();
	world_other_is_uncovered();
	world.all.paused = false;
	world.calm = true;
	world.fail_reads = 0;
	world.time_stands = false;
	ledger_disk_set(DISK_FINE);
}
