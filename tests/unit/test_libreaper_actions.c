/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libreaper says to a daemon, and makes of its answers: a thread plays that. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/client.h"
#include "reaper.h"
#include "run_suite.h"

static char why[REAPER_WHY_SIZE];
static char directory[] = "/tmp/test-libreaper-XXXXXX", path[64];
static int listener;
static pthread_t thread;

/* One connection after another: what is asked is kept, and answered by the next of these; NULL: not at all. */
static const char *const *answers;
static char asked[1024];
static int held = -1; /* the last connection, which stays open */

static void *serve(void *context)
{
	(void)context;
	for (; *answers; answers++) {
		size_t used = 0;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		ssize_t got;

		if (fd < 0)
			break;
		while (used < sizeof(asked) && (got = recv(fd, asked + used, sizeof(asked) - used, 0)) > 0) {
			used += (size_t)got;
			if (!asked[used - 1])
				break;
		}
		if (held >= 0)
			close(held);
		held = fd;
		if (**answers)
			send(fd, *answers, strlen(*answers) + 1, MSG_NOSIGNAL);
	}
	return NULL;
}

static void open_listener(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "%s/socket", directory);
	unlink(path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
}

static void play(const char *const *list)
{
	answers = list;
	open_listener();
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void finish(void)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	if (held >= 0)
		close(held);
	held = -1;
	unlink(path);
}

