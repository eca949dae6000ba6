/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which mount namespaces there are, and of which of them nothing is said. */
#include "base/cleanup.h"
#include "requests_fixture.h"
#include "run_suite.h"

/* The namespaces that were listed. */
static struct list {
	struct message_result result;
	struct message_namespace *items;
	struct message_path *paths; /* of all */
	size_t count, path_count;
} list;

static void ask_for_list_with(uint32_t questions)
{
	uint32_t question = NAMESPACES_HOLDING;
	struct message_request request = { .type = MESSAGE_NAMESPACES, .count = questions, .questions = &question };
	struct wire_reader reader;
	struct message_namespace ns;

	free(list.items);
	free(list.paths);
	list = (struct list){ .result = ask_for(&request) };
	ck_assert_int_eq(list.result.error, 0);
	reader = read_records(list.result.fds[0]);
	while (record_next_namespace(&reader, &ns) > 0) {
		list.items = reallocarray(list.items, list.count + 1, sizeof(ns));
		list.items[list.count++] = ns;
		for (uint32_t i = 0; i < ns.path_count; i++) {
			list.paths = reallocarray(list.paths, list.path_count + 1, sizeof(*list.paths));
			ck_assert_int_eq(record_next_path(&reader, &list.paths[list.path_count++]), 1);
		}
	}
	ck_assert(wire_reader_is_done(&reader));
	ck_assert_uint_eq(list.count, list.result.namespaces[0].count);
	message_result_clear(&list.result);
}

static void ask_for_list(void)
{
	ask_for_list_with(0);
}

static const struct message_namespace *find(const struct kernel_namespace *ns)
{
	for (size_t i = 0; i < list.count; i++)
		if (list.items[i].reference.inode == ns->inode && list.items[i].reference.id == ns->id)
			return &list.items[i];
	return NULL;
}

static bool is_listed_now(const void *context)
{
	ask_for_list();
	return find(context);
}

static bool is_not_listed_now(const void *context)
{
	return !is_listed_now(context);
}

static int take_a_name(void)
{
	return prctl(PR_SET_NAME, "the runner") < 0 ? errno : 0;
}

START_TEST(all_but_our_own_are_listed_and_what_is_selected_is_said)
{
	struct other a = start_other(take_a_name), b = start_other(NULL), c = start_other_of(NULL, true);
	const struct kernel_namespace own = namespace_of(getpid());
	const struct message_namespace *of_a, *of_b, *of_c;

	use_selectors("self comm:the\\x20runner");
	ck_assert_int_eq(rules_add_path(rules, "comm:nobody", "/nowhere"), 0);
	ck_assert_int_eq(rules_add_path(rules, "comm:the runner", "/build"), 0);
	ck_assert_int_eq(rules_add_path(rules, "all", "/later"), 0);
	ask_for_list();
	of_a = find(&a.ns);
	of_b = find(&b.ns);
	of_c = find(&c.ns);
	ck_assert(of_a && of_b && of_c && !find(&own));
	ck_assert(of_a->selected && !of_b->selected && !of_c->selected);
	ck_assert_int_eq(of_a->reference.pid, a.pid);
	ck_assert_str_eq(of_a->comm, "the runner");
	ck_assert(!of_a->owned_by_others && !of_b->owned_by_others && of_c->owned_by_others);
	ck_assert_uint_eq(of_a->path_count, 1);
	ck_assert_uint_eq(of_b->path_count, 0);
	ck_assert_uint_eq(list.path_count, 1);
	ck_assert_uint_eq(list.paths[0].root, 0);
	ck_assert_str_eq(list.paths[0].path, "/build");
	end_other(&a);
	end_other(&b);
	end_other(&c);
}
END_TEST

#define ELSEWHERE PLACE "/elsewhere"

static int do_nothing(void)
{
	return 0;
}

static int drop_the_root(void)
{
	return umount2(BUILD, MNT_DETACH) < 0 ? errno : 0;
}

static int keep_a_part_alone(void)
{
	return mount(BUILD "/a", ELSEWHERE, NULL, MS_BIND, NULL) < 0 ? errno : drop_the_root();
}

