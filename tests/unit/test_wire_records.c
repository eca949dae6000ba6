/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/records.h"
#include "odd_names.h"
#include "run_suite.h"

static const struct message_namespace spaces[] = {
	{ .reference = { .inode = 4026532281, .id = 4294967297, .pid = 12 },
	  .comm = "bb_runner",
	  .owner = 4026531837,
	  .mounts = 31,
	  .selected = true,
	  .holds = true,
	  .path_count = 2 },
	{ .reference = { .inode = 4026532300 }, .comm = "", .owned_by_others = true },
};
static const struct message_path paths[] = { { .root = 0, .path = "/build" }, { .root = 9, .path = "/" } };
static const struct message_mount mounts[] = {
	{ .id = 4294967301,
	  .parent = 4294967300,
	  .id32 = 77,
	  .parent32 = 70,
	  .dev = 0x1f,
	  .peer_group = 5,
	  .master = 6,
	  .root = "/a//deleted",
	  .target = "/worker/build/a b\n\xff",
	  .fstype = "fuse.bindfs",
	  .source = "bb_worker",
	  .options = "rw,nosuid",
	  .super_options = "rw" },
	{ .id = 1, .root = "/", .target = "/", .fstype = "tmpfs", .source = "", .options = "rw", .super_options = "" },
};

static void ck_same_mount(const struct message_mount *a, const struct message_mount *b)
{
	ck_assert_uint_eq(a->id, b->id);
	ck_assert_uint_eq(a->parent, b->parent);
	ck_assert_uint_eq(a->id32, b->id32);
	ck_assert_uint_eq(a->parent32, b->parent32);
	ck_assert_uint_eq(a->dev, b->dev);
	ck_assert_uint_eq(a->peer_group, b->peer_group);
	ck_assert_uint_eq(a->master, b->master);
	ck_assert_str_eq(a->root, b->root);
	ck_assert_str_eq(a->target, b->target);
	ck_assert_str_eq(a->fstype, b->fstype);
	ck_assert_str_eq(a->source, b->source);
	ck_assert_str_eq(a->options, b->options);
	ck_assert_str_eq(a->super_options, b->super_options);
}

static struct wire_records two_mounts(void)
{
	struct wire_records records = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		ck_assert_int_eq(records_add_mount(&records, &mounts[i]), 0);
	return records;
}

START_TEST(mounts_come_back_as_they_went_in_one_by_one)
{
	struct wire_records records = two_mounts();
	struct message_mount got;
	struct wire_reader reader;

	wire_reader_init(&reader, records.bytes, records.used);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		ck_assert_int_eq(record_next_mount(&reader, &got), 1);
		ck_same_mount(&got, &mounts[i]);
	}
	ck_assert_int_eq(record_next_mount(&reader, &got), 0);
	ck_assert_int_eq(record_next_mount(&reader, &got), 0);
	records_clear(&records);
}
END_TEST

START_TEST(namespaces_come_back_with_their_paths)
{
	struct wire_records records = { 0 };
	struct message_namespace got;
	struct message_path path;
	struct wire_reader reader;

	ck_assert_int_eq(records_add_namespace(&records, &spaces[0]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		ck_assert_int_eq(records_add_path(&records, &paths[i]), 0);
	ck_assert_int_eq(records_add_namespace(&records, &spaces[1]), 0);
	wire_reader_init(&reader, records.bytes, records.used);
	ck_assert_int_eq(record_next_namespace(&reader, &got), 1);
	ck_assert_uint_eq(got.reference.inode, spaces[0].reference.inode);
	ck_assert_uint_eq(got.reference.id, spaces[0].reference.id);
	ck_assert_int_eq(got.reference.pid, spaces[0].reference.pid);
	ck_assert_str_eq(got.comm, "bb_runner");
	ck_assert_uint_eq(got.owner, 4026531837);
	ck_assert_uint_eq(got.mounts, 31);
	ck_assert(got.selected && !got.owned_by_others);
	ck_assert_uint_eq(got.path_count, 2);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ck_assert_int_eq(record_next_path(&reader, &path), 1);
		ck_assert_uint_eq(path.root, paths[i].root);
		ck_assert_str_eq(path.path, paths[i].path);
	}
	ck_assert_int_eq(record_next_namespace(&reader, &got), 1);
	ck_assert(!got.selected && got.owned_by_others);
	ck_assert_int_eq(record_next_namespace(&reader, &got), 0);
	records_clear(&records);
}
END_TEST

START_TEST(odd_names_and_names_of_any_length_come_back)
{
	struct message_mount mount = mounts[0], got;
	struct wire_records records = { 0 };
	struct wire_reader reader;
	char *deep = malloc(1 << 20);

	memset(deep, 'd', (1 << 20) - 1);
	deep[(1 << 20) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		mount.target = odd_names[i];
		mount.source = deep;
		ck_assert_int_eq(records_add_mount(&records, &mount), 0);
	}
	wire_reader_init(&reader, records.bytes, records.used);
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		ck_assert_int_eq(record_next_mount(&reader, &got), 1);
		ck_assert_str_eq(got.target, odd_names[i]);
		ck_assert_str_eq(got.source, deep);
	}
	ck_assert_int_eq(record_next_mount(&reader, &got), 0);
	records_clear(&records);
	free(deep);
}
END_TEST

