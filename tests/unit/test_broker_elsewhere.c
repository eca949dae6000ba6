/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done in another mount namespace: there and nowhere else, whatever /proc is there. */
#include "base/cleanup.h"
#include "broker/handlers.h"
#include "requests_fixture.h"
#include "run_suite.h"

static int mount_there(void)
{
	if (mkdir(BUILD "/a/t", 0755) < 0 && errno != EEXIST)
		return errno;
	if (mount("there", BUILD "/a/t", "tmpfs", 0, "") < 0)
		return errno;
	told->mount = mount_of(BUILD "/a/t");
	return 0;
}

static int without_proc(void)
{
	return umount2("/proc", MNT_DETACH) < 0 || umount2("/sys", MNT_DETACH) < 0 ? errno : mount_there();
}

static int with_proc_covered(void)
{
	return mount("cover", "/proc", "tmpfs", 0, "") < 0 ? errno : mount_there();
}

/* A name in it leads to the root, where the build root is found again, as if it were the directory of an fd. */
static int with_a_hostile_proc(void)
{
	if (mount("hostile", "/proc", "tmpfs", 0, "") < 0 || mkdir("/proc/self", 0755) < 0 ||
	    mkdir("/proc/self/fd", 0755) < 0)
		return errno;
	for (int fd = 0; fd < 64; fd++) {
		char name[64];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		if (symlink(BUILD "/victim", name) < 0)
			return errno;
	}
	if (mkdir(BUILD "/victim", 0755) < 0 || mkdir(BUILD "/victim/t", 0755) < 0 ||
	    mount("victim", BUILD "/victim/t", "tmpfs", 0, "") < 0)
		return errno;
	told->below = mount_of(BUILD "/victim/t");
	return mount_there();
}

static other_function *const worlds[] = { mount_there, without_proc, with_proc_covered, with_a_hostile_proc };

static bool is_mounted_there(void)
{
	return is_mounted_where_we_are(told->mount);
}

static bool is_victim_there(void)
{
	return is_mounted_where_we_are(told->below);
}

static struct step_item step_on(const char *path, enum step step, struct kernel_mount mount)
{
	return (struct step_item){ .path = (char *)path,
				   .action_length = (uint32_t)strcspn(path, "/"),
				   .step = (uint8_t)step,
				   .mount = reference_of(mount) };
}

static struct step_result take_step(const struct other *other, struct step_item item)
{
	struct message_request request = {
		.type = MESSAGE_STEP, .ns = reference_to(other), .count = 1, .steps = &item
	};
	struct message_result result = ask_for(&request);
	struct step_result step;

	ck_assert_int_eq(result.error, 0);
	step = result.steps[0];
	message_result_clear(&result);
	return step;
}

static void ck_is(const struct step_result *step, enum outcome outcome)
{
	ck_assert_msg(step->outcome == outcome, "%s (%s), errno %d", outcome_name((enum outcome)step->outcome),
		      step->detail, step->error);
}

static const enum step steps[] = { STEP_UMOUNT, STEP_DETACH };

/* Each step in each world. The same path has a mount here, too, which stays. */
START_TEST(a_leftover_goes_there_and_nothing_here)
{
	struct other other = start_other(worlds[_i / 2]);
	struct kernel_mount here;
	struct step_result step;

	make_tmpfs(BUILD "/a/t");
	here = mount_of(BUILD "/a/t");
	ck_assert(in_other(&other.ns, is_mounted_there));
	step = take_step(&other, step_on("a/t", steps[_i % 2], told->mount));
	ck_is(&step, OUTCOME_GONE);
	ck_assert_int_gt(step.duration, 0);
	ck_assert(!in_other(&other.ns, is_mounted_there));
	ck_assert(is_mounted(here));
	if (told->below.id32)
		ck_assert(in_other(&other.ns, is_victim_there));
	end_other(&other);
}
END_TEST

