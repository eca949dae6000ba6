/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roots: which directory one is, while mounts cover it, go, are renamed, or another configuration comes. */
#include "model_fixture.h"
#include "run_suite.h"

static size_t instances(struct fake *fake)
{
	size_t count = 0;

	for (struct root_instance *instance = fake_root(fake)->instances; instance; instance = instance->next)
		count++;
	return count;
}

START_TEST(root_is_the_directory_that_its_path_shows)
{
	struct fake *fake = fake_new();

	feed(fake);
	ck_assert_uint_eq(visible(fake)->dev, 2);
	ck_assert_str_eq(visible(fake)->fs_path, "/");
	ck_assert_uint_eq(visible(fake)->carrier->facts.id, fake->mounts[1].id);
	ck_assert_uint_eq(instances(fake), 1);
	fake_umount(fake, fake->mounts[1].id);
	feed(fake);
	ck_assert_uint_eq(visible(fake)->dev, 1);
	ck_assert_str_eq(visible(fake)->fs_path, ROOT);
	ck_assert_uint_eq(instances(fake), 1);
	fake_free(fake);
}
END_TEST

START_TEST(bound_directory_is_known_by_its_path_within_the_filesystem)
{
	struct fake *fake = fake_new();

	fake_mount_from(fake, "/worker", "ext4", 3, "/disk/w");
	feed(fake);
	ck_assert_uint_eq(visible(fake)->dev, 3);
	ck_assert_str_eq(visible(fake)->fs_path, "/disk/w/build");
	fake_free(fake);
}
END_TEST

