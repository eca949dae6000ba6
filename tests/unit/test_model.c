/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "model_fixture.h"
#include "run_suite.h"

static struct root_instance *visible(struct fake *fake)
{
	struct root_instance *instance = fake_root(fake)->instances;

	while (instance && !instance->visible)
		instance = instance->next;
	return instance;
}

static size_t instances(struct fake *fake)
{
	size_t count = 0;

	for (struct root_instance *instance = fake_root(fake)->instances; instance; instance = instance->next)
		count++;
	return count;
}

/* ---- roots ---- */

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

/* ---- actions ---- */

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
	action->dirty = false;
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_ptr_eq(action_named(fake, "a"), action);
	ck_assert_uint_eq(action->mount_count, 1);
	ck_assert_int_eq(action->ended.real, 0);
	ck_assert(action->dirty);
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

/* ---- moves ---- */

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

/* ---- deleted sources ---- */

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

/* ---- after a restart ---- */

static void restore_all(struct fake *fake, struct action *action, bool with_texts)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct scan scan = { 0 };
		struct mount *mount;

		fake_fill(fake, &fake->mounts[i], &scan);
		if (!with_texts) {
			free(scan.mounts[0].super_options);
			scan.mounts[0].super_options = NULL;
			scan.mounts[0].parent = 0;
		}
		mount = model_restore_mount(fake->model, &scan.mounts[0], i >= 2 ? action : NULL);
		ck_assert_ptr_nonnull(mount);
		mount->first_seen = (struct now){ .mono = 5, .real = 5 };
		mount->row = (int64_t)i + 1;
		scan_clear(&scan);
	}
}

START_TEST(restored_mounts_are_met_again_in_silence)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	action->row = 70;
	restore_all(fake, action, _i);
	feed(fake);
	ck_assert_uint_eq(fake->changes.count, 0);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert_uint_eq(action->generation, 7);
	ck_assert_ptr_eq(action->instance, visible(fake));
	ck_assert(known(fake, id)->restored);
	ck_assert_int_eq(known(fake, id)->first_seen.real, 5);
	ck_assert_int_eq(known(fake, id)->row, 3);
	ck_assert(!action->dirty);
	ck_assert(action_named(fake, "a") == action);
	fake_free(fake);
}
END_TEST

START_TEST(what_went_and_came_while_not_watching_is_told)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake_umount(fake, id);
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(action->mount_count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(moved_while_not_watching_is_moved)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake_rename(fake, ROOT "/a", ROOT "/.trash/a");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_MOVE), 1);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	fake_free(fake);
}
END_TEST

START_TEST(restored_action_of_another_directory_keeps_to_it)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 99, "/", "a", "a", 7);

	feed(fake);
	ck_assert_ptr_ne(known(fake, id)->action, action);
	ck_assert_uint_eq(known(fake, id)->action->generation, 8);
	ck_assert(!action->instance->visible);
	fake_free(fake);
}
END_TEST

START_TEST(restored_synthetic_ids_are_not_given_again)
{
	struct fake *fake = fake_new();
	struct scan scan = { 0 };
	struct mount *restored;

	fake->unique_ids = false;
	fake_fill(fake, &fake->mounts[0], &scan);
	scan.mounts[0].id = MOUNT_ID_SYNTHETIC | 1000;
	restored = model_restore_mount(fake->model, &scan.mounts[0], NULL);
	scan_clear(&scan);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(fake->changes.count, 1);
	ck_assert_ptr_eq(model_mount_for_path(fake->model, "/"), restored);
	ck_assert_uint_eq(model_mount_for_path(fake->model, ROOT)->facts.id, MOUNT_ID_SYNTHETIC | 1001);
	fake_free(fake);
}
END_TEST

START_TEST(evidence_of_restored_mounts_starts_afresh_without_unique_ids)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/.trash/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake->unique_ids = _i;
	known(fake, id)->evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
	known(fake, id)->moved.since = (struct now){ .mono = 5, .real = 5 };
	known(fake, id)->joined = (struct now){ .mono = 4, .real = 4 };
	known(fake, id)->confirmed = true;
	known(fake, id)->next_step = 1;
	action->owner.kind = OWNER_ATTESTED;
	feed(fake);
	ck_assert_uint_eq(fake->changes.count, 0);
	ck_assert_uint_eq(known(fake, id)->evidence, EVIDENCE_BIT(EVIDENCE_MOVED));
	ck_assert_int_eq(known(fake, id)->moved.since.real, fake->unique_ids ? 5 : fake->now.real);
	ck_assert_int_eq(known(fake, id)->joined.real, fake->unique_ids ? 4 : fake->now.real);
	ck_assert(known(fake, id)->confirmed == fake->unique_ids);
	ck_assert_uint_eq(known(fake, id)->next_step, fake->unique_ids ? 1 : 0);
	ck_assert_int_eq(action->owner.kind, fake->unique_ids ? OWNER_ATTESTED : OWNER_INFERRED);
	fake_free(fake);
}
END_TEST

static TCase *roots_case(void)
{
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
	return tests;
}

static TCase *actions_case(void)
{
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
	return tests;
}

static TCase *moves_case(void)
{
	TCase *tests = tcase_create("moves");

	tcase_add_test(tests, rename_to_publish_is_followed);
	tcase_add_test(tests, renamed_action_is_the_next_generation_of_its_new_name);
	tcase_add_test(tests, mount_that_moves_alone_changes_its_action);
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
	return tests;
}

static TCase *restore_case(void)
{
	TCase *tests = tcase_create("restore");

	tcase_add_loop_test(tests, restored_mounts_are_met_again_in_silence, 0, 2);
	tcase_add_test(tests, what_went_and_came_while_not_watching_is_told);
	tcase_add_test(tests, moved_while_not_watching_is_moved);
	tcase_add_test(tests, restored_action_of_another_directory_keeps_to_it);
	tcase_add_loop_test(tests, evidence_of_restored_mounts_starts_afresh_without_unique_ids, 0, 2);
	tcase_add_test(tests, restored_synthetic_ids_are_not_given_again);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("model");

	suite_add_tcase(suite, roots_case());
	suite_add_tcase(suite, actions_case());
	suite_add_tcase(suite, moves_case());
	suite_add_tcase(suite, restore_case());
	return run_suite(suite);
}
