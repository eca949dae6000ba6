/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How messages travel: datagrams with descriptors between broker and engine, varlink's stream for clients. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run_suite.h"
#include "wire/frame.h"
#include "wire/varlink.h"

static void pair(int sockets[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), 0);
}

START_TEST(descriptors_travel_and_arrive_close_on_exec)
{
	int sockets[2], sent[2] = { 0, 1 }, got[WIRE_FDS_MAX];
	size_t count;
	char buffer[16];

	pair(sockets);
	ck_assert_int_eq(wire_send(sockets[0], "hello", 5, sent, 2), 0);
	ck_assert_int_eq(wire_receive(sockets[1], buffer, sizeof(buffer), got, &count), 5);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(wire_receive(sockets[1], buffer, sizeof(buffer), got, &count), -EAGAIN);
	close(sockets[0]);
	ck_assert_int_eq(wire_receive(sockets[1], buffer, sizeof(buffer), got, &count), 0);
	ck_assert_int_eq(wire_send(sockets[1], "x", 1, NULL, 0), -EPIPE);
}
END_TEST

START_TEST(a_datagram_longer_than_the_buffer_is_refused)
{
	int sockets[2], got[WIRE_FDS_MAX], zero = 0;
	size_t count;
	char buffer[4];

	pair(sockets);
	ck_assert_int_eq(wire_send(sockets[0], "hello", 5, &zero, 1), 0);
	ck_assert_int_eq(wire_receive(sockets[1], buffer, sizeof(buffer), got, &count), -EMSGSIZE);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(too_many_descriptors_are_closed)
{
	int sockets[2], got[WIRE_FDS_MAX], before, after;
	size_t count;
	char buffer[8], control[CMSG_SPACE(6 * sizeof(int))] = { 0 };
	struct iovec part = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	pair(sockets);
	*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(6 * sizeof(int)),
				    .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS };
	memset(CMSG_DATA(header), 0, 6 * sizeof(int));
	before = dup(0);
	close(before);
	ck_assert_int_eq(sendmsg(sockets[0], &message, 0), 1);
	ck_assert_int_eq(wire_receive(sockets[1], buffer, sizeof(buffer), got, &count), -EMSGSIZE);
	after = dup(0);
	ck_assert_int_eq(before, after);
}
END_TEST

START_TEST(varlink_messages_come_whole_however_they_arrive)
{
	static const char stream[] = "{\"a\":1}\0{}\0\0{\"b\":2}";
	struct varlink_buffer buffer;
	size_t length, seen = 0;
	static const char *const expected[] = { "{\"a\":1}", "{}", "", "{\"b\":2}" };

	varlink_buffer_init(&buffer, 100);
	ck_assert_ptr_null(varlink_buffer_next(&buffer, &length));
	for (size_t i = 0; i < sizeof(stream); i++) {
		char *message;

		ck_assert_int_eq(varlink_buffer_append(&buffer, stream + i, 1), 0);
		while ((message = varlink_buffer_next(&buffer, &length))) {
			ck_assert_str_eq(message, expected[seen++]);
			ck_assert_uint_eq(length, strlen(message));
		}
	}
	ck_assert_uint_eq(seen, 4);
	varlink_buffer_clear(&buffer);
}
END_TEST

START_TEST(a_varlink_message_over_the_limit_is_refused_as_soon_as_it_is)
{
	struct varlink_buffer buffer;
	int r = 0;

	varlink_buffer_init(&buffer, 4);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "abcd\0ab", 7), 0);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "cd\0abcd", 7), 0);
	r = varlink_buffer_append(&buffer, "e", 1);
	ck_assert_int_eq(r, -EMSGSIZE);
	varlink_buffer_clear(&buffer);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "a\0abcde\0a", 9), -EMSGSIZE);
	varlink_buffer_clear(&buffer);
}
END_TEST

START_TEST(varlink_reads_what_a_socket_has)
{
	struct varlink_buffer buffer;
	int sockets[2];
	size_t length;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	varlink_buffer_init(&buffer, 65536);
	ck_assert_int_eq(varlink_buffer_read(&buffer, sockets[1]), -EAGAIN);
	ck_assert_int_eq(send(sockets[0], "{}\0{", 4, 0), 4);
	ck_assert_int_eq(varlink_buffer_read(&buffer, sockets[1]), 4);
	ck_assert_str_eq(varlink_buffer_next(&buffer, &length), "{}");
	ck_assert_ptr_null(varlink_buffer_next(&buffer, &length));
	close(sockets[0]);
	ck_assert_int_eq(varlink_buffer_read(&buffer, sockets[1]), 0);
	varlink_buffer_clear(&buffer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire: frames");
	TCase *frames = tcase_create("frames"), *varlink = tcase_create("varlink");

	tcase_add_test(frames, descriptors_travel_and_arrive_close_on_exec);
	tcase_add_test(frames, a_datagram_longer_than_the_buffer_is_refused);
	tcase_add_test(frames, too_many_descriptors_are_closed);
	tcase_add_test(varlink, varlink_messages_come_whole_however_they_arrive);
	tcase_add_test(varlink, a_varlink_message_over_the_limit_is_refused_as_soon_as_it_is);
	tcase_add_test(varlink, varlink_reads_what_a_socket_has);
	suite_add_tcase(suite, frames);
	suite_add_tcase(suite, varlink);
	return run_suite(suite);
}
