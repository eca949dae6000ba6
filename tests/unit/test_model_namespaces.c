/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several mount namespaces in one model: which of them share a root's directory and its actions, and which do not. */
#include "model_fixture.h"
#include "run_suite.h"

static struct fake *own, *other;

/* The root's filesystem is device 2; `dev` says which one stands at the root's path in the other namespace. */
static void begin(uint64_t dev)
{
	own = fake_new();
	feed(own);
	other = fake_add(own, 7);
	fake_mount(other, ROOT, "fuse.bb", dev);
	feed(other);
}

static void end(void)
{
	fake_drop(other);
	fake_free(own);
}

static struct mount *mount_in(struct fake *fake, const char *target)
{
	const struct mount_namespace *ns = fake->ns ? fake->ns : model_namespaces(fake->model);

	return model_mount_in(fake->model, ns, target);
}

static size_t count_instances(void)
{
	size_t count = 0;

	for (const struct root_instance *instance = fake_root(own)->instances; instance; instance = instance->next)
		count++;
	return count;
}

START_TEST(the_same_directory_has_the_same_actions)
{
	struct action *action;

	begin(2);
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(own);
	feed(other);
	ck_assert_uint_eq(count_instances(), 1);
	action = mount_in(own, ROOT "/a/proc")->action;
	ck_assert_ptr_nonnull(action);
	ck_assert_ptr_eq(mount_in(other, ROOT "/a/proc")->action, action);
	ck_assert_uint_eq(action->mount_count, 2);
	ck_assert_ptr_eq(action->instance->carrier, mount_in(own, ROOT));
	ck_assert_ptr_eq(mount_in(other, ROOT "/a/proc")->ns, other->ns);
	ck_assert(mount_in(own, ROOT "/a/proc")->ns->own);
	end();
}
END_TEST

START_TEST(another_directory_at_the_same_path_has_its_own)
{
	struct action *mine, *theirs;

	begin(3);
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(own);
	feed(other);
	ck_assert_uint_eq(count_instances(), 2);
	mine = mount_in(own, ROOT "/a/proc")->action;
	theirs = mount_in(other, ROOT "/a/proc")->action;
	ck_assert_ptr_ne(mine, theirs);
	ck_assert_str_eq(mine->name, theirs->name);
	ck_assert_uint_ne(mine->generation, theirs->generation);
	ck_assert(mine->instance->visible && theirs->instance->visible);
	ck_assert_ptr_eq(theirs->instance->carrier, mount_in(other, ROOT));
	ck_assert_uint_eq(mine->mount_count, 1);
	ck_assert_uint_eq(theirs->mount_count, 1);
	end();
}
END_TEST

START_TEST(a_reading_of_one_says_nothing_of_the_other)
{
	begin(2);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(other);
	fake_mount(own, ROOT "/b/proc", "proc", 12);
	feed(own);
	ck_assert_uint_eq(changes_of(own, EVENT_DETACH), 0);
	ck_assert_ptr_nonnull(mount_in(other, ROOT "/a/proc")->action);
	ck_assert_uint_eq(model_mount_count(own->model), own->count);
	end();
}
END_TEST

START_TEST(what_was_mounted_in_a_namespace_goes_with_it)
{
	struct action *action;

	begin(2);
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	fake_mount(other, ROOT "/a/sys", "sysfs", 12);
	feed(own);
	feed(other);
	action = mount_in(own, ROOT "/a/proc")->action;
	changes_clear(&own->changes);
	ck_assert_int_eq(model_drop_namespace(own->model, other->ns, own->now, &own->changes), 0);
	ck_assert_uint_eq(changes_of(own, EVENT_DETACH), other->count);
	for (size_t i = 0; i < own->changes.count; i++)
		ck_assert_ptr_eq(own->changes.items[i].mount->ns, other->ns);
	ck_assert_uint_eq(action->mount_count, 1);
	ck_assert_ptr_null(model_namespaces(own->model)->next);
	verify(own);
	feed(own);
	changes_clear(&other->changes);
	free(other);
	fake_free(own);
}
END_TEST

