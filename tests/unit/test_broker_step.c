/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each step on mounts of the kernel's own filesystems, and each refusal. */
#include <seccomp.h>

#include "run_suite.h"
#include "step_fixture.h"

START_TEST(a_leftover_goes)
{
	struct kernel_mount proc, below;

	make_directory(BUILD "/a/proc");
	make_mount("proc", "proc", BUILD "/a/proc", 0);
	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/u");
	below = want("a/t/u", STEP_UMOUNT);
	want("a/t", STEP_UMOUNT);
	proc = want("a/proc", STEP_UMOUNT);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_outcome(1, OUTCOME_GONE);
	ck_outcome(2, OUTCOME_GONE);
	ck_assert_int_eq(access(BUILD "/a/proc", F_OK), 0);
	ck_assert_int_eq(access(BUILD "/a/t", F_OK), 0);
	ck_assert(!is_mounted(proc) && !is_mounted(below));
	ck_assert_int_gt(results[0].duration, 0);
	go();
	ck_outcome(0, OUTCOME_GONE);
}
END_TEST

START_TEST(a_busy_mount_stays_until_it_is_detached)
{
	struct kernel_mount mount;
	int fd;

	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/u");
	mount = want("a/t", STEP_UMOUNT);
	go();
	ck_outcome(0, OUTCOME_BUSY);
	fd = open(BUILD "/a/t/u", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	items[0].step = STEP_DETACH;
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!is_mounted(mount));
}
END_TEST

START_TEST(a_mount_that_came_on_top_is_not_touched)
{
	struct kernel_mount lower, upper;

	make_tmpfs(BUILD "/a/t");
	lower = want("a/t", STEP_UMOUNT);
	want("a/t", STEP_DETACH);
	make_tmpfs(BUILD "/a/t");
	upper = mount_of(BUILD "/a/t");
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert_uint_eq(results[0].stranger, shown_id(upper));
	ck_outcome(1, OUTCOME_MISMATCH);
	ck_assert(is_mounted(lower) && is_mounted(upper));
}
END_TEST

START_TEST(a_stack_goes_from_its_top)
{
	for (int i = 0; i < 4; i++) {
		make_tmpfs(BUILD "/a/t");
		want("a/t", STEP_UMOUNT);
	}
	for (int i = 0; i < 2; i++) {
		struct step_item swap = items[i];

		items[i] = items[3 - i];
		items[3 - i] = swap;
	}
	go();
	for (size_t i = 0; i < 4; i++)
		ck_outcome(i, OUTCOME_GONE);
}
END_TEST

START_TEST(a_symlink_swapped_in_leads_nowhere)
{
	struct kernel_mount victim, mount;

	make_tmpfs(PLACE "/host");
	make_tmpfs(PLACE "/host/t");
	victim = mount_of(PLACE "/host/t");
	make_directory(BUILD "/a/d");
	make_tmpfs(BUILD "/a/d/t");
	mount = want("a/d/t", STEP_DETACH);
	ck_assert_int_eq(rename(BUILD "/a/d", BUILD "/a/real"), 0);
	ck_assert_int_eq(symlink("../../host", BUILD "/a/d"), 0);
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(victim) && is_mounted(mount));
	ck_assert_int_eq(unlink(BUILD "/a/d"), 0);
	ck_assert_int_eq(symlink("real", BUILD "/a/d"), 0);
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(mount));
}
END_TEST

START_TEST(the_next_actions_mount_of_the_same_name_is_not_touched)
{
	struct kernel_mount old, new;

	make_tmpfs(BUILD "/a/t");
	old = want("a/t", STEP_DETACH);
	ck_assert_int_eq(umount2(BUILD "/a/t", 0), 0);
	make_tmpfs(BUILD "/a/t");
	new = mount_of(BUILD "/a/t");
	if (!new.id &&new.id32 == old.id32 &&new.dev == old.dev)
		SKIP_TEST("without unique ids a mount made anew looks the same here: its age tells the engine");
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!is_mounted(old) && is_mounted(new));
}
END_TEST

START_TEST(a_renamed_mount_is_left_where_it_went)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	ck_assert_int_eq(rename(BUILD "/a", BUILD "/b"), 0);
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert_ptr_nonnull(strstr(results[0].detail, BUILD "/b/t"));
	ck_assert(is_mounted(mount));
}
END_TEST

START_TEST(a_mount_outside_the_root_is_never_touched_whatever_its_id_says)
{
	struct kernel_mount outside;

	make_tmpfs(BUILD "/a/t");
	make_tmpfs(PLACE "/build2");
	want("a/t", STEP_DETACH);
	outside = mount_of(PLACE "/build2");
	items[0].mount.id = outside.id;
	items[0].mount.id32 = outside.id32;
	items[0].mount.dev = outside.dev;
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(outside) && is_mounted(mount_of(BUILD "/a/t")));
}
END_TEST

