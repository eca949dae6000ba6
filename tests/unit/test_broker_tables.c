/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is mounted in other mount namespaces, and what tells that it changes; and that nothing of it stays behind. */
#include "base/cleanup.h"
#include "kernel/mount_events.h"
#include "requests_fixture.h"
#include "run_suite.h"

/* ---- tables ---- */

static int mount_two(void)
{
	if (mount("two", BUILD, "tmpfs", MS_NOSUID, "size=1m") < 0 || mkdir(BUILD "/a b\xff\n", 0755) < 0 ||
	    mount(BUILD, BUILD "/a b\xff\n", NULL, MS_BIND, NULL) < 0 || mount(NULL, BUILD, NULL, MS_SHARED, NULL) < 0)
		return errno;
	told->mount = mount_of(BUILD);
	told->below = mount_of(BUILD "/a b\xff\n");
	return 0;
}

static size_t lines_of(FILE *file)
{
	size_t lines = 0;
	int c;

	ck_assert_ptr_nonnull(file);
	while ((c = fgetc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static size_t mounts_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	return lines_of(fopen(path, "re"));
}

/* From its start. */
static size_t lines_of_fd(int fd)
{
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return lines_of(fdopen(dup(fd), "re"));
}

/* True where the table came as records, which are in `mounts` then; else an open mountinfo was looked at. */
static bool ask_for_table(struct message_request *request, size_t expected, struct message_mount *mounts, size_t size)
{
	struct message_result result = ask_for(request);
	bool records = result.error == 0 && result.tables[0].kind == TABLE_RECORDS;
	struct wire_reader reader;
	size_t count = 0;

	ck_assert_int_eq(result.error, 0);
	if (!records) {
		ck_assert_uint_eq(lseek(result.fds[0], 0, SEEK_SET), 0);
		return false;
	}
	reader = read_records(result.fds[0]);
	while (record_next_mount(&reader, &mounts[count]) > 0)
		ck_assert_uint_lt(++count, size);
	ck_assert(wire_reader_is_done(&reader));
	ck_assert_uint_eq(count, result.tables[0].count);
	ck_assert_uint_eq(count, expected);
	message_result_clear(&result);
	return true;
}

static const struct message_mount *find_mount(const struct message_mount *mounts, size_t count, uint64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (mounts[i].id == id)
			return &mounts[i];
	return NULL;
}

START_TEST(the_mounts_of_another_namespace_are_told_one_by_one)
{
	static struct message_mount mounts[1000];
	struct other other = start_other(mount_two);
	struct message_request request = { .type = MESSAGE_TABLE, .ns = reference_to(&other) };
	const struct message_mount *mount, *below;
	size_t count = mounts_of(other.pid);

	if (!ask_for_table(&request, count, mounts, ARRAY_SIZE(mounts)))
		SKIP_TEST("this kernel has no listmount (Linux 6.8)");
	mount = find_mount(mounts, count, told->mount.id);
	below = find_mount(mounts, count, told->below.id);
	ck_assert(mount && below);
	ck_assert_str_eq(mount->target, BUILD);
	ck_assert_str_eq(mount->root, "/");
	ck_assert_str_eq(mount->fstype, "tmpfs");
	ck_assert_str_eq(mount->options, "rw,nosuid,relatime");
	ck_assert_uint_ne(mount->peer_group, 0);
	ck_assert_uint_eq(mount->id32, told->mount.id32);
	ck_assert_uint_eq(mount->dev, told->mount.dev);
	ck_assert_uint_eq(below->parent, mount->id);
	ck_assert_uint_eq(below->parent32, mount->id32);
	ck_assert_str_eq(below->target, BUILD "/a b\xff\n");
	ck_assert_uint_eq(below->dev, mount->dev);
	end_other(&other);
}
END_TEST

START_TEST(what_an_older_statmount_does_not_tell_comes_in_a_mountinfo)
{
	static struct message_mount mounts[1000];
	struct other other = start_other(mount_two);
	struct message_request request = { .type = MESSAGE_TABLE, .ns = reference_to(&other) };
	struct message_result result = ask_for(&request);
	size_t count = mounts_of(other.pid);
	const struct message_mount *mount;

	ck_assert_int_eq(result.error, 0);
	if (result.tables[0].kind == TABLE_MOUNTINFO || result.fd_count == 2) {
		ck_assert_uint_eq(lines_of_fd(result.fds[result.fd_count - 1]), count);
	} else {
		ask_for_table(&request, count, mounts, ARRAY_SIZE(mounts));
		mount = find_mount(mounts, count, told->mount.id);
		ck_assert_str_eq(mount->source, "two");
		ck_assert_ptr_nonnull(strstr(mount->super_options, "size=1024k"));
	}
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

START_TEST(of_the_mounts_that_are_asked_for_those_that_have_gone_are_absent)
{
	static struct message_mount mounts[10];
	struct other other = start_other(mount_two);
	uint64_t ids[] = { 1, mount_of(BUILD).id, 0, UINT64_MAX };
	struct message_request request = {
		.type = MESSAGE_TABLE, .ns = reference_to(&other), .count = ARRAY_SIZE(ids), .ids = ids
	};

	ids[2] = told->below.id ? told->below.id : 5;
	ids[1] = ids[1] ? ids[1] : 4;
	if (!ask_for_table(&request, 1, mounts, ARRAY_SIZE(mounts)))
		SKIP_TEST("this kernel has no listmount (Linux 6.8)");
	ck_assert_uint_eq(mounts[0].id, told->below.id);
	end_other(&other);
}
END_TEST

START_TEST(the_table_of_our_own_namespace_is_told_alike)
{
	static struct message_mount mounts[1000];
	struct message_request request = { .type = MESSAGE_TABLE };

	if (!ask_for_table(&request, mounts_of(getpid()), mounts, ARRAY_SIZE(mounts)))
		SKIP_TEST("this kernel has no listmount (Linux 6.8)");
	ck_assert_ptr_nonnull(find_mount(mounts, mounts_of(getpid()), mount_of(BUILD).id));
}
END_TEST

/* ---- events ---- */

static struct message_result ask_for_events(const struct other *other, uint32_t kind)
{
	struct message_request request = {
		.type = MESSAGE_EVENTS, .ns = reference_to(other), .count = 1, .events = &kind
	};

	return ask_for(&request);
}

static bool becomes(int fd, short events)
{
	struct pollfd polled = { .fd = fd, .events = events };

	return poll(&polled, 1, DEADLINE) == 1 && polled.revents & events;
}

static bool is_quiet(int fd, short events)
{
	struct pollfd polled = { .fd = fd, .events = events };

	return poll(&polled, 1, 0) == 0;
}

/* In a child that goes there. */
static bool mount_one_more(void)
{
	return mount("more", BUILD, "tmpfs", 0, "") == 0;
}

START_TEST(a_group_tells_of_each_mount_there_and_of_none_here)
{
	struct other other = start_other(NULL);
	struct message_result result = ask_for_events(&other, EVENTS_GROUP);
	struct mount_event event;

	if (result.error == EINVAL || result.error == ENOSYS)
		SKIP_TEST("this kernel has no mount events (Linux 6.15)");
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.events[0].kind, EVENTS_GROUP);
	ck_assert_uint_eq(result.events[0].lack, 0);
	make_tmpfs(BUILD);
	ck_assert(is_quiet(result.fds[0], POLLIN));
	ck_assert(in_other(&other.ns, mount_one_more));
	ck_assert(becomes(result.fds[0], POLLIN));
	ck_assert_int_eq(kernel_mount_events_read(result.fds[0], &event, 2), 1);
	ck_assert(event.attached);
	kernel_mount_events_close(&event, 1);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

START_TEST(an_open_mountinfo_tells_that_something_changed_there)
{
	struct other other = start_other(NULL);
	struct message_result result = ask_for_events(&other, EVENTS_MOUNTINFO);
	size_t before;

	ck_assert_int_eq(result.error, 0);
	before = lines_of_fd(result.fds[0]);
	ck_assert_uint_eq(before, mounts_of(other.pid));
	ck_assert(is_quiet(result.fds[0], POLLPRI));
	make_tmpfs(BUILD);
	ck_assert(is_quiet(result.fds[0], POLLPRI));
	ck_assert(in_other(&other.ns, mount_one_more));
	ck_assert(becomes(result.fds[0], POLLPRI));
	ck_assert_uint_eq(lines_of_fd(result.fds[0]), before + 1);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

static const uint32_t kinds[] = { EVENTS_GROUP, EVENTS_MOUNTINFO };

START_TEST(with_them_comes_a_process_whose_end_is_seen)
{
	struct other other = start_other(NULL);
	struct message_result result = ask_for_events(&other, kinds[_i]);

	if (result.error == EINVAL || result.error == ENOSYS)
		SKIP_TEST("this kernel has no mount events (Linux 6.15)");
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.fd_count, 2);
	ck_assert_int_eq(result.events[0].pid, other.pid);
	ck_assert(is_quiet(result.fds[1], POLLIN));
	end_other(&other);
	ck_assert(becomes(result.fds[1], POLLIN));
	message_result_clear(&result);
}
END_TEST

/* Without an id nobody can tell it from the next one that has its inode, which may be anybody's on this machine. */
static bool has_gone(const void *context)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all;
	const struct kernel_namespace *ns = context;
	const struct kernel_namespace_entry *entry;

	ck_assert_int_eq(kernel_namespaces_read(&all, true), 0);
	entry = kernel_namespaces_find(&all, ns->inode);
	return !ns->id || !entry || !kernel_namespace_is(&entry->ns, ns);
}

static bool sees_those_without_a_process(void)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all;

	ck_assert_int_eq(kernel_namespaces_read(&all, true), 0);
	return all.lacking == 0;
}

START_TEST(what_the_engine_has_closed_keeps_no_namespace_alive)
{
	struct other other = start_other(mount_two);
	struct message_request table = { .type = MESSAGE_TABLE, .ns = reference_to(&other) };
	struct message_result results[] = {
		ask_for(&table),
		ask_for_events(&other, EVENTS_GROUP),
		ask_for_events(&other, EVENTS_MOUNTINFO),
	};
	bool sees_all;

	sees_all = sees_those_without_a_process();
	end_other(&other);
	if (sees_all)
		ck_assert(!has_gone(&other.ns)); /* for a mountinfo is open */
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		message_result_clear(&results[i]);
	ck_assert(comes_true(has_gone, &other.ns));
}
END_TEST

/* ---- what it costs when something goes wrong ---- */

START_TEST(no_descriptor_and_no_child_is_left_over)
{
	struct other other = start_other(mount_two), gone = start_other(NULL);
	size_t fds = 0;

	end_other(&gone);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			struct message_request request = request_of(types[i]);

			request.ns = reference_to(round == 1 ? &gone : &other);
			use_selectors(round == 2 ? "self" : "all");
			error_of(&request);
		}
		use_selectors("all");
		ck_assert_int_eq(error_of(&(struct message_request){ .type = MESSAGE_NAMESPACES }), 0);
		if (!fds)
			fds = count_fds();
		ck_assert_uint_eq(count_fds(), fds);
	}
	ck_assert_uint_eq(batch_pool_running(requests.pool), 0);
	ck_assert_uint_eq(batch_pool_hung(requests.pool), 0);
	end_other(&other);
}
END_TEST