START_TEST(covered_root_keeps_its_actions_unseen)
{
	struct fake *fake = fake_new();
	uint64_t proc = fake_mount(fake, ROOT "/a/root/proc", "proc", 11), cover, beside;
	struct root_instance *first;
	struct action *action;

	feed(fake);
	first = visible(fake);
	action = action_named(fake, "a");
	cover = fake_mount(fake, ROOT, "tmpfs", 3);
	feed(fake);
	ck_assert(!first->visible);
	ck_assert_uint_eq(first->carrier->facts.id, fake->mounts[1].id);
	ck_assert_uint_eq(visible(fake)->dev, 3);
	ck_assert_ptr_eq(known(fake, proc)->action, action);
	ck_assert_ptr_eq(action->instance, first);
	ck_assert(!model_mount_is_reachable(fake->model, known(fake, proc)));
	beside = fake_mount(fake, ROOT "/a/root/proc", "proc", 12);
	feed(fake);
	ck_assert_ptr_ne(known(fake, beside)->action, action);
	ck_assert_uint_eq(known(fake, beside)->action->generation, 2);
	fake_umount(fake, cover);
	feed(fake);
	ck_assert(first->visible);
	ck_assert_ptr_eq(known(fake, proc)->action, action);
	ck_assert_uint_eq(action->evidence | known(fake, proc)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(cover_without_actions_is_forgotten_with_it)
{
	struct fake *fake = fake_new();
	uint64_t cover;

	feed(fake);
	cover = fake_mount(fake, ROOT, "tmpfs", 3);
	feed(fake);
	ck_assert_uint_eq(instances(fake), 1);
	fake_umount(fake, cover);
	feed(fake);
	ck_assert_uint_eq(instances(fake), 1);
	ck_assert_uint_eq(visible(fake)->dev, 2);
	fake_free(fake);
}
END_TEST

START_TEST(carrier_that_goes_leaves_its_actions_without_one)
{
	struct fake *fake = fake_new();
	struct action *action;

	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	action = action_named(fake, "a");
	fake_umount(fake, fake->mounts[1].id);
	feed(fake);
	ck_assert_uint_eq(action->mount_count, 0);
	ck_assert_ptr_null(action->instance->carrier);
	ck_assert(!action->instance->visible);
	model_forget_action(fake->model, action);
	feed(fake);
	ck_assert_uint_eq(instances(fake), 1);
	fake_free(fake);
}
END_TEST

START_TEST(renamed_directory_of_a_carrier_stays_the_same_root)
{
	struct fake *fake = fake_new();
	struct action *action;

	strcpy(fake->mounts[1].root, "/w1");
	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	action = action_named(fake, "a");
	strcpy(fake->mounts[1].root, "/w2");
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert_str_eq(visible(fake)->fs_path, "/w2");
	ck_assert_uint_eq(action->mount_count, 1);
	ck_assert_uint_eq(instances(fake), 1);
	fake_free(fake);
}
END_TEST

START_TEST(subtree_that_changes_hands_changes_instance)
{
	struct fake *fake = fake_new();
	uint64_t outer = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 inner = fake_mount(fake, ROOT "/a/x/y", "tmpfs", 12), cover;
	struct scan scan = { .unique_ids = true };

	feed(fake);
	cover = fake_mount(fake, ROOT, "tmpfs", 3);
	fake_by_id(fake, outer)->parent = cover;
	fake_fill(fake, fake_by_id(fake, cover), &scan);
	fake_fill(fake, fake_by_id(fake, outer), &scan);
	feed_scan(fake, &scan);
	ck_assert_uint_eq(known(fake, inner)->instance->dev, 3);
	ck_assert_ptr_eq(known(fake, inner)->action, known(fake, outer)->action);
	ck_assert_uint_eq(known(fake, inner)->action->mount_count, 2);
	fake_free(fake);
}
END_TEST

START_TEST(reload_with_the_same_root_keeps_its_actions)
{
	struct fake *fake = fake_new();
	struct action *action;

	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	action = action_named(fake, "a");
	set_layout(fake, "{action}");
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert_uint_eq(action->mount_count, 1);
	ck_assert_uint_eq(fake->changes.count, 0);
	fake_free(fake);
}
END_TEST

START_TEST(reload_with_another_layout_accuses_nobody)
{
	struct fake *fake = fake_new();
	uint64_t shallow = fake_mount(fake, ROOT "/a", "tmpfs", 11),
		 deep = fake_mount(fake, ROOT "/b/c/x", "tmpfs", 12);

	feed(fake);
	set_layout(fake, "*/{action}");
	feed(fake);
	ck_assert_ptr_null(known(fake, shallow)->action);
	ck_assert_str_eq(known(fake, deep)->action->path, "b/c");
	ck_assert_uint_eq(known(fake, shallow)->evidence | known(fake, deep)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(reload_without_a_root_forgets_it)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };

	feed(fake);
	ck_assert_int_eq(rules_init(&rules, "/elsewhere"), 0);
	ck_assert_int_eq(model_set_roots(fake->model, list, 1), 0);
	rules_clear(&rules);
	verify(fake);
	ck_assert_ptr_null(known(fake, id)->instance);
	ck_assert_ptr_null(known(fake, id)->action);
	ck_assert_ptr_null(model_root_by_path(fake->model, ROOT));
	ck_assert_ptr_nonnull(model_root_by_path(fake->model, "/elsewhere"));
	feed(fake);
	set_layout(fake, "{action}");
	ck_assert_str_eq(known(fake, id)->action->name, "a");
	fake_free(fake);
}
END_TEST

START_TEST(roots_keep_the_order_of_the_configuration)
{
	struct fake *fake = fake_new();
	struct root_rules rules[3];
	const struct root_rules *list[] = { &rules[0], &rules[1], &rules[2] };
	struct root *root = fake_root(fake);
	uint64_t other = fake_mount(fake, "/z/n/x", "tmpfs", 11);

	rules_init(&rules[0], "/z");
	rules_init(&rules[1], ROOT);
	rules_init(&rules[2], "/a");
	ck_assert_int_eq(model_set_roots(fake->model, list, 3), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(model_root_at(fake->model, i)->rules.path, rules[i].path);
		rules_clear(&rules[i]);
	}
	feed(fake);
	ck_assert_ptr_eq(model_root_at(fake->model, 1), root);
	ck_assert_ptr_null(model_root_at(fake->model, 3));
	ck_assert_ptr_eq(known(fake, other)->action->root, model_root_at(fake->model, 0));
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: roots");
	TCase *tests = tcase_create("roots");

	tcase_add_test(tests, root_is_the_directory_that_its_path_shows);
	tcase_add_test(tests, bound_directory_is_known_by_its_path_within_the_filesystem);
	tcase_add_test(tests, covered_root_keeps_its_actions_unseen);
	tcase_add_test(tests, cover_without_actions_is_forgotten_with_it);
	tcase_add_test(tests, carrier_that_goes_leaves_its_actions_without_one);
	tcase_add_test(tests, renamed_directory_of_a_carrier_stays_the_same_root);
	tcase_add_test(tests, subtree_that_changes_hands_changes_instance);
	tcase_add_test(tests, reload_with_the_same_root_keeps_its_actions);
	tcase_add_test(tests, reload_with_another_layout_accuses_nobody);
	tcase_add_test(tests, reload_without_a_root_forgets_it);
	tcase_add_test(tests, roots_keep_the_order_of_the_configuration);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
