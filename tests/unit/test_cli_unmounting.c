/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others do between the moments of `umount`, with a tree of the host's in an action, which is shared: the host's own stays. */
#include "cli/unmounting.h"
#include "run_suite.h"
#include "shared_fixture.h"

static struct config *config;
static struct unmounted unmounted;
static const char *path;
static bool lazy;

static void setup(void)
{
	static const char text[] = "[root " BUILD "]\n";
	char *errors = NULL;

	fixture_setup();
	make_tmpfs(BUILD);
	make_host();
	make_directory(BUILD "/a");
	make_deep();
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

static const struct {
	const char *path;
	bool lazy;
	const struct renaming *names;
} renames[] = {
	{ "x/dev/pts", false, &swapped },
	{ "x/dev/pts", false, &folded },
	{ "x/dev", true, &swapped },
	{ "x/dev", true, &folded },
};

/* Of the tree, bound anew. How many readings there were. */
static unsigned take_renamed_at(int kind, unsigned nth)
{
	const struct kernel_mount bound = bind_host();

	path = renames[kind].path;
	lazy = renames[kind].lazy;
	do_renamed_at(take, renames[kind].names, nth);
	ck_assert_msg(is_mounted(host) && is_mounted(host_pts), "%u of %u: %d", nth, readings, (int)unmounted.status);
	unbind_host(bound);
	return readings;
}

START_TEST(a_rename_between_any_two_readings_costs_the_host_nothing)
{
	unsigned count = take_renamed_at(_i, 0);

	/* A person must make the action's own bind private first. */
	ck_assert_int_eq(unmounted.status, CLI_UNSURE);
	ck_assert_uint_ge(count, 4);
	for (unsigned nth = 1; nth <= count; nth++)
		take_renamed_at(_i, nth);
}
END_TEST

static void join_the_host(void)
{
	join_the_host_at(BUILD "/" DEEP);
}

START_TEST(what_is_shared_with_the_host_before_the_call_stays)
{
	struct kernel_mount pts;

	bind_host();
	ck_assert_int_eq(mount(NULL, BUILD "/" DEEP, NULL, MS_PRIVATE, NULL), 0);
	pts = mount_of(BUILD "/" DEEP "/pts");
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
