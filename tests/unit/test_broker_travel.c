/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom an unmount reaches in other mount namespaces, with real ones: the build root is shared, theirs is its slave. */
#include "base/cleanup.h"
#include "namespace_fixture.h"
#include "run_suite.h"
#include "step_fixture.h"

static struct other other;

static int be_a_slave(void)
{
	return mount(NULL, BUILD, NULL, MS_SLAVE, NULL) < 0 ? errno : 0;
}

static void setup_with_a_slave(void)
{
	setup();
	ck_assert_int_eq(mount(NULL, BUILD, NULL, MS_SHARED, NULL), 0);
	other = start_other(be_a_slave);
}

static void end_the_slave(void)
{
	end_other(&other);
}

/* A mount point at BUILD/a/t, by its filesystem: there, and in a child that goes there. */
static dev_t device_of(const char *path)
{
	struct stat st, above;
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s/..", path);
	return stat(path, &st) == 0 && stat(parent, &above) == 0 && st.st_dev != above.st_dev ? st.st_dev : 0;
}

static bool has_t(void)
{
	return device_of(BUILD "/a/t");
}

static bool has_u(void)
{
	return device_of(BUILD "/a/t/u");
}

static bool mount_another(void)
{
	return umount2(BUILD "/a/t", 0) == 0 && mount("another", BUILD "/a/t", "tmpfs", 0, "") == 0;
}

static bool mount_another_upon_it(void)
{
	return mount("another", BUILD "/a/t", "tmpfs", 0, "") == 0;
}

static bool mount_another_below(void)
{
	return umount2(BUILD "/a/t/u", 0) == 0 && mount("another", BUILD "/a/t/u", "tmpfs", 0, "") == 0;
}

static const enum step steps[] = { STEP_UMOUNT, STEP_DETACH };

START_TEST(their_copy_goes_along)
{
	make_tmpfs(BUILD "/a/t");
	ck_assert(in_other(&other.ns, has_t));
	want("a/t", steps[_i]);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(!in_other(&other.ns, has_t));
}
END_TEST

START_TEST(what_they_mounted_at_its_place_is_not_taken)
{
	struct kernel_mount mount;
	char where[64];

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", steps[_i]);
	ck_assert(in_other(&other.ns, mount_another));
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	snprintf(where, sizeof(where), BUILD "/a/t in mount namespace %llu", (unsigned long long)other.ns.inode);
	ck_assert_msg(strstr(results[0].detail, where), "%s", results[0].detail);
	ck_assert_uint_ne(results[0].stranger, 0);
	ck_assert(is_mounted(mount));
	ck_assert(in_other(&other.ns, has_t));
}
END_TEST

START_TEST(what_they_mounted_upon_their_copy_stays)
{
	make_tmpfs(BUILD "/a/t");
	want("a/t", steps[_i]);
	ck_assert(in_other(&other.ns, mount_another_upon_it));
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(in_other(&other.ns, has_t));
}
END_TEST

START_TEST(an_actions_mount_in_which_they_mounted_another_is_cut_off_first)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/u");
	ck_assert(in_other(&other.ns, mount_another_below));
	mount = want("a/t/u", steps[_i]);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_assert(!is_mounted(mount));
	ck_assert(in_other(&other.ns, has_u));
}
END_TEST

START_TEST(a_tree_with_such_a_mount_in_it_goes_without_theirs)
{
	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/u");
	ck_assert(in_other(&other.ns, mount_another_below));
	want("a/t", STEP_DETACH);
	go();
	ck_outcome(0, OUTCOME_GONE);
	ck_assert(results[0].made_private);
	ck_assert(in_other(&other.ns, has_u));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker_travel");
	TCase *tcase = tcase_create("travel");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tcase, setup_with_a_slave, end_the_slave);
	tcase_add_loop_test(tcase, their_copy_goes_along, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, what_they_mounted_at_its_place_is_not_taken, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, what_they_mounted_upon_their_copy_stays, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, an_actions_mount_in_which_they_mounted_another_is_cut_off_first, 0,
			    ARRAY_SIZE(steps));
	tcase_add_test(tcase, a_tree_with_such_a_mount_in_it_goes_without_theirs);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
