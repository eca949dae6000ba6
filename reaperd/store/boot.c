/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"

int store_close_unrestored(struct store *store)
{
	static const enum statement closing[] = { STATEMENT_CLOSE_ALL_MOUNTS, STATEMENT_CLOSE_ALL_ACTIONS };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(closing); i++) {
		struct binding binding = store_bind(store, closing[i]);

		bind_integer(&binding, store->begun.real);
		r = store_run(store, closing[i], NULL);
	}
	return r;
}

static int close_earlier_boots(struct store *store)
{
	static const enum statement closing[] = { STATEMENT_CLOSE_MOUNTS, STATEMENT_CLOSE_ACTIONS,
						  STATEMENT_CLOSE_ATTEMPTS };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(closing); i++) {
		struct binding binding = store_bind(store, closing[i]);

		bind_integer(&binding, store->begun.real);
		bind_integer(&binding, store->boot_row);
		r = store_run(store, closing[i], NULL);
	}
	return r;
}

/* What an earlier start left open in other namespaces than our own nobody watched since; what is still there is found anew. */
static int close_other_mounts(struct store *store)
{
	struct binding binding = store_bind(store, STATEMENT_CLOSE_OTHER_MOUNTS);

	bind_integer(&binding, store->begun.real);
	bind_integer(&binding, store->namespace_row);
	return store_run(store, STATEMENT_CLOSE_OTHER_MOUNTS, NULL);
}

int store_namespace_row(struct store *store, uint64_t inode, int64_t *ret_row)
{
	struct binding binding = store_bind(store, STATEMENT_NAMESPACE);

	bind_integer(&binding, store->boot_row);
	bind_integer(&binding, (int64_t)inode);
	bind_integer(&binding, store->begun.real);
	return store_run(store, STATEMENT_NAMESPACE, ret_row);
}

int store_write_boot(struct store *store)
{
	struct binding binding = store_bind(store, STATEMENT_BOOT);
	int r;

	bind_text(&binding, store->boot_id);
	bind_integer(&binding, store->begun.real);
	r = store_run(store, STATEMENT_BOOT, &store->boot_row);
	if (r < 0)
		return r;
	r = store_namespace_row(store, store->mnt_namespace, &store->namespace_row);
	if (r < 0)
		return r;
	binding = store_bind(store, STATEMENT_UNWATCH);
	bind_integer(&binding, store->namespace_row);
	r = store_run(store, STATEMENT_UNWATCH, NULL);
	if (r == 0)
		r = close_earlier_boots(store);
	return r == 0 && store->others_open ? close_other_mounts(store) : r;
}

static int find_boot(struct store *store)
{
	struct binding binding = store_bind(store, STATEMENT_FIND_NAMESPACE);
	int rc;

	bind_text(&binding, store->boot_id);
	bind_integer(&binding, (int64_t)store->mnt_namespace);
	rc = sqlite3_step(binding.statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	if (rc == SQLITE_ROW) {
		store->boot_row = sqlite3_column_int64(binding.statement, 0);
		store->namespace_row = sqlite3_column_int64(binding.statement, 1);
	}
	sqlite3_reset(binding.statement);
	return rc == SQLITE_ROW ? 0 : -ENOENT;
}

int store_begin_boot(struct store *store, const char *boot_id, uint64_t mnt_namespace, struct now now)
{
	snprintf(store->boot_id, sizeof(store->boot_id), "%s", boot_id);
	store->mnt_namespace = mnt_namespace;
	store->begun = now;
	store->others_open = true;
	if (store->readonly)
		return find_boot(store);
	if (store_begin(store) == 0 && store_write_boot(store) == 0)
		return 0;
	/* What takes no rows may be read all the same. */
	if (store->db)
		find_boot(store);
	return -EIO;
}
