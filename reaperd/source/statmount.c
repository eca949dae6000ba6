/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/statmount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/mounts.h"
#include "source/mountinfo.h"

/* The strings that statmount(2) did not have from the beginning. */
#define LATE_FIELDS (STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE)

/*
 * A path may be as long as memory allows, far longer than any call takes one: a bound of ours would let one mount in
 * such a place hide all others.
 */
#define BUFFER_SIZE_FIRST ((size_t)16 << 10)

uint64_t statmount_believed_fields = ~UINT64_C(0);

static int make_facts(const struct mount_status *status, struct mount_facts *ret)
{
	char options[128];

	*ret = (struct mount_facts){
		.id = status->id,
		.parent = status->parent,
		.id32 = status->id32,
		.parent32 = status->parent32,
		.dev = status->dev,
		.peer_group = status->peer_group,
		.master = status->master,
		.root = strdup(status->root),
		.target = strdup(status->target),
		.fstype = kernel_mount_type(status),
		.source = strdup(status->source),
		.options = strdup(kernel_mount_options(status->attributes, options, sizeof(options))),
		.super_options = kernel_mount_super_options(status),
	};
	if (!ret->root || !ret->target || !ret->fstype || !ret->source || !ret->options || !ret->super_options) {
		mount_facts_clear(ret);
		return -ENOMEM;
	}
	ret->root_deleted = mountinfo_strip_deleted(ret->root);
	return 0;
}

static int ask_mount(struct statmount_buffer *buffer, uint64_t id, struct mount_status *ret, uint64_t *ret_missing)
{
	uint64_t known;
	int r;

	for (;;) {
		void *grown;

		r = kernel_statmount_full(id, buffer->bytes, buffer->size, ret, &known);
		if (r != -EOVERFLOW)
			break;
		grown = realloc(buffer->bytes, 2 * buffer->size);
		if (!grown)
			return -ENOMEM;
		buffer->bytes = grown;
		buffer->size *= 2;
	}
	if (r < 0)
		return r;
	*ret_missing = LATE_FIELDS & ~(known & statmount_believed_fields);
	if (*ret_missing & STATMOUNT_MNT_OPTS)
		ret->super_options = "";
	if (*ret_missing & STATMOUNT_FS_SUBTYPE)
		ret->subtype = "";
	if (*ret_missing & STATMOUNT_SB_SOURCE)
		ret->source = "";
	return 0;
}

static int replace_string(char **string, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return -ENOMEM;
	free(*string);
	*string = copy;
	return 0;
}

/* Takes the strings that statmount did not have from facts of the same mount. */
static int take_missing(uint64_t missing, const struct mount_facts *from, struct mount_facts *facts)
{
	int r = 0;

	if (missing & STATMOUNT_MNT_OPTS)
		r = replace_string(&facts->super_options, from->super_options);
	if (r == 0 && missing & STATMOUNT_FS_SUBTYPE)
		r = replace_string(&facts->fstype, from->fstype);
	if (r == 0 && missing & STATMOUNT_SB_SOURCE)
		r = replace_string(&facts->source, from->source);
	return r;
}

static int compare_id32(const void *a, const void *b)
{
	const struct mount_facts *x = a, *y = b;

	return x->id32 < y->id32 ? -1 : x->id32 > y->id32;
}

/* STATMOUNT_ABSENT where mountinfo does not have this mount: it went, or moved, and that wakes us again. */
static int complete_from_table(struct statmount_reading *reading, uint64_t missing, struct mount_facts *facts)
{
	struct scan *table = &reading->mountinfo;
	const struct mount_facts *found;
	int r;

	if (table->count == 0) {
		r = mountinfo_read(MOUNTINFO_PATH, table);
		if (r < 0)
			return r;
		qsort(table->mounts, table->count, sizeof(*table->mounts), compare_id32);
	}
	found = bsearch(facts, table->mounts, table->count, sizeof(*table->mounts), compare_id32);
	if (!found || found->dev != facts->dev || found->parent32 != facts->parent32 ||
	    strcmp(found->target, facts->target) != 0)
		return STATMOUNT_ABSENT;
	return take_missing(missing, found, facts);
}

/* `known`: what the model has of this mount, or NULL. 0, STATMOUNT_ABSENT or -errno. */
static int read_facts(struct statmount_reading *reading, uint64_t id, const struct mount_facts *known,
		      struct mount_facts *ret)
{
	struct mount_status status;
	uint64_t missing;
	int r;

	r = ask_mount(&reading->buffer, id, &status, &missing);
	if (r < 0)
		return r == -ENOENT ? STATMOUNT_ABSENT : r;
	/* A mount point that cannot be reached from our root has no path; mountinfo leaves such mounts out. */
	if (*status.target == 0)
		return STATMOUNT_ABSENT;
	r = make_facts(&status, ret);
	if (r < 0 || !missing)
		return r;
	r = known ? take_missing(missing, known, ret) : complete_from_table(reading, missing, ret);
	if (r != 0)
		mount_facts_clear(ret);
	return r;
}

static bool facts_equal(const struct mount_facts *a, const struct mount_facts *b)
{
	return a->parent == b->parent && a->dev == b->dev && a->peer_group == b->peer_group && a->master == b->master &&
	       a->root_deleted == b->root_deleted && strcmp(a->root, b->root) == 0 &&
	       strcmp(a->target, b->target) == 0 && strcmp(a->options, b->options) == 0 &&
	       strcmp(a->super_options, b->super_options) == 0 && strcmp(a->fstype, b->fstype) == 0 &&
	       strcmp(a->source, b->source) == 0;
}

