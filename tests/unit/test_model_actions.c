/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions: which mount is whose, and how long an action and its generation live. */
#include <errno.h>

#include "model_fixture.h"
#include "run_suite.h"

START_TEST(mounts_join_the_action_of_their_place)
{
	struct fake *fake = fake_new();
	uint64_t one = fake_mount(fake, ROOT "/1/root/proc", "proc", 11),
		 ten = fake_mount(fake, ROOT "/10/root/proc", "proc", 12);
	uint64_t sys = fake_mount(fake, ROOT "/1/root/sys", "sysfs", 13);
	struct action *action;

	feed(fake);
	action = action_named(fake, "1");
	ck_assert_ptr_eq(known(fake, one)->action, action);
	ck_assert_ptr_eq(known(fake, sys)->action, action);
	ck_assert_ptr_ne(known(fake, ten)->action, action);
	ck_assert_uint_eq(action->mount_count, 2);
	ck_assert_uint_eq(action->generation, 1);
	ck_assert_int_eq(action->state, ACTION_ACTIVE);
	ck_assert_int_eq(action->owner.kind, OWNER_INFERRED);
	ck_assert_int_eq(action->first_seen.mono, fake->now.mono);
	ck_assert(action->dirty && !action->covered_by_own);
	ck_assert_str_eq(mount_root_relative(known(fake, one)), "1/root/proc");
	fake_free(fake);
}
END_TEST

START_TEST(mount_on_the_directory_itself_covers_its_action)
{
	struct fake *fake = fake_new();
	uint64_t cover;

	fake_mount(fake, ROOT "/a/root/proc", "proc", 11);
	feed(fake);
	cover = fake_mount(fake, ROOT "/a", "tmpfs", 12);
	feed(fake);
	ck_assert(action_named(fake, "a")->covered_by_own);
	ck_assert_uint_eq(action_named(fake, "a")->mount_count, 2);
	fake_umount(fake, cover);
	feed(fake);
	ck_assert(!action_named(fake, "a")->covered_by_own);
	fake_free(fake);
}
END_TEST

START_TEST(cleared_action_comes_back_for_another_mount)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action;

	feed(fake);
	action = action_named(fake, "a");
	fake_umount(fake, id);
	feed(fake);
	action->state = ACTION_CLEARED;
	action->ended = fake->now;
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert_uint_eq(action->mount_count, 1);
	/* As long as nobody says that it is active again, it is cleared, which has a time. */
	ck_assert_int_ne(action->ended.real, 0);
	fake_free(fake);
}
END_TEST

START_TEST(evidence_of_a_cleared_action_does_not_fall_on_the_next)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *old;

	feed(fake);
	old = action_named(fake, "a");
	fake_umount(fake, id);
	feed(fake);
	old->state = ACTION_CLEARED;
	old->evidence = EVIDENCE_BIT(EVIDENCE_MISSING);
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_ptr_ne(action_named(fake, "a"), old);
	ck_assert_uint_eq(action_named(fake, "a")->generation, 2);
	ck_assert_uint_eq(old->mount_count, 0);
	fake_free(fake);
}
END_TEST

static uint32_t forty_one(void *context, const struct root *root, const char *name)
{
	(void)root;
	return strcmp(name, context) == 0 ? 41 : 0;
}

