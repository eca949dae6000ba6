/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/namespace_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/broker_client.h"
#include "engine/other_namespace.h"

#define LIST_REST    (60 * NSEC_PER_SEC) /* where only our own is watched, the others are counted now and then */
#define HOLDING_REST (60 * NSEC_PER_SEC) /* which of them hold a root costs the broker more */

static bool others_are_selected(const struct namespaces *namespaces)
{
	const struct string_list *selectors = &namespaces->engine->config->namespaces;

	for (size_t i = 0; i < selectors->count; i++)
		if (strcmp(selectors->items[i], "self") != 0)
			return true;
	return false;
}

static struct other_namespace *take_listed(struct namespaces *namespaces, const struct message_namespace *listed)
{
	struct other_namespace *other = other_find(namespaces, listed->reference.inode, listed->reference.id);

	if (!other)
		other = other_add(namespaces, &listed->reference);
	if (!other)
		return NULL;
	if (!other->comm || strcmp(other->comm, listed->comm) != 0) {
		free(other->comm);
		other->comm = strdup(listed->comm);
	}
	other->reference.pid = listed->reference.pid;
	if (other->ns)
		other->ns->pid = listed->reference.pid;
	if (listed->selected && !other->selected)
		other->wanted = true;
	namespaces->engine->reconcile_others_wanted |= listed->selected != other->selected;
	other->selected = listed->selected;
	if (namespaces->holding_asked)
		other->holds = listed->holds;
	other->listed = true;
	other_forget_places(other);
	return other;
}

/* 1 or -EBADMSG; without memory the place is forgotten, until the next list. */
static int take_path(struct wire_reader *reader, struct other_namespace *other)
{
	struct message_path path;
	struct other_place *place;
	int r = record_next_path(reader, &path);

	if (r != 1 || !other)
		return r == 1 ? 1 : -EBADMSG;
	place = calloc(1, sizeof(*place));
	if (!place)
		return 1;
	*place = (struct other_place){ .root = path.root, .path = strdup(path.path), .next = other->places };
	other->places = place;
	return 1;
}

static int take_list(struct namespaces *namespaces, const void *bytes, size_t length)
{
	struct message_namespace listed;
	struct wire_reader reader;
	int r;

	wire_reader_init(&reader, bytes, length);
	while ((r = record_next_namespace(&reader, &listed)) == 1) {
		struct other_namespace *other = take_listed(namespaces, &listed);

		for (uint32_t i = 0; i < listed.path_count && r == 1; i++)
			r = take_path(&reader, other);
	}
	return r;
}

static int read_list(struct namespaces *namespaces, int fd)
{
	struct stat status;
	void *bytes;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0)
		return 0;
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	r = take_list(namespaces, bytes, (size_t)status.st_size);
	munmap(bytes, (size_t)status.st_size);
	return r;
}

static void on_list(void *context, struct engine *engine, const struct message_result *result)
{
	struct namespaces *namespaces = context;
	int r = result->error ? -result->error : 0;

	if (result->error == ECANCELED)
		return;
	namespaces->list_asked = false;
	for (struct other_namespace *other = namespaces->others; other && r == 0; other = other->next)
		other->listed = false;
	if (r == 0)
		r = read_list(namespaces, result->fds[0]);
	if (r < 0) {
		log_debug("other mount namespaces cannot be listed: %s", strerror(-r));
		namespaces->lacking = (uint32_t)-r;
	} else {
		namespaces->lacking = result->namespaces[0].lacking;
		for (struct other_namespace *other = namespaces->others; other; other = other->next)
			other->gone |= !other->listed;
		namespaces->holding_known |= namespaces->holding_asked;
		engine->reconcile_others_wanted |= !namespaces->complete;
		namespaces->complete = true;
	}
	namespaces->listed = true;
	engine_wake(engine);
}

void namespace_list_ask(struct namespaces *namespaces)
{
	uint32_t question = NAMESPACES_HOLDING;
	struct message_request request = { .type = MESSAGE_NAMESPACES, .questions = &question };
	struct engine *engine = namespaces->engine;
	int64_t rest = LIST_REST;

	for (const struct root *root = model_roots(engine->model); root && others_are_selected(namespaces);
	     root = root->next)
		if (root->rules.probe_interval < rest)
			rest = root->rules.probe_interval;
	namespaces->list_at = engine->now.mono + rest;
	namespaces->holding_asked = engine->now.mono >= namespaces->holding_at;
	if (namespaces->holding_asked)
		namespaces->holding_at = engine->now.mono + HOLDING_REST;
	request.count = namespaces->holding_asked;
	namespaces->list_asked = broker_request(engine->broker, &request, on_list, namespaces) == 0;
}
