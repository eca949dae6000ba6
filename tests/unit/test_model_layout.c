/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/layout.h"
#include "model_fixture.h"
#include "odd_names.h"
#include "run_suite.h"

struct row {
	const char *layout, *match, *trash, *relative;
	enum place place;
	const char *name, *path;
};

static const struct row rows[] = {
	{ "{action}", "*", "", "a", PLACE_ACTION, "a", "a" },
	{ "{action}", "*", "", "a/root/proc", PLACE_ACTION, "a", "a" },
	{ "{action}", "*", "", "", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "*", "", ".hidden/x", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "*", "", "..data/x", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "*", "", "a/.hidden", PLACE_ACTION, "a", "a" },
	{ "{action}", "*", "", "new\nline/x", PLACE_ACTION, "new\nline", "new\nline" },
	{ "{action}", "*", "", "\xff\x01 b/x", PLACE_ACTION, "\xff\x01 b", "\xff\x01 b" },
	{ "{action}", "*", "", "{action}/x", PLACE_ACTION, "{action}", "{action}" },
	{ "{action}", "[0-9a-f]*", "", "0ff/x", PLACE_ACTION, "0ff", "0ff" },
	{ "{action}", "[0-9a-f]*", "", "xff/x", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "a* b*", "", "b1", PLACE_ACTION, "b1", "b1" },
	{ "{action}", "a* b*", "", "c1", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "", "", "c1", PLACE_ACTION, "c1", "c1" },
	{ "{action}", "*", ".trash* trash-*", ".trash/a/x", PLACE_TRASH, ".trash/a", ".trash/a" },
	{ "{action}", "*", ".trash* trash-*", ".trash-7/a", PLACE_TRASH, ".trash-7/a", ".trash-7/a" },
	{ "{action}", "*", ".trash* trash-*", "trash-a/b/c", PLACE_TRASH, "trash-a/b", "trash-a/b" },
	{ "{action}", "*", ".trash* trash-*", "trash-a", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "*", ".trash* trash-*", ".trash", PLACE_UNOWNED, NULL, NULL },
	{ "{action}", "*", ".trash* trash-*", "trash/b", PLACE_ACTION, "trash", "trash" },
	{ "{action}", "*", ".trash* trash-*", "a/trash-b/c", PLACE_ACTION, "a", "a" },
	{ "{action}", "*", "*", ".x/b", PLACE_UNOWNED, NULL, NULL }, /* a leading dot is matched by a dot alone */
	{ "{action}", "*", "*", "x/b", PLACE_TRASH, "x/b", "x/b" },
	{ "*/{action}", "*", "", "ab", PLACE_UNOWNED, NULL, NULL },
	{ "*/{action}", "*", "", "ab/1", PLACE_ACTION, "1", "ab/1" },
	{ "*/{action}", "*", "", "ab/1/root/proc", PLACE_ACTION, "1", "ab/1" },
	{ "*/{action}", "*", "", ".ab/1", PLACE_UNOWNED, NULL, NULL },
	{ "*/{action}", "*", "", "ab/.1", PLACE_UNOWNED, NULL, NULL },
	{ "*/{action}", "1*", "", "ab/1", PLACE_ACTION, "1", "ab/1" },
	{ "*/{action}", "1*", "", "1/ab", PLACE_UNOWNED, NULL, NULL },
	{ "*/{action}", "*", "trash-*", "trash-1/ab/2/x", PLACE_TRASH, "trash-1/ab/2", "trash-1/ab/2" },
	{ "*/{action}", "*", "trash-*", "trash-1/ab", PLACE_TRASH, "trash-1/ab", "trash-1/ab" },
	{ "builds/{action}", "*", "", "builds/1/x", PLACE_ACTION, "1", "builds/1" },
	{ "builds/{action}", "*", "", "builds", PLACE_UNOWNED, NULL, NULL },
	{ "builds/{action}", "*", "", "builds2/1", PLACE_UNOWNED, NULL, NULL },
	{ "builds/{action}", "*", "", "build/1", PLACE_UNOWNED, NULL, NULL },
	{ "{action}/work", "*", "", "1/work/x", PLACE_ACTION, "1", "1/work" },
	{ "{action}/work", "*", "", "1/other", PLACE_UNOWNED, NULL, NULL },
	{ "{action}/work", "*", "", "1", PLACE_UNOWNED, NULL, NULL },
};

