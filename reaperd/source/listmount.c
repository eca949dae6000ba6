/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Woken by a change of mountinfo; reads the list of ids, and each mount that is new or may have changed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/mountinfo.h"
#include "source/source.h"
#include "source/statmount.h"
#include "source/wake.h"

struct listmount {
	struct libmnt_monitor *monitor;
	struct statmount_reading reading;
};

static int listmount_read(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	struct listmount *listmount = source->state;
	int r;

	statmount_begin(&listmount->reading, model, ret);
	r = complete ? statmount_read_all(&listmount->reading) : statmount_read_changes(&listmount->reading);
	statmount_end(&listmount->reading);
	return r;
}

static int listmount_refresh(struct source *source, const struct model *model, struct scan *ret)
{
	struct listmount *listmount = source->state;
	int r;

	statmount_begin(&listmount->reading, model, ret);
	r = statmount_read_below_roots(&listmount->reading);
	statmount_end(&listmount->reading);
	return r;
}

static void listmount_close(struct source *source)
{
	struct listmount *listmount = source->state;

	mnt_unref_monitor(listmount->monitor);
	statmount_close(&listmount->reading);
	free(listmount);
}

static int listmount_open(struct source *source, struct source_inputs *inputs, char *why, size_t size)
{
	struct listmount *listmount;
	int r;

	(void)inputs;
	r = statmount_try("listmount", why, size);
	if (r < 0)
		return r;
	listmount = calloc(1, sizeof(*listmount));
	if (!listmount)
		return -ENOMEM;
	source->state = listmount;
	r = statmount_open(&listmount->reading);
	if (r == 0)
		r = wake_open(&listmount->monitor, &source->fd);
	if (r < 0) {
		snprintf(why, size, "%s cannot be watched: %s", MOUNTINFO_PATH, strerror(-r));
		listmount_close(source);
	}
	return r;
}

static int listmount_drain(struct source *source)
{
	const struct listmount *listmount = source->state;

	return wake_drain(listmount->monitor);
}

const struct source_ops source_listmount_ops = {
	.kind = SOURCE_LISTMOUNT,
	.unique_ids = true,
	.open = listmount_open,
	.close = listmount_close,
	.drain = listmount_drain,
	.read = listmount_read,
	.refresh = listmount_refresh,
};
