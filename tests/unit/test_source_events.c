/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source that the kernel tells of each change: what has no event of its own, what was too quick, who did it. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process.h"
#include "run_suite.h"
#include "source_fixture.h"

#define WAKE_DEADLINE_MS 5000

/* The unmount of a copy that is covered leaves what covers it, which slides down without an event of its own. */
START_TEST(what_covered_a_mount_that_went_is_found_on_its_parent)
{
	const struct mount *above;

	NEED_FANOTIFY();
	begin();
	scratch_tmpfs(scratch_file("build/a"));
	ck_assert_int_eq(mount(NULL, scratch_file("build/a"), NULL, MS_SHARED, NULL), 0);
	ck_assert_int_eq(mkdir(scratch_file("build/a/m"), 0755), 0);
	scratch_bind(scratch_file("build/a"), scratch_file("out/a"));
	scratch_tmpfs(scratch_file("build/a/m"));
	ck_assert_int_eq(mount(NULL, scratch_file("out/a/m"), NULL, MS_PRIVATE, NULL), 0);
	scratch_tmpfs(scratch_file("out/a/m"));
	update_all();
	fanotify_compare_after = INT64_MAX;
	above = at(fanotify, scratch_file("out/a/m"));
	ck_assert_str_eq(above->parent->facts.target, scratch_file("out/a/m"));
	ck_assert_int_eq(umount2(scratch_file("build/a/m"), 0), 0);
	update(fanotify, false);
	above = at(fanotify, scratch_file("out/a/m"));
	ck_assert_str_eq(above->parent->facts.target, scratch_file("out/a"));
	compare_with_fresh_by(fanotify, compare_facts_but_propagation);
	end();
}
END_TEST

START_TEST(a_remount_is_seen_though_it_sends_no_event)
{
	NEED_FANOTIFY();
	begin();
	scratch_tmpfs(scratch_file("build/a"));
	update_all();
	fanotify_compare_after = INT64_MAX;
	ck_assert_int_eq(mount(NULL, scratch_file("build/a"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	ck_assert(is_readable(fanotify->source.fd, WAKE_DEADLINE_MS));
	ck_assert_uint_eq(update(fanotify, false), 1);
	ck_assert_ptr_nonnull(strstr(at(fanotify, scratch_file("build/a"))->facts.options, "ro"));
	end();
}
END_TEST

static struct scan read_scan(struct side *side)
{
	struct scan scan = { 0 };

	ck_assert_int_ge(side->source.ops->drain(&side->source), 0);
	ck_assert_int_eq(side->source.ops->read(&side->source, side->model, false, &scan), 0);
	return scan;
}

static void apply_scan(struct side *side, struct scan *scan)
{
	struct changes changes = { 0 };

	ck_assert_int_eq(model_apply(side->model, scan, clock_now(), &changes), 0);
	changes_clear(&changes);
	scan_clear(scan);
}

START_TEST(what_is_gone_before_it_is_read_is_told_once_with_its_id)
{
	struct scan scan;

	NEED_FANOTIFY();
	begin();
	for (int i = 0; i < 20000; i++) {
		scratch_tmpfs(scratch_file("build/a"));
		ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
	}
	/* A drain ends after a while, so that the loop goes on. */
	for (size_t told = 0; told < 20000; told += scan.flash_count, apply_scan(fanotify, &scan)) {
		scan = read_scan(fanotify);
		ck_assert_uint_gt(scan.flash_count, 0);
		ck_assert(!scan.overflowed && !scan.complete);
		ck_assert_uint_eq(scan.count, 0);
		for (size_t i = 0; i < scan.flash_count; i++)
			ck_assert(i == 0 || scan.flashes[i].id > scan.flashes[i - 1].id);
	}
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.flash_count, 0);
	apply_scan(fanotify, &scan);
	end();
}
END_TEST

START_TEST(who_mounts_and_who_unmounts_is_known)
{
	struct scan scan;
	const struct actor *actor;
	int status;
	pid_t child;

	NEED_FANOTIFY();
	begin();
	fanotify_compare_after = INT64_MAX;
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		prctl(PR_SET_NAME, "a (mounter)\n");
		scratch_tmpfs(scratch_file("build/a"));
		_exit(0);
	}
	/* A zombie is as good as a living process. */
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.count, 1);
	actor = scan.mounts[0].attached_by;
	ck_assert_ptr_nonnull(actor);
	ck_assert_int_eq(actor->pid, child);
	ck_assert(actor->attested);
	ck_assert_str_eq(actor->comm, "a (mounter)\n");
	ck_assert_int_eq(actor->uid, getuid());
	ck_assert_uint_eq(actor->start_time, kernel_process_start_time(child));
	apply_scan(fanotify, &scan);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(at(fanotify, scratch_file("build/a"))->facts.attached_by->pid, child);
	ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.gone_count, 1);
	ck_assert_int_eq(scan.gone[0].by->pid, getpid());
	apply_scan(fanotify, &scan);
	end();
}
END_TEST

