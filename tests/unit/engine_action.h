/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A world with one action, "a", for tests of what the engine asks for. */
#ifndef TESTS_UNIT_ENGINE_ACTION_H
#define TESTS_UNIT_ENGINE_ACTION_H

#include <check.h>

#include "engine_fixture.h"

static const struct directory live = { .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true };
static const struct directory missing = { .name = "a", .state = PROBE_MISSING };

static inline void setup(void)
{
	engine_root_lines = "";
	engine_begin_world("", true);
}

/* An action with a mount, known and asked about. */
static inline uint64_t make_action(const struct directory *directory)
{
	uint64_t id = attach("a/proc");

	set_directory(directory);
	pass(3);
	ck_assert_ptr_nonnull(action("a"));
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(action("a")->evidence, 0);
	return id;
}

#endif
