/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps the model at the state of the kernel's mount table: wakes with the source, reads, applies, and hands on what
 * changed. Reads at once while it is quiet; after a read that took long, rests for several times as long, so that a
 * storm costs a bounded share of a processor. Where the source tells of each change the first of many are read at once
 * all the same.
 */
#ifndef REAPERD_ENGINE_TRACKER_H
#define REAPERD_ENGINE_TRACKER_H

#include "engine/state.h"

/* Called after each read, also after one that failed half-way. What the model took is no longer in the scan. */
typedef void tracker_changes_function(struct engine *engine, const struct changes *changes, const struct scan *scan);

/* Opens the source that the engine wants. NULL with a sentence in `why`. */
struct tracker *tracker_new(struct engine *engine, struct source_inputs *inputs, tracker_changes_function *on_changes,
			    char *why, size_t size);
void tracker_free(struct tracker *tracker);

/* Reads where it is time to: part of each turn. */
void tracker_turn(struct tracker *tracker);

/* True once the table was read: until then the model holds at most what the ledger remembers. */
bool tracker_has_read(const struct tracker *tracker);

/* True while a read is wanted that has not been done yet. */
bool tracker_is_busy(const struct tracker *tracker);

/* True where our own table was read after `mono`: what was mounted before that is known. */
bool tracker_has_read_since(const struct tracker *tracker, int64_t mono);

/* The same where a refresh is enough: a rename before `mono` is known. */
bool tracker_has_looked_since(const struct tracker *tracker, int64_t mono);

#endif
