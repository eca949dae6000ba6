/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What renames, moves and deleted sources say of actions. */
#include "model_fixture.h"
#include "run_suite.h"

START_TEST(rename_to_publish_is_followed)
{
	struct fake *fake = fake_new();
	uint64_t proc = fake_mount(fake, ROOT "/tmp-a/root/proc", "proc", 11),
		 sys = fake_mount(fake, ROOT "/tmp-a/root/sys", "sysfs", 12);
	struct action *action;

	feed(fake);
	action = action_named(fake, "tmp-a");
	action->registered = true;
	action->row = 77;
	action->dirty = false;
	action->identity = (struct dir_identity){ .known = true, .ino = 9 };
	fake_rename(fake, ROOT "/tmp-a", ROOT "/a");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_MOVE), 2);
	ck_assert_str_eq(fake->changes.items[0].old_target, ROOT "/tmp-a/root/proc");
	ck_assert_ptr_eq(fake->changes.items[0].old_action, action);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert_ptr_null(action_named(fake, "tmp-a"));
	ck_assert_str_eq(action->path, "a");
	ck_assert(action->registered && action->dirty && action->row == 77 && action->identity.ino == 9);
	ck_assert_ptr_eq(known(fake, proc)->action, action);
	ck_assert_ptr_eq(known(fake, sys)->action, action);
	ck_assert_uint_eq(known(fake, proc)->evidence | known(fake, sys)->evidence | action->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(renamed_action_is_the_next_generation_of_its_new_name)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *old, *published;

	fake_mount(fake, ROOT "/tmp-a/x", "tmpfs", 12);
	feed(fake);
	old = action_named(fake, "a");
	published = action_named(fake, "tmp-a");
	fake_umount(fake, id);
	fake_rename(fake, ROOT "/tmp-a", ROOT "/a");
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), published);
	ck_assert_uint_eq(published->generation, 2);
	ck_assert_uint_eq(old->mount_count, 0);
	fake_free(fake);
}
END_TEST

START_TEST(mount_that_moves_alone_changes_its_action)
{
	struct fake *fake = fake_new();
	uint64_t staying = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 moving = fake_mount(fake, ROOT "/a/y", "tmpfs", 12);
	struct action *action;

	feed(fake);
	action = action_named(fake, "a");
	fake_rename(fake, ROOT "/a/y", ROOT "/b/y");
	feed(fake);
	ck_assert_ptr_eq(known(fake, staying)->action, action);
	ck_assert_ptr_eq(known(fake, moving)->action, action_named(fake, "b"));
	ck_assert_str_eq(action->name, "a");
	ck_assert_ptr_eq(fake->changes.items[0].old_action, action);
	fake_free(fake);
}
END_TEST

/* What is mounted below it shows already where it went next. */
START_TEST(a_mount_whose_parent_was_read_before_it_moved_on_is_read_again)
{
	struct fake *fake = fake_new();
	uint64_t parent = fake_mount(fake, ROOT "/a/x", "tmpfs", 11),
		 child = fake_mount(fake, ROOT "/a/x/proc", "proc", 12);

	fake_mount(fake, ROOT "/a/y", "tmpfs", 13);
	feed(fake);
	strcpy(fake_by_id(fake, parent)->target, "/out/x");
	strcpy(fake_by_id(fake, child)->target, ROOT "/b/x/proc");
	feed(fake);
	ck_assert(known(fake, child)->astray);
	feed(fake);
	ck_assert(known(fake, child)->astray);
	strcpy(fake_by_id(fake, parent)->target, ROOT "/b/x");
	feed(fake);
	ck_assert(!known(fake, child)->astray);
	ck_assert_str_eq(known(fake, child)->action->path, "b");
	fake_free(fake);
}
END_TEST

