/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of what others do between the moments of a step. */
#ifndef TESTS_UNIT_RACE_FIXTURE_H
#define TESTS_UNIT_RACE_FIXTURE_H

#include "broker/step.h"
#include "stop_fixture.h"

static struct root_rules rules;
static struct step_item item;
static struct step_result result;

static inline void setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	ck_assert_int_eq(rules_init(&rules, BUILD), 0);
}

static inline struct kernel_mount want(const char *path, enum step step)
{
	char absolute[PATH_MAX];
	struct kernel_mount mount;

	snprintf(absolute, sizeof(absolute), BUILD "/%s", path);
	mount = mount_of(absolute);
	item = (struct step_item){ .path = (char *)path,
				   .action_length = (uint32_t)strcspn(path, "/"),
				   .step = (uint8_t)step,
				   .mount = { .id = mount.id, .id32 = mount.id32, .dev = mount.dev } };
	return mount;
}

static inline void take_step(void)
{
	struct step_batch batch = { .rules = &rules, .items = &item, .count = 1 };

	result = (struct step_result){ 0 };
	asroot_step(&batch, 0, &result);
	step_batch_clear(&batch);
}

static inline void take_step_with_nth(int number, unsigned nth, void (*meddle)(void))
{
	do_stopped_at_nth(take_step, number, nth, meddle);
}

static inline void take_step_with(int number, void (*meddle)(void))
{
	take_step_with_nth(number, 1, meddle);
}

#endif
