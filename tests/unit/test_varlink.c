/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/varlink.h"
#include "run_suite.h"

static struct varlink_buffer buffer;

static void setup(void)
{
	varlink_buffer_init(&buffer, 16);
}

static void teardown(void)
{
	varlink_buffer_clear(&buffer);
}

static void expect(const char *text)
{
	size_t length = 0;
	const char *message = varlink_buffer_next(&buffer, &length);

	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(message, text);
	ck_assert_uint_eq(length, strlen(text));
}

static void expect_nothing(void)
{
	size_t length;

	ck_assert_ptr_null(varlink_buffer_next(&buffer, &length));
}

START_TEST(an_empty_buffer_has_no_message)
{
	expect_nothing();
	ck_assert_int_eq(varlink_buffer_append(&buffer, "", 0), 0);
	expect_nothing();
	ck_assert(!varlink_buffer_is_ready(&buffer));
}
END_TEST

START_TEST(a_message_may_come_byte_by_byte)
{
	const char bytes[] = "{\"a\":1}";

	for (size_t i = 0; i < sizeof(bytes); i++) {
		expect_nothing();
		ck_assert_uint_eq(varlink_buffer_unfinished(&buffer), i);
		ck_assert_int_eq(varlink_buffer_append(&buffer, bytes + i, 1), 0);
	}
	expect(bytes);
	expect_nothing();
	ck_assert_uint_eq(varlink_buffer_pending(&buffer), 0);
}
END_TEST

START_TEST(pipelined_messages_come_out_one_by_one)
{
	ck_assert_int_eq(varlink_buffer_append(&buffer, "one\0two\0\0thr", 12), 0);
	expect("one");
	expect("two");
	expect("");
	expect_nothing();
	ck_assert_uint_eq(varlink_buffer_unfinished(&buffer), 3);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "ee", 3), 0);
	expect("three");
	expect_nothing();
}
END_TEST

START_TEST(a_message_of_just_the_limit_passes)
{
	ck_assert_int_eq(varlink_buffer_append(&buffer, "0123456789abcdef", 17), 0);
	expect("0123456789abcdef");
}
END_TEST

START_TEST(a_longer_message_is_refused_before_it_ends)
{
	ck_assert_int_eq(varlink_buffer_append(&buffer, "0123456789abcdef", 16), 0);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "g", 1), -EMSGSIZE);
}
END_TEST

START_TEST(a_longer_message_is_refused_when_it_comes_whole)
{
	ck_assert_int_eq(varlink_buffer_append(&buffer,
					       "ok\0"
					       "0123456789abcdefg",
					       21),
			 -EMSGSIZE);
}
END_TEST

START_TEST(without_a_limit_a_message_of_megabytes_passes)
{
	size_t size = 3 << 20, length;
	char *bytes = malloc(size);

	varlink_buffer_init(&buffer, 0);
	memset(bytes, 'x', size);
	for (size_t i = 0; i < size; i += 4096)
		ck_assert_int_eq(varlink_buffer_append(&buffer, bytes + i, 4096), 0);
	ck_assert_int_eq(varlink_buffer_append(&buffer, "", 1), 0);
	ck_assert_ptr_nonnull(varlink_buffer_next(&buffer, &length));
	ck_assert_uint_eq(length, size);
	free(bytes);
}
END_TEST

START_TEST(a_long_row_of_messages_does_not_grow_the_buffer)
{
	for (int i = 0; i < 100000; i++) {
		ck_assert_int_eq(varlink_buffer_append(&buffer, "0123456789", 11), 0);
		expect("0123456789");
	}
	ck_assert_uint_le(buffer.allocated, 8192);
}
END_TEST

START_TEST(reading_a_socket_tells_nothing_yet_bytes_and_the_end_apart)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(varlink_buffer_read(&buffer, fds[0]), -EAGAIN);
	ck_assert_int_eq(send(fds[1], "one\0tw", 6, 0), 6);
	ck_assert_int_eq(varlink_buffer_read(&buffer, fds[0]), 6);
	expect("one");
	ck_assert_int_eq(send(fds[1], "o", 2, 0), 2);
	ck_assert_int_eq(varlink_buffer_read(&buffer, fds[0]), 2);
	close(fds[1]);
	expect("two");
	ck_assert_int_eq(varlink_buffer_read(&buffer, fds[0]), 0);
	close(fds[0]);
	ck_assert_int_eq(varlink_buffer_read(&buffer, -1), -EBADF);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("varlink framing");
	TCase *tests = tcase_create("buffer");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, an_empty_buffer_has_no_message);
	tcase_add_test(tests, a_message_may_come_byte_by_byte);
	tcase_add_test(tests, pipelined_messages_come_out_one_by_one);
	tcase_add_test(tests, a_message_of_just_the_limit_passes);
	tcase_add_test(tests, a_longer_message_is_refused_before_it_ends);
	tcase_add_test(tests, a_longer_message_is_refused_when_it_comes_whole);
	tcase_add_test(tests, without_a_limit_a_message_of_megabytes_passes);
	tcase_add_test(tests, a_long_row_of_messages_does_not_grow_the_buffer);
	tcase_add_test(tests, reading_a_socket_tells_nothing_yet_bytes_and_the_end_apart);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
