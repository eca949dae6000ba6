/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who keeps a mount busy, in each way in which one can, and who does not. */
#include <check.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "kernel/holders.h"
#include "mount_fixture.h"
#include "run_suite.h"

#define HELD PLACE "/held"
#define MANY 64

static struct kernel_mount held;
static struct kernel_holder found[MANY];
static ssize_t count;

static void make_file(const char *path, off_t size)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0755);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static void setup(void)
{
	fixture_setup();
	make_tmpfs(HELD);
	make_directory(HELD "/inside");
	make_file(HELD "/file", 65536);
	held = mount_of(HELD);
}

/* ---- those who hold it ---- */

static int descriptor; /* a number that is no other's */

static bool hold_cwd(void)
{
	return chdir(HELD "/inside") == 0;
}

static bool hold_root(void)
{
	return chroot(HELD "/inside") == 0;
}

static bool hold_fd(void)
{
	int fd = open(HELD "/file", O_RDONLY);

	return fd >= 0 && dup2(fd, descriptor) == descriptor && close(fd) == 0;
}

static bool hold_mapping(void)
{
	int fd = open(HELD "/file", O_RDONLY);

	return fd >= 0 && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED && close(fd) == 0;
}

static bool hold_copy(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static bool hold_nothing(void)
{
	return chdir(PLACE) == 0;
}

/* A process of that name which waits for its end. */
static pid_t start(bool (*hold)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "holder");
		if (hold() && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void look(void)
{
	count = kernel_find_holders(&held, PLACE, found, MANY);
	ck_assert_int_ge(count, 0);
}

static const struct kernel_holder *by(pid_t pid)
{
	for (ssize_t i = 0; i < count; i++)
		if (found[i].pid == pid)
			return &found[i];
	return NULL;
}

static const struct {
	enum kernel_holder_kind how;
	bool (*hold)(void);
} ways[] = {
	{ KERNEL_HOLDER_CWD, hold_cwd },      { KERNEL_HOLDER_ROOT, hold_root },      { KERNEL_HOLDER_FD, hold_fd },
	{ KERNEL_HOLDER_MMAP, hold_mapping }, { KERNEL_HOLDER_NAMESPACE, hold_copy },
};

START_TEST(each_who_holds_it_is_named_with_how)
{
	pid_t pid, other;

	descriptor = 77;
	other = start(hold_nothing);
	pid = start(ways[_i].hold);
	look();
	ck_assert_ptr_null(by(other));
	ck_assert_ptr_nonnull(by(pid));
	ck_assert_int_eq(count, 1);
	ck_assert_str_eq(found->comm, "holder");
	ck_assert_str_eq(kernel_holder_names[found->how], kernel_holder_names[ways[_i].how]);
	ck_assert_uint_eq(found->number, ways[_i].how == KERNEL_HOLDER_FD ? 77 : 0);
	end(pid);
	end(other);
	look();
	ck_assert_int_eq(count, 0);
}
END_TEST

static bool copy_ourselves(const char *to)
{
	CLEANUP_CLOSE int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int out = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t length;

	while ((length = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)length) != length)
			return false;
	return length == 0;
}

START_TEST(who_runs_a_program_from_it_is_named)
{
	bool by_exe = false, by_mapping = false;
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert(copy_ourselves(HELD "/program"));
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], STDOUT_FILENO);
		execl(HELD "/program", "program", "wait", NULL);
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	look();
	for (ssize_t i = 0; i < count; i++) {
		ck_assert_int_eq(found[i].pid, pid);
		by_exe |= found[i].how == KERNEL_HOLDER_EXE;
		by_mapping |= found[i].how == KERNEL_HOLDER_MMAP;
	}
	ck_assert(by_exe && by_mapping);
	end(pid);
}
END_TEST

START_TEST(a_mount_of_the_same_filesystem_is_another)
{
	pid_t pid;

	make_directory(PLACE "/other");
	make_mount(NULL, HELD, PLACE "/other", MS_BIND);
	pid = start(hold_cwd);
	held = mount_of(PLACE "/other");
	look();
	ck_assert_int_eq(count, 0);
	end(pid);
}
END_TEST

START_TEST(no_more_are_named_than_there_is_room_for)
{
	pid_t pids[3];

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = start(hold_cwd);
	ck_assert_int_eq(kernel_find_holders(&held, PLACE, found, 2), 2);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		end(pids[i]);
}
END_TEST

START_TEST(a_mount_that_is_not_there_has_none)
{
	ck_assert_int_eq(umount2(HELD, 0), 0);
	ck_assert_int_eq(kernel_find_holders(&held, PLACE, found, MANY), -ENOENT);
}
END_TEST

