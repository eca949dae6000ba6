/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kernel/receivers.h"
#include "run_suite.h"

/* id, parent, dev, peer group, master, root, target */
#define MOUNT(i, p, d, g, m, r, t)                                                                                     \
	{                                                                                                              \
		.id = (i), .parent = (p), .dev = (d), .peer_group = (g), .master = (m), .root = (char *)(r),           \
		.target = (char *)(t), .fstype = (char *)"x"                                                           \
	}

/* The same for a slave of a group that only another namespace has, which receives from one that is in sight. */
#define SLAVE_FROM(i, p, d, m, f, r, t)                                                                                \
	{                                                                                                              \
		.id = (i), .parent = (p), .dev = (d), .master = (m), .from = (f), .root = (char *)(r),                 \
		.target = (char *)(t), .fstype = (char *)"x"                                                           \
	}

/* A mount in another namespace. */
#define THERE(i, p, d, g, m, r, t)                                                                                     \
	{                                                                                                              \
		.id = (i), .parent = (p), .dev = (d), .peer_group = (g), .master = (m), .root = (char *)(r),           \
		.target = (char *)(t), .fstype = (char *)"x", .ns_inode = 7                                            \
	}

struct expectation {
	const char *what;
	uint64_t mount;
	enum receivers receivers;
	uint64_t stranger;
	uint64_t batch[2];
	struct mount_entry table[10];
};

