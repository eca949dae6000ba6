/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <seccomp.h>

#include "broker/step.h"
#include "misfuse_fixture.h"
#include "run_suite.h"

#define BUILD PLACE "/build"

static struct root_rules rules;
static struct step_item items[8];
static uint32_t count;
static struct step_result results[8];

static void setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	ck_assert_int_eq(rules_init(&rules, BUILD), 0);
	count = 0;
}

/* Asks for the mount that stands at the path now. */
static struct kernel_mount want(const char *path, enum step step)
{
	char absolute[PATH_MAX];
	struct kernel_mount mount;

	snprintf(absolute, sizeof(absolute), BUILD "/%s", path);
	mount = mount_of(absolute);
	items[count++] = (struct step_item){ .path = (char *)path,
					     .action_length = (uint32_t)strcspn(path, "/"),
					     .step = (uint8_t)step,
					     .mount = { .id = mount.id, .id32 = mount.id32, .dev = mount.dev } };
	return mount;
}

static void go(void)
{
	struct step_batch batch = { .rules = &rules, .items = items, .count = count };

	memset(results, 0, sizeof(results));
	for (uint32_t i = 0; i < count; i++)
		asroot_step(&batch, i, &results[i]);
	step_batch_clear(&batch);
}

static void ck_outcome(size_t index, enum outcome outcome)
{
	ck_assert_msg(results[index].outcome == outcome, "%s (%s), errno %d, stranger %llu",
		      outcome_name((enum outcome)results[index].outcome), results[index].detail, results[index].error,
		      (unsigned long long)results[index].stranger);
}

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
	ck_assert_int_eq(results[0].error, EINVAL);
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

static void fuse_setup(void)
{
	setup();
	make_directory(BUILD "/a/f");
	misfuse_start("3600", BUILD "/a/f");
	make_directory(BUILD "/a/f/d");
}

static bool is_alive(void)
{
	struct stat st;

	return stat(BUILD "/a/f/d", &st) == 0 && mkdir(BUILD "/a/f/new", 0755) == 0 && rmdir(BUILD "/a/f/new") == 0;
}

static void fuse_teardown(void)
{
	umount2(BUILD "/a/f", MNT_DETACH);
	misfuse_stop();
}

/* Only where all processes can be seen is it known who shares a filesystem. */
static bool sees_every_process(void)
{
	struct stat st;

	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	return st.st_ino == 0xEFFFFFFCu;
}

START_TEST(a_fuse_that_is_all_the_actions_is_forced)
{
	int fd;

	want("a/f", STEP_FORCE);
	fd = open(BUILD "/a/f/d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	go();
	ck_outcome(0, sees_every_process() ? OUTCOME_BUSY : OUTCOME_REFUSED);
	ck_assert_int_ne(is_alive(), sees_every_process());
	close(fd);
	go();
	ck_outcome(0, sees_every_process() ? OUTCOME_GONE : OUTCOME_REFUSED);
}
END_TEST

START_TEST(a_fuse_that_is_all_the_actions_is_aborted)
{
	want("a/f", STEP_ABORT);
	go();
	if (sees_every_process() && !access("/sys/fs/fuse/connections/.", X_OK) && results[0].error != ENOENT) {
		ck_outcome(0, OUTCOME_FAILED);
		ck_assert(!is_alive());
	}
}
END_TEST

START_TEST(a_fuse_that_another_action_uses_is_neither_forced_nor_aborted)
{
	struct kernel_mount other;

	make_directory(BUILD "/ab");
	make_mount("", BUILD "/a/f/d", BUILD "/ab", MS_BIND);
	other = mount_of(BUILD "/ab");
	want("a/f", STEP_FORCE);
	want("a/f", STEP_ABORT);
	go();
	for (size_t i = 0; i < 2; i++) {
		ck_outcome(i, OUTCOME_REFUSED);
		ck_assert_uint_eq(results[i].stranger, shown_id(other));
	}
	ck_assert(is_alive());
}
END_TEST

START_TEST(a_fuse_in_another_namespace_is_not_forced)
{
	int ready[2];
	pid_t child;
	char byte;

	make_directory(PLACE "/x");
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) == 0 && mount(BUILD "/a/f", PLACE "/x", NULL, MS_BIND, NULL) == 0 &&
		    write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	want("a/f", STEP_FORCE);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(strstr(results[0].detail, "has the filesystem at " PLACE "/x"));
	ck_assert(is_alive());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}
END_TEST