static const enum kernel_holder_kind processes[] = { KERNEL_HOLDER_CWD, KERNEL_HOLDER_ROOT, KERNEL_HOLDER_FD,
						     KERNEL_HOLDER_MMAP };

START_TEST(who_holds_one_that_was_detached_is_named_by_its_id)
{
	pid_t pid, other;

	if (!held.id)
		SKIP_TEST("without unique ids nobody knows it any more");
	descriptor = 77;
	other = start(hold_nothing);
	pid = start(ways[_i].hold);
	ck_assert_int_eq(umount2(HELD, MNT_DETACH), 0);
	ck_assert_int_eq(kernel_find_holders(&held, PLACE, found, MANY), -ENOENT);
	count = kernel_find_holders_detached(held.id, held.dev, found, MANY);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(found->pid, pid);
	ck_assert_str_eq(kernel_holder_names[found->how], kernel_holder_names[processes[_i]]);
	end(pid);
	ck_assert_int_eq(kernel_find_holders_detached(held.id, held.dev, found, MANY), 0);
	end(other);
}
END_TEST

START_TEST(of_one_that_lies_elsewhere_nobody_is_named)
{
	pid_t pid = start(hold_cwd);

	ck_assert_int_eq(kernel_find_holders(&held, PLACE "/hel", found, MANY), -EXDEV);
	ck_assert_int_eq(kernel_find_holders(&held, HELD, found, MANY), -EXDEV);
	ck_assert_int_eq(kernel_find_holders(&held, PLACE, found, MANY), 1);
	end(pid);
}
END_TEST

START_TEST(a_loop_device_whose_file_lies_on_it_is_named)
{
	CLEANUP_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int file = open(HELD "/file", O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int device = -1;
	char path[64];
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	snprintf(path, sizeof(path), "/dev/loop%d", number);
	device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		SKIP_TEST("a loop device is not to be had");
	ck_assert_int_eq(ioctl(device, LOOP_SET_FD, file), 0);
	close(take_fd(&file));
	look();
	ck_assert_int_eq(ioctl(device, LOOP_CLR_FD), 0);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(found->pid, 0);
	ck_assert_int_eq(found->how, KERNEL_HOLDER_LOOP);
	ck_assert_int_eq(found->number, number);
}
END_TEST

START_TEST(an_overlay_that_has_a_layer_in_it_is_named)
{
	struct kernel_mount overlay;

	make_directory(PLACE "/overlay");
	make_directory(PLACE "/lower");
	make_directory(HELD "/a,b:c");
	make_directory(HELD "/upper");
	make_directory(HELD "/work");
	ck_assert_int_eq(mount("overlay", PLACE "/overlay", "overlay", 0,
			       "lowerdir=" PLACE "/lower:" HELD "/a\\,b\\:c,upperdir=" HELD "/upper,workdir=" HELD
			       "/work"),
			 0);
	overlay = mount_of(PLACE "/overlay");
	look();
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(found->pid, 0);
	ck_assert_int_eq(found->how, KERNEL_HOLDER_LAYER);
	ck_assert_uint_eq(found->number, overlay.id32);
	/* One of which it lies only beside is not. */
	ck_assert_int_eq(umount2(PLACE "/overlay", 0), 0);
	make_directory(PLACE "/held-not");
	ck_assert_int_eq(
		mount("overlay", PLACE "/overlay", "overlay", 0, "lowerdir=" PLACE "/lower:" PLACE "/held-not"), 0);
	look();
	ck_assert_int_eq(count, 0);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("kernel: holders");
	TCase *tests = tcase_create("holders");

	(void)argv;
	if (argc > 1) {
		if (write(STDOUT_FILENO, "x", 1) == 1)
			pause();
		return 1;
	}
	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, each_who_holds_it_is_named_with_how, 0, ARRAY_SIZE(ways));
	tcase_add_test(tests, who_runs_a_program_from_it_is_named);
	tcase_add_test(tests, a_mount_of_the_same_filesystem_is_another);
	tcase_add_test(tests, no_more_are_named_than_there_is_room_for);
	tcase_add_test(tests, a_mount_that_is_not_there_has_none);
	tcase_add_loop_test(tests, who_holds_one_that_was_detached_is_named_by_its_id, 0, ARRAY_SIZE(processes));
	tcase_add_test(tests, of_one_that_lies_elsewhere_nobody_is_named);
	tcase_add_test(tests, a_loop_device_whose_file_lies_on_it_is_named);
	tcase_add_test(tests, an_overlay_that_has_a_layer_in_it_is_named);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
