/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A tree of the host's, which is shared, and an action deep in BUILD that binds it, for tests of what others do while
 * somebody unmounts in there: the host's own stays.
 */
#ifndef TESTS_UNIT_SHARED_FIXTURE_H
#define TESTS_UNIT_SHARED_FIXTURE_H

#include "stop_fixture.h"

#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x00000100
#endif

#define HOST PLACE "/host"
#define DEEP "a/root/dev/x/dev" /* in BUILD */

static struct kernel_mount host, host_pts;

static inline void make_host(void)
{
	make_tmpfs(HOST);
	ck_assert_int_eq(mount("", HOST, "", MS_SHARED, ""), 0);
	make_tmpfs(HOST "/pts");
	host = mount_of(HOST);
	host_pts = mount_of(HOST "/pts");
}

/* The action's directory, a, is there. */
static inline void make_deep(void)
{
	make_directory(BUILD "/b");
	make_directory(BUILD "/a/root");
	make_directory(BUILD "/a/root/dev");
	make_directory(BUILD "/a/root/dev/x");
	make_directory(BUILD "/" DEEP);
}

static inline struct kernel_mount bind_host(void)
{
	make_mount("", HOST, BUILD "/" DEEP, MS_BIND | MS_REC);
	return mount_of(BUILD "/" DEEP);
}

static inline void unbind_host(struct kernel_mount bound)
{
	if (!is_mounted(bound))
		return;
	ck_assert_int_eq(mount(NULL, BUILD "/" DEEP, NULL, MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(umount2(BUILD "/" DEEP, MNT_DETACH), 0);
}

/* A private bind at the path is in the host's peer group from here on. */
static inline void join_the_host_at(const char *path)
{
	ck_assert_int_eq(syscall(SYS_move_mount, AT_FDCWD, HOST, AT_FDCWD, path, MOVE_MOUNT_SET_GROUP), 0);
}

/* ---- other names for a moment ---- */

static inline void exchange(const char *one, const char *other)
{
	ck_assert_int_eq(renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE), 0);
}

static inline void swap_action(void)
{
	exchange(BUILD "/a", BUILD "/b");
}

/* The bind is at a/root/dev for a moment: right above where it belongs. */
static inline void fold(void)
{
	ck_assert_int_eq(rename(BUILD "/a/root/dev/x", BUILD "/a/beside"), 0);
	exchange(BUILD "/a/beside", BUILD "/a/root");
}

static inline void unfold(void)
{
	exchange(BUILD "/a/beside", BUILD "/a/root");
	ck_assert_int_eq(rename(BUILD "/a/beside", BUILD "/a/root/dev/x"), 0);
}

static const struct renaming {
	void (*there)(void), (*back)(void);
} swapped = { swap_action, swap_action }, folded = { fold, unfold };

static const struct renaming *renaming;
static unsigned readings, renamed_at;

/* What statmount is asked for: of these, what has to do with paths. */
struct question {
	uint32_t size, spare;
	uint64_t id, wanted;
};

/* From one reading of a path to the next one. */
static inline void be_renamed_for_one_reading(void)
{
	const struct question *question = (const struct question *)(uintptr_t)stopped_with;

	if (!(question->wanted & STATMOUNT_MNT_POINT))
		return;
	readings++;
	if (readings == renamed_at)
		renaming->there();
	else if (readings - 1 == renamed_at)
		renaming->back();
}

/* With other names at the nth reading; 0: never. `readings` is then how many there were, of paths. */
static inline void do_renamed_at(void (*what)(void), const struct renaming *names, unsigned nth)
{
	renaming = names;
	readings = 0;
	renamed_at = nth ? nth : UINT_MAX;
	do_stopped_at_nth(what, NR_STATMOUNT, EACH, be_renamed_for_one_reading);
	if (readings == nth && nth)
		renaming->back();
}

#endif
