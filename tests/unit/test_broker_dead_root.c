/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reap-root = yes: the mount that is the root itself goes where nobody serves it, and nowhere else. */
#include "base/cleanup.h"
#include "misfuse_fixture.h"
#include "run_suite.h"
#include "step_fixture.h"

static struct kernel_mount root, below;

static void setup_with(const char *entry_timeout)
{
	fixture_setup();
	make_directory(BUILD);
	misfuse_start(entry_timeout, BUILD);
	make_directory(BUILD "/a");
	make_tmpfs(BUILD "/a");
	root = mount_of(BUILD);
	below = mount_of(BUILD "/a");
	ck_assert_int_eq(rules_init(&rules, BUILD), 0);
	rules.reap_root = true;
	count = 0;
}

static void root_setup(void)
{
	setup_with("3600");
}

static void setup_without_cache(void)
{
	setup_with("0");
}

static void root_teardown(void)
{
	umount2(BUILD, MNT_DETACH);
	umount2(BUILD, MNT_DETACH);
	misfuse_stop();
}

static void want_root(enum step step)
{
	items[count++] = (struct step_item){ .path = (char *)"",
					     .step = (uint8_t)step,
					     .mount = { .id = root.id, .id32 = root.id32, .dev = root.dev } };
}

START_TEST(a_dead_root_goes_with_what_is_below_it)
{
	want_root(STEP_DETACH);
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!is_mounted(root) && !is_mounted(below));
}
END_TEST

START_TEST(a_dead_root_with_nothing_below_it_is_unmounted_plainly)
{
	ck_assert_int_eq(umount2(BUILD "/a", 0), 0);
	want_root(STEP_UMOUNT);
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!is_mounted(root));
}
END_TEST

START_TEST(what_is_below_a_dead_root_keeps_it_from_a_plain_unmount)
{
	want_root(STEP_UMOUNT);
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_BUSY);
	ck_assert(is_mounted(root) && is_mounted(below));
}
END_TEST

START_TEST(a_root_that_answers_stays)
{
	want_root(STEP_DETACH);
	want_root(STEP_UMOUNT);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_outcome(1, OUTCOME_REFUSED);
	ck_assert(is_mounted(root) && is_mounted(below));
}
END_TEST

START_TEST(a_root_that_answers_with_an_error_stays)
{
	static const int errors[] = { EIO, EACCES, ENOENT, ESTALE, ENXIO };

	want_root(STEP_DETACH);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		tell("errno %d", errors[i]);
		go();
		ck_outcome(0, OUTCOME_REFUSED);
		ck_assert(is_mounted(root) && is_mounted(below));
	}
}
END_TEST

START_TEST(a_dead_root_under_a_successor_stays_and_so_does_that)
{
	struct kernel_mount successor;

	want_root(STEP_DETACH);
	misfuse_stop();
	make_tmpfs(BUILD);
	successor = mount_of(BUILD);
	go();
	ck_assert_int_ne(results[0].outcome, OUTCOME_GONE);
	ck_assert(is_mounted(root) && is_mounted(successor));
}
END_TEST

START_TEST(a_dead_mount_above_the_root_is_not_the_root)
{
	want_root(STEP_DETACH);
	free(rules.path);
	rules.path = strdup(BUILD "/a");
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(root) && is_mounted(below));
}
END_TEST

START_TEST(a_dead_mount_elsewhere_is_not_the_root)
{
	want_root(STEP_DETACH);
	free(rules.path);
	rules.path = strdup(PLACE "/other");
	make_directory(PLACE "/other");
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_MISMATCH);
	ck_assert(is_mounted(root) && is_mounted(below));
}
END_TEST

/* An action's bind of what is the host's, shared. */
static struct kernel_mount bind_the_hosts(void)
{
	make_tmpfs(PLACE "/dev");
	make_mount("", "", PLACE "/dev", MS_SHARED);
	make_directory(PLACE "/dev/pts");
	make_tmpfs(PLACE "/dev/pts");
	make_directory(BUILD "/b");
	make_mount("", PLACE "/dev", BUILD "/b", MS_BIND | MS_REC);
	want_root(STEP_DETACH);
	misfuse_stop();
	return mount_of(PLACE "/dev/pts");
}

START_TEST(what_would_travel_to_the_host_is_cut_where_a_path_still_leads_to_it)
{
	struct kernel_mount hosts = bind_the_hosts();

	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_assert(!is_mounted(root) && is_mounted(hosts));
}
END_TEST

START_TEST(what_would_travel_to_the_host_keeps_the_dead_root_else)
{
	struct kernel_mount hosts = bind_the_hosts();

	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_uint_eq(results[0].stranger, shown_id(hosts));
	ck_assert(is_mounted(root) && is_mounted(below) && is_mounted(hosts));
}
END_TEST

START_TEST(what_is_protected_below_keeps_a_dead_root)
{
	want_root(STEP_DETACH);
	ck_assert_int_eq(string_list_add(&rules.protect, "a"), 0);
	misfuse_stop();
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert(is_mounted(root) && is_mounted(below));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker/dead_root");
	TCase *tests = tcase_create("dead_root"), *uncached = tcase_create("uncached");

	if (!fixture_is_possible() || !misfuse_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tests, root_setup, root_teardown);
	tcase_add_test(tests, a_dead_root_goes_with_what_is_below_it);
	tcase_add_test(tests, a_dead_root_with_nothing_below_it_is_unmounted_plainly);
	tcase_add_test(tests, what_is_below_a_dead_root_keeps_it_from_a_plain_unmount);
	tcase_add_test(tests, a_root_that_answers_stays);
	tcase_add_test(tests, a_root_that_answers_with_an_error_stays);
	tcase_add_test(tests, a_dead_root_under_a_successor_stays_and_so_does_that);
	tcase_add_test(tests, a_dead_mount_above_the_root_is_not_the_root);
	tcase_add_test(tests, a_dead_mount_elsewhere_is_not_the_root);
	tcase_add_test(tests, what_would_travel_to_the_host_is_cut_where_a_path_still_leads_to_it);
	tcase_add_test(tests, what_is_protected_below_keeps_a_dead_root);
	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(uncached, setup_without_cache, root_teardown);
	tcase_add_test(uncached, what_would_travel_to_the_host_keeps_the_dead_root_else);
	suite_add_tcase(suite, uncached);
	return run_suite(suite);
}