/* Adds the mount to the scan where it is not as `known` has it, or `anyway`. 0, STATMOUNT_ABSENT or -errno. */
int statmount_read(struct statmount_reading *reading, uint64_t id, const struct mount_facts *known, bool anyway)
{
	struct mount_facts facts, *added;
	int r;

	r = read_facts(reading, id, known, &facts);
	if (r != 0)
		return r;
	if (known && !anyway && facts_equal(&facts, known)) {
		mount_facts_clear(&facts);
		return 0;
	}
	added = scan_add(reading->scan);
	if (!added) {
		mount_facts_clear(&facts);
		return -ENOMEM;
	}
	*added = facts;
	return 0;
}

static bool is_root_of(const char *root, const struct mount_facts *facts)
{
	size_t length = strlen(facts->root);

	return strncmp(root, facts->root, length) == 0 &&
	       strcmp(root + length, facts->root_deleted ? MOUNTINFO_DELETED : "") == 0;
}

/*
 * For a mount that lies below no root: has it moved, perhaps below one, or changed otherwise? A move keeps the id, and
 * where something above it moved, only the path tells.
 */
static bool is_in_place(struct statmount_buffer *buffer, const struct mount_facts *known)
{
	struct mount_status status;
	char options[128];

	return kernel_statmount_place(known->id, buffer->bytes, buffer->size, &status) == 0 &&
	       status.parent == known->parent && status.dev == known->dev && status.peer_group == known->peer_group &&
	       status.master == known->master && strcmp(status.target, known->target) == 0 &&
	       is_root_of(status.root, known) &&
	       strcmp(kernel_mount_options(status.attributes, options, sizeof(options)), known->options) == 0;
}

int statmount_read_again(struct statmount_reading *reading, const struct mount *mount)
{
	return statmount_read(reading, mount->facts.id, &mount->facts, mount->evidence || mount->astray);
}

int statmount_read_known(struct statmount_reading *reading, const struct mount *mount)
{
	if (!mount->instance && !mount->action && is_in_place(&reading->buffer, &mount->facts))
		return 0;
	return statmount_read_again(reading, mount);
}

struct list {
	uint64_t *ids; /* ascending */
	size_t count;
	struct scan *scan;
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int add_if_gone(void *context, struct mount *mount)
{
	struct list *list = context;

	if (!mount->ns->own || bsearch(&mount->facts.id, list->ids, list->count, sizeof(*list->ids), compare_ids))
		return 0;
	return scan_add_gone(list->scan, mount->facts.id, NULL);
}

static int read_changes(struct statmount_reading *reading, struct list *list)
{
	size_t known = 0;
	int r;

	for (size_t i = 0; i < list->count; i++) {
		const struct mount *mount = model_mount_const(reading->model, list->ids[i]);

		known += mount != NULL;
		r = mount ? statmount_read_known(reading, mount) : statmount_read(reading, list->ids[i], NULL, true);
		if (r < 0)
			return r;
	}
	if (known == model_mount_count(reading->model))
		return 0;
	/* The walk changes nothing in the model. */
	return model_each_mount((struct model *)reading->model, add_if_gone, list);
}

static int read_all(struct statmount_reading *reading, struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		int r = statmount_read(reading, list->ids[i], NULL, true);

		if (r < 0)
			return r;
	}
	return 0;
}

static int refresh_mount(void *context, struct mount *mount)
{
	struct statmount_reading *reading = context;
	int r = mount->ns->own ? statmount_read_again(reading, mount) : 0;

	return r == STATMOUNT_ABSENT ? scan_add_gone(reading->scan, mount->facts.id, NULL) : r;
}

static int list_and_read(struct statmount_reading *reading, int (*read)(struct statmount_reading *, struct list *))
{
	CLEANUP_FREE uint64_t *ids = NULL;
	struct list list = { .scan = reading->scan };
	int r = kernel_listmount_all(&ids, &list.count);

	if (r < 0)
		return r;
	list.ids = ids;
	return read(reading, &list);
}

int statmount_read_all(struct statmount_reading *reading)
{
	reading->scan->complete = true;
	return list_and_read(reading, read_all);
}

int statmount_read_changes(struct statmount_reading *reading)
{
	return list_and_read(reading, read_changes);
}

int statmount_read_below_roots(struct statmount_reading *reading)
{
	/* The walk changes nothing in the model. */
	return model_each_root_mount((struct model *)reading->model, refresh_mount, reading);
}

int statmount_try(const char *name, char *why, size_t size)
{
	struct mount_status status;
	uint64_t id;
	ssize_t n;
	int r;

	n = kernel_listmount(0, 0, &id, 1);
	r = n == 1 ? kernel_statmount(id, &status) : n == 0 ? -ENOENT : (int)n;
	if (r == 0)
		return 0;
	if (r == -ENOSYS)
		snprintf(why, size, "%s: this kernel has no listmount and statmount (Linux 6.8 has)", name);
	else
		snprintf(why, size, "%s: the kernel answers %s", name, strerror(-r));
	return -EOPNOTSUPP;
}

int statmount_open(struct statmount_reading *reading)
{
	*reading = (struct statmount_reading){ .buffer.size = BUFFER_SIZE_FIRST };
	reading->buffer.bytes = malloc(BUFFER_SIZE_FIRST);
	return reading->buffer.bytes ? 0 : -ENOMEM;
}

void statmount_begin(struct statmount_reading *reading, const struct model *model, struct scan *scan)
{
	reading->model = model;
	reading->scan = scan;
	scan->complete = false;
	scan->unique_ids = true;
}

void statmount_end(struct statmount_reading *reading)
{
	scan_clear(&reading->mountinfo);
	reading->model = NULL;
	reading->scan = NULL;
}

void statmount_close(struct statmount_reading *reading)
{
	free(reading->buffer.bytes);
}