START_TEST(names_that_are_exchanged_exchange_their_mounts)
{
	struct fake *fake = fake_new();
	uint64_t one = fake_mount(fake, ROOT "/a/x", "tmpfs", 11), two = fake_mount(fake, ROOT "/b/x", "tmpfs", 12);
	struct action *a, *b;

	feed(fake);
	a = action_named(fake, "a");
	b = action_named(fake, "b");
	fake_rename(fake, ROOT "/a", ROOT "/c");
	fake_rename(fake, ROOT "/b", ROOT "/a");
	fake_rename(fake, ROOT "/c", ROOT "/b");
	feed(fake);
	ck_assert_ptr_eq(known(fake, one)->action, b);
	ck_assert_ptr_eq(known(fake, two)->action, a);
	ck_assert_uint_eq(a->mount_count + b->mount_count, 2);
	fake_free(fake);
}
END_TEST

START_TEST(a_name_that_was_moved_away_from_is_free_for_a_renamed_action)
{
	struct fake *fake = fake_new();
	struct action *old, *published;

	fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	fake_mount(fake, ROOT "/tmp-a/x", "tmpfs", 12);
	feed(fake);
	old = action_named(fake, "a");
	published = action_named(fake, "tmp-a");
	published->registered = true;
	fake_rename(fake, ROOT "/a", ROOT "/.trash/1");
	feed(fake);
	fake_rename(fake, ROOT "/tmp-a", ROOT "/a");
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), published);
	ck_assert_uint_eq(published->generation, 2);
	ck_assert(published->registered && published->mount_count == 1);
	ck_assert_uint_eq(old->mount_count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(what_is_mounted_in_a_renamed_directory_goes_where_that_went)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11), newcomer;
	struct action *published;

	fake_mount(fake, ROOT "/tmp-a/x", "tmpfs", 12);
	feed(fake);
	published = action_named(fake, "tmp-a");
	published->registered = true;
	/* All of it between two readings: the former directory of the name went, and its mounts with it. */
	fake_umount(fake, id);
	fake_rename(fake, ROOT "/tmp-a", ROOT "/a");
	newcomer = fake_mount(fake, ROOT "/a/y", "tmpfs", 13);
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), published);
	ck_assert(published->registered && published->mount_count == 2);
	ck_assert_ptr_eq(known(fake, newcomer)->action, published);
	fake_free(fake);
}
END_TEST

START_TEST(rename_to_trash_is_evidence_since_it_was_seen)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/root/proc", "proc", 11);
	struct action *action;
	struct now since;

	feed(fake);
	action = action_named(fake, "a");
	known(fake, id)->dirty = false;
	fake_rename(fake, ROOT "/a", ROOT "/.trash/1");
	feed(fake);
	since = fake->now;
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	ck_assert(known(fake, id)->dirty);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert_str_eq(action->name, "a");
	ck_assert(!action->in_trash);
	feed(fake);
	ck_assert_int_eq(known(fake, id)->moved.since.mono, since.mono);
	ck_assert_int_eq(known(fake, id)->moved.checked.mono, fake->now.mono);
	fake_rename(fake, ROOT "/.trash/1", ROOT "/a");
	feed(fake);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	fake_free(fake);
}
END_TEST

START_TEST(partial_scan_confirms_only_what_it_read)
{
	struct fake *fake = fake_new();
	uint64_t one = fake_mount(fake, ROOT "/.trash/a/x", "proc", 11),
		 two = fake_mount(fake, ROOT "/.trash/b/x", "proc", 12);
	struct scan scan = { .unique_ids = true };
	struct now first;

	feed(fake);
	first = fake->now;
	fake_fill(fake, fake_by_id(fake, one), &scan);
	feed_scan(fake, &scan);
	ck_assert_int_eq(known(fake, one)->moved.checked.mono, fake->now.mono);
	ck_assert_int_eq(known(fake, two)->moved.checked.mono, first.mono);
	set_layout(fake, "{action}");
	fake_fill(fake, fake_by_id(fake, one), &scan);
	scan.unique_ids = true;
	feed_scan(fake, &scan);
	ck_assert_int_eq(known(fake, one)->moved.checked.mono, fake->now.mono);
	ck_assert_int_eq(known(fake, two)->moved.checked.mono, first.mono);
	fake_free(fake);
}
END_TEST

