/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others do between the moments of a step with a tree of the host's in it, which is shared: the host's own stays. */
#include "base/cleanup.h"
#include "race_fixture.h"
#include "run_suite.h"
#include "shared_fixture.h"

static const struct {
	const char *path;
	enum step step;
	const struct renaming *names;
} renames[] = {
	{ DEEP "/pts", STEP_UMOUNT, &swapped },
	{ DEEP "/pts", STEP_UMOUNT, &folded },
	{ DEEP, STEP_DETACH, &swapped },
	{ DEEP, STEP_DETACH, &folded },
};

/* Of the tree, bound anew. How many readings there were. */
static unsigned take_step_renamed_at(int kind, unsigned nth)
{
	const struct kernel_mount bound = bind_host();

	want(renames[kind].path, renames[kind].step);
	do_renamed_at(take_step, renames[kind].names, nth);
	ck_assert_msg(is_mounted(host) && is_mounted(host_pts), "%u of %u: %s (%s)", nth, readings,
		      outcome_name((enum outcome)result.outcome), result.detail);
	unbind_host(bound);
	return readings;
}

START_TEST(a_rename_between_any_two_readings_costs_the_host_nothing)
{
	unsigned count;

	make_host();
	make_deep();
	count = take_step_renamed_at(_i, 0);
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	ck_assert_uint_ge(count, 4);
	for (unsigned nth = 1; nth <= count; nth++)
		take_step_renamed_at(_i, nth);
}
END_TEST

static void join_the_host(void)
{
	join_the_host_at(BUILD "/a/dev");
}

static void make_private_bind(void)
{
	make_host();
	make_directory(BUILD "/a/dev");
	make_mount("", HOST, BUILD "/a/dev", MS_BIND | MS_REC);
	ck_assert_int_eq(mount(NULL, BUILD "/a/dev", NULL, MS_PRIVATE, NULL), 0);
}

/* Until it is asked for once more, for then it is judged anew. */
static void ck_stays_with_the_hosts(struct kernel_mount mount)
{
	ck_assert_msg(result.outcome == OUTCOME_MISMATCH, "%s (%s)", outcome_name((enum outcome)result.outcome),
		      result.detail);
	ck_assert(is_mounted(mount) && is_mounted(host_pts));
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	ck_assert(result.made_private && is_mounted(host_pts));
}

START_TEST(what_is_shared_with_the_host_before_the_call_stays)
{
	struct kernel_mount pts;

	make_private_bind();
	pts = want("a/dev/pts", STEP_UMOUNT);
	take_step_with(SYS_umount2, join_the_host);
	ck_stays_with_the_hosts(pts);
}
END_TEST

/* The mount itself, and one that has it below. */
START_TEST(what_is_shared_with_the_host_before_a_lazy_call_stays)
{
	static const char *const paths[] = { "a/dev/pts", "a/dev" };
	struct kernel_mount mount;

	make_private_bind();
	mount = want(paths[_i], STEP_DETACH);
	take_step_with_nth(SYS_statx, 3, join_the_host); /* the mount is compared a second time */
	ck_stays_with_the_hosts(mount);
}
END_TEST

static void move_into_another(void)
{
	ck_assert_int_eq(mount(BUILD "/a/t", BUILD "/a/other/t", NULL, MS_MOVE, NULL), 0);
}

START_TEST(what_is_moved_into_another_mount_before_a_lazy_call_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/other");
	make_directory(BUILD "/a/other/t");
	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_DETACH);
	take_step_with_nth(SYS_statx, 3, move_into_another);
	ck_assert_uint_eq(result.outcome, OUTCOME_MISMATCH);
	ck_assert(is_mounted(mount));
}
END_TEST

/* The table is read once for all steps of a request. */
START_TEST(what_was_moved_since_the_table_was_read_stays)
{
	struct step_item items[2];
	struct step_batch batch = { .rules = &rules, .items = items, .count = 2 };
	struct kernel_mount moved;

	make_tmpfs(BUILD "/a/other");
	ck_assert_int_eq(mount("", BUILD "/a/other", "", MS_SHARED, ""), 0);
	make_tmpfs(BUILD "/a/other/first");
	make_directory(BUILD "/a/other/t");
	make_tmpfs(BUILD "/a/t");
	want("a/other/first", STEP_UMOUNT);
	items[0] = item;
	moved = want("a/t", STEP_UMOUNT);
	item.path = (char *)"a/other/t";
	items[1] = item;
	result = (struct step_result){ 0 };
	asroot_step(&batch, 0, &result);
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	move_into_another();
	asroot_step(&batch, 1, &result);
	step_batch_clear(&batch);
	ck_assert_uint_eq(result.outcome, OUTCOME_MISMATCH);
	ck_assert(is_mounted(moved));
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker shared");
	TCase *moments = tcase_create("moments");

	if (!fixture_is_possible() || !has_unique_ids())
		return EXIT_SKIP;
	tcase_add_checked_fixture(moments, setup, NULL);
	tcase_set_timeout(moments, 60);
	tcase_add_loop_test(moments, a_rename_between_any_two_readings_costs_the_host_nothing, 0, ARRAY_SIZE(renames));
	tcase_add_test(moments, what_is_shared_with_the_host_before_the_call_stays);
	tcase_add_loop_test(moments, what_is_shared_with_the_host_before_a_lazy_call_stays, 0, 2);
	tcase_add_test(moments, what_is_moved_into_another_mount_before_a_lazy_call_stays);
	tcase_add_test(moments, what_was_moved_since_the_table_was_read_stays);
	suite_add_tcase(suite, moments);
	return run_suite(suite);
}