static void setup(void)
{
	strcpy(directory, "/tmp/test-libreaper-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
	rmdir(directory);
}

#define ANSWERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define BEGUN(n, and)                                                                                                  \
	"{\"parameters\":{\"generation\":" n                                                                           \
	",\"path\":\"/b/a\\\\xff\",\"path_b64\":\"L2IvYf8=\",\"joined\":false}" and                                    \
		"}"

#define UNDONE(ended) "{\"parameters\":{\"generation\":3,\"ended\":" ended "}}"

/* What is UTF-8 the daemon gives as it is. */
START_TEST(a_backslash_in_a_path_is_one)
{
	char *where = NULL;

	play(ANSWERS("{\"parameters\":{\"generation\":3,\"path\":\"/b/a\\\\x41\",\"joined\":false}}"));
	ck_assert_int_eq(reaper_begin(path, "/b", "a\\x41", 0, 0, 0, NULL, &where, why, sizeof(why)), 0);
	ck_assert_str_eq(where, "/b/a\\x41");
	free(where);
	finish();
}
END_TEST

START_TEST(what_is_taken_back_goes_or_goes_on)
{
	play(ANSWERS(UNDONE("true"), UNDONE("false"), UNDONE("1"), "{\"error\":\"io.reaperd.NoSuchAction\"}"));
	ck_assert_int_eq(reaper_begin_undo(path, "/b", "a", 3, why, sizeof(why)), 0);
	ck_assert_str_eq(asked, "{\"method\":\"io.reaperd.End\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\","
				"\"generation\":3,\"only_if_unused\":true}}");
	ck_assert_int_eq(reaper_begin_undo(path, "/b", "a", 3, NULL, 0), 1);
	ck_assert_int_eq(reaper_begin_undo(path, "/b", "a", 3, why, sizeof(why)), -EPROTO);
	ck_assert_int_eq(reaper_begin_undo(path, "/b", "a", 3, why, sizeof(why)), -ESRCH);
	finish();
}
END_TEST

START_TEST(it_begins_and_ends_what_it_is_told_to)
{
	uint32_t generation = 0;
	char *where = NULL;

	play(ANSWERS(BEGUN("3", ""), BEGUN("3", ""), "{\"parameters\":{\"generation\":3}}"));
	ck_assert_msg(reaper_begin(path, "/b", "a\xff", REAPER_BEGIN_JOIN, 12, 60, &generation, &where, why,
				   sizeof(why)) == 0,
		      "%s", why);
	ck_assert_str_eq(asked,
			 "{\"method\":\"io.reaperd.Begin\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\\\\xff\","
			 "\"max_age\":\"60s\",\"pid\":12,\"join\":true}}");
	ck_assert_uint_eq(generation, 3);
	ck_assert_str_eq(where, "/b/a\xff");
	free(where);
	ck_assert_int_eq(reaper_begin(path, "/b", "a", 0, 0, 0, NULL, NULL, NULL, 0), 0);
	ck_assert_str_eq(asked, "{\"method\":\"io.reaperd.Begin\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\","
				"\"join\":false}}");
	ck_assert_int_eq(reaper_end(path, "/b", "a", 3, why, sizeof(why)), 0);
	ck_assert_str_eq(asked, "{\"method\":\"io.reaperd.End\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\","
				"\"generation\":3}}");
	finish();
	ck_assert_int_eq(reaper_begin(path, "/b", "a", 2, 0, 0, NULL, NULL, why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(reaper_begin(path, "/b", "a", 0, -1, 0, NULL, NULL, why, sizeof(why)), -EINVAL);
}
END_TEST

static const struct {
	const char *answer, *says;
	int error;
} refusals[] = {
	{ "{\"error\":\"io.reaperd.NoSuchRoot\",\"parameters\":{\"root\":\"/r\"}}", "/r", -ENOTDIR },
	{ "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"x\"}}", "x", -ESRCH },
	{ "{\"error\":\"io.reaperd.ActionIsHeld\",\"parameters\":{\"action\":\"a\",\"reason\":\"by pid 7\"}}",
	  "by pid 7", -EBUSY },
	{ "{\"error\":\"io.reaperd.NotAllowed\",\"parameters\":{\"reason\":\"root only\"}}", "root only", -EPERM },
	{ "{\"error\":\"io.reaperd.Unavailable\",\"parameters\":{\"reason\":\"over\"}}", "over", -EOWNERDEAD },
	{ "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}", "pid",
	  -EINVAL },
	{ "{\"error\":\"io.reaperd.Unavailable\"}", "Unavailable", -EOWNERDEAD },
	{ "{\"error\":\"some.Thing\"}", "some.Thing", -EPROTO },
	{ "{\"error\":7}", "without a name", -EPROTO },
	{ "[]", "varlink", -EPROTO },
	{ "{", "varlink", -EPROTO },
	{ "{}", "as reaperd does", -EPROTO },
	{ "{\"parameters\":{\"generation\":\"1\",\"path\":\"/b\"}}", "as reaperd does", -EPROTO },
	{ "{\"parameters\":{\"generation\":1}}", "as reaperd does", -EPROTO },
	{ "{\"parameters\":{\"generation\":1,\"path\":\"\\\\x\",\"path_b64\":\"\"}}", "as reaperd does", -EPROTO },
};

START_TEST(what_the_daemon_does_not_do_is_said)
{
	uint32_t generation = 9;
	char *where = (char *)"as it was";

	play(ANSWERS(refusals[_i].answer));
	ck_assert_int_eq(reaper_begin(path, "/b", "a", 0, 0, 0, &generation, &where, why, sizeof(why)),
			 refusals[_i].error);
	ck_assert_msg(strstr(why, refusals[_i].says), "%s", why);
	ck_assert_uint_eq(generation, 9);
	ck_assert_str_eq(where, "as it was");
	finish();
}
END_TEST

START_TEST(without_a_daemon_nothing_is_registered)
{
	struct reaper_lease *lease = NULL;
	char longer[200] = "/";

	ck_assert_int_eq(reaper_lease_open("/none/such", "/b", "a", 0, &lease, why, sizeof(why)), -ENOENT);
	ck_assert_str_eq(why, "no daemon at /none/such: No such file or directory");
	ck_assert_int_eq(reaper_end("/none/such", "/b", "a", 0, NULL, 0), -ENOENT);
	memset(longer + 1, 'a', sizeof(longer) - 2);
	ck_assert_int_eq(reaper_begin(longer, "/b", "a", 0, 0, 0, NULL, NULL, why, sizeof(why)), -ENAMETOOLONG);
	ck_assert_ptr_null(lease);
	reaper_lease_close(NULL);
}
END_TEST

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return poll(&polled, 1, timeout_ms) == 1;
}

START_TEST(a_lease_is_held_until_it_is_closed_and_taken_anew_where_the_daemon_is)
{
	struct reaper_lease *lease = NULL;
	char byte;
	int fd;

	play(ANSWERS(BEGUN("1", ",\"continues\":true"), BEGUN("1", ",\"continues\":true"),
		     BEGUN("2", ",\"continues\":true")));
	ck_assert_msg(reaper_lease_open(path, "/b", "a", 5, &lease, why, sizeof(why)) == 0, "%s", why);
	ck_assert_str_eq(asked, "{\"method\":\"io.reaperd.Lease\",\"parameters\":{\"root\":\"/b\",\"name\":\"a\","
				"\"max_age\":\"5s\",\"generation\":0},\"more\":true}");
	ck_assert_uint_eq(reaper_lease_generation(lease), 1);
	ck_assert_str_eq(reaper_lease_path(lease), "/b/a\xff");
	fd = reaper_lease_fd(lease);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert(!is_readable(fd, 0));
	ck_assert_int_eq(reaper_lease_renew(lease, 1000, why, sizeof(why)), 0);
	ck_assert_int_eq(reaper_lease_fd(lease), fd);
	/* It has gone; its successor knows the same action, the one after that another. */
	shutdown(held, SHUT_RDWR);
	ck_assert(is_readable(fd, 10000));
	ck_assert_int_eq(reaper_lease_renew(lease, 10000, why, sizeof(why)), 0);
	shutdown(held, SHUT_RDWR);
	ck_assert(is_readable(reaper_lease_fd(lease), 10000));
	ck_assert_int_eq(reaper_lease_renew(lease, 10000, why, sizeof(why)), 1);
	ck_assert_uint_eq(reaper_lease_generation(lease), 2);
	reaper_lease_close(lease);
	ck_assert_int_eq(recv(held, &byte, 1, 0), 0);
	finish();
}
END_TEST

START_TEST(a_lease_that_cannot_be_taken_anew_is_not_held_and_may_be_later)
{
	struct reaper_lease *lease = NULL;

	play(ANSWERS(BEGUN("1", ",\"continues\":true"), "", BEGUN("1", ",\"continues\":true")));
	ck_assert_int_eq(reaper_lease_open(path, "/b", "a", 0, &lease, why, sizeof(why)), 0);
	shutdown(held, SHUT_RDWR);
	ck_assert(is_readable(reaper_lease_fd(lease), 10000));
	ck_assert_int_eq(reaper_lease_renew(lease, 50, why, sizeof(why)), -ETIME);
	ck_assert_int_eq(reaper_lease_fd(lease), -1);
	ck_assert_uint_eq(reaper_lease_generation(lease), 1);
	ck_assert_int_eq(reaper_lease_renew(lease, 10000, why, sizeof(why)), 0);
	ck_assert_int_ge(reaper_lease_fd(lease), 0);
	reaper_lease_close(lease);
	finish();
}
END_TEST

static void do_nothing(int number)
{
	(void)number;
}

static void *answer_late(void *context)
{
	pthread_t main_thread = *(pthread_t *)context;
	static const char late[] = "{\"parameters\":{\"generation\":1}}";
	const struct timespec moment = { .tv_nsec = 2000000 };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; i < 50; i++) {
		pthread_kill(main_thread, SIGUSR1);
		nanosleep(&moment, NULL);
	}
	send(fd, late, sizeof(late), MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

START_TEST(signals_interrupt_nothing)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	pthread_t self = pthread_self();

	sigaction(SIGUSR1, &action, NULL);
	open_listener();
	ck_assert_int_eq(pthread_create(&thread, NULL, answer_late, &self), 0);
	ck_assert_msg(reaper_end(path, "/b", "a", 0, why, sizeof(why)) == 0, "%s", why);
	finish();
}
END_TEST

/* Both to one that goes away before it can be asked. */
START_TEST(who_is_turned_away_hears_why_though_he_cannot_ask_any_more)
{
	static const char refusal[] = "{\"error\":\"io.reaperd.NotAllowed\"}";
	const json_t *parameters;
	struct client *client;
	json_t *reply;

	for (int words = 0; words < 2; words++) {
		int fd;

		open_listener();
		ck_assert_int_eq(client_open(path, &client), 0);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (words)
			ck_assert_int_eq(send(fd, refusal, sizeof(refusal), MSG_NOSIGNAL), sizeof(refusal));
		close(fd);
		ck_assert_int_eq(client_send(client, "End", json_object(), false), 0);
		ck_assert_int_eq(client_receive(client, 10000, &reply), words ? -EREMOTEIO : -ECONNRESET);
		if (words)
			ck_assert_str_eq(client_error(client, &parameters), "io.reaperd.NotAllowed");
		client_close(client);
		close(listener);
		unlink(path);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("libreaper: actions");
	TCase *tests = tcase_create("actions");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_backslash_in_a_path_is_one);
	tcase_add_test(tests, what_is_taken_back_goes_or_goes_on);
	tcase_add_test(tests, it_begins_and_ends_what_it_is_told_to);
	tcase_add_loop_test(tests, what_the_daemon_does_not_do_is_said, 0, ARRAY_SIZE(refusals));
	tcase_add_test(tests, without_a_daemon_nothing_is_registered);
	tcase_add_test(tests, a_lease_is_held_until_it_is_closed_and_taken_anew_where_the_daemon_is);
	tcase_add_test(tests, a_lease_that_cannot_be_taken_anew_is_not_held_and_may_be_later);
	tcase_add_test(tests, who_is_turned_away_hears_why_though_he_cannot_ask_any_more);
	tcase_add_test(tests, signals_interrupt_nothing);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
