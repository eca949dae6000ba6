/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model_fixture.h"
#include "run_suite.h"

START_TEST(empty_table_has_no_mount_anywhere)
{
	struct fake *fake = fake_new();

	ck_assert_ptr_null(model_mount_for_path(fake->model, "/"));
	ck_assert_ptr_null(model_mount_for_path(fake->model, ROOT));
	fake->count = 0;
	feed(fake);
	ck_assert_uint_eq(model_mount_count(fake->model), 0);
	ck_assert_ptr_null(fake_root(fake)->instances);
	fake_free(fake);
}
END_TEST

START_TEST(paths_end_on_whole_segments)
{
	struct fake *fake = fake_new();
	uint64_t one = fake_mount(fake, "/b/1", "tmpfs", 11), ten = fake_mount(fake, "/b/10", "tmpfs", 12);

	feed(fake);
	ck_assert_uint_eq(model_mount_for_path(fake->model, "/b/1")->facts.id, one);
	ck_assert_uint_eq(model_mount_for_path(fake->model, "/b/1/x")->facts.id, one);
	ck_assert_uint_eq(model_mount_for_path(fake->model, "/b/10/x")->facts.id, ten);
	ck_assert_str_eq(model_mount_for_path(fake->model, "/b/100")->facts.target, "/");
	ck_assert_str_eq(model_mount_for_path(fake->model, "/b")->facts.target, "/");
	fake_free(fake);
}
END_TEST

/* Were each of its beginnings hashed as a whole, this would take minutes: the time that a test may take is the bound. */
START_TEST(path_of_many_segments_is_walked_once)
{
	const size_t segments = 300000;
	struct fake *fake = fake_new();
	uint64_t above = fake_mount(fake, "/d/d", "tmpfs", 11);
	char *path = malloc(2 * segments + 1);

	feed(fake);
	for (size_t i = 0; i < segments; i++)
		memcpy(path + 2 * i, "/d", 2);
	path[2 * segments] = '\0';
	ck_assert_uint_eq(model_mount_for_path(fake->model, path)->facts.id, above);
	free(path);
	fake_free(fake);
}
END_TEST

START_TEST(root_beside_a_longer_name_is_not_above_it)
{
	struct fake *fake = fake_new();
	uint64_t beside = fake_mount(fake, ROOT "2/x/proc", "proc", 11);

	feed(fake);
	ck_assert_ptr_null(known(fake, beside)->instance);
	ck_assert_ptr_null(known(fake, beside)->action);
	ck_assert_ptr_null(mount_root_relative(known(fake, beside)));
	fake_free(fake);
}
END_TEST

START_TEST(stack_of_four_shows_its_top)
{
	struct fake *fake = fake_new();
	uint64_t ids[4];

	for (size_t i = 0; i < 4; i++)
		ids[i] = fake_mount(fake, ROOT "/a/x", "tmpfs", 11 + i);
	feed(fake);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(model_mount_is_reachable(fake->model, known(fake, ids[i])) == (i == 3));
		ck_assert_ptr_eq(known(fake, ids[i])->action, action_named(fake, "a"));
	}
	ck_assert_ptr_eq(known(fake, ids[3])->parent, known(fake, ids[2]));
	ck_assert_uint_eq(action_named(fake, "a")->mount_count, 4);
	fake_umount(fake, ids[3]);
	feed(fake);
	ck_assert(model_mount_is_reachable(fake->model, known(fake, ids[2])));
	fake_free(fake);
}
END_TEST

START_TEST(cover_hides_what_was_mounted_below)
{
	struct fake *fake = fake_new();
	uint64_t below = fake_mount(fake, ROOT "/a/x/y", "tmpfs", 11),
		 cover = fake_mount(fake, ROOT "/a/x", "tmpfs", 12);

	feed(fake);
	ck_assert(!model_mount_is_reachable(fake->model, known(fake, below)));
	ck_assert(model_mount_is_reachable(fake->model, known(fake, cover)));
	fake_umount(fake, cover);
	feed(fake);
	ck_assert(model_mount_is_reachable(fake->model, known(fake, below)));
	fake_free(fake);
}
END_TEST