/* Named so, in a process of its own, which is a zombie afterwards. */
static pid_t by_another(const char *comm, void (*work)(void))
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		prctl(PR_SET_NAME, comm);
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	return child;
}

static void mount_it(void)
{
	scratch_tmpfs(scratch_file("build/a"));
}

static void move_it(void)
{
	ck_assert_int_eq(mount(scratch_file("build/a"), scratch_file("build/b"), NULL, MS_MOVE, NULL), 0);
}

static void unmount_it(void)
{
	ck_assert_int_eq(umount2(scratch_file("build/b"), 0), 0);
}

/* `read_each`: after each of them; else all that is told of the mount is told together. */
static void who_did_what(bool read_each)
{
	struct scan scan;
	pid_t mover, mounter;

	begin();
	fanotify_compare_after = INT64_MAX;
	ck_assert_int_eq(mkdir(scratch_file("build/b"), 0755), 0);
	mounter = by_another("mounter", mount_it);
	if (read_each)
		update(fanotify, false);
	mover = by_another("mover", move_it);
	update(fanotify, false);
	ck_assert_pstr_eq(at(fanotify, scratch_file("build/b"))->facts.attached_by->comm, "mounter");
	ck_assert_int_eq(at(fanotify, scratch_file("build/b"))->facts.attached_by->pid, mounter);
	by_another("unmounter", unmount_it);
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.gone_count, 1);
	ck_assert_str_eq(scan.gone[0].by->comm, "unmounter");
	apply_scan(fanotify, &scan);
	ck_assert_int_eq(waitpid(mover, NULL, 0), mover);
	end();
}

START_TEST(who_moves_a_mount_has_neither_attached_nor_detached_it)
{
	NEED_FANOTIFY();
	who_did_what(_i);
}
END_TEST

START_TEST(of_what_flashed_by_who_moved_it_is_not_said)
{
	struct scan scan;

	NEED_FANOTIFY();
	begin();
	ck_assert_int_eq(mkdir(scratch_file("build/b"), 0755), 0);
	by_another("mounter", mount_it);
	by_another("mover", move_it);
	by_another("unmounter", unmount_it);
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.flash_count, 1);
	ck_assert_str_eq(scan.flashes[0].attached_by->comm, "mounter");
	ck_assert_str_eq(scan.flashes[0].detached_by->comm, "unmounter");
	apply_scan(fanotify, &scan);
	end();
}
END_TEST

static unsigned numbered;

static void mount_numbered(void)
{
	char name[16];

	snprintf(name, sizeof(name), "m%u", numbered);
	prctl(PR_SET_NAME, name);
	ck_assert_int_eq(mkdir(scratch_file("build/%s", name), 0755), 0);
	ck_assert_int_eq(mount(name, scratch_file("build/%s", name), "tmpfs", 0, NULL), 0);
}

