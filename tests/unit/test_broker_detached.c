/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/words.h"
#include "broker/detached.h"
#include "mount_fixture.h"
#include "run_suite.h"

#define BUILD PLACE "/build"

static const struct namespace_reference own;
static struct detached detached;

static void setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	make_tmpfs(BUILD "/a/t");
	make_tmpfs(PLACE "/other");
	memset(&detached, 0, sizeof(detached));
}

static struct step_item detach_of(const char *path)
{
	struct kernel_mount mount = mount_of(path);

	return (struct step_item){ .step = STEP_DETACH, .mount = { .id = mount.id, .dev = mount.dev } };
}

START_TEST(what_is_mounted_below_goes_with_it)
{
	struct step_item step = detach_of(BUILD "/a/t");
	struct kernel_mount below, deep;
	struct detached_tree tree;

	make_tmpfs(BUILD "/a/t/below");
	make_tmpfs(BUILD "/a/t/below/deep");
	below = mount_of(BUILD "/a/t/below");
	deep = mount_of(BUILD "/a/t/below/deep");
	tree = detached_tree_read(BUILD, &own, &step);
	ck_assert_uint_eq(tree.count, 3);
	detached_add(&detached, &tree);
	detached_tree_clear(&tree);
	ck_assert_uint_eq(detached_find(&detached, step.mount.id)->dev, step.mount.dev);
	ck_assert_uint_eq(detached_find(&detached, below.id)->dev, below.dev);
	ck_assert_uint_eq(detached_find(&detached, deep.id)->dev, deep.dev);
	ck_assert_ptr_null(detached_find(&detached, mount_of(BUILD).id));
}
END_TEST

START_TEST(of_a_tree_with_too_many_the_oldest_are_known)
{
	struct step_item step = detach_of(BUILD "/a/t");
	struct detached_tree tree;

	for (int i = 0; i < DETACHED_TREE_MAX + 10; i++)
		make_mount("tmpfs", "tmpfs", BUILD "/a/t", 0);
	tree = detached_tree_read(BUILD, &own, &step);
	ck_assert_uint_eq(tree.count, DETACHED_TREE_MAX + 1);
	ck_assert_uint_eq(tree.mounts[0].id, step.mount.id);
	detached_tree_clear(&tree);
}
END_TEST

static void ck_nothing(const struct namespace_reference *ns, const struct step_item *step)
{
	struct detached_tree tree = detached_tree_read(BUILD, ns, step);

	ck_assert_uint_eq(tree.count, 0);
	detached_add(&detached, &tree);
	detached_tree_clear(&tree);
}

START_TEST(nothing_is_kept_of_what_is_no_detach_of_ours_below_the_root)
{
	struct namespace_reference elsewhere = { .id = 4711, .inode = 4711 };
	struct step_item step = detach_of(PLACE "/other");

	ck_nothing(&own, &step);
	step = detach_of(BUILD);
	ck_nothing(&own, &step);
	step = detach_of(BUILD "/a/t");
	ck_nothing(&elsewhere, &step);
	step.step = STEP_UMOUNT;
	ck_nothing(&own, &step);
	step = detach_of(BUILD "/a/t");
	step.mount.id = 0;
	ck_nothing(&own, &step);
	step = detach_of(BUILD "/a/t");
	ck_assert_int_eq(umount2(BUILD "/a/t", 0), 0);
	ck_nothing(&own, &step);
	ck_assert_ptr_null(detached_find(&detached, step.mount.id));
	ck_assert_ptr_null(detached_find(&detached, 0));
}
END_TEST

START_TEST(the_latest_are_known)
{
	struct detached_mount mount = { .id = 1, .dev = 5 };
	const struct detached_tree tree = { &mount, 1 };

	for (; mount.id <= DETACHED_MAX + 1; mount.id++)
		detached_add(&detached, &tree);
	ck_assert_ptr_null(detached_find(&detached, 1));
	ck_assert_ptr_nonnull(detached_find(&detached, 2));
	ck_assert_ptr_nonnull(detached_find(&detached, DETACHED_MAX + 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker: detached");
	TCase *tests = tcase_create("detached");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	if (kernel_listmount(0, 0, &(uint64_t){ 0 }, 1) < 0) {
		SAY_SKIPPED("this kernel has no listmount (Linux 6.8)");
		return EXIT_SKIP;
	}
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, what_is_mounted_below_goes_with_it);
	tcase_add_test(tests, of_a_tree_with_too_many_the_oldest_are_known);
	tcase_add_test(tests, nothing_is_kept_of_what_is_no_detach_of_ours_below_the_root);
	tcase_add_test(tests, the_latest_are_known);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
