/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values for the parameters of a statement, one after the other, and bytes out of its columns. */
#ifndef REAPERD_STORE_BINDING_H
#define REAPERD_STORE_BINDING_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct binding {
	sqlite3_stmt *statement;
	int index;
};

static inline void bind_integer(struct binding *binding, int64_t value)
{
	sqlite3_bind_int64(binding->statement, ++binding->index, value);
}

static inline void bind_null(struct binding *binding)
{
	sqlite3_bind_null(binding->statement, ++binding->index);
}

/* NULL for 0. */
static inline void bind_number(struct binding *binding, int64_t value)
{
	if (value)
		bind_integer(binding, value);
	else
		bind_null(binding);
}

/* A text or bytes must stay as they are until the statement has run. NULL for NULL. */
void bind_text(struct binding *binding, const char *text);
void bind_blob(struct binding *binding, const void *bytes, size_t length);
void bind_bytes(struct binding *binding, const char *bytes);

/* NULL for NULL; good until the statement goes on. */
const char *column_bytes(sqlite3_stmt *statement, int column);

#endif
