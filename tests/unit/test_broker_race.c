/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What others do between the moments of a step: each test stops the step at a system call of its own (seccomp's user
 * notification), changes what it has just looked at, and lets it go on.
 */
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "broker/step.h"
#include "mount_fixture.h"
#include "run_suite.h"

#define BUILD	     PLACE "/build"
#define NR_LISTMOUNT 458
#define DEADLINE     10000 /* ms */

static struct root_rules rules;
static struct step_item item;
static struct step_result result;

static void setup(void)
{
	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	ck_assert_int_eq(rules_init(&rules, BUILD), 0);
}

static struct kernel_mount want(const char *path, enum step step)
{
	char absolute[PATH_MAX];
	struct kernel_mount mount;

	snprintf(absolute, sizeof(absolute), BUILD "/%s", path);
	mount = mount_of(absolute);
	item = (struct step_item){ .path = (char *)path,
				   .action_length = (uint32_t)strcspn(path, "/"),
				   .step = (uint8_t)step,
				   .mount = { .id = mount.id, .id32 = mount.id32, .dev = mount.dev } };
	return mount;
}

static void take_step(void)
{
	struct step_batch batch = { .rules = &rules, .items = &item, .count = 1 };

	result = (struct step_result){ 0 };
	asroot_step(&batch, 0, &result);
	step_batch_clear(&batch);
}

struct stop {
	int number; /* of the system call at which the step waits */
	int filter; /* the filter's fd; written by the thread */
	pthread_barrier_t ready;
};

/* The filter is this thread's alone; it ends with it, which its fd says. */
static void *step_that_stops(void *context)
{
	struct stop *stop = context;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	stop->filter = -1;
	if (filter && seccomp_rule_add_exact(filter, SCMP_ACT_NOTIFY, stop->number, 0) == 0 &&
	    seccomp_load(filter) == 0)
		stop->filter = seccomp_notify_fd(filter);
	pthread_barrier_wait(&stop->ready);
	if (stop->filter >= 0)
		take_step();
	seccomp_release(filter);
	return NULL;
}

#define EACH 0

/* `meddle` is called once, before the nth of these calls is made, or before each. */
static void take_step_with_nth(int number, unsigned nth, void (*meddle)(void))
{
	struct stop stop = { .number = number };
	struct seccomp_notif *call = NULL;
	struct seccomp_notif_resp *go_on = NULL;
	struct pollfd polled = { .events = POLLIN };
	unsigned calls = 0;
	pthread_t thread;

	ck_assert_int_eq(pthread_barrier_init(&stop.ready, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, step_that_stops, &stop), 0);
	pthread_barrier_wait(&stop.ready);
	ck_assert_int_ge(stop.filter, 0);
	polled.fd = dup(stop.filter);
	ck_assert_int_eq(seccomp_notify_alloc(&call, &go_on), 0);
	while (poll(&polled, 1, DEADLINE) == 1 && polled.revents & POLLIN) {
		memset(call, 0, sizeof(*call));
		ck_assert_int_eq(seccomp_notify_receive(polled.fd, call), 0);
		if (++calls == nth || nth == EACH)
			meddle();
		*go_on = (struct seccomp_notif_resp){ .id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		ck_assert_int_eq(seccomp_notify_respond(polled.fd, go_on), 0);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(calls, nth);
	seccomp_notify_free(call, go_on);
	close(polled.fd);
}

static void take_step_with(int number, void (*meddle)(void))
{
	take_step_with_nth(number, 1, meddle);
}

static struct kernel_mount other;

static void stack_another(void)
{
	make_tmpfs(BUILD "/a/t");
	other = mount_of(BUILD "/a/t");
}

static void ck_both_stay(struct kernel_mount mount)
{
	ck_assert_msg(result.outcome == OUTCOME_MISMATCH, "%s (%s)", outcome_name((enum outcome)result.outcome),
		      result.detail);
	ck_assert_uint_eq(result.stranger, other.id);
	ck_assert(is_mounted(mount) && is_mounted(other));
}

START_TEST(what_is_stacked_before_a_lazy_call_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_DETACH);
	take_step_with(NR_LISTMOUNT, stack_another); /* which asks for what is mounted below */
	ck_both_stay(mount);
}
END_TEST

START_TEST(what_is_stacked_before_the_mark_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with(SYS_umount2, stack_another);
	ck_both_stay(mount);
}
END_TEST

static void change_places(void)
{
	ck_assert_int_eq(mount(BUILD "/a/t", BUILD "/a/elsewhere", NULL, MS_MOVE, NULL), 0);
	ck_assert_int_eq(mount(BUILD "/a/older", BUILD "/a/t", NULL, MS_MOVE, NULL), 0);
}

START_TEST(a_lazy_call_takes_the_mount_wherever_its_name_leads)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_DETACH);
	take_step_with(SYS_umount2, change_places);
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	ck_assert(!is_mounted(mount) && is_mounted(other));
}
END_TEST

static void bind_host_below(void)
{
	make_mount("", PLACE "/host", BUILD "/a/t/dev", MS_BIND | MS_REC);
	other = mount_of(BUILD "/a/t/dev");
}