START_TEST(an_id_that_no_mount_can_have_is_a_failure)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_DETACH);
	items[0].mount.id = 2;
	go();
	ck_outcome(0, OUTCOME_FAILED);
	/* A kernel that gives no ids knows none. */
	ck_assert_int_eq(results[0].error, mount.id ? EINVAL : ENOSYS);
	ck_assert(is_mounted(mount));
}
END_TEST

START_TEST(what_is_protected_or_observed_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_DETACH);
	ck_assert_int_eq(string_list_add(&rules.protect, "a"), 0);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	string_list_clear(&rules.protect);
	rules.mode = ROOT_MODE_OBSERVE;
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert(is_mounted(mount));
}
END_TEST

START_TEST(a_detach_takes_no_protected_mount_along)
{
	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/keep");
	want("a/t", STEP_DETACH);
	ck_assert_int_eq(string_list_add(&rules.protect, "a/t/keep"), 0);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_uint_eq(results[0].stranger, shown_id(mount_of(BUILD "/a/t/keep")));
}
END_TEST

/* A shared tree as the host's /dev with its pts, and the action's rbind of it. */
static struct kernel_mount make_host_tree(void)
{
	make_tmpfs(PLACE "/dev");
	ck_assert_int_eq(mount("", PLACE "/dev", "", MS_SHARED, ""), 0);
	make_tmpfs(PLACE "/dev/pts");
	make_directory(BUILD "/a/dev");
	make_mount("", PLACE "/dev", BUILD "/a/dev", MS_BIND | MS_REC);
	return mount_of(PLACE "/dev/pts");
}

START_TEST(an_rbind_of_a_shared_tree_goes_and_the_tree_stays)
{
	struct kernel_mount pts = make_host_tree();

	want("a/dev/pts", STEP_UMOUNT);
	want("a/dev", STEP_UMOUNT);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_outcome(1, OUTCOME_GONE);
	ck_assert(is_mounted(pts));
	ck_assert(mount_of(PLACE "/dev/pts").id == pts.id);
}
END_TEST

START_TEST(an_rbind_of_a_shared_tree_is_detached_in_one_call_and_the_tree_stays)
{
	struct kernel_mount pts = make_host_tree();

	want("a/dev", STEP_DETACH);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_assert(is_mounted(pts));
}
END_TEST

/* The build root itself is shared with a slave of it, as a runner's view is. */
static void make_runner(void)
{
	ck_assert_int_eq(mount("", BUILD, "", MS_SHARED, ""), 0);
	make_directory(PLACE "/runner");
	make_mount("", BUILD, PLACE "/runner", MS_BIND);
	ck_assert_int_eq(mount("", PLACE "/runner", "", MS_SLAVE, ""), 0);
	make_directory(BUILD "/a/t");
}

START_TEST(a_copy_in_the_runners_view_goes_with_its_original)
{
	struct kernel_mount copy;

	make_runner();
	make_tmpfs(BUILD "/a/t");
	copy = mount_of(PLACE "/runner/a/t");
	ck_assert_uint_ne(shown_id(copy), shown_id(want("a/t", STEP_UMOUNT)));
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!results[0].made_private && !is_mounted(copy));
}
END_TEST

START_TEST(what_the_runner_mounted_itself_is_not_taken)
{
	struct kernel_mount foreign, mount;
	char named[64];

	make_runner();
	make_mount("tmpfs", "theirs", PLACE "/runner/a/t", 0);
	foreign = mount_of(PLACE "/runner/a/t");
	ck_assert_int_eq(umount2(PLACE "/runner/a/t", 0), 0);
	make_tmpfs(BUILD "/a/t");
	ck_assert_int_eq(umount2(PLACE "/runner/a/t", 0), 0);
	make_mount("tmpfs", "theirs", PLACE "/runner/a/t", 0);
	foreign = mount_of(PLACE "/runner/a/t");
	mount = want("a/t", STEP_UMOUNT);
	want("a/t", STEP_DETACH);
	go();
	for (size_t i = 0; i < 2; i++) {
		ck_outcome(i, OUTCOME_REFUSED);
		ck_assert_uint_eq(results[i].stranger, shown_id(foreign));
	}
	snprintf(named, sizeof(named), "%s", PLACE "/runner/a/t");
	ck_assert_ptr_nonnull(strstr(results[0].detail, named));
	ck_assert(is_mounted(foreign) && is_mounted(mount));
}
END_TEST

START_TEST(force_is_only_for_filesystems_that_have_it)
{
	make_tmpfs(BUILD "/a/t");
	want("a/t", STEP_FORCE);
	want("a/t", STEP_ABORT);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_str_eq(results[0].detail, "tmpfs has no force");
	ck_outcome(1, OUTCOME_REFUSED);
	ck_assert_str_eq(results[1].detail, "tmpfs has no abort");
	ck_assert(is_mounted(mount_of(BUILD "/a/t")));
}
END_TEST

