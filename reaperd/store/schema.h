/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger's migrations, embedded from schema/[0-9]*.sql by schema/embed.sh. Migration N brings a ledger from
 * user_version N-1 to N; a new file takes the same chain from 0.
 */
#ifndef REAPERD_STORE_SCHEMA_H
#define REAPERD_STORE_SCHEMA_H

struct schema_migration {
	int version;
	const char *name; /* "0001_ledger" */
	const char *sql;
};

/* In order, from version 1 without a gap; ends with an entry whose sql is NULL. */
extern const struct schema_migration schema_migrations[];

#endif