static void fill_rules(struct root_rules *rules, const struct row *row)
{
	ck_assert_int_eq(rules_init(rules, ROOT), 0);
	free(rules->layout);
	rules->layout = strdup(row->layout);
	string_list_clear(&rules->match);
	ck_assert_int_eq(string_list_split(row->match, &rules->match), 0);
	string_list_clear(&rules->trash);
	ck_assert_int_eq(string_list_split(row->trash, &rules->trash), 0);
}

START_TEST(every_place_has_its_meaning)
{
	const struct row *row = &rows[_i];
	struct root_rules rules;
	const char *name = NULL;
	size_t name_length = 0, path_length = 0;
	enum place place;

	fill_rules(&rules, row);
	place = layout_place(&rules, row->relative, &name, &name_length, &path_length);
	ck_assert_msg(place == row->place, "\"%s\" by \"%s\" is %d", row->relative, row->layout, (int)place);
	if (place != PLACE_UNOWNED) {
		ck_assert_uint_eq(name_length, strlen(row->name));
		ck_assert_mem_eq(name, row->name, name_length);
		ck_assert(name >= row->relative && name <= row->relative + strlen(row->relative));
		ck_assert_uint_eq(path_length, strlen(row->path));
		ck_assert_mem_eq(row->relative, row->path, path_length);
	}
	rules_clear(&rules);
}
END_TEST

START_TEST(odd_names_name_actions)
{
	struct root_rules rules;
	char relative[300];
	const char *name;
	size_t name_length, path_length;

	snprintf(relative, sizeof(relative), "%s/root/proc", odd_names[_i]);
	fill_rules(&rules, &(struct row){ "{action}", "*", "trash-*", NULL, PLACE_ACTION, NULL, NULL });
	ck_assert_int_eq(layout_place(&rules, relative, &name, &name_length, &path_length), PLACE_ACTION);
	ck_assert_ptr_eq(name, relative);
	ck_assert_uint_eq(name_length, strlen(odd_names[_i]));
	ck_assert_uint_eq(path_length, strlen(odd_names[_i]));
	rules_clear(&rules);
}
END_TEST

START_TEST(longest_segment_names_an_action)
{
	struct root_rules rules;
	char relative[300];
	const char *name;
	size_t name_length, path_length;

	memset(relative, 'x', 255);
	strcpy(relative + 255, "/root/proc");
	fill_rules(&rules, &(struct row){ "{action}", "x*", "trash-*", NULL, PLACE_ACTION, NULL, NULL });
	ck_assert_int_eq(layout_place(&rules, relative, &name, &name_length, &path_length), PLACE_ACTION);
	ck_assert_uint_eq(name_length, 255);
	ck_assert_uint_eq(path_length, 255);
	rules_clear(&rules);
}
END_TEST

START_TEST(name_beyond_any_path_is_unowned)
{
	struct root_rules rules;
	char *relative = malloc(6000);
	const char *name;
	size_t name_length, path_length;

	memset(relative, 'x', 5999);
	relative[5999] = '\0';
	fill_rules(&rules, &(struct row){ "{action}", "*", "trash-*", NULL, PLACE_ACTION, NULL, NULL });
	ck_assert_int_eq(layout_place(&rules, relative, &name, &name_length, &path_length), PLACE_UNOWNED);
	free(relative);
	rules_clear(&rules);
}
END_TEST

START_TEST(action_path_is_the_layout_with_the_name)
{
	struct fake *fake = fake_new();
	char *path;

	path = model_action_path(fake_root(fake), "abc");
	ck_assert_str_eq(path, "abc");
	free(path);
	ck_assert_ptr_null(model_action_path(fake_root(fake), ""));
	ck_assert_ptr_null(model_action_path(fake_root(fake), ".."));
	ck_assert_ptr_null(model_action_path(fake_root(fake), ".x"));
	ck_assert_ptr_null(model_action_path(fake_root(fake), "a/b"));
	ck_assert_ptr_null(model_action_path(fake_root(fake), "trash-1"));
	set_layout(fake, "builds/{action}/work");
	path = model_action_path(fake_root(fake), "abc");
	ck_assert_str_eq(path, "builds/abc/work");
	free(path);
	set_layout(fake, "*/{action}");
	ck_assert_ptr_null(model_action_path(fake_root(fake), "abc"));
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: layouts");
	TCase *tests = tcase_create("layouts");

	tcase_add_loop_test(tests, every_place_has_its_meaning, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(tests, odd_names_name_actions, 0, (int)(sizeof(odd_names) / sizeof(odd_names[0])));
	tcase_add_test(tests, longest_segment_names_an_action);
	tcase_add_test(tests, name_beyond_any_path_is_unowned);
	tcase_add_test(tests, action_path_is_the_layout_with_the_name);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
