/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, waking, and what is read again, by each source that this kernel has. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "odd_names.h"
#include "run_suite.h"
#include "source_fixture.h"

#define WAKE_DEADLINE_MS 5000

/* Names */

START_TEST(odd_names_pass_byte_for_byte)
{
	const char *name = odd_names[_i];

	begin();
	ck_assert_int_eq(mkdir(scratch_file("build/%s", name), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_file("out/%s", name), 0755), 0);
	ck_assert_int_eq(mount(name, scratch_file("build/%s", name), "tmpfs", 0, NULL), 0);
	scratch_bind(scratch_file("out/%s", name), scratch_file("build/bind"));
	update_all();
	for (size_t i = 0; i < side_count; i++) {
		const struct mount *mount = at(&sides[i], scratch_file("build/%s", name));

		ck_assert_str_eq(mount->facts.target, scratch_file("build/%s", name));
		ck_assert_str_eq(mount->facts.source, name);
		ck_assert_str_eq(at(&sides[i], scratch_file("build/bind"))->facts.root + strlen("/out/"), name);
	}
	compare_all();
	end();
}
END_TEST

static int is_long(void *context, struct mount *mount)
{
	(void)context;
	return strlen(mount->facts.target) > ((size_t)4 << 20);
}

START_TEST(paths_may_be_longer_than_any_buffer)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = 0;
	begin();
	ck_assert_int_eq(chdir(scratch_file("build")), 0);
	for (int level = 0; level < 16400; level++) {
		ck_assert_int_eq(mkdir(name, 0755), 0);
		ck_assert_int_eq(chdir(name), 0);
		if (level < 200 && level % 50 == 13)
			ck_assert_int_eq(mkdir("here", 0755) | mount("deep", "here", "tmpfs", 0, NULL), 0);
	}
	ck_assert_int_eq(mkdir("here", 0755) | mount("deep", "here", "tmpfs", 0, NULL), 0);
	update_all();
	compare_all();
	ck_assert_int_eq(model_each_mount(sides[0].model, is_long, NULL), 1);
	end();
}
END_TEST

START_TEST(a_mount_200_levels_deep_is_followed)
{
	begin();
	ck_assert_int_eq(chdir(scratch_file("build")), 0);
	for (int level = 0; level < 200; level++) {
		ck_assert_int_eq(mkdir("d", 0755), 0);
		ck_assert_int_eq(mount("level", "d", "tmpfs", 0, NULL), 0);
		ck_assert_int_eq(chdir("d"), 0);
	}
	update_all();
	compare_all();
	ck_assert_int_eq(umount2(scratch_file("build/d/d/d"), MNT_DETACH), 0);
	update_all();
	compare_all();
	end();
}
END_TEST

START_TEST(a_deleted_source_directory_is_told_from_one_of_that_name)
{
	begin();
	ck_assert_int_eq(mkdir(scratch_file("out/a"), 0755), 0);
	scratch_bind(scratch_file("out/a"), scratch_file("build/bind"));
	update_all();
	ck_assert_int_eq(rmdir(scratch_file("out/a")), 0);
	for (size_t i = 0; i < side_count; i++) {
		const struct mount *mount;

		refresh(&sides[i]);
		mount = at(&sides[i], scratch_file("build/bind"));
		ck_assert_str_eq(mount->facts.root, "/out/a");
		ck_assert(mount->facts.root_deleted);
	}
	compare_all();
	end();
}
END_TEST

/* Waking */

START_TEST(a_change_wakes_once_and_draining_makes_quiet)
{
	struct source *source = &sides[_i].source;

	begin();
	ck_assert(!is_readable(source->fd, 0));
	ck_assert_int_eq(source->ops->drain(source), 0);
	for (int i = 0; i < 50; i++) {
		scratch_tmpfs(scratch_file("build/a"));
		ck_assert(is_readable(source->fd, WAKE_DEADLINE_MS));
		ck_assert(is_readable(source->fd, 0));
		ck_assert_int_eq(source->ops->drain(source), 1);
		ck_assert(!is_readable(source->fd, 0));
		ck_assert_int_eq(source->ops->drain(source), 0);
		update(&sides[_i], false);
		ck_assert(!is_readable(source->fd, 0));
		ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
		ck_assert(is_readable(source->fd, WAKE_DEADLINE_MS));
		ck_assert_int_eq(source->ops->drain(source), 1);
	}
	end();
}
END_TEST