START_TEST(a_selector_that_hangs_costs_a_child_and_its_time)
{
	struct other other = start_other(NULL);
	struct message_request request = request_of(MESSAGE_STEP);
	struct message_result result;

	rules->step_timeout = 100 * NSEC_PER_MSEC;
	ck_assert_int_eq(mkfifo(PLACE "/fifo", 0644), 0);
	use_selectors("pidfile:" PLACE "/fifo");
	request.ns = reference_to(&other);
	result = ask_for(&request);
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_HUNG);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

/* How many datagrams it took. */
static unsigned fill_the_socket(void)
{
	char junk[1024] = { 0 };
	unsigned sent = 0;

	while (wire_send(ends[0], junk, sizeof(junk), NULL, 0) == 0)
		sent++;
	return sent;
}

static void drain_the_socket(unsigned count)
{
	char junk[1024];
	int fds[WIRE_FDS_MAX];
	size_t fd_count;

	while (count--)
		ck_assert_int_gt(wire_receive(ends[1], junk, sizeof(junk), fds, &fd_count), 0);
}

static void wait_until_it_cannot_be_answered(void)
{
	int r = 0;

	for (int waited = 0; r == 0; waited++) {
		ck_assert_int_lt(waited, DEADLINE);
		batch_pool_run(requests.pool, clock_now().mono);
		r = requests_answer(&requests, ends[0]);
		if (r == 0)
			poll(NULL, 0, 1);
	}
	ck_assert_int_eq(r, -EAGAIN);
}

