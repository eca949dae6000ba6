/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which row of the ledger a root has, so that it need not be asked each time. Forgotten where the row may not be
 * there: the turn was rolled back, or another process wrote.
 */
#ifndef REAPERD_STORE_ROOT_ROWS_H
#define REAPERD_STORE_ROOT_ROWS_H

#include <stdint.h>

struct root_row;

/* 0: not known. */
int64_t root_rows_find(const struct root_row *rows, const char *path);
void root_rows_add(struct root_row **rows, const char *path, int64_t row); /* without memory it is asked for again */
void root_rows_clear(struct root_row **rows);

#endif
