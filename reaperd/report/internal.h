/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting objects together: every put_x() gives 0 or -1, their results are added up, and finish() gives the object or,
 * where one failed, NULL.
 */
#ifndef REAPERD_REPORT_INTERNAL_H
#define REAPERD_REPORT_INTERNAL_H

#include "report/report.h"

/* Takes `value`, which may be NULL (then it fails). */
static inline int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static inline int put_integer(json_t *object, const char *key, int64_t value)
{
	return put(object, key, json_integer(value));
}

/* null for `none`. */
static inline int put_number(json_t *object, const char *key, int64_t value, int64_t none)
{
	return put(object, key, value == none ? json_null() : json_integer(value));
}

static inline json_t *finish(json_t *object, int failed)
{
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

#endif
