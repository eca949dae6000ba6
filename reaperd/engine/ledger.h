/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's hand on the store: what is saved when, in which order (a root before its actions, an action before its
 * mounts). A store that cannot write keeps the rows dirty; they are saved when it can.
 */
#ifndef REAPERD_ENGINE_LEDGER_H
#define REAPERD_ENGINE_LEDGER_H

#include "engine/state.h"

/*
 * Opens the ledger in the state directory and names this start in it; always gives a store, degraded at worst. NULL: no
 * memory.
 */
struct store *ledger_open(struct engine *engine);

void ledger_save_action(struct engine *engine, struct action *action);
/* With its action, where that has changed. */
void ledger_save_mount(struct engine *engine, struct mount *mount, const char *detached_by);

/* Everything that is dirty. */
void ledger_save_dirty(struct engine *engine);
/* The same, and what a configuration with other protect patterns made of the mounts: after each, and after the first scan. */
void ledger_save_protection(struct engine *engine);

/* Ends the turn; after a time without a ledger, everything that is known is saved again. */
void ledger_commit(struct engine *engine);

/* One step of retention where it is due; part of the periodic round. */
void ledger_retain(struct engine *engine);

/* Attempts of an earlier start without an outcome get the one that the table shows. After the first scan, and when a lost ledger
 * is back. */
void ledger_reconcile(struct engine *engine);

/* What is known of another mount namespace, by its inode: also that it has gone is read. */
enum ledger_table { LEDGER_TABLE_UNREAD, LEDGER_TABLE_READ, LEDGER_TABLE_UNWATCHED };
typedef enum ledger_table ledger_table_function(const struct engine *engine, uint64_t inode);

/* The same of those in other mount namespaces, where their tables were read; the others wait for the next call. */
void ledger_reconcile_others(struct engine *engine, ledger_table_function *table);

#endif