START_TEST(a_directory_that_only_another_namespace_shows_is_seen_from_there)
{
	struct root_instance *instance;

	begin(2);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(other);
	instance = mount_in(other, ROOT "/a/proc")->instance;
	ck_assert_ptr_eq(instance->carrier, mount_in(own, ROOT));
	fake_umount(own, own->mounts[1].id);
	feed(own);
	ck_assert_ptr_eq(instance->carrier, mount_in(other, ROOT));
	ck_assert(instance->visible);
	fake_mount(own, ROOT, "fuse.bb", 2);
	feed(own);
	ck_assert_ptr_eq(instance->carrier, mount_in(own, ROOT));
	end();
}
END_TEST

/* The tables are read one after the other: for a moment one shows the new name and the other the old one. */
START_TEST(a_directory_renamed_is_followed_whichever_table_is_read_first)
{
	struct fake *first, *second;
	struct action *action;

	begin(2);
	first = _i ? other : own;
	second = _i ? own : other;
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(own);
	feed(other);
	action = mount_in(own, ROOT "/a/proc")->action;
	action->registered = true;
	fake_rename(own, ROOT "/a", ROOT "/done");
	fake_rename(other, ROOT "/a", ROOT "/done");
	feed(first);
	ck_assert_str_eq(action->name, "done");
	ck_assert_ptr_eq(mount_in(first, ROOT "/done/proc")->action, action);
	feed(second);
	ck_assert_str_eq(action->name, "done");
	ck_assert_ptr_eq(mount_in(second, ROOT "/done/proc")->action, action);
	ck_assert_uint_eq(action->mount_count, 2);
	end();
}
END_TEST

/* mount --move in one namespace looks the same at first. */
START_TEST(what_stays_in_another_namespace_does_not_follow_a_move)
{
	struct action *action;

	begin(2);
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	fake_mount(other, ROOT "/a/proc", "proc", 11);
	feed(own);
	feed(other);
	action = mount_in(own, ROOT "/a/proc")->action;
	fake_rename(own, ROOT "/a", ROOT "/b");
	feed(own);
	ck_assert(mount_in(other, ROOT "/a/proc")->astray);
	feed(other);
	ck_assert_ptr_ne(mount_in(other, ROOT "/a/proc")->action, action);
	ck_assert_str_eq(mount_in(other, ROOT "/a/proc")->action->path, "a");
	ck_assert(!mount_in(other, ROOT "/a/proc")->astray);
	end();
}
END_TEST

/* A runner's container has the worker's directory under a name of its own. */
START_TEST(a_root_may_stand_at_another_path)
{
	struct action *action;

	begin(3);
	fake_mount(other, "/build", "fuse.bb", 2);
	fake_mount(other, "/build/a/proc", "proc", 11);
	fake_mount(own, ROOT "/a/proc", "proc", 10);
	feed(own);
	feed(other);
	ck_assert_ptr_null(mount_in(other, "/build/a/proc")->action);
	action = mount_in(own, ROOT "/a/proc")->action;
	ck_assert_int_eq(model_place_root(own->model, other->ns, fake_root(own), "/build"), 0);
	feed(other);
	ck_assert_ptr_eq(mount_in(other, "/build/a/proc")->action, action);
	ck_assert_str_eq(mount_root_relative(mount_in(other, "/build/a/proc")), "a/proc");
	ck_assert_uint_eq(count_instances(), 1);
	ck_assert_int_eq(model_place_root(own->model, other->ns, fake_root(own), NULL), 0);
	feed(other);
	ck_assert_ptr_null(mount_in(other, "/build/a/proc")->action);
	ck_assert_uint_eq(action->mount_count, 1);
	end();
}
END_TEST

static void set_master(struct fake *fake, uint64_t id, uint64_t master)
{
	fake_by_id(fake, id)->master = master;
}