START_TEST(what_was_only_ever_seen_in_trash_is_named_by_its_path)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/.trash/1/root/proc", "proc", 11);
	struct action *action;

	feed(fake);
	action = known(fake, id)->action;
	ck_assert_str_eq(action->name, ".trash/1");
	ck_assert_str_eq(action->path, ".trash/1");
	ck_assert(action->in_trash);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	fake_rename(fake, ROOT "/.trash/1", ROOT "/a");
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert(!action->in_trash);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(filesystem_mounted_on_the_trash_itself_is_left_alone)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/.trash", "tmpfs", 11);

	feed(fake);
	ck_assert_ptr_null(known(fake, id)->action);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(unowned_mount_stays_unowned)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/.cache/x", "tmpfs", 11);

	feed(fake);
	fake_rename(fake, ROOT "/.cache", ROOT "/.cache2");
	feed(fake);
	ck_assert_ptr_nonnull(known(fake, id)->instance);
	ck_assert_ptr_null(known(fake, id)->action);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(action_moved_where_no_layout_names_one_is_evidence)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action;

	feed(fake);
	action = action_named(fake, "a");
	fake_rename(fake, ROOT "/a", ROOT "/.old");
	feed(fake);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	set_layout(fake, "{action}");
	feed(fake);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	fake_free(fake);
}
END_TEST

START_TEST(mount_moved_out_of_the_roots_is_nobodys)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action;

	feed(fake);
	action = action_named(fake, "a");
	fake_rename(fake, ROOT "/a/x", "/mnt/x");
	fake_by_id(fake, id)->parent = fake->mounts[0].id;
	feed(fake);
	ck_assert_ptr_null(known(fake, id)->action);
	ck_assert_ptr_null(known(fake, id)->instance);
	ck_assert_uint_eq(action->mount_count, 0);
	ck_assert_uint_eq(fake->changes.count, 1);
	ck_assert_int_eq(fake->changes.items[0].type, EVENT_MOVE);
	ck_assert_ptr_eq(fake->changes.items[0].old_action, action);
	fake_rename(fake, "/mnt/x", ROOT "/b/x");
	fake_by_id(fake, id)->parent = fake->mounts[1].id;
	feed(fake);
	ck_assert_ptr_eq(known(fake, id)->action, action_named(fake, "b"));
	fake_free(fake);
}
END_TEST

START_TEST(reload_starts_evidence_at_the_next_reading)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/attic/1/x", "tmpfs", 11);
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };

	feed(fake);
	ck_assert_int_eq(rules_init(&rules, ROOT), 0);
	ck_assert_int_eq(string_list_add(&rules.trash, "attic"), 0);
	ck_assert_int_eq(model_set_roots(fake->model, list, 1), 0);
	rules_clear(&rules);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	feed(fake);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	ck_assert_int_eq(known(fake, id)->moved.since.mono, fake->now.mono);
	fake_free(fake);
}
END_TEST

static uint64_t bind_of(struct fake *fake, const char *target, const char *source)
{
	return fake_mount_from(fake, target, "fuse.bb", 2, source);
}

START_TEST(bind_of_a_deleted_action_directory_is_evidence)
{
	struct fake *fake = fake_new();
	uint64_t id = bind_of(fake, ROOT "/b/input", "/a/out");

	feed(fake);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_by_id(fake, id)->deleted = true;
	feed(fake);
	ck_assert_uint_eq(known(fake, id)->evidence, EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED));
	ck_assert_int_eq(known(fake, id)->source_deleted.since.mono, fake->now.mono);
	feed(fake);
	ck_assert_int_lt(known(fake, id)->source_deleted.since.mono, fake->now.mono);
	ck_assert_int_eq(known(fake, id)->source_deleted.checked.mono, fake->now.mono);
	fake_by_id(fake, id)->deleted = false;
	feed(fake);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(bind_whose_source_was_deleted_from_the_trash_is_evidence)
{
	struct fake *fake = fake_new();
	uint64_t id = bind_of(fake, ROOT "/b/input", "/.trash/a/out");

	fake_by_id(fake, id)->deleted = true;
	feed(fake);
	ck_assert_uint_eq(known(fake, id)->evidence, EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED));
	fake_free(fake);
}
END_TEST