START_TEST(an_engine_that_does_not_read_gets_its_descriptors_later)
{
	struct other other = start_other(NULL);
	struct message_request request = { .type = MESSAGE_TABLE, .ns = reference_to(&other) };
	struct message_result result;
	unsigned sent = fill_the_socket();

	ask(&request);
	wait_until_it_cannot_be_answered();
	wait_until_it_cannot_be_answered();
	drain_the_socket(sent);
	result = answer();
	ck_assert_int_eq(result.error, 0);
	ck_assert_int_ge(result.fd_count, 1);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

/* What is to be handed over is not the hanging child's to keep, which was made meanwhile. */
START_TEST(a_child_that_hangs_keeps_no_namespace_alive_that_others_asked_about)
{
	struct other other = start_other(NULL), second = start_other(NULL);
	uint32_t kind = EVENTS_MOUNTINFO;
	struct message_request events = {
		.type = MESSAGE_EVENTS, .ns = reference_to(&other), .count = 1, .events = &kind
	};
	struct message_request hanging = request_of(MESSAGE_STEP);
	struct message_result result;
	unsigned sent = fill_the_socket();

	ask(&events);
	wait_until_it_cannot_be_answered();
	rules->step_timeout = 3600 * NSEC_PER_SEC;
	ck_assert_int_eq(mkfifo(PLACE "/fifo", 0644), 0);
	use_selectors("pidfile:" PLACE "/fifo");
	hanging.ns = reference_to(&second);
	ask(&hanging);
	drain_the_socket(sent);
	result = answer();
	ck_assert_int_eq(result.error, 0);
	message_result_clear(&result);
	end_other(&other);
	ck_assert(comes_true(has_gone, &other.ns));
	batch_pool_run(requests.pool, clock_now().mono);
	ck_assert_uint_eq(batch_pool_running(requests.pool), 1);
	end_other(&second);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker_tables");
	TCase *tables = tcase_create("tables"), *events = tcase_create("events"), *trouble = tcase_create("trouble");
	TCase *const all[] = { tables, events, trouble };

	if (!fixture_is_possible())
		return EXIT_SKIP;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		tcase_add_checked_fixture(all[i], setup, teardown);
	tcase_set_timeout(trouble, 30);
	tcase_add_test(tables, the_mounts_of_another_namespace_are_told_one_by_one);
	tcase_add_test(tables, what_an_older_statmount_does_not_tell_comes_in_a_mountinfo);
	tcase_add_test(tables, of_the_mounts_that_are_asked_for_those_that_have_gone_are_absent);
	tcase_add_test(tables, the_table_of_our_own_namespace_is_told_alike);
	tcase_add_test(events, a_group_tells_of_each_mount_there_and_of_none_here);
	tcase_add_test(events, an_open_mountinfo_tells_that_something_changed_there);
	tcase_add_loop_test(events, with_them_comes_a_process_whose_end_is_seen, 0, ARRAY_SIZE(kinds));
	tcase_add_test(events, what_the_engine_has_closed_keeps_no_namespace_alive);
	tcase_add_test(trouble, no_descriptor_and_no_child_is_left_over);
	tcase_add_test(trouble, a_selector_that_hangs_costs_a_child_and_its_time);
	tcase_add_test(trouble, a_child_that_hangs_keeps_no_namespace_alive_that_others_asked_about);
	tcase_add_test(trouble, an_engine_that_does_not_read_gets_its_descriptors_later);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		suite_add_tcase(suite, all[i]);
	return run_suite(suite);
}
