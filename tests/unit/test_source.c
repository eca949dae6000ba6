/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each source feeds a model of its own; both are compared with each other and with a fresh look at everything. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/scratch.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "source/listmount.h"
#include "source/source.h"
#include "odd_names.h"
#include "run_suite.h"

#define WAKE_DEADLINE_MS 5000
#define LATE_FIELDS	 (STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE)

struct side {
	struct source source;
	struct model *model;
};

static const enum source_kind kinds[] = { SOURCE_MOUNTINFO, SOURCE_LISTMOUNT };
static struct side sides[ARRAY_SIZE(kinds)], *const listmount = &sides[1];
static size_t side_count = ARRAY_SIZE(kinds); /* of those that this kernel has */

#define NEED_LISTMOUNT()                                                                                               \
	do {                                                                                                           \
		if (side_count == 1)                                                                                   \
			SKIP_TEST("this kernel has no listmount (Linux 6.8)");                                         \
	} while (0)

/* Brings the side's model up to date and says how many mounts the source read. */
static size_t update(struct side *side, bool complete)
{
	struct changes changes = { 0 };
	struct scan scan = { 0 };
	char why[256] = "";
	size_t count;

	ck_assert_int_ge(side->source.ops->drain(&side->source), 0);
	ck_assert_int_eq(side->source.ops->read(&side->source, side->model, complete, &scan), 0);
	count = scan.count;
	ck_assert_int_eq(model_apply(side->model, &scan, clock_now(), &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
	ck_assert_msg(model_verify(side->model, why, sizeof(why)) == 0, "%s", why);
	return count;
}

static void refresh(struct side *side)
{
	struct changes changes = { 0 };
	struct scan scan = { 0 };

	ck_assert_int_eq(side->source.ops->refresh(&side->source, side->model, &scan), 0);
	ck_assert_int_eq(model_apply(side->model, &scan, clock_now(), &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
}

static void open_side(struct side *side, enum source_kind kind)
{
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };
	char why[256];
	int r;

	r = source_open(kind, &side->source, why, sizeof(why));
	ck_assert_msg(r == 0, "%s: %s", source_name(kind), why);
	side->model = model_new();
	ck_assert_ptr_nonnull(side->model);
	ck_assert_int_eq(rules_init(&rules, scratch_file("build")), 0);
	ck_assert_int_eq(model_set_roots(side->model, list, 1), 0);
	rules_clear(&rules);
	update(side, true);
}

static void begin(void)
{
	scratch_enter();
	ck_assert_int_eq(mkdir(scratch_file("build"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_file("out"), 0755), 0);
	for (size_t i = 0; i < side_count; i++)
		open_side(&sides[i], kinds[i]);
}

static void end(void)
{
	for (size_t i = 0; i < side_count; i++) {
		source_close(&sides[i].source);
		model_free(sides[i].model);
	}
}

struct wanted {
	uint32_t id32;
	struct mount *found;
};

static int is_wanted(void *context, struct mount *mount)
{
	struct wanted *wanted = context;

	if (mount->facts.id32 != wanted->id32)
		return 0;
	wanted->found = mount;
	return 1;
}

static struct mount *find_id32(struct model *model, uint32_t id32)
{
	struct wanted wanted = { .id32 = id32 };

	model_each_mount(model, is_wanted, &wanted);
	return wanted.found;
}

static void compare_facts(const struct mount_facts *a, const struct mount_facts *b)
{
	ck_assert_str_eq(a->target, b->target);
	ck_assert_str_eq(a->root, b->root);
	ck_assert_int_eq(a->root_deleted, b->root_deleted);
	ck_assert_uint_eq(a->dev, b->dev);
	ck_assert_uint_eq(a->peer_group, b->peer_group);
	ck_assert_uint_eq(a->master, b->master);
	ck_assert_uint_eq(a->parent32, b->parent32);
	ck_assert_str_eq(a->fstype, b->fstype);
	ck_assert_str_eq(a->source, b->source);
	ck_assert_str_eq(a->options, b->options);
	ck_assert_str_eq(a->super_options, b->super_options);
}

static int compare_mount(void *context, struct mount *a)
{
	struct mount *b = find_id32(context, a->facts.id32);

	ck_assert_msg(b != NULL, "only one source has %s", a->facts.target);
	compare_facts(&a->facts, &b->facts);
	ck_assert_int_eq(a->parent != NULL, b->parent != NULL);
	if (a->parent)
		ck_assert_uint_eq(a->parent->facts.id32, b->parent->facts.id32);
	ck_assert_int_eq(a->instance != NULL, b->instance != NULL);
	ck_assert_int_eq(a->action != NULL, b->action != NULL);
	/* A moved mount stays with its action where it has a unique id; without one it is another mount. */
	if (a->action && !((a->evidence | b->evidence) & EVIDENCE_BIT(EVIDENCE_MOVED)))
		ck_assert_str_eq(a->action->path, b->action->path);
	return 0;
}

static void compare_with_fresh(struct side *side)
{
	struct scan scan = { 0 };

	ck_assert_int_eq(side->source.ops->read(&side->source, side->model, true, &scan), 0);
	ck_assert_uint_eq(scan.count, model_mount_count(side->model));
	for (size_t i = 0; i < scan.count; i++) {
		struct mount *mount = find_id32(side->model, scan.mounts[i].id32);

		ck_assert_msg(mount != NULL, "the model lacks %s", scan.mounts[i].target);
		compare_facts(&mount->facts, &scan.mounts[i]);
	}
	scan_clear(&scan);
}

static void compare_all(void)
{
	ck_assert_uint_eq(model_mount_count(sides[0].model), model_mount_count(sides[side_count - 1].model));
	model_each_mount(sides[0].model, compare_mount, sides[side_count - 1].model);
	for (size_t i = 0; i < side_count; i++)
		compare_with_fresh(&sides[i]);
}

static void update_all(void)
{
	for (size_t i = 0; i < side_count; i++)
		update(&sides[i], false);
}

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

START_TEST(both_sources_follow_any_sequence_of_changes)
{
	seed = 2463534242u + 7919 * _i;
	random_life(60);
}
END_TEST

START_TEST(strings_that_an_older_statmount_lacks_come_from_mountinfo)
{
	NEED_LISTMOUNT();
	listmount_believed_fields = ~LATE_FIELDS;
	seed = 88172645u + 104729 * _i;
	random_life(30);
}
END_TEST

/* Names */

static struct mount *at(struct side *side, const char *path)
{
	struct mount *mount = model_mount_for_path(side->model, path);

	ck_assert_ptr_nonnull(mount);
	return mount;
}

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
	return strlen(mount->facts.target) > 200 * 256;
}

START_TEST(paths_may_be_longer_than_any_buffer)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = 0;
	begin();
	ck_assert_int_eq(chdir(scratch_file("build")), 0);
	for (int level = 0; level < 200; level++) {
		ck_assert_int_eq(mkdir(name, 0755), 0);
		ck_assert_int_eq(chdir(name), 0);
		if (level % 50 == 13)
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

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, timeout_ms) == 1;
}

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

START_TEST(auto_takes_the_best_and_says_why_not_a_better_one)
{
	struct source source;
	char why[256];

	ck_assert_int_eq(source_open(SOURCE_AUTO, &source, why, sizeof(why)), 0);
	ck_assert_int_eq(source.ops->kind, kinds[side_count - 1]);
	ck_assert_ptr_nonnull(strstr(why, "fanotify"));
	source_close(&source);
	ck_assert_int_eq(source.fd, -1);
	ck_assert_int_eq(source_open(SOURCE_FANOTIFY, &source, why, sizeof(why)), -EOPNOTSUPP);
	ck_assert_str_ne(why, "");
	ck_assert_int_eq(source_open(SOURCE_MOUNTINFO, &source, why, sizeof(why)), 0);
	ck_assert_str_eq(why, "");
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
	ck_assert_int_eq(source_open(SOURCE_AUTO, &source, why, sizeof(why)), 0);
	ck_assert_int_eq(source.ops->kind, SOURCE_MOUNTINFO);
	ck_assert_ptr_nonnull(strstr(why, _i ? "Operation not permitted" : "6.8"));
	source_close(&source);
	ck_assert_int_eq(source_open(SOURCE_LISTMOUNT, &source, why, sizeof(why)), -EOPNOTSUPP);
}
END_TEST

static TCase *make_cases(void)
{
	TCase *cases = tcase_create("sources");
	const int each = (int)side_count;

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, both_sources_follow_any_sequence_of_changes, 0, 30);
	tcase_add_loop_test(cases, strings_that_an_older_statmount_lacks_come_from_mountinfo, 0, 5);
	tcase_add_loop_test(cases, odd_names_pass_byte_for_byte, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(cases, paths_may_be_longer_than_any_buffer);
	tcase_add_test(cases, a_mount_200_levels_deep_is_followed);
	tcase_add_test(cases, a_deleted_source_directory_is_told_from_one_of_that_name);
	tcase_add_loop_test(cases, a_change_wakes_once_and_draining_makes_quiet, 0, each);
	tcase_add_loop_test(cases, a_wake_up_is_not_lost_in_the_epoll_of_a_loop, 0, each);
	tcase_add_test(cases, nothing_is_read_again_where_nothing_changed);
	tcase_add_test(cases, a_mount_that_moves_below_a_root_is_found);
	tcase_add_loop_test(cases, a_rename_above_a_mount_is_found_by_a_refresh, 0, each);
	tcase_add_loop_test(cases, a_refresh_sees_what_went, 0, each);
	tcase_add_loop_test(cases, a_table_that_changes_while_it_is_read_ends_up_right, 0, each);
	tcase_add_test(cases, auto_takes_the_best_and_says_why_not_a_better_one);
	tcase_add_loop_test(cases, without_listmount_auto_takes_mountinfo_and_says_why, 0, 2);
	return cases;
}

int main(void)
{
	struct mount_status status;
	Suite *suite;
	int exit_status;

	if (kernel_statmount(1, &status) == -ENOSYS)
		side_count = 1;
	if (!scratch_begin())
		return EXIT_SKIP;
	suite = suite_create("source");
	suite_add_tcase(suite, make_cases());
	exit_status = run_suite(suite);
	scratch_end();
	return exit_status;
}
