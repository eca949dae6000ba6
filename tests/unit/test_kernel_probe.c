/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/probe.h"
#include "misfuse_fixture.h"
#include "run_suite.h"

#define BUILD  PLACE "/build"
#define ACTION "f3fb7c74c3b342a0"

static struct kernel_probe probe;
static struct kernel_probe_mount mounts[4];
static struct kernel_probe_result result;

/* What the daemon does when it discovers an action: probes, and keeps what it learnt. */
static void record(const char *path)
{
	probe = (struct kernel_probe){ .path = path, .carrier = mount_of(BUILD), .mounts = mounts };
	ck_assert_int_eq(kernel_probe_action(BUILD, &probe, &result), 0);
	ck_assert_int_eq(result.state, KERNEL_PROBE_PRESENT);
	probe.known = result.identity_known;
	probe.identity = result.identity;
}

static void record_mount(const char *relative, const char *path)
{
	mounts[probe.mount_count++] = (struct kernel_probe_mount){ .path = relative, .mount = mount_of(path) };
}

static enum kernel_probe_state ask(void)
{
	ck_assert_int_eq(kernel_probe_action(BUILD, &probe, &result), 0);
	return result.state;
}

static void make_action(void)
{
	make_directory(BUILD "/" ACTION);
	make_directory(BUILD "/" ACTION "/root");
	make_directory(BUILD "/" ACTION "/root/proc");
}

static void local_setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_action();
}