/* With what is mounted in it a shared tree would take the original along. */
START_TEST(what_is_bound_below_before_a_lazy_call_costs_the_host_nothing)
{
	struct kernel_mount lower, pts;

	make_tmpfs(PLACE "/host");
	ck_assert_int_eq(mount("", PLACE "/host", "", MS_SHARED, ""), 0);
	make_tmpfs(PLACE "/host/pts");
	pts = mount_of(PLACE "/host/pts");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/t/dev");
	lower = want("a/t", STEP_DETACH);
	take_step_with_nth(SYS_statx, 3, bind_host_below); /* the mount is compared a second time */
	ck_assert(is_mounted(pts));
	ck_both_stay(lower);
}
END_TEST

/* A FUSE whose server never says a word, which it does not take to be aborted: the server's end. */
static int make_fuse(const char *target)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	char options[80];

	ck_assert_int_ge(fd, 0);
	make_directory(target);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	ck_assert_int_eq(mount("mute", target, "fuse", 0, options), 0);
	return fd;
}

static bool is_connected(int fuse)
{
	struct pollfd polled = { .fd = fuse, .events = POLLIN };

	return poll(&polled, 1, 0) >= 0 && !(polled.revents & POLLERR);
}

START_TEST(a_forced_call_is_of_the_filesystem_that_was_compared)
{
	struct kernel_mount mount;
	struct stat st;
	int ours, theirs;

	if (access("/dev/fuse", R_OK | W_OK) < 0)
		SKIP_TEST("there is no /dev/fuse");
	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	if (st.st_ino != 0xEFFFFFFCu)
		SKIP_TEST("only in the first pid namespace is it known who shares a filesystem");
	theirs = make_fuse(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	ours = make_fuse(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_FORCE);
	take_step_with(SYS_umount2, change_places);
	ck_assert(is_connected(theirs) && !is_connected(ours));
	ck_both_stay(mount);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(what_changed_places_before_the_mark_stays)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/older");
	other = mount_of(BUILD "/a/older");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/elsewhere");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with(SYS_umount2, change_places);
	ck_both_stay(mount);
}
END_TEST

static void look(void)
{
	struct stat st;

	ck_assert_int_eq(stat(BUILD "/a/t", &st), 0);
}

/* Which takes the mark away, and with it all that makes the call exact. */
START_TEST(a_mount_that_is_looked_at_all_the_time_is_busy)
{
	struct kernel_mount mount;

	make_tmpfs(BUILD "/a/t");
	mount = want("a/t", STEP_UMOUNT);
	take_step_with_nth(SYS_umount2, EACH, look);
	ck_assert_uint_eq(result.outcome, OUTCOME_BUSY);
	ck_assert(is_mounted(mount));
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
}
END_TEST

/* A worker mounts its filesystem there long after we started. */
START_TEST(the_root_is_opened_anew_for_each_step)
{
	make_tmpfs(BUILD "/a/t");
	want("a/t", STEP_UMOUNT);
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	make_tmpfs(BUILD "/a/t");
	want("a/t", STEP_UMOUNT);
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_GONE);
}
END_TEST

START_TEST(the_root_itself_is_never_unmounted)
{
	struct kernel_mount root = want("", STEP_DETACH);

	item.action_length = 0;
	take_step();
	ck_assert_uint_eq(result.outcome, OUTCOME_MISMATCH);
	ck_assert(is_mounted(root));
}
END_TEST

/* Before Linux 6.8 the step has nothing exact to go by, and these moments cannot be told apart. */
static bool has_unique_ids(void)
{
	struct place_status place;
	int root = kernel_open_root("/");
	bool has = root >= 0 && kernel_status_at(root, "", false, &place) == 0 && place.mount_id;

	close(root);
	if (!has)
		SAY_SKIPPED("moments: the kernel gives mounts no unique ids");
	return has;
}

int main(void)
{
	Suite *suite = suite_create("broker races");
	TCase *moments = tcase_create("moments"), *roots = tcase_create("roots");
	bool exact;

	if (!fixture_is_possible())
		return EXIT_SKIP;
	exact = has_unique_ids();
	tcase_add_checked_fixture(roots, setup, NULL);
	tcase_add_test(roots, the_root_is_opened_anew_for_each_step);
	tcase_add_test(roots, the_root_itself_is_never_unmounted);
	suite_add_tcase(suite, roots);
	tcase_add_checked_fixture(moments, setup, NULL);
	tcase_set_timeout(moments, 30);
	tcase_add_test(moments, what_is_stacked_before_a_lazy_call_stays);
	tcase_add_test(moments, what_is_stacked_before_the_mark_stays);
	tcase_add_test(moments, what_changed_places_before_the_mark_stays);
	tcase_add_test(moments, a_mount_that_is_looked_at_all_the_time_is_busy);
	tcase_add_test(moments, a_lazy_call_takes_the_mount_wherever_its_name_leads);
	tcase_add_test(moments, a_forced_call_is_of_the_filesystem_that_was_compared);
	tcase_add_test(moments, what_is_bound_below_before_a_lazy_call_costs_the_host_nothing);
	if (exact)
		suite_add_tcase(suite, moments);
	return run_suite(suite) == EXIT_FAILURE ? EXIT_FAILURE : exact ? EXIT_SUCCESS : EXIT_SKIP;
}