START_TEST(a_root_that_is_gone_is_said_so)
{
	struct step_batch batch = { .rules = &rules, .items = items, .count = 1 };
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	free(rules.path);
	rules.path = strdup(PLACE "/elsewhere");
	memset(results, 0, sizeof(results));
	asroot_step(&batch, 0, &results[0]);
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(mount));
	step_batch_clear(&batch);
}
END_TEST

START_TEST(without_unique_ids_number_and_device_decide)
{
	struct kernel_mount taken, kept;

	make_tmpfs(BUILD "/a/t");
	taken = want("a/t", STEP_UMOUNT);
	make_tmpfs(BUILD "/a/u");
	kept = want("a/u", STEP_DETACH);
	items[0].mount.id = items[1].mount.id = 0;
	items[1].mount.dev++;
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_outcome(1, OUTCOME_GONE);
	ck_assert(!is_mounted(taken) && is_mounted(kept));
}
END_TEST

/* What kernels before 6.8 answer. */
static void lose_statmount(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_int_eq(seccomp_rule_add_exact(filter, SCMP_ACT_ERRNO(ENOSYS), 457, 0), 0);
	ck_assert_int_eq(seccomp_rule_add_exact(filter, SCMP_ACT_ERRNO(ENOSYS), 458, 0), 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
	for (uint32_t i = 0; i < count; i++)
		items[i].mount.id = 0;
}

static bool is_mounted_by_text(struct kernel_mount mount)
{
	struct mount_table table;
	bool found;

	ck_assert_int_eq(kernel_table_read(&table), 0);
	ck_assert(!table.unique_ids);
	found = kernel_table_find_number(&table, mount.id32, mount.dev);
	kernel_table_clear(&table);
	return found;
}

START_TEST(without_statmount_the_same_holds)
{
	struct kernel_mount pts = make_host_tree(), below, busy, upper;

	want("a/dev/pts", STEP_UMOUNT);
	want("a/dev", STEP_UMOUNT);
	make_tmpfs(BUILD "/a/t");
	busy = want("a/t", STEP_UMOUNT);
	make_tmpfs(BUILD "/a/t/u");
	below = mount_of(BUILD "/a/t/u");
	make_tmpfs(BUILD "/a/s");
	want("a/s", STEP_DETACH);
	make_tmpfs(BUILD "/a/s");
	upper = mount_of(BUILD "/a/s");
	lose_statmount();
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_outcome(1, OUTCOME_GONE);
	ck_outcome(2, OUTCOME_BUSY);
	ck_outcome(3, OUTCOME_MISMATCH);
	ck_assert(is_mounted_by_text(pts) && is_mounted_by_text(busy) && is_mounted_by_text(upper));
	items[2].step = STEP_DETACH;
	ck_assert_int_eq(string_list_add(&rules.protect, "a/t/u"), 0);
	go();
	ck_outcome(2, OUTCOME_REFUSED);
	string_list_clear(&rules.protect);
	go();
	ck_outcome(2, OUTCOME_GONE);
	ck_assert(!is_mounted_by_text(busy) && !is_mounted_by_text(below));
}
END_TEST

START_TEST(without_statmount_a_detach_cuts_what_it_takes)
{
	struct kernel_mount pts = make_host_tree();

	want("a/dev", STEP_DETACH);
	lose_statmount();
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private && is_mounted_by_text(pts));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker step");
	TCase *tests = tcase_create("mounts");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, a_leftover_goes);
	tcase_add_test(tests, a_busy_mount_stays_until_it_is_detached);
	tcase_add_test(tests, a_mount_that_came_on_top_is_not_touched);
	tcase_add_test(tests, a_stack_goes_from_its_top);
	tcase_add_test(tests, a_symlink_swapped_in_leads_nowhere);
	tcase_add_test(tests, the_next_actions_mount_of_the_same_name_is_not_touched);
	tcase_add_test(tests, a_renamed_mount_is_left_where_it_went);
	tcase_add_test(tests, a_mount_outside_the_root_is_never_touched_whatever_its_id_says);
	tcase_add_test(tests, an_id_that_no_mount_can_have_is_a_failure);
	tcase_add_test(tests, what_is_protected_or_observed_stays);
	tcase_add_test(tests, a_detach_takes_no_protected_mount_along);
	tcase_add_test(tests, an_rbind_of_a_shared_tree_goes_and_the_tree_stays);
	tcase_add_test(tests, an_rbind_of_a_shared_tree_is_detached_in_one_call_and_the_tree_stays);
	tcase_add_test(tests, a_copy_in_the_runners_view_goes_with_its_original);
	tcase_add_test(tests, what_the_runner_mounted_itself_is_not_taken);
	tcase_add_test(tests, force_is_only_for_filesystems_that_have_it);
	tcase_add_test(tests, a_root_that_is_gone_is_said_so);
	tcase_add_test(tests, without_unique_ids_number_and_device_decide);
	tcase_add_test(tests, without_statmount_the_same_holds);
	tcase_add_test(tests, without_statmount_a_detach_cuts_what_it_takes);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
