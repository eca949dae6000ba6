/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others do between the moments of `umount`, with a tree of the host's in an action, which is shared: the host's own stays. */
#include "cli/unmounting.h"
#include "run_suite.h"
#include "stop_fixture.h"

#define BUILD PLACE "/build"
#define HOST  PLACE "/host"
#define DEEP  BUILD "/a/root/dev/x/dev"

#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x00000100
#endif

static struct config *config;
static struct kernel_mount host, host_pts;
static struct unmounted unmounted;
static const char *path;
static bool lazy;

static void setup(void)
{
	static const char text[] = "[root " BUILD "]\n";
	char *errors = NULL;

	fixture_setup();
	make_tmpfs(BUILD);
	make_tmpfs(HOST);
	ck_assert_int_eq(mount("", HOST, "", MS_SHARED, ""), 0);
	make_tmpfs(HOST "/pts");
	host = mount_of(HOST);
	host_pts = mount_of(HOST "/pts");
	make_directory(BUILD "/a");
	make_directory(BUILD "/b");
	make_directory(BUILD "/a/root");
	make_directory(BUILD "/a/root/dev");
	make_directory(BUILD "/a/root/dev/x");
	make_directory(DEEP);
	ck_assert_int_eq(config_parse("test", text, strlen(text), &config, &errors), 0);
}

static void take(void)
{
	CLEANUP(segments_clear) struct segments segments = { 0 };
	const struct unmounting unmounting = { .config = config, .segments = &segments, .typed = path, .lazy = lazy };

	unmounted = (struct unmounted){ 0 };
	ck_assert_int_eq(segments_parse(path, &segments), 0);
	unmounting_do(&unmounting, &unmounted);
}

static void exchange(const char *one, const char *another)
{
	ck_assert_int_eq(renameat2(AT_FDCWD, one, AT_FDCWD, another, RENAME_EXCHANGE), 0);
}

static void swap_action(void)
{
	exchange(BUILD "/a", BUILD "/b");
}

/* The bind is at a/root/dev for a moment: right above where it belongs. */
static void fold(void)
{
	ck_assert_int_eq(rename(BUILD "/a/root/dev/x", BUILD "/a/beside"), 0);
	exchange(BUILD "/a/beside", BUILD "/a/root");
}

static void unfold(void)
{
	exchange(BUILD "/a/beside", BUILD "/a/root");
	ck_assert_int_eq(rename(BUILD "/a/beside", BUILD "/a/root/dev/x"), 0);
}

static const struct {
	const char *path;
	bool lazy;
	void (*there)(void), (*back)(void);
} renames[] = {
	{ "x/dev/pts", false, swap_action, swap_action },
	{ "x/dev/pts", false, fold, unfold },
	{ "x/dev", true, swap_action, swap_action },
	{ "x/dev", true, fold, unfold },
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
static unsigned take_renamed_at(unsigned nth)
{
	struct kernel_mount bound;

	make_mount("", HOST, DEEP, MS_BIND | MS_REC);
	bound = mount_of(DEEP);
	path = renames[kind].path;
	lazy = renames[kind].lazy;
	readings = 0;
	renamed_at = nth ? nth : UINT_MAX;
	do_stopped_at_nth(take, NR_STATMOUNT, EACH, be_renamed_for_one_reading);
	if (readings == nth && nth)
		renames[kind].back();
	ck_assert_msg(is_mounted(host) && is_mounted(host_pts), "%u of %u: %d", nth, readings, (int)unmounted.status);
	if (is_mounted(bound)) {
		ck_assert_int_eq(mount(NULL, DEEP, NULL, MS_PRIVATE, NULL), 0);
		ck_assert_int_eq(umount2(DEEP, MNT_DETACH), 0);
	}
	return readings;
}

START_TEST(a_rename_between_any_two_readings_costs_the_host_nothing)
{
	unsigned count;

	kind = (unsigned)_i;
	count = take_renamed_at(0);
	/* A person must make the action's own bind private first. */
	ck_assert_int_eq(unmounted.status, CLI_UNSURE);
	ck_assert_uint_ge(count, 4);
	for (unsigned nth = 1; nth <= count; nth++)
		take_renamed_at(nth);
}
END_TEST

/* The action's private bind is in the host's peer group from here on. */
static void join_the_host(void)
{
	ck_assert_int_eq(syscall(SYS_move_mount, AT_FDCWD, HOST, AT_FDCWD, DEEP, MOVE_MOUNT_SET_GROUP), 0);
}

START_TEST(what_is_shared_with_the_host_before_the_call_stays)
{
	struct kernel_mount pts;

	make_mount("", HOST, DEEP, MS_BIND | MS_REC);
	ck_assert_int_eq(mount(NULL, DEEP, NULL, MS_PRIVATE, NULL), 0);
	pts = mount_of(DEEP "/pts");
	path = "x/dev/pts";
	do_stopped_at_nth(take, SYS_umount2, 1, join_the_host);
	ck_assert_int_eq(unmounted.status, CLI_UNSURE);
	ck_assert(is_mounted(pts) && is_mounted(host_pts));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli unmounting");
	TCase *moments = tcase_create("moments");

	if (!fixture_is_possible() || !has_unique_ids())
		return EXIT_SKIP;
	tcase_add_checked_fixture(moments, setup, NULL);
	tcase_set_timeout(moments, 60);
	tcase_add_loop_test(moments, a_rename_between_any_two_readings_costs_the_host_nothing, 0, ARRAY_SIZE(renames));
	tcase_add_test(moments, what_is_shared_with_the_host_before_the_call_stays);
	suite_add_tcase(suite, moments);
	return run_suite(suite);
}