START_TEST(deleted_source_of_its_own_or_of_no_action_says_nothing)
{
	struct fake *fake = fake_new();
	uint64_t own = bind_of(fake, ROOT "/b/input", "/b/out"), unowned = bind_of(fake, ROOT "/b/cache", "/.cache/x");
	uint64_t other = fake_mount_from(fake, ROOT "/b/other", "ext4", 9, "/a/x"),
		 outside = bind_of(fake, "/mnt", "/a/x");
	uint64_t root = bind_of(fake, ROOT "/b/root", "/");

	for (size_t i = 2; i < fake->count; i++)
		fake->mounts[i].deleted = true;
	feed(fake);
	ck_assert_uint_eq(known(fake, own)->evidence, 0);
	ck_assert_uint_eq(known(fake, unowned)->evidence, 0);
	ck_assert_uint_eq(known(fake, other)->evidence, 0);
	ck_assert_uint_eq(known(fake, outside)->evidence, 0);
	ck_assert_uint_eq(known(fake, root)->evidence, 0);
	fake_free(fake);
}
END_TEST

START_TEST(unowned_bind_of_a_deleted_action_directory_gets_an_action)
{
	struct fake *fake = fake_new();
	uint64_t id = bind_of(fake, ROOT "/.views/a", "/a/out");
	struct action *action;

	feed(fake);
	ck_assert_ptr_null(known(fake, id)->action);
	fake_by_id(fake, id)->deleted = true;
	feed(fake);
	action = known(fake, id)->action;
	ck_assert_ptr_nonnull(action);
	ck_assert_str_eq(action->name, ".views/a");
	ck_assert(action->covered_by_own && !action->in_trash);
	ck_assert_uint_eq(known(fake, id)->evidence, EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED));
	feed(fake);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	fake_by_id(fake, id)->deleted = false;
	feed(fake);
	ck_assert_ptr_null(known(fake, id)->action);
	ck_assert_uint_eq(known(fake, id)->evidence, 0);
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: moves");
	TCase *tests = tcase_create("moves");

	tcase_add_test(tests, rename_to_publish_is_followed);
	tcase_add_test(tests, renamed_action_is_the_next_generation_of_its_new_name);
	tcase_add_test(tests, a_name_that_was_moved_away_from_is_free_for_a_renamed_action);
	tcase_add_test(tests, what_is_mounted_in_a_renamed_directory_goes_where_that_went);
	tcase_add_test(tests, mount_that_moves_alone_changes_its_action);
	tcase_add_test(tests, a_mount_whose_parent_was_read_before_it_moved_on_is_read_again);
	tcase_add_test(tests, names_that_are_exchanged_exchange_their_mounts);
	tcase_add_test(tests, rename_to_trash_is_evidence_since_it_was_seen);
	tcase_add_test(tests, partial_scan_confirms_only_what_it_read);
	tcase_add_test(tests, what_was_only_ever_seen_in_trash_is_named_by_its_path);
	tcase_add_test(tests, filesystem_mounted_on_the_trash_itself_is_left_alone);
	tcase_add_test(tests, unowned_mount_stays_unowned);
	tcase_add_test(tests, action_moved_where_no_layout_names_one_is_evidence);
	tcase_add_test(tests, mount_moved_out_of_the_roots_is_nobodys);
	tcase_add_test(tests, reload_starts_evidence_at_the_next_reading);
	tcase_add_test(tests, bind_of_a_deleted_action_directory_is_evidence);
	tcase_add_test(tests, bind_whose_source_was_deleted_from_the_trash_is_evidence);
	tcase_add_test(tests, deleted_source_of_its_own_or_of_no_action_says_nothing);
	tcase_add_test(tests, unowned_bind_of_a_deleted_action_directory_gets_an_action);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