START_TEST(order_of_a_scan_does_not_matter)
{
	struct fake *fake = fake_new();
	uint64_t deep = 0;
	struct scan scan = { .complete = true, .unique_ids = true };
	char target[512] = ROOT "/a";

	for (size_t i = 0; i < 30; i++) {
		strcat(target, "/d");
		deep = fake_mount(fake, target, "tmpfs", 11 + i);
	}
	for (size_t i = fake->count; i-- > 0;)
		fake_fill(fake, &fake->mounts[i], &scan);
	feed_scan(fake, &scan);
	ck_assert_ptr_eq(known(fake, deep)->action, action_named(fake, "a"));
	ck_assert_uint_eq(action_named(fake, "a")->mount_count, 30);
	fake_free(fake);
}
END_TEST

START_TEST(late_parent_takes_its_children)
{
	struct fake *fake = fake_new();
	struct scan first = { .complete = true, .unique_ids = true }, second = { .unique_ids = true };
	uint64_t middle = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 leaf = fake_mount(fake, ROOT "/a/x/y", "tmpfs", 12);

	for (size_t i = 0; i < fake->count; i++) {
		if (fake->mounts[i].id != middle)
			fake_fill(fake, &fake->mounts[i], &first);
	}
	feed_scan(fake, &first);
	ck_assert_ptr_null(known(fake, leaf)->parent);
	ck_assert_ptr_null(known(fake, leaf)->action);
	fake_fill(fake, fake_by_id(fake, middle), &second);
	feed_scan(fake, &second);
	ck_assert_ptr_eq(known(fake, leaf)->parent, known(fake, middle));
	ck_assert_ptr_eq(known(fake, leaf)->action, action_named(fake, "a"));
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(fake->changes.count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(torn_table_with_a_ring_is_survived)
{
	struct fake *fake = fake_new();
	uint64_t a = fake_mount(fake, ROOT "/a", "tmpfs", 11), b = fake_mount(fake, ROOT "/b", "tmpfs", 12);
	uint64_t c = fake_mount(fake, ROOT "/b/c", "tmpfs", 13);

	feed(fake);
	fake_by_id(fake, a)->parent = c;
	fake_by_id(fake, b)->parent = a;
	feed(fake);
	ck_assert(model_mount_for_path(fake->model, ROOT "/b/c") != NULL);
	fake_by_id(fake, a)->parent = fake_by_id(fake, b)->parent = fake->mounts[1].id;
	feed(fake);
	ck_assert(model_mount_is_reachable(fake->model, known(fake, c)));
	ck_assert_ptr_eq(known(fake, c)->action, action_named(fake, "b"));
	fake_free(fake);
}
END_TEST

START_TEST(mount_without_a_place_in_the_tree_is_nobodys)
{
	struct fake *fake = fake_new();
	uint64_t stray = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);

	fake_by_id(fake, stray)->parent = 77;
	feed(fake);
	ck_assert_ptr_null(known(fake, stray)->instance);
	ck_assert_ptr_null(known(fake, stray)->action);
	fake_free(fake);
}
END_TEST

START_TEST(changes_of_a_scan_are_all_told)
{
	struct fake *fake = fake_new();
	uint64_t going = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 staying = fake_mount(fake, ROOT "/b/x", "tmpfs", 12);
	struct mount *gone;

	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 4);
	feed(fake);
	ck_assert_uint_eq(fake->changes.count, 0);
	fake_umount(fake, going);
	strcpy(fake_by_id(fake, staying)->options, "ro");
	fake_mount(fake, ROOT "/c/x", "tmpfs", 13);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_REMOUNT), 1);
	ck_assert_uint_eq(fake->changes.count, 3);
	gone = fake->changes.items[2].mount;
	ck_assert_uint_eq(gone->facts.id, going);
	ck_assert_int_eq(gone->state, MOUNT_DETACHED);
	ck_assert_int_eq(gone->gone.real, fake->now.real);
	ck_assert_str_eq(gone->action->name, "a");
	ck_assert_uint_eq(gone->action->mount_count, 0);
	ck_assert_str_eq(known(fake, staying)->facts.options, "ro");
	fake_free(fake);
}
END_TEST