START_TEST(a_mount_of_ours_is_not_found_there_and_theirs_not_here)
{
	struct other other = start_other(mount_there);
	struct namespace_reference own = { 0 };
	struct step_item item = step_on("a/t", STEP_DETACH, told->mount);
	struct message_request request = { .type = MESSAGE_STEP, .ns = own, .count = 1, .steps = &item };
	struct kernel_mount here;
	struct message_result result;
	struct step_result step;

	make_tmpfs(BUILD "/a/t");
	here = mount_of(BUILD "/a/t");
	result = ask_for(&request);
	ck_assert_int_eq(result.error, 0);
	message_result_clear(&result);
	ck_assert(in_other(&other.ns, is_mounted_there));
	ck_assert(is_mounted(here));
	step = take_step(&other, step_on("a/t", STEP_DETACH, here));
	ck_assert(in_other(&other.ns, is_mounted_there));
	ck_assert(is_mounted(here));
	ck_is(&step, OUTCOME_GONE); /* from there */
	end_other(&other);
}
END_TEST

static int cover_the_root(void)
{
	int r = mount_there();

	return r ? r : mount("cover", BUILD, "tmpfs", 0, "") < 0 ? errno : 0;
}

START_TEST(below_a_root_that_is_covered_there_nothing_is_touched)
{
	struct other other = start_other(cover_the_root);
	struct step_result step = take_step(&other, step_on("a/t", STEP_DETACH, told->mount));

	ck_is(&step, OUTCOME_MISMATCH);
	ck_assert(in_other(&other.ns, is_mounted_there));
	end_other(&other);
}
END_TEST

static int inherit(void)
{
	told->below = mount_of(BUILD "/a/t");
	if (mkdir(BUILD "/a/own", 0755) < 0 || mount("own", BUILD "/a/own", "tmpfs", 0, "") < 0)
		return errno;
	told->mount = mount_of(BUILD "/a/own");
	return 0;
}

START_TEST(what_a_user_namespace_inherited_is_locked_and_said_to_be)
{
	struct other other;
	struct step_result step;

	make_tmpfs(BUILD "/a/t");
	other = start_other_of(inherit, true);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		step = take_step(&other, step_on("a/t", steps[i], told->below));
		ck_is(&step, OUTCOME_LOCKED);
		ck_assert_int_eq(step.error, EINVAL);
	}
	ck_assert(in_other(&other.ns, is_victim_there));
	step = take_step(&other, step_on("a/own", STEP_UMOUNT, told->mount));
	ck_is(&step, OUTCOME_GONE);
	end_other(&other);
}
END_TEST

static int at_another_path(void)
{
	if (prctl(PR_SET_NAME, "runner") < 0 || mkdir(PLACE "/other", 0755) < 0 ||
	    mount("other", PLACE "/other", "tmpfs", 0, "") < 0 || mkdir(PLACE "/other/a", 0755) < 0 ||
	    mkdir(PLACE "/other/a/t", 0755) < 0 || mount("there", PLACE "/other/a/t", "tmpfs", 0, "") < 0)
		return errno;
	told->mount = mount_of(PLACE "/other/a/t");
	return 0;
}

START_TEST(a_root_with_another_path_there_is_found_by_that)
{
	struct other other = start_other(at_another_path);
	struct step_item item = step_on("a/t", STEP_UMOUNT, told->mount);
	struct step_result step;

	step = take_step(&other, item);
	ck_is(&step, OUTCOME_MISMATCH); /* it does not lie below the root */
	ck_assert(in_other(&other.ns, is_mounted_there));
	ck_assert_int_eq(rules_add_path(rules, "comm:someone", "/mnt/none"), 0);
	ck_assert_int_eq(rules_add_path(rules, "comm:runner", PLACE "/other"), 0);
	ck_assert_int_eq(rules_add_path(rules, "all", "/mnt/none"), 0);
	step = take_step(&other, item);
	ck_is(&step, OUTCOME_GONE);
	ck_assert(!in_other(&other.ns, is_mounted_there));
	end_other(&other);
}
END_TEST