START_TEST(a_wake_up_is_not_lost_in_the_epoll_of_a_loop)
{
	struct epoll_event event = { .events = EPOLLIN };
	CLEANUP_CLOSE int outer = epoll_create1(EPOLL_CLOEXEC);
	struct source *source = &sides[_i].source;

	begin();
	ck_assert_int_eq(epoll_ctl(outer, EPOLL_CTL_ADD, source->fd, &event), 0);
	ck_assert_int_eq(epoll_wait(outer, &event, 1, 0), 0);
	scratch_tmpfs(scratch_file("build/a"));
	event.events = EPOLLIN;
	ck_assert_int_eq(epoll_ctl(outer, EPOLL_CTL_MOD, source->fd, &event), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(epoll_wait(outer, &event, 1, WAKE_DEADLINE_MS), 1);
	ck_assert_int_eq(source->ops->drain(source), 1);
	ck_assert_int_eq(epoll_wait(outer, &event, 1, 0), 0);
	end();
}
END_TEST

/* What is read */

START_TEST(nothing_is_read_again_where_nothing_changed)
{
	NEED_LISTMOUNT();
	begin();
	scratch_tmpfs(scratch_file("build/a"));
	scratch_tmpfs(scratch_file("out/a"));
	ck_assert_uint_eq(update(listmount, false), 2);
	ck_assert_uint_eq(update(listmount, false), 0);
	ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
	ck_assert_uint_eq(update(listmount, false), 0);
	ck_assert_uint_eq(update(&sides[0], false), model_mount_count(listmount->model));
	update_all();
	compare_all();
	end();
}
END_TEST

START_TEST(a_mount_that_moves_below_a_root_is_found)
{
	begin();
	scratch_tmpfs(scratch_file("out/a"));
	ck_assert_int_eq(mkdir(scratch_file("build/7"), 0755), 0);
	update_all();
	ck_assert_ptr_null(at(&sides[0], scratch_file("out/a"))->instance);
	ck_assert_int_eq(mount(scratch_file("out/a"), scratch_file("build/7"), NULL, MS_MOVE, NULL), 0);
	update_all();
	ck_assert_str_eq(at(&sides[0], scratch_file("build/7"))->action->name, "7");
	compare_all();
	end();
}
END_TEST

START_TEST(a_rename_above_a_mount_is_found_by_a_refresh)
{
	struct side *side = &sides[_i];

	begin();
	ck_assert_int_eq(mkdir(scratch_file("build/7"), 0755), 0);
	scratch_tmpfs(scratch_file("build/7/proc"));
	update_all();
	ck_assert_int_eq(rename(scratch_file("build/7"), scratch_file("build/8")), 0);
	ck_assert(!is_readable(side->source.fd, 0));
	refresh(side);
	ck_assert_str_eq(at(side, scratch_file("build/8/proc"))->facts.target, scratch_file("build/8/proc"));
	compare_with_fresh(side);
	end();
}
END_TEST

START_TEST(a_refresh_sees_what_went)
{
	begin();
	scratch_tmpfs(scratch_file("build/a"));
	update_all();
	ck_assert_int_eq(umount2(scratch_file("build/a"), 0), 0);
	refresh(&sides[_i]);
	compare_with_fresh(&sides[_i]);
	end();
}
END_TEST

/* Each path is another afterwards, and the sources' own root, too. */
START_TEST(a_root_that_is_pivoted_is_followed)
{
	begin();
	scratch_tmpfs(scratch_file("build/a"));
	scratch_tmpfs(scratch_file("out/new"));
	ck_assert_int_eq(mkdir(scratch_file("out/new/old"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_file("out/new/proc"), 0755), 0);
	scratch_bind("/proc", scratch_file("out/new/proc"));
	update_all();
	ck_assert_ptr_nonnull(at(&sides[0], scratch_file("build/a"))->action);
	fanotify_compare_after = INT64_MAX;
	ck_assert_int_eq((int)syscall(SYS_pivot_root, scratch_file("out/new"), scratch_file("out/new/old")), 0);
	ck_assert_int_eq(chdir("/"), 0);
	update_all();
	compare_all();
	ck_assert_int_eq(umount2("/old", MNT_DETACH), 0);
	update_all();
	compare_all();
	end();
}
END_TEST

START_TEST(auto_takes_the_best_and_says_why_not_a_better_one)
{
	struct source_inputs inputs = { .events_error = EINVAL };
	struct source source;
	char why[256];

	inputs.events = open_events(&inputs.events_lack);
	ck_assert_int_eq(source_open(SOURCE_AUTO, &inputs, &source, why, sizeof(why)), 0);
	ck_assert_int_eq(source.ops->kind, kinds[side_count - 1]);
	if (side_count == 3)
		ck_assert_str_eq(why, "");
	else
		ck_assert_ptr_nonnull(strstr(why, "fanotify: this kernel has no mount events (Linux 6.15 has)"));
	source_close(&source);
	ck_assert_int_eq(source.fd, -1);
	ck_assert_int_eq(source_open(SOURCE_MOUNTINFO, NULL, &source, why, sizeof(why)), 0);
	ck_assert_str_eq(why, "");
	source_close(&source);
}
END_TEST

static const struct {
	int error;
	const char *sentence;
} without_events[] = {
	{ 0, "fanotify: mount events come from the daemon's broker alone" },
	{ EINVAL, "fanotify: this kernel has no mount events (Linux 6.15 has)" },
	{ ENOSYS, "fanotify: this kernel has no mount events (Linux 6.15 has)" },
	{ EPERM, "fanotify: no mount events: Operation not permitted" },
};

START_TEST(without_events_fanotify_says_what_is_missing)
{
	struct source_inputs inputs = { .events = -1, .events_error = without_events[_i].error };
	struct source source;
	char why[256];

	ck_assert_int_eq(source_open(SOURCE_FANOTIFY, &inputs, &source, why, sizeof(why)), -EOPNOTSUPP);
	ck_assert_str_eq(why, without_events[_i].sentence);
	ck_assert_int_eq(source_open(SOURCE_AUTO, &inputs, &source, why, sizeof(why)), 0);
	ck_assert_int_ne(source.ops->kind, SOURCE_FANOTIFY);
	ck_assert_ptr_eq(strstr(why, without_events[_i].sentence), why);
	source_close(&source);
}
END_TEST

/* As on a kernel before 6.8, and as container runtimes with an older list answer. */
static void take_calls_away(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 457, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 458, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(without_listmount_auto_takes_mountinfo_and_says_why)
{
	const int error = _i ? EPERM : ENOSYS;
	struct source source;
	char why[256];

	scratch_enter();
	take_calls_away(error);
	ck_assert_int_eq(source_open(SOURCE_AUTO, NULL, &source, why, sizeof(why)), 0);
	ck_assert_int_eq(source.ops->kind, SOURCE_MOUNTINFO);
	ck_assert_ptr_nonnull(strstr(why, _i ? "Operation not permitted" : "6.8"));
	source_close(&source);
	ck_assert_int_eq(source_open(SOURCE_LISTMOUNT, NULL, &source, why, sizeof(why)), -EOPNOTSUPP);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source");
	TCase *tests = tcase_create("sources");
	int exit_status;

	if (!source_fixture_begin())
		return EXIT_SKIP;
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, odd_names_pass_byte_for_byte, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(tests, paths_may_be_longer_than_any_buffer);
	tcase_add_test(tests, a_mount_200_levels_deep_is_followed);
	tcase_add_test(tests, a_deleted_source_directory_is_told_from_one_of_that_name);
	tcase_add_loop_test(tests, a_change_wakes_once_and_draining_makes_quiet, 0, (int)side_count);
	tcase_add_loop_test(tests, a_wake_up_is_not_lost_in_the_epoll_of_a_loop, 0, (int)side_count);
	tcase_add_test(tests, nothing_is_read_again_where_nothing_changed);
	tcase_add_test(tests, a_mount_that_moves_below_a_root_is_found);
	tcase_add_loop_test(tests, a_rename_above_a_mount_is_found_by_a_refresh, 0, (int)side_count);
	tcase_add_loop_test(tests, a_refresh_sees_what_went, 0, (int)side_count);
	tcase_add_test(tests, a_root_that_is_pivoted_is_followed);
	tcase_add_test(tests, auto_takes_the_best_and_says_why_not_a_better_one);
	tcase_add_loop_test(tests, without_events_fanotify_says_what_is_missing, 0, ARRAY_SIZE(without_events));
	tcase_add_loop_test(tests, without_listmount_auto_takes_mountinfo_and_says_why, 0, 2);
	suite_add_tcase(suite, tests);
	exit_status = run_suite(suite);
	scratch_end();
	return exit_status;
}
