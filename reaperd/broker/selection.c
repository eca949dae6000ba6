/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/selection.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/selector.h"
#include "kernel/pidfile.h"
#include "kernel/procfs.h"

struct meaning {
	char *text;
	struct selector selector; /* points into it */
	bool sound;		  /* it is a selector */
	struct kernel_namespace *items;
	size_t count;
};

void selection_clear(struct selection *selection)
{
	for (size_t i = 0; i < selection->count; i++) {
		free(selection->meanings[i].text);
		free(selection->meanings[i].items);
	}
	free(selection->meanings);
	*selection = (struct selection){ 0 };
}

static bool means(const struct meaning *meaning, const struct kernel_namespace *ns)
{
	for (size_t i = 0; i < meaning->count; i++)
		if (kernel_namespace_is(&meaning->items[i], ns))
			return true;
	return false;
}

static void add(struct meaning *meaning, const struct kernel_namespace *ns)
{
	struct kernel_namespace *items;

	if (means(meaning, ns))
		return;
	items = reallocarray(meaning->items, meaning->count + 1, sizeof(*items));
	if (!items)
		return;
	meaning->items = items;
	items[meaning->count++] = *ns;
}

/* fd is closed; below 0 there is none. */
static void add_by_fd(struct meaning *meaning, int fd)
{
	struct kernel_namespace ns;

	if (fd >= 0 && kernel_namespace_identify(fd, &ns) == 0)
		add(meaning, &ns);
	if (fd >= 0)
		close(fd);
}

static void add_by_pidfile(struct meaning *meaning, const char *path)
{
	int32_t pid;

	if (kernel_pidfile_read(path, &pid) == 0)
		add_by_fd(meaning, kernel_namespace_open_process(pid));
}

static void add_by_comm(struct meaning *meaning, const char *comm)
{
	char name[PROCFS_NAME_SIZE];
	CLEANUP_CLOSEDIR DIR *proc = opendir(procfs_name(name, sizeof(name), "."));
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		struct kernel_namespace ns;
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && kernel_namespace_of_command((int32_t)pid, comm, &ns) == 0)
			add(meaning, &ns);
	}
}

static void look_up(struct meaning *meaning)
{
	switch (meaning->selector.kind) {
	case SELECTOR_SELF:
		add_by_fd(meaning, kernel_namespace_open_own());
		break;
	case SELECTOR_PID:
		add_by_fd(meaning, kernel_namespace_open_process(meaning->selector.pid));
		break;
	case SELECTOR_PIDFILE:
		add_by_pidfile(meaning, meaning->selector.argument);
		break;
	case SELECTOR_COMM:
		add_by_comm(meaning, meaning->selector.argument);
		break;
	case SELECTOR_PATH:
		add_by_fd(meaning, kernel_namespace_open_path(meaning->selector.argument));
		break;
	case SELECTOR_ALL: /* asked for nothing */
		break;
	}
}

/* Whether one process of the namespace is answer enough. */
static bool is_of_hint(const struct selector *selector, const struct kernel_namespace *ns, int32_t pid)
{
	struct kernel_namespace of;

	return selector->kind == SELECTOR_COMM && kernel_namespace_of_command(pid, selector->argument, &of) == 0 &&
	       kernel_namespace_is(&of, ns);
}

static const struct meaning *find(const struct selection *selection, const char *text)
{
	for (size_t i = 0; i < selection->count; i++)
		if (!strcmp(selection->meanings[i].text, text))
			return &selection->meanings[i];
	return NULL;
}

static const struct meaning *remember(struct selection *selection, const char *text)
{
	struct meaning *meanings = reallocarray(selection->meanings, selection->count + 1, sizeof(*meanings));
	struct meaning *meaning;

	if (!meanings)
		return NULL;
	selection->meanings = meanings;
	meaning = &meanings[selection->count];
	*meaning = (struct meaning){ .text = strdup(text) };
	if (!meaning->text)
		return NULL;
	selection->count++;
	meaning->sound = selector_parse(meaning->text, &meaning->selector, NULL, 0) == 0;
	if (meaning->sound)
		look_up(meaning);
	return meaning;
}

static bool selects(struct selection *selection, const char *text, const struct kernel_namespace *ns, int32_t pid)
{
	const struct meaning *meaning = find(selection, text);
	struct selector selector;

	if (!meaning && selector_parse(text, &selector, NULL, 0) == 0 && is_of_hint(&selector, ns, pid))
		return true;
	if (!meaning)
		meaning = remember(selection, text);
	if (!meaning || !meaning->sound)
		return false;
	return meaning->selector.kind == SELECTOR_ALL || means(meaning, ns);
}

bool selection_has(struct selection *selection, const struct string_list *selectors, const struct kernel_namespace *ns,
		   int32_t pid)
{
	for (size_t i = 0; i < selectors->count; i++)
		if (selects(selection, selectors->items[i], ns, pid))
			return true;
	return false;
}

const char *selection_path(struct selection *selection, const struct root_rules *rules,
			   const struct kernel_namespace *ns, int32_t pid)
{
	for (size_t i = 0; i < rules->path_count; i++)
		if (selects(selection, rules->paths[i].selector, ns, pid))
			return rules->paths[i].path;
	return rules->path;
}
