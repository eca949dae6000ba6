/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What others do between the moments of a step: what stands at its place changes.
 */
#include "race_fixture.h"
#include "run_suite.h"

static struct kernel_mount other;

static void stack_another(void)
{
	make_tmpfs(BUILD "/a/t");
	other = mount_of(BUILD "/a/t");
}

static void ck_both_stay(struct kernel_mount mount)
{
	ck_assert_msg(result.outcome == OUTCOME_MISMATCH, "%s (%s)", outcome_name((enum outcome)result.outcome),
		      result.detail);
	ck_assert_uint_eq(result.stranger, other.id);
	ck_assert(is_mounted(mount) && is_mounted(other));
}

START_TEST(what_is_stacked_before_a_lazy_call_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_DETACH);
	take_step_with(NR_LISTMOUNT, stack_another); /* which asks for what is mounted below */
	ck_both_stay(mount);
}
END_TEST

START_TEST(what_is_stacked_before_the_mark_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with(SYS_umount2, stack_another);
	ck_both_stay(mount);
}
END_TEST

static void change_places(void)
{
	ck_assert_int_eq(mount(BUILD "/a/t", BUILD "/a/elsewhere", NULL, MS_MOVE, NULL), 0);
	ck_assert_int_eq(mount(BUILD "/a/older", BUILD "/a/t", NULL, MS_MOVE, NULL), 0);
}

START_TEST(a_lazy_call_takes_the_mount_wherever_its_name_leads)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_DETACH);
	take_step_with(SYS_umount2, change_places);
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	ck_assert(!is_mounted(mount) && is_mounted(other));
}
END_TEST

static void bind_host_below(void)
{
	make_mount("", PLACE "/host", BUILD "/a/t/dev", MS_BIND | MS_REC);
	other = mount_of(BUILD "/a/t/dev");
}

/* With what is mounted in it a shared tree would take the original along. */
START_TEST(what_is_bound_below_before_a_lazy_call_costs_the_host_nothing)
{
	struct kernel_mount lower, pts;

	make_tmpfs(PLACE "/host");
	ck_assert_int_eq(mount("", PLACE "/host", "", MS_SHARED, ""), 0);
	make_tmpfs(PLACE "/host/pts");
	pts = mount_of(PLACE "/host/pts");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/t/dev");
	lower = want("a/t", STEP_DETACH);
	take_step_with_nth(SYS_statx, 3, bind_host_below); /* the mount is compared a second time */
	ck_assert(is_mounted(pts));
	ck_both_stay(lower);
}
END_TEST

/* A FUSE whose server never says a word, which it does not take to be aborted: the server's end. */
static int make_fuse(const char *target)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	char options[80];

	ck_assert_int_ge(fd, 0);
	make_directory(target);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	ck_assert_int_eq(mount("mute", target, "fuse", 0, options), 0);
	return fd;
}

static bool is_connected(int fuse)
{
	struct pollfd polled = { .fd = fuse, .events = POLLIN };

	return poll(&polled, 1, 0) >= 0 && !(polled.revents & POLLERR);
}

START_TEST(a_forced_call_is_of_the_filesystem_that_was_compared)
{
	struct kernel_mount mount;
	struct stat st;
	int ours, theirs;

	if (access("/dev/fuse", R_OK | W_OK) < 0)
		SKIP_TEST("there is no /dev/fuse");
	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	if (st.st_ino != 0xEFFFFFFCu)
		SKIP_TEST("only in the first pid namespace is it known who shares a filesystem");
	theirs = make_fuse(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	ours = make_fuse(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_FORCE);
	take_step_with(SYS_umount2, change_places);
	ck_assert(is_connected(theirs) && !is_connected(ours));
	ck_both_stay(mount);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(what_changed_places_before_the_mark_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with(SYS_umount2, change_places);
	ck_both_stay(mount);
}
END_TEST

static void look(void)
{
	struct stat st;

	ck_assert_int_eq(stat(BUILD "/a/t", &st), 0);
}

/* Which takes the mark away, and with it all that makes the call exact. */
START_TEST(a_mount_that_is_looked_at_all_the_time_is_busy)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with_nth(SYS_umount2, EACH, look);
	ck_assert_uint_eq(result.outcome, OUTCOME_BUSY);
	ck_assert(is_mounted(mount));
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
}
END_TEST

/* A worker mounts its filesystem there long after we started. */
START_TEST(the_root_is_opened_anew_for_each_step)
{
	make_tmpfs(BUILD "/a/t");
	want("a/t", STEP_UMOUNT);
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	make_tmpfs(BUILD "/a/t");
	want("a/t", STEP_UMOUNT);
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
}
END_TEST

START_TEST(the_root_itself_is_never_unmounted)
{
	struct kernel_mount root = want("", STEP_DETACH);

	item.action_length = 0;
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_MISMATCH);
	ck_assert(is_mounted(root));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker races");
	TCase *moments = tcase_create("moments"), *roots = tcase_create("roots");
	bool exact;

	if (!fixture_is_possible())
		return EXIT_SKIP;
	exact = has_unique_ids();
	tcase_add_checked_fixture(roots, setup, NULL);
	tcase_add_test(roots, the_root_is_opened_anew_for_each_step);
	tcase_add_test(roots, the_root_itself_is_never_unmounted);
	suite_add_tcase(suite, roots);
	tcase_add_checked_fixture(moments, setup, NULL);
	tcase_set_timeout(moments, 30);
	tcase_add_test(moments, what_is_stacked_before_a_lazy_call_stays);
	tcase_add_test(moments, what_is_stacked_before_the_mark_stays);
	tcase_add_test(moments, what_changed_places_before_the_mark_stays);
	tcase_add_test(moments, a_mount_that_is_looked_at_all_the_time_is_busy);
	tcase_add_test(moments, a_lazy_call_takes_the_mount_wherever_its_name_leads);
	tcase_add_test(moments, a_forced_call_is_of_the_filesystem_that_was_compared);
	tcase_add_test(moments, what_is_bound_below_before_a_lazy_call_costs_the_host_nothing);
	if (exact)
		suite_add_tcase(suite, moments);
	return run_suite(suite) == EXIT_FAILURE ? EXIT_FAILURE : exact ? EXIT_SUCCESS : EXIT_SKIP;
}