START_TEST(our_own_by_its_inode_has_our_own_paths)
{
	const struct other own = { .pid = getpid(), .ns = namespace_of(getpid()) };
	struct kernel_mount elsewhere;
	struct step_result step;

	ck_assert_int_eq(rules_add_path(rules, "all", PLACE "/other"), 0);
	make_directory(PLACE "/other");
	make_directory(PLACE "/other/a");
	make_tmpfs(PLACE "/other/a/t");
	elsewhere = mount_of(PLACE "/other/a/t");
	step = take_step(&own, step_on("a/t", STEP_DETACH, elsewhere));
	ck_is(&step, OUTCOME_MISMATCH);
	ck_assert(is_mounted(elsewhere));
}
END_TEST

static struct probe_result probe(const struct other *other, const char *path, struct kernel_mount carrier)
{
	struct probe_item item = { .path = (char *)path, .carrier = reference_of(carrier) };
	struct message_request request = {
		.type = MESSAGE_PROBE, .ns = reference_to(other), .count = 1, .probes = &item
	};
	struct message_result result = ask_for(&request);
	struct probe_result probed;

	ck_assert_int_eq(result.error, 0);
	probed = result.probes[0];
	message_result_clear(&result);
	return probed;
}

static int with_a_root_of_its_own(void)
{
	if (mount("root", BUILD, "tmpfs", 0, "") < 0 || mkdir(BUILD "/b", 0755) < 0 || umount2("/proc", MNT_DETACH) < 0)
		return errno;
	told->mount = mount_of(BUILD);
	return 0;
}

START_TEST(directories_are_probed_there)
{
	struct other other = start_other(with_a_root_of_its_own);
	struct probe_result probed = probe(&other, "b", told->mount);

	ck_assert_uint_eq(probed.state, PROBE_PRESENT);
	ck_assert(probed.identity_known);
	ck_assert_uint_eq(probed.dev, told->mount.dev);
	ck_assert_uint_eq(probe(&other, "a", told->mount).state, PROBE_MISSING);
	ck_assert_uint_eq(probe(&other, "b", mount_of(BUILD)).state, PROBE_COVERED);
	end_other(&other);
}
END_TEST

static bool make_a_directory(void)
{
	return mkdir(BUILD "/b/new", 0755) == 0;
}

START_TEST(directories_are_watched_there)
{
	struct other other = start_other(with_a_root_of_its_own);
	struct watch_item item = { .path = (char *)"b", .carrier = reference_of(told->mount) };
	struct message_request request = {
		.type = MESSAGE_WATCH, .ns = reference_to(&other), .count = 1, .watches = &item
	};
	struct message_result result = ask_for(&request);
	struct pollfd polled = { .fd = inotify, .events = POLLIN };

	ck_assert_int_eq(result.error, 0);
	ck_assert_int_eq(result.watches[0].error, 0);
	ck_assert_int_eq(poll(&polled, 1, 0), 0);
	ck_assert(in_other(&other.ns, make_a_directory));
	ck_assert_int_eq(poll(&polled, 1, DEADLINE), 1);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

/* What the broker would make of it: 0, or -EBADMSG, and the engine is ended. */
static int taken(const struct message_request *request)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	const struct request_environment environment = { .settings = &settings, .engine = ends[0], .inotify = inotify };
	ssize_t length = message_encode_request(request, frame);

	ck_assert_int_gt(length, 0);
	return requests_take(&requests, &environment, frame, (size_t)length);
}

