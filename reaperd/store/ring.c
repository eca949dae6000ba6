/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define STRINGS_MAX 5

/* Where the strings of an entry are, so that they are copied in one place. */
static size_t entry_strings(struct ring_entry *entry, const char **ret[STRINGS_MAX])
{
	size_t count = 0;

	switch (entry->kind) {
	case RING_EVENT:
		ret[count++] = &entry->event.root;
		ret[count++] = &entry->event.action;
		ret[count++] = &entry->event.target;
		ret[count++] = &entry->event.comm;
		ret[count++] = &entry->event.detail;
		break;
	case RING_INTENT:
		ret[count++] = &entry->intent.root;
		ret[count++] = &entry->intent.action;
		ret[count++] = &entry->intent.target;
		break;
	case RING_OUTCOME:
		ret[count++] = &entry->outcome.detail;
		break;
	case RING_SETTING:
		ret[count++] = &entry->setting.key;
		ret[count++] = &entry->setting.value;
		break;
	case RING_CLOSING:
		ret[count++] = &entry->closing.by;
		break;
	case RING_ROOT_CLOSING:
		ret[count++] = &entry->root_closing.path;
		break;
	}
	return count;
}

static struct ring_entry *entry_copy(const struct ring_entry *entry)
{
	struct ring_entry whole = *entry, *copy;
	const char **strings[STRINGS_MAX];
	size_t count = entry_strings(&whole, strings), size = 0;
	char *at;

	for (size_t i = 0; i < count; i++)
		if (*strings[i])
			size += strlen(*strings[i]) + 1;
	copy = malloc(sizeof(*copy) + size);
	if (!copy)
		return NULL;
	*copy = whole;
	entry_strings(copy, strings);
	at = copy->bytes;
	for (size_t i = 0; i < count; i++) {
		if (!*strings[i])
			continue;
		size = strlen(*strings[i]) + 1;
		*strings[i] = memcpy(at, *strings[i], size);
		at += size;
	}
	return copy;
}

const struct ring_entry *ring_push(struct ring *ring, const struct ring_entry *entry)
{
	struct ring_entry *copy = entry_copy(entry);

	if (!copy) {
		ring->dropped++;
		return NULL;
	}
	if (ring->count == RING_SIZE) {
		free(ring->slots[ring->first]);
		ring->first = (ring->first + 1) % RING_SIZE;
		ring->count--;
		ring->dropped++;
	}
	ring->slots[(ring->first + ring->count++) % RING_SIZE] = copy;
	return copy;
}

struct ring_entry *ring_at(struct ring *ring, size_t index)
{
	return ring->slots[(ring->first + index) % RING_SIZE];
}

bool ring_has_closing(struct ring *ring, bool of_mount, int64_t row)
{
	for (size_t i = 0; i < ring->count; i++) {
		const struct ring_entry *entry = ring_at(ring, i);

		if (entry->kind == RING_CLOSING && entry->closing.of_mount == of_mount && entry->closing.row == row)
			return true;
	}
	return false;
}

void ring_clear(struct ring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		free(ring_at(ring, i));
	ring->first = 0;
	ring->count = 0;
	ring->dropped = 0;
}

static const char *shown(const char *bytes)
{
	return bytes ? bytes : "-";
}

void ring_entry_log(const struct ring_entry *entry)
{
	switch (entry->kind) {
	case RING_EVENT:
		log_notice("not in the ledger: event %" PRId64 " %s action %s@%" PRIu32 " mount %" PRIu64
			   " at %s, pid %d (%s) %s",
			   entry->event.seq, event_type_name(entry->event.type), shown(entry->event.action),
			   entry->event.generation, entry->event.mount_id, shown(entry->event.target), entry->event.pid,
			   shown(entry->event.comm), shown(entry->event.detail));
		break;
	case RING_INTENT:
		log_notice("not in the ledger: attempt %" PRId64 " is %s of mount %" PRIu64 " at %s because %s",
			   entry->intent.attempt, step_name(entry->intent.step), entry->intent.mount_id,
			   shown(entry->intent.target), evidence_name(entry->intent.because));
		break;
	case RING_OUTCOME:
		log_notice("not in the ledger: attempt %" PRId64 " came to %s, errno %d, %s", entry->outcome.attempt,
			   outcome_name(entry->outcome.outcome), entry->outcome.error, shown(entry->outcome.detail));
		break;
	case RING_SETTING:
		log_notice("not in the ledger: setting %s is %s", entry->setting.key, shown(entry->setting.value));
		break;
	case RING_CLOSING:
	case RING_ROOT_CLOSING:
		break;
	}
}