/* A read takes as many events as fds are free. Whatever else takes them meanwhile costs names, and neither events nor truth. */
START_TEST(few_fds_cost_nothing_but_names)
{
	const struct rlimit few = { .rlim_cur = 64, .rlim_max = 64 };
	const unsigned count = 200;
	struct scan scan;
	int taken[64];
	size_t attested = 0;

	NEED_FANOTIFY();
	begin();
	fanotify_compare_after = INT64_MAX;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (numbered = 0; numbered < count; numbered++)
		by_another("", mount_numbered);
	/* With few, and then with none. */
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		taken[i] = _i ? dup(STDERR_FILENO) : -1;
	scan = read_scan(fanotify);
	ck_assert(!scan.overflowed && !scan.complete);
	ck_assert_uint_eq(scan.count, count);
	for (size_t i = 0; i < scan.count; i++) {
		const struct actor *by = scan.mounts[i].attached_by;

		ck_assert_ptr_nonnull(by);
		attested += by->attested;
		if (by->attested)
			ck_assert_str_eq(by->comm, scan.mounts[i].source);
		else
			ck_assert(!by->comm && !by->cgroup && by->uid == -1);
	}
	ck_assert_uint_eq(attested, _i ? 0 : count);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (taken[i] >= 0)
			close(taken[i]);
	apply_scan(fanotify, &scan);
	end();
}
END_TEST

START_TEST(of_who_was_reaped_before_it_is_read_nothing_is_said)
{
	struct scan scan;
	pid_t child;

	NEED_FANOTIFY();
	begin();
	fanotify_compare_after = INT64_MAX;
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		scratch_tmpfs(scratch_file("build/a"));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	scan = read_scan(fanotify);
	ck_assert_uint_eq(scan.count, 1);
	ck_assert(!scan.mounts[0].attached_by ||
		  (!scan.mounts[0].attached_by->attested && !scan.mounts[0].attached_by->comm &&
		   scan.mounts[0].attached_by->uid == -1));
	apply_scan(fanotify, &scan);
	end();
}
END_TEST

static void write_file(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void enter_user_namespace(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", getuid());
	ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/gid_map", map);
}

/* An unprivileged group is a bounded one, and says nothing of who it was. */
START_TEST(after_an_overflow_everything_is_read_again)
{
	struct source_inputs inputs = { .events = -1 };
	struct scan scan;
	unsigned lack;
	int status;
	pid_t child;

	NEED_FANOTIFY();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child > 0) {
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
		return;
	}
	enter_user_namespace();
	begin();
	inputs.events = open_events(&lack);
	ck_assert_uint_eq(lack, MOUNT_EVENTS_NAMELESS | MOUNT_EVENTS_BOUNDED);
	for (int i = 0; i < 8500; i++) {
		scratch_tmpfs(scratch_file("build/a"));
		ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
	}
	scratch_tmpfs(scratch_file("build/a"));
	scan = read_scan(fanotify);
	ck_assert(scan.overflowed && scan.complete);
	apply_scan(fanotify, &scan);
	compare_with_fresh(fanotify);
	close(inputs.events);
	end();
	_exit(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source: events");
	TCase *tests = tcase_create("events");
	int exit_status;

	if (!source_fixture_begin())
		return EXIT_SKIP;
	tcase_set_timeout(tests, 240);
	tcase_add_test(tests, what_covered_a_mount_that_went_is_found_on_its_parent);
	tcase_add_test(tests, a_remount_is_seen_though_it_sends_no_event);
	tcase_add_test(tests, what_is_gone_before_it_is_read_is_told_once_with_its_id);
	tcase_add_test(tests, who_mounts_and_who_unmounts_is_known);
	tcase_add_loop_test(tests, who_moves_a_mount_has_neither_attached_nor_detached_it, 0, 2);
	tcase_add_test(tests, of_what_flashed_by_who_moved_it_is_not_said);
	tcase_add_loop_test(tests, few_fds_cost_nothing_but_names, 0, 2);
	tcase_add_test(tests, of_who_was_reaped_before_it_is_read_nothing_is_said);
	tcase_add_test(tests, after_an_overflow_everything_is_read_again);
	suite_add_tcase(suite, tests);
	exit_status = run_suite(suite);
	scratch_end();
	return exit_status;
}
