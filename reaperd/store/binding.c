/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/binding.h"

#include <string.h>

void bind_text(struct binding *binding, const char *text)
{
	sqlite3_bind_text(binding->statement, ++binding->index, text, -1, SQLITE_STATIC);
}

void bind_blob(struct binding *binding, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(binding->statement, ++binding->index, bytes, length, SQLITE_STATIC);
}

void bind_bytes(struct binding *binding, const char *bytes)
{
	if (bytes)
		bind_blob(binding, bytes, strlen(bytes));
	else
		bind_null(binding);
}

const char *column_bytes(sqlite3_stmt *statement, int column)
{
	/* Of a BLOB this gives the same bytes, with a NUL behind them. */
	return (const char *)sqlite3_column_text(statement, column);
}
