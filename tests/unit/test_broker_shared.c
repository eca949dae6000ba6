/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others do between the moments of a step with a tree of the host's in it, which is shared: the host's own stays. */
#include "base/cleanup.h"
#include "race_fixture.h"
#include "run_suite.h"

#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x00000100
#endif

#define DEEP "a/root/dev/x/dev"

static struct kernel_mount host_dev, host_pts;

static void make_host(void)
{
	make_tmpfs(PLACE "/host");
	ck_assert_int_eq(mount("", PLACE "/host", "", MS_SHARED, ""), 0);
	make_tmpfs(PLACE "/host/pts");
	host_dev = mount_of(PLACE "/host");
	host_pts = mount_of(PLACE "/host/pts");
}

static void move(const char *from, const char *to)
{
	ck_assert_int_eq(renameat2(AT_FDCWD, from, AT_FDCWD, to, 0), 0);
}

static void exchange(const char *one, const char *other)
{
	ck_assert_int_eq(renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE), 0);
}

/* The bind is at a/root/dev for a moment: right above where it belongs. */
static void fold(void)
{
	move(BUILD "/a/root/dev/x", BUILD "/a/beside");
	exchange(BUILD "/a/beside", BUILD "/a/root");
}

static void unfold(void)
{
	exchange(BUILD "/a/beside", BUILD "/a/root");
	move(BUILD "/a/beside", BUILD "/a/root/dev/x");
}

static void swap_action(void)
{
	exchange(BUILD "/a", BUILD "/b");
}

static const struct {
	const char *path;
	enum step step;
	void (*there)(void), (*back)(void);
} renames[] = {
	{ DEEP "/pts", STEP_UMOUNT, swap_action, swap_action },
	{ DEEP "/pts", STEP_UMOUNT, fold, unfold },
	{ DEEP, STEP_DETACH, swap_action, swap_action },
	{ DEEP, STEP_DETACH, fold, unfold },
};

static unsigned kind, readings, renamed_at;

/* What statmount is asked for: of these, what has to do with paths. */
struct question {
	uint32_t size, spare;
	uint64_t id, wanted;
};

/* From one reading of a path to the next one. */
static void be_renamed_for_one_reading(void)
{
	const struct question *question = (const struct question *)(uintptr_t)stopped_with;

	if (!(question->wanted & STATMOUNT_MNT_POINT))
		return;
	readings++;
	if (readings == renamed_at)
		renames[kind].there();
	else if (readings - 1 == renamed_at)
		renames[kind].back();
}

/* Of the tree, bound anew, with other names at the nth reading; 0: never. How many there were, of paths. */
static unsigned take_step_renamed_at(unsigned nth)
{
	struct kernel_mount bound;

	make_mount("", PLACE "/host", BUILD "/" DEEP, MS_BIND | MS_REC);
	bound = mount_of(BUILD "/" DEEP);
	want(renames[kind].path, renames[kind].step);
	readings = 0;
	renamed_at = nth ? nth : UINT_MAX;
	take_step_with_nth(NR_STATMOUNT, EACH, be_renamed_for_one_reading);
	if (readings == nth && nth)
		renames[kind].back();
	ck_assert_msg(is_mounted(host_dev) && is_mounted(host_pts), "%u of %u: %s (%s)", nth, readings,
		      outcome_name((enum outcome)result.outcome), result.detail);
	if (is_mounted(bound)) {
		ck_assert_int_eq(mount(NULL, BUILD "/" DEEP, NULL, MS_PRIVATE, NULL), 0);
		ck_assert_int_eq(umount2(BUILD "/" DEEP, MNT_DETACH), 0);
	}
	return readings;
}

START_TEST(a_rename_between_any_two_readings_costs_the_host_nothing)
{
	unsigned count;

	kind = (unsigned)_i;
	make_host();
	make_directory(BUILD "/b");
	make_directory(BUILD "/a/root");
	make_directory(BUILD "/a/root/dev");
	make_directory(BUILD "/a/root/dev/x");
	make_directory(BUILD "/" DEEP);
	count = take_step_renamed_at(0);
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	ck_assert_uint_ge(count, 4);
	for (unsigned nth = 1; nth <= count; nth++)
		take_step_renamed_at(nth);
}
END_TEST

/* The action's private bind is in the host's peer group from here on. */
static void join_the_host(void)
{
	ck_assert_int_eq(
		syscall(SYS_move_mount, AT_FDCWD, PLACE "/host", AT_FDCWD, BUILD "/a/dev", MOVE_MOUNT_SET_GROUP), 0);
}

static void make_private_bind(void)
{
	make_host();
	make_directory(BUILD "/a/dev");
	make_mount("", PLACE "/host", BUILD "/a/dev", MS_BIND | MS_REC);
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