/* As in a container. A child's child: who has unshared its pid namespace can start nobody more when the first one in it has ended. */
static void go_in_a_pid_namespace(void)
{
	int status = 0;
	pid_t child;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 || (child = fork()) < 0)
		_exit(2);
	if (child > 0)
		_exit(waitpid(child, &status, 0) != child || status != 0);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		_exit(2);
	want("a/f", STEP_FORCE);
	go();
	_exit(results[0].outcome != OUTCOME_REFUSED || !strstr(results[0].detail, "not every mount namespace"));
}

START_TEST(a_fuse_is_not_forced_where_not_every_process_is_in_sight)
{
	pid_t child;
	int status;

	child = fork();
	if (child == 0)
		go_in_a_pid_namespace();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(is_alive());
}
END_TEST

/* The first process that one meets there sees nothing of it, for it lives below a directory of its own. */
START_TEST(a_fuse_beside_a_chroot_in_another_namespace_is_not_forced)
{
	int ready[2];
	pid_t child;
	char byte;

	make_directory(PLACE "/x");
	make_directory(PLACE "/jail");
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) < 0 || mount(BUILD "/a/f", PLACE "/x", NULL, MS_BIND, NULL) < 0 ||
		    mount(PLACE "/jail", PLACE "/jail", NULL, MS_BIND, NULL) < 0)
			_exit(1);
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(1);
		}
		if (chroot(PLACE "/jail") == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	want("a/f", STEP_FORCE);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(strstr(results[0].detail, "has the filesystem at " PLACE "/x"));
	ck_assert(is_alive());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
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
	Suite *suite;
	TCase *mounts = tcase_create("mounts"), *fuse = tcase_create("fuse");
	bool has_fuse = misfuse_is_possible();

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(mounts, setup, NULL);
	tcase_add_test(mounts, a_leftover_goes);
	tcase_add_test(mounts, a_busy_mount_stays_until_it_is_detached);
	tcase_add_test(mounts, a_mount_that_came_on_top_is_not_touched);
	tcase_add_test(mounts, a_stack_goes_from_its_top);
	tcase_add_test(mounts, a_symlink_swapped_in_leads_nowhere);
	tcase_add_test(mounts, the_next_actions_mount_of_the_same_name_is_not_touched);
	tcase_add_test(mounts, a_renamed_mount_is_left_where_it_went);
	tcase_add_test(mounts, a_mount_outside_the_root_is_never_touched_whatever_its_id_says);
	tcase_add_test(mounts, an_id_that_no_mount_can_have_is_a_failure);
	tcase_add_test(mounts, what_is_protected_or_observed_stays);
	tcase_add_test(mounts, a_detach_takes_no_protected_mount_along);
	tcase_add_test(mounts, an_rbind_of_a_shared_tree_goes_and_the_tree_stays);
	tcase_add_test(mounts, an_rbind_of_a_shared_tree_is_detached_in_one_call_and_the_tree_stays);
	tcase_add_test(mounts, a_copy_in_the_runners_view_goes_with_its_original);
	tcase_add_test(mounts, what_the_runner_mounted_itself_is_not_taken);
	tcase_add_test(mounts, force_is_only_for_filesystems_that_have_it);
	tcase_add_test(mounts, a_root_that_is_gone_is_said_so);
	tcase_add_test(mounts, without_unique_ids_number_and_device_decide);
	tcase_add_test(mounts, without_statmount_the_same_holds);
	tcase_add_test(mounts, without_statmount_a_detach_cuts_what_it_takes);
	suite = suite_create("broker step");
	suite_add_tcase(suite, mounts);
	tcase_add_checked_fixture(fuse, fuse_setup, fuse_teardown);
	tcase_add_test(fuse, a_fuse_that_is_all_the_actions_is_forced);
	tcase_add_test(fuse, a_fuse_that_is_all_the_actions_is_aborted);
	tcase_add_test(fuse, a_fuse_that_another_action_uses_is_neither_forced_nor_aborted);
	tcase_add_test(fuse, a_fuse_in_another_namespace_is_not_forced);
	tcase_add_test(fuse, a_fuse_is_not_forced_where_not_every_process_is_in_sight);
	tcase_add_test(fuse, a_fuse_beside_a_chroot_in_another_namespace_is_not_forced);
	if (has_fuse)
		suite_add_tcase(suite, fuse);
	return run_suite(suite) == EXIT_FAILURE ? EXIT_FAILURE : has_fuse ? EXIT_SUCCESS : EXIT_SKIP;
}
