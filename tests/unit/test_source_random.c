/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All sources follow any sequence of changes. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quick_asserts.h"
#include "run_suite.h"
#include "source_fixture.h"

#define LATE_FIELDS (STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE)

/* Random changes, the same for the same seed. */

static uint32_t seed;

static unsigned pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static const char *place(void)
{
	static const char *const tops[] = { "build", "build", "out" };
	static const char *const names[] = { "a", "b", "c d", "trash-1" };
	const char *top = tops[pick(ARRAY_SIZE(tops))], *action = names[pick(ARRAY_SIZE(names))];

	(void)mkdir(scratch_file("%s/%s", top, action), 0755);
	if (pick(3) == 0)
		return scratch_file("%s/%s", top, action);
	(void)mkdir(scratch_file("%s/%s/%s", top, action, "proc"), 0755);
	return scratch_file("%s/%s/%s", top, action, "proc");
}

static void change_propagation(void)
{
	static const unsigned long flags[] = { MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, MS_SHARED | MS_REC };

	(void)mount(NULL, place(), NULL, flags[pick(ARRAY_SIZE(flags))], NULL);
}

static void remount(void)
{
	static const unsigned long flags[] = { MS_RDONLY, MS_NOSUID | MS_NODEV, MS_NOEXEC, MS_NOATIME, 0 };

	(void)mount(NULL, place(), NULL, MS_REMOUNT | MS_BIND | flags[pick(ARRAY_SIZE(flags))], NULL);
}

static void change_something(void)
{
	const char *from = place(), *to = place();

	switch (pick(12)) {
	case 0:
	case 1:
	case 2:
		(void)mount("some source", to, pick(2) ? "tmpfs" : "proc", pick(2) ? MS_NOSUID : 0, NULL);
		break;
	case 3:
		(void)umount2(to, 0);
		break;
	case 4:
		(void)umount2(to, MNT_DETACH);
		break;
	case 5:
		(void)mount(from, to, NULL, MS_MOVE, NULL);
		break;
	case 6:
		(void)mount(from, to, NULL, MS_BIND, NULL);
		break;
	case 7:
		(void)mount(from, to, NULL, MS_BIND | MS_REC, NULL);
		break;
	case 8:
		change_propagation();
		break;
	case 9:
		remount();
		break;
	case 10:
		(void)rename(from, to);
		break;
	default:
		(void)rmdir(to);
	}
}

#define MOUNTS_ENOUGH 300

/* Recursive binds double what is there. */
static bool are_enough(void)
{
	uint64_t ids[MOUNTS_ENOUGH];
	CLEANUP_FCLOSE FILE *table = NULL;
	size_t lines = 0;

	if (side_count > 1)
		return kernel_listmount(0, 0, ids, MOUNTS_ENOUGH) == MOUNTS_ENOUGH;
	table = fopen("/proc/self/mountinfo", "re");
	ck_assert_ptr_nonnull(table);
	for (int c; (c = getc_unlocked(table)) != EOF;)
		lines += c == '\n';
	return lines >= MOUNTS_ENOUGH;
}

static void keep_it_small(void)
{
	for (int i = 0; i < 1000 && are_enough(); i++)
		(void)umount2(place(), MNT_DETACH);
}

static void random_life(unsigned turns)
{
	begin();
	for (unsigned turn = 0; turn < turns; turn++) {
		for (unsigned n = 1 + pick(4); n > 0; n--)
			change_something();
		keep_it_small();
		update_all();
		compare_all();
	}
	end();
}

START_TEST(all_sources_follow_any_sequence_of_changes)
{
	seed = 2463534242u + 7919 * _i;
	random_life(60);
}
END_TEST

START_TEST(strings_that_an_older_statmount_lacks_come_from_mountinfo)
{
	NEED_LISTMOUNT();
	statmount_believed_fields = ~LATE_FIELDS;
	seed = 88172645u + 104729 * _i;
	random_life(30);
}
END_TEST

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200
#endif

/* A copy of `from`, put below what is mounted at `to`. */
static void mount_beneath(const char *from, const char *to)
{
	CLEANUP_CLOSE int copy = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (copy >= 0)
		(void)syscall(SYS_move_mount, copy, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH);
}

/* What no event speaks of is left out: renames, changes of propagation, remounts. */
static void change_with_an_event(void)
{
	const char *from = place(), *to = place();

	switch (pick(8)) {
	case 0:
	case 1:
		(void)mount("some source", to, pick(2) ? "tmpfs" : "proc", pick(2) ? MS_NOSUID : 0, NULL);
		break;
	case 2:
		(void)umount2(to, 0);
		break;
	case 3:
		(void)umount2(to, MNT_DETACH);
		break;
	case 4:
		(void)mount(from, to, NULL, MS_MOVE, NULL);
		break;
	case 5:
		(void)mount(from, to, NULL, MS_BIND, NULL);
		break;
	case 6:
		(void)mount(from, to, NULL, MS_BIND | MS_REC, NULL);
		break;
	default:
		(void)mount_beneath(from, to);
	}
}

/* Of both shared and private trees: a change in one place is then one in others, and what is new slips below what is there. */
static void share_some(void)
{
	for (int i = 0; i < 4; i++) {
		const char *top = place();

		(void)mount("top", top, "tmpfs", 0, NULL);
		(void)mount(NULL, top, NULL, pick(2) ? MS_SHARED : MS_PRIVATE, NULL);
	}
}

START_TEST(events_alone_are_enough_for_all_that_has_them)
{
	NEED_FANOTIFY();
	seed = 3141592653u + 7919 * _i;
	begin();
	share_some();
	update_all();
	fanotify_compare_after = INT64_MAX;
	for (unsigned turn = 0; turn < 60; turn++) {
		for (unsigned n = 1 + pick(4); n > 0; n--)
			change_with_an_event();
		keep_it_small();
		update(fanotify, false);
		compare_with_fresh_by(fanotify, compare_facts_but_propagation);
	}
	end();
}
END_TEST

/* In a child that shares the namespace. */
static void churn(void)
{
	seed = 4711;
	for (int i = 0; i < 4000; i++) {
		change_something();
		keep_it_small();
	}
	_exit(0);
}

START_TEST(a_table_that_changes_while_it_is_read_ends_up_right)
{
	struct side *side = &sides[_i];
	unsigned reads = 0;
	int status;
	pid_t child;

	begin();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		churn();
	for (; waitpid(child, &status, WNOHANG) == 0; reads++) {
		if (is_readable(side->source.fd, 10))
			update(side, false);
	}
	ck_assert_int_eq(status, 0);
	ck_assert_uint_gt(reads, 0);
	update(side, false);
	compare_with_fresh(side);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source: random changes");
	TCase *tests = tcase_create("random");
	int exit_status;

	if (!source_fixture_begin())
		return EXIT_SKIP;
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, all_sources_follow_any_sequence_of_changes, 0, 30);
	tcase_add_loop_test(tests, strings_that_an_older_statmount_lacks_come_from_mountinfo, 0,
			    side_count == 1 ? 1 : 5);
	tcase_add_loop_test(tests, events_alone_are_enough_for_all_that_has_them, 0, side_count < 3 ? 1 : 30);
	tcase_add_loop_test(tests, a_table_that_changes_while_it_is_read_ends_up_right, 0, (int)side_count);
	suite_add_tcase(suite, tests);
	exit_status = run_suite(suite);
	scratch_end();
	return exit_status;
}