START_TEST(records_cut_anywhere_but_between_two_are_refused)
{
	struct wire_records records = two_mounts();
	struct message_mount got;
	unsigned whole = 0;

	for (size_t size = 0; size < records.used; size++) {
		struct wire_reader reader;
		uint8_t *copy = malloc(size ? size : 1);
		int r;

		memcpy(copy, records.bytes, size);
		wire_reader_init(&reader, copy, size);
		while ((r = record_next_mount(&reader, &got)) > 0)
			;
		whole += r == 0;
		ck_assert(r == 0 || r == -EBADMSG);
		ck_assert_int_eq(record_next_mount(&reader, &got), r);
		free(copy);
	}
	ck_assert_uint_eq(whole, 2); /* none, and the first */
	records_clear(&records);
}
END_TEST

START_TEST(records_of_another_kind_are_refused)
{
	struct wire_records records = two_mounts();
	struct message_namespace got;
	struct message_path path;
	struct wire_reader reader;

	wire_reader_init(&reader, records.bytes, records.used);
	ck_assert_int_eq(record_next_namespace(&reader, &got), -EBADMSG);
	wire_reader_init(&reader, records.bytes, records.used);
	ck_assert_int_eq(record_next_path(&reader, &path), -EBADMSG);
	records_clear(&records);
}
END_TEST

START_TEST(what_no_record_may_say_leaves_the_records_as_they_were)
{
	struct wire_records records = two_mounts();
	struct message_mount mount = mounts[0];
	struct message_namespace own = spaces[1];
	size_t used = records.used;

	mount.id = 0;
	ck_assert_int_eq(records_add_mount(&records, &mount), -EINVAL);
	own.reference = (struct namespace_reference){ 0 };
	ck_assert_int_eq(records_add_namespace(&records, &own), -EINVAL);
	ck_assert_int_eq(records_add_path(&records, &(struct message_path){ .path = "build" }), -EINVAL);
	ck_assert_uint_eq(records.used, used);
	records_clear(&records);
}
END_TEST

START_TEST(garbled_records_never_crash_and_decode_only_to_what_encodes)
{
	struct wire_records records = two_mounts();
	uint64_t random = 88172645463325252ull;

	for (unsigned round = 0; round < 20000; round++) {
		struct wire_records again = { 0 };
		uint8_t *copy = malloc(records.used);
		struct message_mount got;
		struct wire_reader reader;

		memcpy(copy, records.bytes, records.used);
		for (unsigned n = 0; n <= round % 4; n++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[(random >> 8) % records.used] = (uint8_t)random;
		}
		wire_reader_init(&reader, copy, records.used);
		while (record_next_mount(&reader, &got) > 0)
			ck_assert_int_eq(records_add_mount(&again, &got), 0);
		records_clear(&again);
		free(copy);
	}
	records_clear(&records);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire_records");
	TCase *tcase = tcase_create("records");

	tcase_add_test(tcase, mounts_come_back_as_they_went_in_one_by_one);
	tcase_add_test(tcase, namespaces_come_back_with_their_paths);
	tcase_add_test(tcase, odd_names_and_names_of_any_length_come_back);
	tcase_add_test(tcase, records_cut_anywhere_but_between_two_are_refused);
	tcase_add_test(tcase, records_of_another_kind_are_refused);
	tcase_add_test(tcase, what_no_record_may_say_leaves_the_records_as_they_were);
	tcase_add_test(tcase, garbled_records_never_crash_and_decode_only_to_what_encodes);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
