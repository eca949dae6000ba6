/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of the steps: a build root with one action, and what is asked of which mount below it. */
#ifndef TESTS_UNIT_STEP_FIXTURE_H
#define TESTS_UNIT_STEP_FIXTURE_H

#include "broker/step.h"
#include "mount_fixture.h"

#define BUILD PLACE "/build"

static struct root_rules rules;
static struct step_item items[8];
static uint32_t count;
static struct step_result results[8];

static inline void setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	ck_assert_int_eq(rules_init(&rules, BUILD), 0);
	count = 0;
}

/* Asks for the mount that stands at the path now. */
static inline struct kernel_mount want(const char *path, enum step step)
{
	char absolute[PATH_MAX];
	struct kernel_mount mount;

	snprintf(absolute, sizeof(absolute), BUILD "/%s", path);
	mount = mount_of(absolute);
	items[count++] = (struct step_item){ .path = (char *)path,
					     .action_length = (uint32_t)strcspn(path, "/"),
					     .step = (uint8_t)step,
					     .mount = { .id = mount.id, .id32 = mount.id32, .dev = mount.dev } };
	return mount;
}

static inline void go(void)
{
	struct step_batch batch = { .rules = &rules, .items = items, .count = count };

	memset(results, 0, sizeof(results));
	for (uint32_t i = 0; i < count; i++)
		asroot_step(&batch, i, &results[i]);
	step_batch_clear(&batch);
}

static inline void ck_outcome(size_t index, enum outcome outcome)
{
	ck_assert_msg(results[index].outcome == outcome, "%s (%s), errno %d, stranger %llu",
		      outcome_name((enum outcome)results[index].outcome), results[index].detail, results[index].error,
		      (unsigned long long)results[index].stranger);
}

#endif