START_TEST(generations_go_on_where_the_ledger_stands)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *first, *second, *found[3];
	struct mount *mounts[1];

	model_on_generation(fake->model, forty_one, "a");
	fake_mount(fake, ROOT "/b/x", "tmpfs", 12);
	feed(fake);
	first = action_named(fake, "a");
	ck_assert_uint_eq(first->generation, 42);
	ck_assert_uint_eq(action_named(fake, "b")->generation, 1);
	mounts[0] = known(fake, id);
	second = model_next_generation(fake->model, first, mounts, 1, fake->now);
	verify(fake);
	ck_assert_uint_eq(second->generation, 43);
	ck_assert_uint_eq(second->mount_count, 1);
	ck_assert_uint_eq(first->mount_count, 0);
	ck_assert_ptr_eq(known(fake, id)->action, second);
	ck_assert_uint_eq(model_find_actions(fake->model, fake_root(fake), "a", found, 3), 2);
	ck_assert_ptr_eq(found[0], second);
	ck_assert_ptr_eq(found[1], first);
	ck_assert_uint_eq(model_find_actions(fake->model, fake_root(fake), "a", NULL, 0), 2);
	feed(fake);
	ck_assert_ptr_eq(known(fake, id)->action, second);
	fake_free(fake);
}
END_TEST

START_TEST(old_generation_keeps_its_mounts_beside_the_new)
{
	struct fake *fake = fake_new();
	uint64_t old_id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11), new_id;
	struct action *first, *second;

	feed(fake);
	first = action_named(fake, "a");
	second = model_next_generation(fake->model, first, NULL, 0, fake->now);
	new_id = fake_mount(fake, ROOT "/a/y", "tmpfs", 12);
	feed(fake);
	ck_assert_ptr_eq(known(fake, old_id)->action, first);
	ck_assert_ptr_eq(known(fake, new_id)->action, second);
	fake_free(fake);
}
END_TEST

START_TEST(many_generations_are_found_newest_first)
{
	struct fake *fake = fake_new();
	struct action *action, *found[4];

	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	action = action_named(fake, "a");
	for (size_t i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(model_next_generation(fake->model, action, NULL, 0, fake->now));
	ck_assert_uint_eq(model_find_actions(fake->model, fake_root(fake), "a", found, 4), 9);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(found[i]->generation, 9 - i);
	fake_free(fake);
}
END_TEST

START_TEST(announced_action_takes_the_mounts_that_come)
{
	struct fake *fake = fake_new();
	struct action *action, *again;
	uint64_t id;

	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "a", fake->now, &action), -ENOENT);
	feed(fake);
	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "../a", fake->now, &action), -EINVAL);
	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "a", fake->now, &action), 0);
	verify(fake);
	id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "a", fake->now, &again), 0);
	ck_assert_ptr_eq(again, action);
	action->evidence = EVIDENCE_BIT(EVIDENCE_ENDED);
	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "a", fake->now, &again), 0);
	ck_assert_uint_eq(again->generation, 2);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	set_layout(fake, "*/{action}");
	ck_assert_int_eq(model_announce(fake->model, fake_root(fake), "a", fake->now, &again), -EINVAL);
	fake_free(fake);
}
END_TEST

START_TEST(forgotten_action_is_found_no_more)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action;

	feed(fake);
	action = action_named(fake, "a");
	model_forget_action(fake->model, action);
	ck_assert_ptr_eq(action_named(fake, "a"), action); /* it has a mount */
	fake_umount(fake, id);
	feed(fake);
	model_forget_action(fake->model, action);
	verify(fake);
	ck_assert_ptr_null(action_named(fake, "a"));
	ck_assert_str_eq(action->name, "a"); /* until the next apply */
	feed(fake);
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: actions");
	TCase *tests = tcase_create("actions");

	tcase_add_test(tests, mounts_join_the_action_of_their_place);
	tcase_add_test(tests, mount_on_the_directory_itself_covers_its_action);
	tcase_add_test(tests, cleared_action_comes_back_for_another_mount);
	tcase_add_test(tests, evidence_of_a_cleared_action_does_not_fall_on_the_next);
	tcase_add_test(tests, generations_go_on_where_the_ledger_stands);
	tcase_add_test(tests, old_generation_keeps_its_mounts_beside_the_new);
	tcase_add_test(tests, many_generations_are_found_newest_first);
	tcase_add_test(tests, announced_action_takes_the_mounts_that_come);
	tcase_add_test(tests, forgotten_action_is_found_no_more);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