START_TEST(partial_scan_changes_only_what_it_names)
{
	struct fake *fake = fake_new();
	uint64_t going = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 staying = fake_mount(fake, ROOT "/b/x", "tmpfs", 12);
	struct scan scan = { .unique_ids = true };

	feed(fake);
	ck_assert_int_eq(scan_add_gone(&scan, going, NULL), 0);
	ck_assert_int_eq(scan_add_gone(&scan, 4711, NULL), 0);
	fake_fill(fake, fake_by_id(fake, fake_mount(fake, ROOT "/c/x", "tmpfs", 13)), &scan);
	feed_scan(fake, &scan);
	ck_assert_uint_eq(fake->changes.count, 2);
	ck_assert_ptr_null(model_mount(fake->model, going));
	ck_assert_ptr_nonnull(model_mount(fake->model, staying));
	ck_assert_uint_eq(action_named(fake, "c")->mount_count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(new_mount_that_is_gone_already_is_told_both_ways)
{
	struct fake *fake = fake_new();
	struct scan scan = { .unique_ids = true };
	uint64_t id;

	feed(fake);
	id = fake_mount(fake, ROOT "/c/x", "tmpfs", 13);
	fake_fill(fake, fake_by_id(fake, id), &scan);
	ck_assert_int_eq(scan_add_gone(&scan, id, NULL), 0);
	feed_scan(fake, &scan);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_ptr_null(model_mount(fake->model, id));
	fake_free(fake);
}
END_TEST

static int count_one(void *context, struct mount *mount)
{
	(void)mount;
	++*(size_t *)context;
	return 0;
}

static int stop_at_once(void *context, struct mount *mount)
{
	(void)mount;
	++*(size_t *)context;
	return 7;
}

START_TEST(each_visits_the_table_or_the_roots)
{
	struct fake *fake = fake_new();
	struct model_counts counts;
	size_t all = 0, below = 0, stopped = 0;

	fake_mount(fake, "/mnt", "tmpfs", 11);
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	fake_mount(fake, ROOT "/.b/x", "tmpfs", 13);
	feed(fake);
	ck_assert_int_eq(model_each_mount(fake->model, count_one, &all), 0);
	ck_assert_int_eq(model_each_root_mount(fake->model, count_one, &below), 0);
	ck_assert_int_eq(model_each_mount(fake->model, stop_at_once, &stopped), 7);
	ck_assert_uint_eq(all, 5);
	ck_assert_uint_eq(below, 2);
	ck_assert_uint_eq(stopped, 1);
	model_count(fake->model, NULL, &counts);
	ck_assert_uint_eq(counts.mounts, 5);
	ck_assert_uint_eq(counts.root_mounts, 2);
	ck_assert_uint_eq(counts.unowned, 1);
	ck_assert_uint_eq(counts.actions[ACTION_ACTIVE], 1);
	fake_free(fake);
}
END_TEST

/* ---- tables without unique ids ---- */

static struct fake *fake_new_without_ids(void)
{
	struct fake *fake = fake_new();

	fake->unique_ids = false;
	return fake;
}

static struct mount *at(struct fake *fake, const char *target)
{
	struct mount *mount = model_mount_for_path(fake->model, target);

	ck_assert_str_eq(mount->facts.target, target);
	return mount;
}

START_TEST(synthetic_ids_last)
{
	struct fake *fake = fake_new_without_ids();
	uint64_t id;

	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	id = at(fake, ROOT "/a/x")->facts.id;
	ck_assert(mount_id_is_synthetic(id));
	ck_assert_ptr_eq(at(fake, ROOT "/a/x")->parent, at(fake, ROOT));
	strcpy(fake->mounts[2].options, "ro");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_REMOUNT), 1);
	ck_assert_uint_eq(fake->changes.count, 1);
	ck_assert_uint_eq(at(fake, ROOT "/a/x")->facts.id, id);
	fake_free(fake);
}
END_TEST

START_TEST(reused_small_id_on_another_device_is_a_new_mount)
{
	struct fake *fake = fake_new_without_ids();
	uint64_t id;

	id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	feed(fake);
	fake_umount(fake, id);
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	fake_free(fake);
}
END_TEST

