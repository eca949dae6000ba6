/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libreaper does to mounts: where it is asked to, and nowhere else. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "mount_fixture.h"
#include "reaper.h"
#include "run_suite.h"

#define BUILD PLACE "/build"

static char why[REAPER_WHY_SIZE];
static int build;

static void setup(void)
{
	fixture_setup();
	make_directory(BUILD);
	make_directory(BUILD "/a");
	make_directory(BUILD "/a/m");
	build = open(BUILD, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(build, 0);
}

static int mountat(const char *target, const char *const *options)
{
	return reaper_mountat(build, target, "tmpfs", NULL, options, why, sizeof(why));
}

static int unmountat(const char *path, unsigned flags, uint64_t id)
{
	return reaper_unmountat(build, path, flags, id, why, sizeof(why));
}

static bool has_ids(void)
{
	struct mount_status status;

	return kernel_statmount(1, &status) != -ENOSYS;
}

START_TEST(what_was_mounted_is_unmounted)
{
	static const char *const options[] = { "size=64k", "nosuid", NULL };
	size_t before = count_mounts();

	ck_assert_msg(mountat("a/m", options) == 0, "%s", why);
	ck_assert_uint_eq(count_mounts(), before + 1);
	ck_assert_msg(unmountat("a/m", 0, 0) == 0, "%s", why);
	ck_assert_uint_eq(count_mounts(), before);
	ck_assert_int_eq(unmountat("a/m", 0, 0), -EINVAL);
	ck_assert_str_eq(why, "nothing is mounted on a/m: Invalid argument");
	/* Nobody has to ask why. */
	ck_assert_int_eq(reaper_mountat(build, "a/none", "tmpfs", NULL, NULL, NULL, 0), -ENOENT);
	ck_assert_int_eq(reaper_unmountat(build, "a/none", 0, 0, NULL, 0), -ENOENT);
}
END_TEST

START_TEST(by_its_id_it_and_no_other_is_unmounted)
{
	uint64_t first = 0, second = 0;

	ck_assert_int_eq(mountat("a/m", NULL), 0);
	if (!has_ids()) {
		ck_assert_int_eq(reaper_mount_id(build, "a/m", &first, why, sizeof(why)), -EOPNOTSUPP);
		return;
	}
	ck_assert_int_eq(reaper_mount_id(build, "a/m", &first, why, sizeof(why)), 0);
	ck_assert_int_eq(mountat("a/m", NULL), 0);
	ck_assert_int_eq(reaper_mount_id(build, "a/m", &second, NULL, 0), 0);
	ck_assert_uint_ne(first, second);
	ck_assert_int_eq(unmountat("a/m", 0, first), -ESTALE);
	ck_assert_int_eq(unmountat("a/m", REAPER_UMOUNT_LAZY, first), -ESTALE);
	ck_assert_int_eq(unmountat("a/m", 0, second), 0);
	ck_assert_int_eq(unmountat("a/m", 0, second), -ESTALE);
	ck_assert_int_eq(unmountat("a/m", 0, first), 0);
	ck_assert_int_eq(reaper_mount_id(build, "a/m", &first, why, sizeof(why)), -EINVAL);
}
END_TEST

START_TEST(a_busy_one_goes_lazily_alone)
{
	CLEANUP_CLOSE int file = -1;
	size_t before = count_mounts();

	ck_assert_int_eq(mountat("a/m", NULL), 0);
	make_directory(BUILD "/a/m/below");
	ck_assert_int_eq(mountat("a/m/below", NULL), 0);
	file = open(BUILD "/a/m/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(unmountat("a/m", 0, 0), -EBUSY);
	ck_assert_int_eq(unmountat("a/m", 2, 0), -EINVAL);
	ck_assert_uint_eq(count_mounts(), before + 2);
	ck_assert_msg(unmountat("a/m", REAPER_UMOUNT_LAZY, 0) == 0, "%s", why);
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

static const struct {
	const char *path;
	int mounted, unmounted; /* errors */
} hostile[] = {
	{ "none", -ENOENT, -ENOENT },	  { "link", -ELOOP, -EINVAL },		{ "link/m", -ELOOP, -ELOOP },
	{ "../host/m", -EXDEV, -EINVAL }, { PLACE "/host/m", -EXDEV, -EINVAL }, { "a/../../host/m", -EXDEV, -EINVAL },
	{ "..", -EXDEV, -EINVAL },	  { "file/m", -ENOTDIR, -ENOTDIR },	{ "-m", -ENOENT, -ENOENT },
};

START_TEST(no_path_leads_out_of_the_directory)
{
	size_t before;

	make_directory(PLACE "/host");
	make_tmpfs(PLACE "/host/m");
	ck_assert_int_eq(symlink(PLACE "/host", BUILD "/link"), 0);
	close(open(BUILD "/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	before = count_mounts();
	ck_assert_int_eq(mountat(hostile[_i].path, NULL), hostile[_i].mounted);
	ck_assert_int_eq(unmountat(hostile[_i].path, 0, 0), hostile[_i].unmounted);
	ck_assert_str_ne(why, "");
	ck_assert_int_eq(unmountat(hostile[_i].path, REAPER_UMOUNT_LAZY, 0), hostile[_i].unmounted);
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

START_TEST(the_directory_itself_is_mounted_on_and_never_unmounted)
{
	size_t before = count_mounts();

	ck_assert_int_eq(mountat("", NULL), 0);
	ck_assert_int_eq(unmountat("", 0, 0), -EINVAL);
	ck_assert_int_eq(unmountat(".", 0, 0), -EINVAL);
	ck_assert_uint_eq(count_mounts(), before + 1);
}
END_TEST

/* ---- the search ---- */

static int unmount_found(const char *below, const char *segments, char **ret)
{
	return reaper_unmount_found(below, segments, 0, ret, why, sizeof(why));
}

START_TEST(the_one_whose_path_ends_so_is_unmounted)
{
	char *path = NULL;

	make_directory(BUILD "/b");
	make_directory(BUILD "/b/m");
	ck_assert_int_eq(mountat("a/m", NULL), 0);
	ck_assert_int_eq(mountat("b/m", NULL), 0);
	make_tmpfs(PLACE "/m");
	ck_assert_int_eq(unmount_found(BUILD, "m", &path), -ENOTUNIQ);
	ck_assert_msg(strstr(why, BUILD "/a/m") && strstr(why, BUILD "/b/m"), "%s", why);
	ck_assert_int_eq(unmount_found(BUILD, "none", &path), -ENOENT);
	ck_assert_int_eq(unmount_found(BUILD, "m/", &path), -EINVAL);
	ck_assert_int_eq(unmount_found("build", "m", &path), -EINVAL);
	ck_assert_int_eq(unmount_found(BUILD "/b/m", "m", &path), -ENOENT);
	ck_assert_ptr_null(path);
	ck_assert_msg(unmount_found(BUILD, "a/*", &path) == 0, "%s", why);
	ck_assert_str_eq(path, BUILD "/a/m");
	free(path);
	/* Without one that wants to know; and what lies outside stays. */
	ck_assert_int_eq(unmount_found(BUILD "/", "m", NULL), 0);
	ck_assert_int_eq(unmount_found(BUILD, "m", NULL), -ENOENT);
	ck_assert(place_of(PLACE "/m").is_mount_root);
}
END_TEST

/* ---- threads, and who changes names ---- */

#define THREADS 4
#define ROUNDS	50

static void *mount_and_unmount(void *context)
{
	char name[16], said[REAPER_WHY_SIZE];

	snprintf(name, sizeof(name), "t%d", (int)(intptr_t)context);
	for (int i = 0; i < ROUNDS; i++)
		if (reaper_mountat(build, name, "tmpfs", NULL, NULL, said, sizeof(said)) < 0 ||
		    reaper_unmountat(build, name, 0, 0, said, sizeof(said)) < 0)
			return strdup(said);
	return NULL;
}

START_TEST(several_threads_do_it_at_once)
{
	pthread_t threads[THREADS];
	size_t before = count_mounts();

	for (int i = 0; i < THREADS; i++) {
		char path[64];

		snprintf(path, sizeof(path), BUILD "/t%d", i);
		make_directory(path);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, mount_and_unmount, (void *)(intptr_t)i), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *said;

		ck_assert_int_eq(pthread_join(threads[i], &said), 0);
		ck_assert_msg(!said, "%s", (char *)said);
	}
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

static _Atomic bool is_over;

/* `a` is by turns what it was and a link out of the directory. */
static void *swap(void *context)
{
	(void)context;
	while (!is_over) {
		renameat(build, "a", build, "spare");
		renameat(build, "link", build, "a");
		renameat(build, "a", build, "link");
		renameat(build, "spare", build, "a");
	}
	return NULL;
}

START_TEST(names_that_change_meanwhile_lead_nowhere_else)
{
	pthread_t thread;
	struct kernel_mount host;
	int made = 0, gone = 0;

	make_directory(PLACE "/host");
	make_tmpfs(PLACE "/host/m");
	host = mount_of(PLACE "/host/m");
	ck_assert_int_eq(symlink(PLACE "/host", BUILD "/link"), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, swap, NULL), 0);
	for (int i = 0; i < 400; i++) {
		made += mountat("a/m", NULL) == 0;
		gone += unmountat("a/m", 0, 0) == 0;
		gone += unmountat("a/m", REAPER_UMOUNT_LAZY, 0) == 0;
	}
	is_over = true;
	pthread_join(thread, NULL);
	while (unmountat("a/m", 0, 0) == 0)
		gone++;
	ck_assert_int_eq(made, gone);
	ck_assert(is_mounted(host) && mount_of(PLACE "/host/m").id32 == host.id32);
}
END_TEST

/* ---- for an action ---- */

/* The daemon: what it was asked, and answers; and whether it was mounted by then. */
static struct {
	int listener;
	const char *answer;
	char asked[512];
	bool mounted, covers;
} played;

static void *answer_once(void *context)
{
	size_t used = 0;
	ssize_t got;
	CLEANUP_CLOSE int fd = accept4(played.listener, NULL, NULL, SOCK_CLOEXEC);

	(void)context;
	while (used < sizeof(played.asked) &&
	       (got = recv(fd, played.asked + used, sizeof(played.asked) - used, 0)) > 0) {
		used += (size_t)got;
		if (!played.asked[used - 1])
			break;
	}
	played.mounted = place_of(BUILD "/a/m").is_mount_root;
	if (played.covers)
		make_tmpfs(BUILD "/a/m");
	send(fd, played.answer, strlen(played.answer) + 1, MSG_NOSIGNAL);
	return NULL;
}

/* What reaper_mount_for() says where the daemon answers so. */
static int mount_for(const char *answer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PLACE "/socket" };
	pthread_t thread;
	int r;

	unlink(address.sun_path);
	played.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	played.answer = answer;
	ck_assert_int_eq(bind(played.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(played.listener, 1), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, answer_once, NULL), 0);
	r = reaper_mount_for(address.sun_path, "/b", "a", 7, build, "a/m", "tmpfs", NULL, NULL, why, sizeof(why));
	shutdown(played.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(played.listener);
	return r;
}

#define GOES_ON "{\"parameters\":{\"generation\":7,\"path\":\"/b/a\",\"joined\":true}}"
#define IS_OVER "{\"error\":\"io.reaperd.Unavailable\",\"parameters\":{\"reason\":\"it is over\"}}"

START_TEST(the_daemon_is_asked_whether_the_action_goes_on_when_it_is_mounted)
{
	size_t before = count_mounts();

	ck_assert_msg(mount_for(GOES_ON) == 0, "%s", why);
	ck_assert(played.mounted);
	ck_assert_str_eq(played.asked,
			 "{\"method\":\"io.reaperd.Begin\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\","
			 "\"join\":true,\"generation\":7}}");
	ck_assert_uint_eq(count_mounts(), before + 1);
	ck_assert_int_eq(reaper_mount_for("/none", "/b", "a", 0, build, "a/m", "tmpfs", NULL, NULL, why, sizeof(why)),
			 -EINVAL);
	ck_assert_uint_eq(count_mounts(), before + 1);
}
END_TEST

static const struct {
	const char *answer;
	int error;
} ends[] = { { IS_OVER, -EOWNERDEAD }, { "", -EPROTO }, { "{\"error\":\"io.reaperd.NotAllowed\"}", -EPERM } };

START_TEST(where_it_does_not_or_cannot_be_said_the_mount_is_taken_back)
{
	size_t before = count_mounts();

	ck_assert_int_eq(mount_for(ends[_i].answer), ends[_i].error);
	ck_assert(played.mounted);
	ck_assert_uint_eq(count_mounts(), before);
	ck_assert_int_eq(reaper_mount_for(PLACE "/none", "/b", "a", 7, build, "a/m", "tmpfs", NULL, NULL, NULL, 0),
			 -ENOENT);
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

START_TEST(what_somebody_has_mounted_upon_it_meanwhile_is_not_touched)
{
	size_t before = count_mounts();

	played.covers = true;
	ck_assert_int_eq(mount_for(IS_OVER), -EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "mounted still: a/m"));
	ck_assert_uint_eq(count_mounts(), before + 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("libreaper: mounts");
	TCase *tests = tcase_create("mounts");

	if (BELOW_VALGRIND) {
		SAY_SKIPPED("valgrind knows no openat2");
		return EXIT_SKIP;
	}
	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, what_was_mounted_is_unmounted);
	tcase_add_test(tests, by_its_id_it_and_no_other_is_unmounted);
	tcase_add_test(tests, a_busy_one_goes_lazily_alone);
	tcase_add_loop_test(tests, no_path_leads_out_of_the_directory, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tests, the_directory_itself_is_mounted_on_and_never_unmounted);
	tcase_add_test(tests, the_one_whose_path_ends_so_is_unmounted);
	tcase_add_test(tests, several_threads_do_it_at_once);
	tcase_add_test(tests, names_that_change_meanwhile_lead_nowhere_else);
	tcase_add_test(tests, the_daemon_is_asked_whether_the_action_goes_on_when_it_is_mounted);
	tcase_add_loop_test(tests, where_it_does_not_or_cannot_be_said_the_mount_is_taken_back, 0, ARRAY_SIZE(ends));
	tcase_add_test(tests, what_somebody_has_mounted_upon_it_meanwhile_is_not_touched);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