static int keep_it_covered(void)
{
	return mount("cover", BUILD, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int mount_another_there(void)
{
	int r = drop_the_root();

	return r ? r : keep_it_covered();
}

static int have_what_covers_it_later(void)
{
	return 0;
}

static const struct {
	other_function *function;
	bool holds;
} holders_of_a_root[] = {
	{ do_nothing, true },	   { drop_the_root, false },	   { keep_a_part_alone, true },
	{ keep_it_covered, true }, { mount_another_there, false }, { have_what_covers_it_later, false },
};

START_TEST(whether_one_holds_a_root_is_said_where_it_is_asked)
{
	other_function *function = holders_of_a_root[_i].function;
	const struct message_namespace *listed;
	struct other other;

	make_directory(ELSEWHERE);
	other = start_other(function);
	if (function == have_what_covers_it_later)
		make_tmpfs(BUILD);
	use_selectors("self");
	ask_for_list();
	listed = find(&other.ns);
	ck_assert(listed && !listed->holds);
	ask_for_list_with(1);
	listed = find(&other.ns);
	ck_assert(listed && listed->holds == holders_of_a_root[_i].holds);
	ck_assert(!listed->selected);
	end_other(&other);
}
END_TEST

/* What lies elsewhere says nothing of the root that lies there. */
START_TEST(a_root_is_looked_for_where_a_walk_to_it_ends)
{
	char why[200];
	struct other other;
	const struct message_namespace *listed;

	make_directory(BUILD "/a/b");
	make_directory(ELSEWHERE);
	config_free(settings.config);
	settings.config = config_new();
	use_selectors("self");
	ck_assert_int_eq(config_add_root(settings.config, BUILD "/a", why, sizeof(why)), 0);
	make_tmpfs(BUILD "/a/b");
	other = start_other(keep_a_part_alone);
	ask_for_list_with(1);
	listed = find(&other.ns);
	ck_assert(listed && listed->holds);
	end_other(&other);
	/* The walk ends in this one by now, which a root of "/" alone does not say. */
	other = start_other(drop_the_root);
	make_tmpfs(BUILD "/a");
	ask_for_list_with(1);
	listed = find(&other.ns);
	ck_assert(listed && !listed->holds);
	end_other(&other);
}
END_TEST

/* Formats with the other's pid; the first selects what it is about, the second does not. */
static const struct {
	const char *good, *bad;
} selectors[] = {
	{ "all", "self" },
	{ "pid:%d", "pid:1" },
	{ "pidfile:" PLACE "/pid", "pidfile:" PLACE "/none" },
	{ "comm:the\\x20runner", "comm:the\\x20runne" },
	{ "/proc/%d/ns/mnt", "/proc/self/ns/mnt" },
	{ "self pid:0 comm:none all", "" },
	{ "pidfile:" PLACE "/pid", "pidfile:" PLACE },
	{ "/proc/%d/ns/mnt", "/proc/%d/ns/net" },
};

static void write_pidfile(pid_t pid)
{
	FILE *file = fopen(PLACE "/pid", "we");

	ck_assert_int_gt(fprintf(file, "%d\n", pid), 0);
	fclose(file);
}

static void use_selectors_with(const char *format, pid_t pid)
{
	char text[200];
	const char *number = strstr(format, "%d");

	if (number)
		snprintf(text, sizeof(text), "%.*s%d%s", (int)(number - format), format, pid, number + 2);
	else
		snprintf(text, sizeof(text), "%s", format);
	use_selectors(text);
}

/* With the process named, with another, with none. */
START_TEST(each_selector_selects_what_it_names_and_nothing_else)
{
	struct other other = start_other(take_a_name), stranger = start_other(NULL);
	const int32_t hints[] = { other.pid, stranger.pid, 0 };

	write_pidfile(other.pid);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		struct message_request request = { .type = MESSAGE_TABLE, .ns = reference_to(&other) };
		struct message_request to_stranger = { .type = MESSAGE_TABLE, .ns = reference_to(&stranger) };

		request.ns.pid = to_stranger.ns.pid = hints[i];
		use_selectors_with(selectors[_i].good, other.pid);
		ck_assert_int_eq(error_of(&request), 0);
		if (!strstr(selectors[_i].good, "all"))
			ck_assert_int_eq(error_of(&to_stranger), EPERM);
		ask_for_list();
		ck_assert(find(&other.ns)->selected);
		use_selectors_with(selectors[_i].bad, other.pid);
		ck_assert_int_eq(error_of(&request), EPERM);
		ask_for_list();
		ck_assert(!find(&other.ns)->selected);
	}
	end_other(&other);
	end_other(&stranger);
}
END_TEST

START_TEST(a_namespace_that_is_not_selected_is_refused_whatever_is_asked)
{
	struct other other = start_other(NULL);
	struct message_request request = request_of(types[_i]);

	use_selectors("self comm:none");
	request.ns = reference_to(&other);
	ck_assert_int_eq(error_of(&request), EPERM);
	request.ns.pid = 0;
	ck_assert_int_eq(error_of(&request), EPERM);
	end_other(&other);
}
END_TEST

START_TEST(our_own_is_served_whatever_is_selected)
{
	struct message_request request = { .type = MESSAGE_TABLE };

	use_selectors("comm:none");
	ck_assert_int_eq(error_of(&request), 0);
	request.ns.inode = kernel_mount_namespace();
	ck_assert_int_eq(error_of(&request), 0);
}
END_TEST

START_TEST(a_namespace_that_has_gone_is_said_to_have_gone_whatever_is_asked)
{
	struct other other = start_other(NULL);
	struct message_request request = request_of(types[_i]);

	end_other(&other);
	if (!other.ns.id)
		SKIP_TEST("this kernel has no unique id of a mount namespace (Linux 6.11)");
	request.ns = reference_to(&other);
	ck_assert(comes_true(is_not_listed_now, &other.ns));
	ck_assert_int_eq(error_of(&request), ESRCH);
	/* Its inode and its pid are another's now. */
	request.ns.inode = kernel_mount_namespace();
	request.ns.pid = getpid();
	ck_assert_int_eq(error_of(&request), ESRCH);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker_namespaces");
	TCase *lists = tcase_create("lists"), *refusals = tcase_create("refusals");
	TCase *const all[] = { lists, refusals };

	if (!fixture_is_possible())
		return EXIT_SKIP;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		tcase_add_checked_fixture(all[i], setup, teardown);
	tcase_add_test(lists, all_but_our_own_are_listed_and_what_is_selected_is_said);
	tcase_add_loop_test(lists, whether_one_holds_a_root_is_said_where_it_is_asked, 0,
			    ARRAY_SIZE(holders_of_a_root));
	tcase_add_test(lists, a_root_is_looked_for_where_a_walk_to_it_ends);
	tcase_add_loop_test(lists, each_selector_selects_what_it_names_and_nothing_else, 0, ARRAY_SIZE(selectors));
	tcase_add_loop_test(refusals, a_namespace_that_is_not_selected_is_refused_whatever_is_asked, 0,
			    ARRAY_SIZE(types));
	tcase_add_test(refusals, our_own_is_served_whatever_is_selected);
	tcase_add_loop_test(refusals, a_namespace_that_has_gone_is_said_to_have_gone_whatever_is_asked, 0,
			    ARRAY_SIZE(types));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		suite_add_tcase(suite, all[i]);
	return run_suite(suite);
}
