/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the broker looks at before it starts an engine: where the roots lead, and what is in the control socket's place. */
#include <sys/socket.h>
#include <sys/un.h>

#include "broker/places.h"
#include "broker/roots.h"
#include "mount_fixture.h"
#include "run_suite.h"

/* Where the root leads; NULL where it is refused, with the reason in `errors`. */
static const char *resolve(const char *path)
{
	static char errors[512], found[PATH_MAX];
	struct config *config = config_new();
	struct batch_pool *pool = batch_pool_new(4);
	char *said = NULL;
	int r;

	ck_assert(config && pool);
	ck_assert_int_eq(config_add_root(config, path, errors, sizeof(errors)), 0);
	r = roots_resolve(config, pool, &said);
	ck_assert(r == 0 || (r == -EINVAL && said));
	snprintf(found, sizeof(found), "%s", r == 0 ? config->roots[0].path : said);
	free(said);
	batch_pool_free(pool);
	config_free(config);
	return found;
}

START_TEST(a_root_is_where_its_links_lead)
{
	make_directory(PLACE "/build");
	ck_assert_int_eq(symlink("build", PLACE "/link"), 0);
	ck_assert_str_eq(resolve(PLACE "/build"), PLACE "/build");
	ck_assert_str_eq(resolve(PLACE "/link"), PLACE "/build");
	ck_assert_str_eq(resolve(PLACE "/link/later"), PLACE "/build/later");
}
END_TEST

START_TEST(roots_are_apart_where_their_links_lead_too)
{
	struct batch_pool *pool = batch_pool_new(4);
	struct config *config = config_new();
	char why[128], *said = NULL;

	make_directory(PLACE "/build");
	ck_assert_int_eq(symlink("build", PLACE "/link"), 0);
	ck_assert_int_eq(config_add_root(config, PLACE "/build", why, sizeof(why)), 0);
	ck_assert_int_eq(config_add_root(config, PLACE "/link/inside", why, sizeof(why)), 0);
	ck_assert_int_eq(roots_resolve(config, pool, &said), -EINVAL);
	ck_assert_str_eq(said, "root " PLACE "/build/inside: the same as, or inside, another root");
	free(said);
	batch_pool_free(pool);
	config_free(config);
}
END_TEST

START_TEST(a_root_that_leads_to_the_whole_system_is_refused)
{
	ck_assert_int_eq(symlink("..", PLACE "/link"), 0);
	ck_assert_str_eq(resolve(PLACE "/link"), "root /: the whole system cannot be a build root");
}
END_TEST

START_TEST(a_root_that_is_a_file_is_refused)
{
	close(open(PLACE "/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(symlink("file", PLACE "/link"), 0);
	ck_assert_str_eq(resolve(PLACE "/file"), "root " PLACE "/file: not a directory");
	ck_assert_str_eq(resolve(PLACE "/link"), "root " PLACE "/link: not a directory");
}
END_TEST

static int listen_there(void)
{
	const struct engine_user nobody = { .uid = geteuid(), .gid = getegid() };
	char *path = NULL;
	int fd = -1, r = asroot_listen(PLACE, &nobody, &path, &fd);

	ck_assert(r < 0 || (fd >= 0 && !strcmp(path, PLACE "/io.reaperd")));
	free(path);
	return r < 0 ? r : fd;
}

START_TEST(a_dead_daemons_socket_is_replaced)
{
	close(listen_there());
	ck_assert_int_ge(listen_there(), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_nobodys_to_remove)
{
	close(open(PLACE "/io.reaperd", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(listen_there(), -ENOTSOCK);
	ck_assert_int_eq(access(PLACE "/io.reaperd", F_OK), 0);
	ck_assert_int_eq(rename(PLACE "/io.reaperd", PLACE "/file"), 0);
	ck_assert_int_eq(symlink("file", PLACE "/io.reaperd"), 0);
	ck_assert_int_eq(listen_there(), -ENOTSOCK);
	ck_assert_int_eq(access(PLACE "/io.reaperd", F_OK), 0);
}
END_TEST

static int listen_for_runners(const char *path)
{
	char *made = NULL;
	int fd = -1, r = asroot_listen_for_runners(path, &made, &fd);

	ck_assert(r < 0 || !*path || (fd >= 0 && !strcmp(made, path)));
	free(made);
	return r < 0 ? r : fd;
}

START_TEST(the_runners_socket_is_for_everybody_in_a_directory_that_is_nobody_elses)
{
	struct stat st;

	ck_assert_int_ge(listen_for_runners(PLACE "/new/runners/socket"), 0);
	ck_assert_int_eq(stat(PLACE "/new/runners/socket", &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 07777, 0666);
	ck_assert_int_eq(stat(PLACE "/new/runners", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(listen_for_runners(""), -1);
}
END_TEST

START_TEST(a_directory_that_others_can_write_is_no_place_for_the_runners_socket)
{
	ck_assert_int_eq(mkdir(PLACE "/open", 0755), 0);
	ck_assert_int_eq(chmod(PLACE "/open", 01777), 0);
	ck_assert_int_eq(listen_for_runners(PLACE "/open/socket"), -EPERM);
	ck_assert_int_eq(chmod(PLACE "/open", 0775), 0);
	ck_assert_int_eq(listen_for_runners(PLACE "/open/socket"), -EPERM);
	ck_assert_int_eq(access(PLACE "/open/socket", F_OK), -1);
	ck_assert_int_eq(chmod(PLACE "/open", 0755), 0);
	close(open(PLACE "/open/socket", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(listen_for_runners(PLACE "/open/socket"), -ENOTSOCK);
	ck_assert_int_eq(listen_for_runners(PLACE "/open/socket/below"), -ENOTDIR);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker start");
	TCase *start = tcase_create("start");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(start, fixture_setup, NULL);
	tcase_set_timeout(start, 30);
	tcase_add_test(start, a_root_is_where_its_links_lead);
	tcase_add_test(start, roots_are_apart_where_their_links_lead_too);
	tcase_add_test(start, a_root_that_leads_to_the_whole_system_is_refused);
	tcase_add_test(start, a_root_that_is_a_file_is_refused);
	tcase_add_test(start, a_dead_daemons_socket_is_replaced);
	tcase_add_test(start, what_is_no_socket_is_nobodys_to_remove);
	tcase_add_test(start, the_runners_socket_is_for_everybody_in_a_directory_that_is_nobody_elses);
	tcase_add_test(start, a_directory_that_others_can_write_is_no_place_for_the_runners_socket);
	suite_add_tcase(suite, start);
	return run_suite(suite);
}