/* The runner's own mount keeps its copy of the dead filesystem, on device 2, on top of the new one, on device 3. */
static uint64_t leave_stale_copy(uint64_t *ret_upper)
{
	uint64_t upper, lower, leftover;

	begin(2);
	upper = *ret_upper = other->mounts[1].id;
	leftover = fake_mount(other, ROOT "/a/proc", "proc", 11);
	lower = fake_mount(other, ROOT, "fuse.bb", 3);
	fake_by_id(other, lower)->parent = fake_by_id(other, upper)->parent;
	fake_by_id(other, upper)->parent = lower;
	set_master(other, lower, 5);
	fake_umount(own, own->mounts[1].id);
	fake_mount(own, ROOT, "fuse.bb", 3);
	feed(own);
	feed(other);
	return leftover;
}

START_TEST(a_copy_that_lost_its_master_is_stale)
{
	const uint32_t stale = EVIDENCE_BIT(EVIDENCE_STALE_COPY);
	uint64_t upper, leftover = leave_stale_copy(&upper);

	ck_assert_uint_eq(known(other, leftover)->evidence, stale);
	fake_mount(own, ROOT "/a/proc", "proc", 12);
	feed(own);
	ck_assert_uint_eq(mount_in(own, ROOT "/a/proc")->evidence, 0);
	fake_umount(other, upper);
	fake_mount(other, ROOT "/a/proc", "proc", 13);
	feed(other);
	ck_assert_uint_eq(mount_in(other, ROOT "/a/proc")->evidence, 0);
	end();
}
END_TEST

static const struct {
	const char *what;
	uint64_t dev;
	uint64_t lower_master, upper_master;
	bool elsewhere;
} not_stale[] = {
	{ "it has a master", 2, 5, 6, false },
	{ "what it covers has none", 2, 0, 0, false },
	{ "it is the same filesystem", 3, 5, 0, false },
	{ "another namespace has it, too", 2, 5, 0, true },
};

START_TEST(what_only_looks_like_a_stale_copy_is_none)
{
	uint64_t upper, leftover = leave_stale_copy(&upper);

	set_master(other, fake_by_id(other, upper)->parent, not_stale[_i].lower_master);
	set_master(other, upper, not_stale[_i].upper_master);
	fake_by_id(other, upper)->dev = not_stale[_i].dev;
	if (not_stale[_i].elsewhere)
		fake_mount(own, "/elsewhere", "fuse.bb", 2);
	feed(own);
	feed(other);
	ck_assert_msg(known(other, leftover)->evidence == 0, "though %s", not_stale[_i].what);
	end();
}
END_TEST

START_TEST(a_namespace_is_known_once)
{
	begin(2);
	ck_assert_ptr_eq(model_add_namespace(own->model, 7, 7), other->ns);
	ck_assert_ptr_ne(model_add_namespace(own->model, 7, 8), other->ns);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: namespaces");
	TCase *tests = tcase_create("namespaces");

	tcase_add_test(tests, the_same_directory_has_the_same_actions);
	tcase_add_test(tests, another_directory_at_the_same_path_has_its_own);
	tcase_add_test(tests, a_reading_of_one_says_nothing_of_the_other);
	tcase_add_test(tests, what_was_mounted_in_a_namespace_goes_with_it);
	tcase_add_test(tests, a_directory_that_only_another_namespace_shows_is_seen_from_there);
	tcase_add_loop_test(tests, a_directory_renamed_is_followed_whichever_table_is_read_first, 0, 2);
	tcase_add_test(tests, what_stays_in_another_namespace_does_not_follow_a_move);
	tcase_add_test(tests, a_root_may_stand_at_another_path);
	tcase_add_test(tests, a_copy_that_lost_its_master_is_stale);
	tcase_add_loop_test(tests, what_only_looks_like_a_stale_copy_is_none, 0,
			    sizeof(not_stale) / sizeof(not_stale[0]));
	tcase_add_test(tests, a_namespace_is_known_once);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