START_TEST(next_action_with_the_same_small_id_is_no_rename_of_the_last)
{
	struct fake *fake = fake_new_without_ids();
	uint64_t id;

	fake_mount(fake, ROOT "/older/proc", "proc", 9);
	id = fake_mount(fake, ROOT "/a/proc", "proc", 11);
	fake_mount(fake, ROOT "/younger/proc", "proc", 10);
	feed(fake);
	fake_umount(fake, id);
	fake_mount(fake, ROOT "/b/proc", "proc", 11);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_MOVE), 0);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_uint_eq(action_named(fake, "a")->mount_count, 0);
	ck_assert_uint_eq(action_named(fake, "b")->mount_count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(rename_keeps_a_mount_that_is_listed_before_younger_ones)
{
	struct fake *fake = fake_new_without_ids();
	struct action *action;

	fake_mount(fake, ROOT "/a/proc", "proc", 11);
	fake_mount(fake, ROOT "/younger/proc", "proc", 10);
	feed(fake);
	action = action_named(fake, "a");
	fake_rename(fake, ROOT "/a", ROOT "/.trash/a");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_MOVE), 1);
	ck_assert_uint_eq(fake->changes.count, 1);
	ck_assert_ptr_eq(at(fake, ROOT "/.trash/a/proc")->action, action);
	ck_assert(has_evidence(at(fake, ROOT "/.trash/a/proc"), EVIDENCE_MOVED));
	fake_free(fake);
}
END_TEST

START_TEST(rename_of_the_youngest_mount_is_taken_for_a_new_one)
{
	struct fake *fake = fake_new_without_ids();

	fake_mount(fake, ROOT "/a/proc", "proc", 11);
	feed(fake);
	fake_rename(fake, ROOT "/a", ROOT "/.trash/a");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_str_eq(at(fake, ROOT "/.trash/a/proc")->action->name, ".trash/a");
	ck_assert(has_evidence(at(fake, ROOT "/.trash/a/proc"), EVIDENCE_MOVED));
	fake_free(fake);
}
END_TEST

START_TEST(remount_at_the_same_place_shows_by_its_age)
{
	struct fake *fake = fake_new_without_ids();
	uint64_t id;

	id = fake_mount(fake, ROOT "/a/proc", "proc", 11);
	fake_mount(fake, ROOT "/younger/proc", "proc", 10);
	feed(fake);
	fake_umount(fake, id);
	fake_mount(fake, ROOT "/a/proc", "proc", 11);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	fake_free(fake);
}
END_TEST

START_TEST(small_id_seen_twice_in_a_torn_table_is_two_mounts)
{
	struct fake *fake = fake_new_without_ids();

	fake_mount(fake, ROOT "/a/proc", "proc", 11);
	feed(fake);
	fake_mount(fake, ROOT "/b/proc", "proc", 11);
	fake->mounts[3].id32 = fake->mounts[2].id32;
	feed(fake);
	ck_assert_uint_eq(model_mount_count(fake->model), 4);
	ck_assert_uint_ne(at(fake, ROOT "/a/proc")->facts.id, at(fake, ROOT "/b/proc")->facts.id);
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: the tree");
	TCase *tests = tcase_create("tree"), *small_ids = tcase_create("small ids");

	tcase_add_test(tests, empty_table_has_no_mount_anywhere);
	tcase_add_test(tests, paths_end_on_whole_segments);
	tcase_add_test(tests, path_of_many_segments_is_walked_once);
	tcase_add_test(tests, root_beside_a_longer_name_is_not_above_it);
	tcase_add_test(tests, stack_of_four_shows_its_top);
	tcase_add_test(tests, cover_hides_what_was_mounted_below);
	tcase_add_test(tests, order_of_a_scan_does_not_matter);
	tcase_add_test(tests, late_parent_takes_its_children);
	tcase_add_test(tests, torn_table_with_a_ring_is_survived);
	tcase_add_test(tests, mount_without_a_place_in_the_tree_is_nobodys);
	tcase_add_test(tests, changes_of_a_scan_are_all_told);
	tcase_add_test(tests, partial_scan_changes_only_what_it_names);
	tcase_add_test(tests, new_mount_that_is_gone_already_is_told_both_ways);
	tcase_add_test(tests, each_visits_the_table_or_the_roots);
	suite_add_tcase(suite, tests);
	tcase_add_test(small_ids, synthetic_ids_last);
	tcase_add_test(small_ids, reused_small_id_on_another_device_is_a_new_mount);
	tcase_add_test(small_ids, next_action_with_the_same_small_id_is_no_rename_of_the_last);
	tcase_add_test(small_ids, rename_keeps_a_mount_that_is_listed_before_younger_ones);
	tcase_add_test(small_ids, rename_of_the_youngest_mount_is_taken_for_a_new_one);
	tcase_add_test(small_ids, remount_at_the_same_place_shows_by_its_age);
	tcase_add_test(small_ids, small_id_seen_twice_in_a_torn_table_is_two_mounts);
	suite_add_tcase(suite, small_ids);
	return run_suite(suite);
}
