/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"

#define GENERATIONS_MAX 64   /* living ones of one name that are looked at */
#define PAST_ROWS_MAX	1000 /* of one name, in search of the roots that have it */

int argument_bytes(struct control_call *call, const json_t *parameters, const char *key, char **ret)
{
	const char *text = json_string_value(json_object_get(parameters, key));
	int r;

	*ret = NULL;
	if (!text)
		return 0;
	r = text_unescape(text, ret);
	if (r == -ENOMEM)
		control_reply(call, NULL);
	else if (r < 0)
		control_invalid_parameter(call, key);
	return r;
}

bool argument_flag(const json_t *parameters, const char *key)
{
	return json_is_true(json_object_get(parameters, key));
}

int argument_root(struct engine *engine, struct control_call *call, const json_t *parameters, struct root **ret)
{
	CLEANUP_FREE char *given = NULL;
	CLEANUP_FREE char *path = NULL;
	int r = argument_bytes(call, parameters, "root", &given);

	*ret = NULL;
	if (r < 0 || !given)
		return r;
	if (path_normalize(given, &path) == 0)
		*ret = model_root_by_path(engine->model, path);
	if (*ret)
		return 0;
	control_error_about(call, "io.reaperd.NoSuchRoot", "root",
			    json_string_value(json_object_get(parameters, "root")));
	return -ENOENT;
}

int argument_time(struct engine *engine, struct control_call *call, const json_t *parameters, const char *key,
		  int64_t *ret)
{
	const char *text = json_string_value(json_object_get(parameters, key));

	*ret = 0;
	if (!text || time_parse(text, engine->now.real, ret) == 0)
		return 0;
	control_error_about(call, "io.reaperd.InvalidTime", "time", text);
	return -EINVAL;
}

int argument_time_end(struct engine *engine, struct control_call *call, const json_t *parameters, const char *key,
		      int64_t *ret)
{
	int r = argument_time(engine, call, parameters, key, ret);

	if (*ret > 0)
		*ret += NSEC_PER_MSEC - 1 - *ret % NSEC_PER_MSEC;
	return r;
}

/* ---- references ---- */

void reference_clear(struct reference *reference)
{
	free(reference->root);
	free(reference->name);
	*reference = (struct reference){ 0 };
}

static size_t actions_of(struct engine *engine, const struct root *root, const char *name, uint32_t generation,
			 struct action **ret, size_t size)
{
	struct action *found[GENERATIONS_MAX];
	size_t count = model_find_actions(engine->model, root, name, found, GENERATIONS_MAX);
	size_t matching = 0;

	for (size_t i = 0; i < count && i < GENERATIONS_MAX; i++) {
		if (generation && found[i]->generation != generation)
			continue;
		if (matching < size)
			ret[matching] = found[i];
		matching++;
	}
	return matching;
}

size_t reference_actions(struct engine *engine, const struct reference *reference, struct action **ret, size_t size)
{
	const struct root *root = model_root_by_path(engine->model, reference->root);

	return root ? actions_of(engine, root, reference->name, reference->generation, ret, size) : 0;
}

static int add_past_root(void *context, const struct store_action_row *row)
{
	struct string_list *roots = context;

	for (size_t i = 0; i < roots->count; i++) {
		if (strcmp(roots->items[i], row->root) == 0)
			return 0;
	}
	return string_list_add(roots, row->root);
}

/* The roots below which there is, or else was, such an action. */
static int roots_with(struct engine *engine, const struct root *only, const char *name, uint32_t generation,
		      struct string_list *ret)
{
	struct store_filter filter = { .root = only ? only->rules.path : NULL,
				       .action = name,
				       .generation = generation,
				       .type = -1,
				       .all = true,
				       .limit = PAST_ROWS_MAX };

	for (const struct root *root = model_roots(engine->model); root; root = root->next) {
		if (only && root != only)
			continue;
		if (actions_of(engine, root, name, generation, NULL, 0) > 0 &&
		    string_list_add(ret, root->rules.path) < 0)
			return -ENOMEM;
	}
	/* A ledger that cannot be read has no past to offer; the present is enough then. */
	if (ret->count == 0 && store_actions(engine->store, &filter, add_past_root, ret) == -ENOMEM)
		return -ENOMEM;
	return 0;
}

/* The length of NAME in NAME@GENERATION, with the number; 0 where `text` has not that form. */
static size_t find_generation(const char *text, uint32_t *ret)
{
	const char *at = strrchr(text, '@');
	unsigned long long number;
	char *end;

	if (!at || at == text || !isdigit((unsigned char)at[1]) || at[1] == '0')
		return 0;
	errno = 0;
	number = strtoull(at + 1, &end, 10);
	if (*end || errno || number > UINT32_MAX)
		return 0;
	*ret = (uint32_t)number;
	return (size_t)(at - text);
}

static json_t *strings_json(const struct string_list *list)
{
	json_t *array = json_array();
	char *text;

	for (size_t i = 0; i < list->count; i++) {
		text = text_escape(list->items[i]);
		json_array_append_new(array, json_string(text ? text : ""));
		free(text);
	}
	return array;
}

static int take_reference(struct control_call *call, const char *text, const struct string_list *roots, char **name,
			  uint32_t generation, struct reference *ret)
{
	if (roots->count == 0) {
		control_error_about(call, "io.reaperd.NoSuchAction", "action", text);
		return -ENOENT;
	}
	if (roots->count > 1) {
		control_error(call, "io.reaperd.AmbiguousAction",
			      json_pack("{s:s, s:o}", "action", text, "roots", strings_json(roots)));
		return -EEXIST;
	}
	*ret = (struct reference){ .root = strdup(roots->items[0]), .generation = generation };
	if (!ret->root) {
		control_reply(call, NULL);
		return -ENOMEM;
	}
	ret->name = take_ptr(*name);
	return 0;
}

/* The roots that have what the first `length` bytes of `text` name. */
static int look_up(struct engine *engine, const struct root *root, const char *text, size_t length, uint32_t generation,
		   char **ret_name, struct string_list *ret_roots)
{
	CLEANUP_FREE char *escaped = strndup(text, length);
	int r = escaped ? text_unescape(escaped, ret_name) : -ENOMEM;

	return r < 0 ? r : roots_with(engine, root, *ret_name, generation, ret_roots);
}

/*
 * What is shown as NAME@GENERATION means that and nothing else, whatever other names there are. Where there is no such
 * generation it may be a name that ends so.
 */
int argument_action(struct engine *engine, struct control_call *call, const char *text, const struct root *root,
		    struct reference *ret)
{
	CLEANUP(string_list_clear) struct string_list roots = { 0 };
	CLEANUP_FREE char *name = NULL;
	uint32_t generation = 0;
	size_t length = find_generation(text, &generation);
	int r = 0;

	*ret = (struct reference){ 0 };
	if (length > 0)
		r = look_up(engine, root, text, length, generation, &name, &roots);
	if (r == 0 && roots.count == 0) {
		free(take_ptr(name));
		generation = 0;
		r = look_up(engine, root, text, strlen(text), 0, &name, &roots);
	}
	if (r == -EINVAL) {
		control_error_about(call, "io.reaperd.NoSuchAction", "action", text);
		return r;
	}
	if (r < 0) {
		control_reply(call, NULL);
		return r;
	}
	return take_reference(call, text, &roots, &name, generation, ret);
}