/* The root is /b, the action /b/a. */
static struct expectation cases[] = {
	{ "a private parent lets nothing travel",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(1, 0, 1, 0, 0, "/", "/"), MOUNT(2, 1, 2, 0, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc") } },
	{ "a shared parent without peers neither",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(1, 0, 1, 1, 0, "/", "/"), MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 3, 0, "/", "/b/a/proc") } },
	{ "an rbind of the host's tree is cut off first",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(1, 0, 1, 1, 0, "/", "/"), MOUNT(3, 1, 3, 9, 0, "/", "/b/a/dev"),
	    MOUNT(4, 3, 4, 8, 0, "/", "/b/a/dev/pts"), MOUNT(5, 1, 3, 9, 0, "/", "/dev"),
	    MOUNT(6, 5, 4, 8, 0, "/", "/dev/pts") } },
	{ "the rbind itself travels nowhere",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(1, 0, 1, 1, 0, "/", "/"), MOUNT(3, 1, 3, 9, 0, "/", "/b/a/dev"),
	    MOUNT(4, 3, 4, 8, 0, "/", "/b/a/dev/pts"), MOUNT(5, 1, 3, 9, 0, "/", "/dev"),
	    MOUNT(6, 5, 4, 8, 0, "/", "/dev/pts") } },
	{ "a slave of the action's own mount is reached, its copy is the host's",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/dev"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/dev/pts"),
	    MOUNT(5, 1, 3, 0, 9, "/", "/srv"), MOUNT(6, 5, 4, 0, 0, "/", "/srv/pts") } },
	{ "a slave of a slave in another namespace is reached too",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/dev"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/dev/pts"),
	    SLAVE_FROM(5, 1, 3, 12, 9, "/", "/srv"), MOUNT(6, 5, 4, 0, 0, "/", "/srv/pts") } },
	{ "a copy in another namespace goes along",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"),
	    THERE(12, 11, 2, 0, 2, "/", "/elsewhere"), THERE(13, 12, 3, 0, 5, "/", "/elsewhere/a/proc") } },
	{ "a copy of a copy in a third namespace as well",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"), THERE(12, 11, 2, 6, 2, "/", "/b"),
	    THERE(13, 12, 3, 8, 5, "/", "/b/a/proc"), THERE(22, 21, 2, 0, 6, "/", "/b"),
	    THERE(23, 22, 3, 0, 8, "/", "/b/a/proc") } },
	{ "what another namespace mounted at that place stays, also in the action's directory",
	  3,
	  RECEIVERS_REFUSED,
	  13,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"), THERE(12, 11, 2, 0, 2, "/", "/b"),
	    THERE(13, 12, 4, 0, 0, "/", "/b/a/proc") } },
	{ "also if it is the same directory of the same filesystem, and none of its copies",
	  3,
	  RECEIVERS_REFUSED,
	  13,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"), THERE(12, 11, 2, 0, 2, "/", "/b"),
	    THERE(13, 12, 3, 6, 0, "/", "/b/a/proc") } },
	{ "what is stacked upon the copy is not reached",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"), THERE(12, 11, 2, 0, 2, "/", "/b"),
	    THERE(13, 12, 3, 0, 5, "/", "/b/a/proc"), THERE(14, 13, 4, 0, 0, "/", "/b/a/proc") } },
	{ "a path elsewhere says nothing of the action's directory here",
	  3,
	  RECEIVERS_REFUSED,
	  13,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/proc"),
	    THERE(12, 11, 2, 0, 2, "/a", "/b/a"), THERE(13, 12, 4, 0, 0, "/", "/b/a/proc") } },
	{ "an action's mount that another namespace uses otherwise is cut off",
	  4,
	  RECEIVERS_CUT,
	  14,
	  { 4 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 5, 0, "/", "/b/a/t"), MOUNT(4, 3, 4, 8, 0, "/", "/b/a/t/u"),
	    THERE(12, 11, 2, 0, 2, "/", "/b"), THERE(13, 12, 3, 0, 5, "/", "/b/a/t"),
	    THERE(14, 13, 6, 0, 0, "/", "/b/a/t/u") } },
	{ "peers within the action need no cut",
	  4,
	  RECEIVERS_NONE,
	  0,
	  { 4 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/x"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/x/m"),
	    MOUNT(5, 1, 3, 9, 0, "/", "/b/a/y"), MOUNT(6, 5, 4, 0, 0, "/", "/b/a/y/m") } },
	{ "a copy of the action's whole tree goes with it",
	  4,
	  RECEIVERS_NONE,
	  0,
	  { 4 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 3, 0, "/", "/b/a/x"), MOUNT(4, 3, 4, 4, 0, "/", "/b/a/x/m"),
	    MOUNT(5, 1, 2, 2, 0, "/", "/data"), MOUNT(6, 5, 3, 3, 0, "/", "/data/a/x"),
	    MOUNT(7, 6, 4, 4, 0, "/", "/data/a/x/m") } },
	{ "what stands in a copy of the action's tree and is none itself is cut off",
	  4,
	  RECEIVERS_CUT,
	  7,
	  { 4 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 3, 0, "/", "/b/a/x"), MOUNT(4, 3, 4, 4, 0, "/", "/b/a/x/m"),
	    MOUNT(5, 1, 2, 2, 0, "/", "/data"), MOUNT(6, 5, 3, 0, 3, "/", "/data/a/x"),
	    MOUNT(7, 6, 8, 0, 0, "/", "/data/a/x/m") } },
	{ "the action's bind of a tree beside it is cut off, though both lie on one shared filesystem",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(2, 0, 2, 2, 0, "/", "/"), MOUNT(3, 2, 3, 9, 0, "/", "/b/a/dev"),
	    MOUNT(4, 3, 4, 8, 0, "/", "/b/a/dev/pts"), MOUNT(5, 2, 3, 9, 0, "/", "/dev"),
	    MOUNT(6, 5, 4, 8, 0, "/", "/dev/pts"), MOUNT(7, 2, 2, 2, 0, "/", "/mnt") } },
	{ "what is protected stays, in the same action too",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4, 6 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/x"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/x/m"),
	    MOUNT(5, 1, 3, 9, 0, "/", "/b/a/keep"), MOUNT(6, 5, 4, 0, 0, "/", "/b/a/keep/m") } },
	{ "a copy in a slave of the build root goes with it",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 0, 2, "/", "/runner"), MOUNT(6, 5, 3, 0, 0, "/", "/runner/a/proc") } },
	{ "another thing in a slave of the build root is a stranger",
	  3,
	  RECEIVERS_REFUSED,
	  6,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 0, 2, "/", "/runner"), MOUNT(6, 5, 7, 0, 0, "/", "/runner/a/proc") } },
	{ "so is the same filesystem from another directory",
	  3,
	  RECEIVERS_REFUSED,
	  6,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/x", "/b/a/m"), MOUNT(5, 1, 2, 2, 0, "/", "/runner"),
	    MOUNT(6, 5, 3, 0, 0, "/y", "/runner/a/m") } },
	{ "a leftover of the same batch may go",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3, 6 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 0, 2, "/", "/runner"), MOUNT(6, 5, 7, 0, 0, "/", "/runner/a/proc") } },
	{ "a slave's slave and its peers are reached, too",
	  3,
	  RECEIVERS_REFUSED,
	  8,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"), MOUNT(5, 1, 2, 5, 2, "/", "/r1"),
	    MOUNT(6, 1, 2, 6, 5, "/", "/r2"), MOUNT(7, 1, 2, 6, 0, "/", "/r3"),
	    MOUNT(8, 7, 9, 0, 0, "/", "/r3/a/proc") } },
	{ "another place of a peer is none of its business",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 2, 0, "/", "/runner"), MOUNT(6, 5, 7, 0, 0, "/", "/runner/a/procedure"),
	    MOUNT(7, 5, 7, 0, 0, "/", "/runner/a") } },
	{ "a peer that shows only a part is compared by the place in the filesystem",
	  3,
	  RECEIVERS_REFUSED,
	  6,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/build", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 2, 0, "/build/a", "/one"), MOUNT(6, 5, 7, 0, 0, "/", "/one/proc") } },
	{ "one that shows another part is not reached",
	  3,
	  RECEIVERS_NONE,
	  0,
	  { 3 },
	  { MOUNT(2, 1, 2, 2, 0, "/build", "/b"), MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc"),
	    MOUNT(5, 1, 2, 2, 0, "/other", "/one"), MOUNT(6, 5, 7, 0, 0, "/", "/one/a/proc") } },
	{ "the directory ab is not inside the action a",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/x"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/x/m"),
	    MOUNT(5, 1, 3, 9, 0, "/", "/b/ab"), MOUNT(6, 5, 4, 0, 0, "/", "/b/ab/m") } },
	{ "a parent out of sight says nothing",
	  3,
	  RECEIVERS_REFUSED,
	  0,
	  { 3 },
	  { MOUNT(3, 2, 3, 0, 0, "/", "/b/a/proc") } },
	{ "a stacked mount sits at its lower one's root",
	  4,
	  RECEIVERS_CUT,
	  6,
	  { 4 },
	  { MOUNT(3, 1, 3, 9, 0, "/", "/b/a/m"), MOUNT(4, 3, 4, 0, 0, "/", "/b/a/m"), MOUNT(5, 1, 3, 9, 0, "/", "/srv"),
	    MOUNT(6, 5, 4, 0, 0, "/", "/srv") } },
};

