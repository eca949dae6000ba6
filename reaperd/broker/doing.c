/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/doing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

void doing_clear(struct doing *doing)
{
	free(doing->action);
	free(doing->target);
	free(doing->mount.root);
	free(doing->mount.target);
	free(doing->mount.fstype);
	free(doing->below);
	cleanup_close(&doing->root);
	cleanup_close(&doing->parent);
}

bool doing_is_for_the_root(const struct doing *doing)
{
	return !*doing->item->path;
}

void doing_conclude(struct doing *doing, enum outcome outcome, const char *format, ...)
{
	va_list arguments;

	doing->ret->outcome = outcome;
	va_start(arguments, format);
	vsnprintf(doing->ret->detail, sizeof(doing->ret->detail), format, arguments);
	va_end(arguments);
}
