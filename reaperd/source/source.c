/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Best first. */
static const struct source_ops *const sources[] = { &source_fanotify_ops, &source_listmount_ops,
						    &source_mountinfo_ops };

static int open_one(const struct source_ops *ops, struct source_inputs *inputs, struct source *ret, char *why,
		    size_t size)
{
	struct source source = { .ops = ops, .fd = -1 };
	int r;

	r = ops->open(&source, inputs, why, size);
	if (r == 0)
		*ret = source;
	return r;
}

static int open_best(struct source_inputs *inputs, struct source *ret, char *why, size_t size)
{
	int r = -EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		char reason[160] = "";
		size_t used = strlen(why);

		r = open_one(sources[i], inputs, ret, reason, sizeof(reason));
		if (*reason)
			snprintf(why + used, size - used, "%s%s", used ? "; " : "", reason);
		if (r != -EOPNOTSUPP)
			break;
	}
	return r;
}

int source_open(enum source_kind kind, struct source_inputs *inputs, struct source *ret, char *why, size_t size)
{
	*why = 0;
	if (kind == SOURCE_AUTO)
		return open_best(inputs, ret, why, size);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		if (sources[i]->kind == kind)
			return open_one(sources[i], inputs, ret, why, size);
	}
	return -EOPNOTSUPP;
}

void source_close(struct source *source)
{
	if (!source->ops)
		return;
	source->ops->close(source);
	*source = (struct source){ .fd = -1 };
}