START_TEST(a_dead_root_is_taken_in_our_own_namespace_alone)
{
	struct other other = start_other(with_a_root_of_its_own);
	struct step_item items[2] = { { .path = (char *)"", .step = STEP_DETACH, .mount = reference_of(told->mount) } };
	struct message_request request = {
		.type = MESSAGE_STEP, .serial = settings.serial, .count = 1, .steps = items
	};
	struct message_result result;

	items[1] = items[0];
	ck_assert_int_eq(taken(&request), -EBADMSG); /* not configured */
	rules->reap_root = true;
	items[0].step = STEP_FORCE;
	ck_assert_int_eq(taken(&request), -EBADMSG);
	items[0].step = STEP_DETACH;
	request.count = 2;
	ck_assert_int_eq(taken(&request), -EBADMSG);
	request.count = 1;
	request.ns = reference_to(&other);
	ck_assert_int_eq(taken(&request), -EBADMSG);
	request.ns = (struct namespace_reference){ 0 };
	ck_assert_int_eq(taken(&request), 0);
	result = answer();
	ck_assert_uint_eq(result.count, 1);
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

static int stay_inside(void)
{
	int r = mount_there();

	return r ? r : chdir(BUILD "/a/t") < 0 ? errno : 0;
}

START_TEST(who_holds_a_mount_there_is_named)
{
	struct other other = start_other(stay_inside);
	struct step_item item = step_on("a/t", STEP_UMOUNT, told->mount);
	struct message_request request = {
		.type = MESSAGE_HOLDERS, .ns = reference_to(&other), .count = 1, .holders = &item
	};
	struct message_result result;
	struct step_result step = take_step(&other, item);

	ck_is(&step, OUTCOME_BUSY);
	result = ask_for(&request);
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.count, 1);
	ck_assert_int_eq(result.holders[0].pid, other.pid);
	ck_assert_str_eq(result.holders[0].how, "cwd");
	message_result_clear(&result);
	end_other(&other);
}
END_TEST

/* What the broker itself says of a step whose child hung; it is not there, and must not take its own table for theirs. */
START_TEST(of_a_step_that_hung_there_gone_is_said_only_where_it_is_known)
{
	struct other other = start_other(mount_there);
	struct step_item item = step_on("a/t", STEP_UMOUNT, told->mount);
	struct message_request request = {
		.type = MESSAGE_STEP, .ns = reference_to(&other), .count = 1, .steps = &item
	};
	const struct handler_context context = { .request = &request, .rules = rules };
	const struct handler *handler = handler_of(MESSAGE_STEP);
	struct handler_result result = { 0 };
	struct step_result step;

	handler->give_up(0, &result, &context, BATCH_ITEM_HUNG);
	ck_assert_uint_eq(result.step.outcome, OUTCOME_HUNG);
	request.ns.id = 0;
	handler->give_up(0, &result, &context, BATCH_ITEM_HUNG);
	ck_assert_uint_eq(result.step.outcome, OUTCOME_HUNG);
	step = take_step(&other, item);
	ck_is(&step, OUTCOME_GONE);
	handler->give_up(0, &result, &context, BATCH_ITEM_HUNG);
	ck_assert_uint_eq(result.step.outcome, OUTCOME_HUNG);
	request.ns.id = other.ns.id;
	handler->give_up(0, &result, &context, BATCH_ITEM_HUNG);
	ck_assert_uint_eq(result.step.outcome, other.ns.id && told->mount.id ? OUTCOME_GONE : OUTCOME_HUNG);
	end_other(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker_elsewhere");
	TCase *tcase = tcase_create("elsewhere");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_leftover_goes_there_and_nothing_here, 0, 2 * ARRAY_SIZE(worlds));
	tcase_add_test(tcase, a_mount_of_ours_is_not_found_there_and_theirs_not_here);
	tcase_add_test(tcase, below_a_root_that_is_covered_there_nothing_is_touched);
	tcase_add_test(tcase, what_a_user_namespace_inherited_is_locked_and_said_to_be);
	tcase_add_test(tcase, a_root_with_another_path_there_is_found_by_that);
	tcase_add_test(tcase, our_own_by_its_inode_has_our_own_paths);
	tcase_add_test(tcase, directories_are_probed_there);
	tcase_add_test(tcase, directories_are_watched_there);
	tcase_add_test(tcase, a_dead_root_is_taken_in_our_own_namespace_alone);
	tcase_add_test(tcase, who_holds_a_mount_there_is_named);
	tcase_add_test(tcase, of_a_step_that_hung_there_gone_is_said_only_where_it_is_known);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