START_TEST(an_unmount_reaches_whom_the_table_says)
{
	struct expectation *expected = &cases[_i];
	struct mount_table table = { .unique_ids = true, .entries = expected->table };
	char *protect[] = { "*/keep", NULL };
	const struct root_rules rules = { .path = "/b", .protect = { protect, 1 } };
	struct receivers_question question = {
		.table = &table, .rules = &rules, .action = "/b/a", .batch = expected->batch, .batch_count = 2
	};
	const struct mount_entry *stranger;
	enum receivers receivers;

	while (table.entries[table.count].id)
		table.count++;
	question.mount = kernel_table_find(&table, expected->mount);
	ck_assert_int_eq(receivers_judge(&question, &receivers, &stranger), 0);
	ck_assert_msg(receivers == expected->receivers && (stranger ? stranger->id : 0) == expected->stranger,
		      "%s: %d, stranger %llu", expected->what, (int)receivers,
		      stranger ? (unsigned long long)stranger->id : 0ull);
}
END_TEST

/* The directory above was away for a moment: then the parent seems to lie outside the action, and the host's to be a copy. */
START_TEST(paths_from_before_and_after_a_rename_say_nothing)
{
	static const char *const targets[][2] = {
		{ "/away/a/dev", "/b/a/dev/pts" },
		{ "/b/a/dev", "/away/a/dev/pts" },
		{ "/away/a/dev", "/away/a/dev/pts" },
	};
	struct mount_entry entries[] = { MOUNT(1, 0, 1, 1, 0, "/", "/"), MOUNT(3, 1, 3, 9, 0, "/", targets[_i][0]),
					 MOUNT(4, 3, 4, 8, 0, "/", targets[_i][1]), MOUNT(5, 1, 3, 9, 0, "/", "/dev"),
					 MOUNT(6, 5, 4, 8, 0, "/", "/dev/pts") };
	struct mount_table table = { .unique_ids = true, .entries = entries, .count = ARRAY_SIZE(entries) };
	const struct root_rules rules = { .path = "/b" };
	const struct receivers_question question = {
		.table = &table, .mount = &entries[2], .rules = &rules, .action = "/b/a"
	};
	const struct mount_entry *stranger;
	enum receivers receivers;

	ck_assert_int_eq(receivers_judge(&question, &receivers, &stranger), -ESTALE);
	ck_assert_int_ne(receivers, RECEIVERS_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker receivers");
	TCase *tables = tcase_create("tables");

	tcase_add_loop_test(tables, an_unmount_reaches_whom_the_table_says, 0, (int)(sizeof(cases) / sizeof(*cases)));
	tcase_add_loop_test(tables, paths_from_before_and_after_a_rename_say_nothing, 0, 3);
	suite_add_tcase(suite, tables);
	return run_suite(suite);
}