START_TEST(a_directory_that_stays_is_present_and_one_that_goes_is_missing)
{
	record(ACTION);
	ck_assert(result.identity_known && result.local && result.identity.handle_length);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/trash"), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
	ck_assert_int_eq(result.error, ENOENT);
	ck_assert_int_eq(symlink("trash", BUILD "/" ACTION), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
}
END_TEST

/* A directory above it that is renamed, for a moment perhaps, and what comes to stand there, say nothing. */
START_TEST(a_local_directory_with_a_mount_in_it_is_never_missing)
{
	make_directory(BUILD "/above");
	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/above/" ACTION), 0);
	record("above/" ACTION);
	make_mount("proc", "proc", BUILD "/above/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/above/" ACTION "/root/proc");
	ck_assert_int_eq(rename(BUILD "/above", BUILD "/away"), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	make_directory(BUILD "/above");
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	make_directory(BUILD "/above/" ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	ck_assert_int_eq(umount2(BUILD "/away/" ACTION "/root/proc", 0), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert_int_eq(rmdir(BUILD "/above/" ACTION), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
}
END_TEST

START_TEST(another_directory_of_the_same_name_is_no_longer_the_action)
{
	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/old"), 0);
	make_action();
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE); /* with the mount */
	ck_assert_int_eq(rename(BUILD "/" ACTION "/root", BUILD "/" ACTION "/gone"), 0);
	ck_assert_int_eq(rename(BUILD "/old/root", BUILD "/" ACTION "/root"), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert_uint_eq(result.reachable, 1);
	make_mount("tmpfs", "stacked", BUILD "/" ACTION "/root/proc", 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert_uint_eq(result.reachable, 1);
}
END_TEST

/* What was recorded and what is asked differ in one thing alone, as where a filesystem gives a number again. */
START_TEST(an_inode_number_that_came_again_is_another_directory)
{
	record(ACTION);
	ck_assert(probe.identity.birth && probe.identity.handle_length);
	probe.identity.handle[probe.identity.handle_length - 1] ^= 1;
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	probe.identity.handle[probe.identity.handle_length - 1] ^= 1;
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	probe.identity.birth++;
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
}
END_TEST

START_TEST(a_new_actions_mount_at_the_same_path_does_not_reach_the_old_one)
{
	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/old"), 0);
	make_action();
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	ck_assert_int_eq(umount2(BUILD "/old/root/proc", 0), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert_uint_eq(result.reachable, 0);
}
END_TEST

START_TEST(a_mount_over_the_action_hides_its_identity_and_keeps_it)
{
	record(ACTION);
	make_mount("tmpfs", "cover", BUILD "/" ACTION, 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(!result.identity_known);
	record_mount("", BUILD "/" ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(!result.identity_known);
}
END_TEST

START_TEST(a_covered_root_says_nothing)
{
	record(ACTION);
	make_mount("tmpfs", "cover", BUILD, 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_COVERED);
	ck_assert_int_eq(umount2(BUILD, 0), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
}
END_TEST

START_TEST(a_mount_on_the_way_to_an_action_says_nothing)
{
	make_directory(BUILD "/tenant");
	make_directory(BUILD "/tenant/" ACTION);
	record("tenant/" ACTION);
	make_mount("tmpfs", "cover", BUILD "/tenant", 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_COVERED);
}
END_TEST

/* As on a storage that squashes root. In a child, for whoever was another user is not traced: the sanitizer could not. */
START_TEST(a_directory_that_may_not_be_looked_for_is_unknown)
{
	pid_t child;
	int status;

	make_directory(BUILD "/tenant");
	make_directory(BUILD "/tenant/" ACTION);
	record("tenant/" ACTION);
	ck_assert_int_eq(chmod(BUILD "/tenant", 0700), 0);
	child = fork();
	if (child == 0) {
		if (seteuid(65534) < 0 || kernel_probe_action(BUILD, &probe, &result) < 0)
			_exit(2);
		_exit(result.state != KERNEL_PROBE_UNKNOWN || result.error != EACCES);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(number_and_device_serve_where_no_unique_ids_were_recorded)
{
	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
	probe.carrier.id = mounts[0].mount.id = 0;
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert_int_eq(rename(BUILD "/" ACTION "/root", BUILD "/root"), 0);
	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/old"), 0);
	make_directory(BUILD "/" ACTION);
	ck_assert_int_eq(rename(BUILD "/root", BUILD "/" ACTION "/root"), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert_uint_eq(result.reachable, 1);
	make_mount("tmpfs", "cover", BUILD, 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_COVERED);
}
END_TEST

START_TEST(a_root_that_is_absent_is_unknown)
{
	record(ACTION);
	ck_assert_int_eq(kernel_probe_action(PLACE "/nowhere", &probe, &result), -ENOENT);
	ck_assert_int_eq(result.state, KERNEL_PROBE_UNKNOWN);
	ck_assert_int_eq(result.error, ENOENT);
}
END_TEST

START_TEST(what_leads_only_to_mounts_is_hollow)
{
	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
	probe.want_hollow = true;
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(result.hollow && !result.full);
	make_directory(BUILD "/" ACTION "/root/tmp");
	ask();
	ck_assert(!result.hollow && !result.full);
	make_mount("tmpfs", "unrecorded", BUILD "/" ACTION "/root/tmp", 0);
	ask();
	ck_assert(!result.hollow && !result.full);
	record_mount("root/tmp", BUILD "/" ACTION "/root/tmp");
	ask();
	ck_assert(result.hollow && !result.full);
	ck_assert_int_eq(mkdir(BUILD "/" ACTION "/rootfs", 0755), 0);
	ask();
	ck_assert(!result.hollow && !result.full);
	make_directory(BUILD "/" ACTION "/rootfs/a");
	ask();
	ck_assert(!result.hollow && !result.full);
	ck_assert_int_eq(symlink("target", BUILD "/" ACTION "/rootfs/a/link"), 0);
	ask();
	ck_assert(!result.hollow && result.full);
	probe.want_hollow = false;
	ask();
	ck_assert(!result.hollow && !result.full);
}
END_TEST

START_TEST(a_mount_point_in_the_making_is_no_contents)
{
	int fd;

	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
	probe.want_hollow = true;
	make_directory(BUILD "/" ACTION "/root/sys");
	fd = open(BUILD "/" ACTION "/root/resolv.conf", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ask();
	ck_assert(!result.hollow && !result.full);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	ask();
	ck_assert(!result.hollow && result.full);
}
END_TEST

/* A FUSE at BUILD with an action in it. */
static void serve(const char *entry_timeout)
{
	make_directory(BUILD);
	misfuse_start(entry_timeout, BUILD);
	make_action();
	record(ACTION);
	make_mount("proc", "proc", BUILD "/" ACTION "/root/proc", 0);
	record_mount("root/proc", BUILD "/" ACTION "/root/proc");
}

static void remote_setup(void)
{
	fixture_setup();
	serve("0");
	ck_assert(!result.local);
}

static void cached_setup(void)
{
	fixture_setup();
	serve("3600");
	ck_assert(probe.known && probe.identity.handle_length && !result.local);
}

static void teardown(void)
{
	umount2(BUILD, MNT_DETACH);
	misfuse_stop();
}

START_TEST(a_removal_behind_fuse_is_seen_and_its_mounts_stay)
{
	struct kernel_mount proc = mounts[0].mount;

	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	tell("remove %s", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(another_directory_behind_fuse_has_replaced_the_old_one_which_stays_mounted)
{
	struct kernel_mount proc = mounts[0].mount;

	tell("replace %s", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_REPLACED);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(a_directory_behind_fuse_that_has_another_name_is_said_to_be_elsewhere)
{
	struct kernel_mount proc = mounts[0].mount;

	ck_assert_int_eq(rename(BUILD "/" ACTION, BUILD "/other"), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	ck_assert_int_eq(rename(BUILD "/other", BUILD "/" ACTION), 0);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(is_mounted(proc));
	/* By the server: nobody has walked there since, and the mounts are reached by the old name. */
	tell("rename %s other", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(is_mounted(proc));
	tell("invalidate %s", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_ELSEWHERE);
	tell("remove other");
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
}
END_TEST

START_TEST(a_fuse_that_answers_eio_is_unknown_and_its_mounts_stay)
{
	struct kernel_mount proc = mounts[0].mount;

	tell("errno %d", EIO);
	ck_assert_int_eq(ask(), KERNEL_PROBE_UNKNOWN);
	ck_assert_int_eq(result.error, EIO);
	tell("errno 0");
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(a_fuse_without_its_server_is_dead)
{
	struct kernel_mount proc = mounts[0].mount;

	misfuse_stop();
	ck_assert_int_eq(ask(), KERNEL_PROBE_DEAD);
	ck_assert_int_eq(result.error, ENOTCONN);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(a_known_action_is_probed_without_a_single_lookup)
{
	unsigned long before = strtoul(tell("lookups"), NULL, 10);

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	tell("remove %s", ACTION);
	ask();
	ck_assert_uint_eq(strtoul(tell("lookups"), NULL, 10), before);
}
END_TEST

/* Recorded while the name was cached. Now each walk to it is a lookup. */
START_TEST(a_known_action_whose_name_has_expired_is_probed_without_a_single_lookup)
{
	struct kernel_identity *known = &probe.identity;
	struct place_status place;
	struct kernel_mount proc = mounts[0].mount;
	unsigned long before;
	int fd = kernel_open_root(BUILD "/" ACTION);

	known->handle_length = sizeof(known->handle);
	ck_assert_int_eq(kernel_handle_of(fd, &known->handle_type, known->handle, &known->handle_length), 0);
	ck_assert_int_eq(kernel_status_at(fd, "", false, &place), 0);
	known->dev = place.dev;
	known->ino = place.ino;
	known->birth = place.birth;
	probe.known = true;
	close(fd);
	before = strtoul(tell("lookups"), NULL, 10);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	tell("remove %s", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
	ck_assert_uint_eq(strtoul(tell("lookups"), NULL, 10), before);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(without_handle_and_cache_only_the_list_of_names_is_asked)
{
	unsigned long before = strtoul(tell("lookups"), NULL, 10);
	struct kernel_mount proc = mounts[0].mount;

	/* With no entry timeout nothing is ever cached, and so no identity was learnt. */
	ck_assert(!probe.known);
	ck_assert_int_eq(ask(), KERNEL_PROBE_PRESENT);
	ck_assert(!result.identity_known);
	tell("remove %s", ACTION);
	ck_assert_int_eq(ask(), KERNEL_PROBE_MISSING);
	probe.path = ACTION "/root";
	ck_assert_int_eq(ask(), KERNEL_PROBE_UNKNOWN);
	ck_assert_int_eq(result.error, EAGAIN);
	ck_assert_uint_eq(strtoul(tell("lookups"), NULL, 10), before);
	ck_assert(is_mounted(proc));
}
END_TEST

START_TEST(a_root_inside_a_fuse_is_opened_from_the_cache_or_not_at_all)
{
	unsigned long before = strtoul(tell("lookups"), NULL, 10);
	struct kernel_mount proc = mounts[0].mount;

	tell("remove %s", ACTION);
	ck_assert_int_eq(kernel_open_root_passively(BUILD "/" ACTION), -EAGAIN);
	ck_assert_int_ge(kernel_open_root_passively(BUILD), 0);
	ck_assert_uint_eq(strtoul(tell("lookups"), NULL, 10), before);
	ck_assert(is_mounted(proc));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel probe");
	TCase *local = tcase_create("local"), *cached = tcase_create("fuse"), *remote = tcase_create("fuse, no cache");
	bool has_fuse = misfuse_is_possible();

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(local, local_setup, NULL);
	tcase_add_test(local, a_directory_that_stays_is_present_and_one_that_goes_is_missing);
	tcase_add_test(local, a_local_directory_with_a_mount_in_it_is_never_missing);
	tcase_add_test(local, another_directory_of_the_same_name_is_no_longer_the_action);
	tcase_add_test(local, an_inode_number_that_came_again_is_another_directory);
	tcase_add_test(local, a_new_actions_mount_at_the_same_path_does_not_reach_the_old_one);
	tcase_add_test(local, a_mount_over_the_action_hides_its_identity_and_keeps_it);
	tcase_add_test(local, a_covered_root_says_nothing);
	tcase_add_test(local, a_mount_on_the_way_to_an_action_says_nothing);
	tcase_add_test(local, a_directory_that_may_not_be_looked_for_is_unknown);
	tcase_add_test(local, number_and_device_serve_where_no_unique_ids_were_recorded);
	tcase_add_test(local, a_root_that_is_absent_is_unknown);
	tcase_add_test(local, what_leads_only_to_mounts_is_hollow);
	tcase_add_test(local, a_mount_point_in_the_making_is_no_contents);
	tcase_add_checked_fixture(cached, cached_setup, teardown);
	tcase_add_test(cached, a_removal_behind_fuse_is_seen_and_its_mounts_stay);
	tcase_add_test(cached, another_directory_behind_fuse_has_replaced_the_old_one_which_stays_mounted);
	tcase_add_test(cached, a_directory_behind_fuse_that_has_another_name_is_said_to_be_elsewhere);
	tcase_add_test(cached, a_fuse_that_answers_eio_is_unknown_and_its_mounts_stay);
	tcase_add_test(cached, a_fuse_without_its_server_is_dead);
	tcase_add_test(cached, a_known_action_is_probed_without_a_single_lookup);
	tcase_add_checked_fixture(remote, remote_setup, teardown);
	tcase_add_test(remote, a_known_action_whose_name_has_expired_is_probed_without_a_single_lookup);
	tcase_add_test(remote, without_handle_and_cache_only_the_list_of_names_is_asked);
	tcase_add_test(remote, a_root_inside_a_fuse_is_opened_from_the_cache_or_not_at_all);
	suite_add_tcase(suite, local);
	if (has_fuse) {
		suite_add_tcase(suite, cached);
		suite_add_tcase(suite, remote);
	}
	return run_suite(suite) == EXIT_FAILURE ? EXIT_FAILURE : has_fuse ? EXIT_SUCCESS : EXIT_SKIP;
}
