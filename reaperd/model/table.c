/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "model/internal.h"

int table_init(struct table *table)
{
	table->size = 64;
	table->count = 0;
	table->slots = calloc(table->size, sizeof(*table->slots));
	return table->slots ? 0 : -ENOMEM;
}

void table_free(struct table *table)
{
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

static struct table_link **table_slot(const struct table *table, uint64_t hash)
{
	return &table->slots[hash & (table->size - 1)];
}

/* Without memory the chains get longer, nothing worse: an insertion never fails. */
static void table_grow(struct table *table)
{
	struct table bigger = { .size = table->size * 2, .count = table->count };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return;
	for (size_t i = 0; i < table->size; i++) {
		struct table_link *link, *next;

		for (link = table->slots[i]; link; link = next) {
			struct table_link **slot = table_slot(&bigger, link->hash);

			next = link->next;
			link->next = *slot;
			*slot = link;
		}
	}
	free(table->slots);
	*table = bigger;
}

void table_insert(struct table *table, struct table_link *link, uint64_t hash)
{
	struct table_link **slot;

	if (table->count >= table->size)
		table_grow(table);
	slot = table_slot(table, hash);
	link->hash = hash;
	link->next = *slot;
	*slot = link;
	table->count++;
}

void table_remove(struct table *table, struct table_link *link)
{
	struct table_link **at = table_slot(table, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->next = NULL;
	table->count--;
}

static struct table_link *with_hash(struct table_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct table_link *table_find(const struct table *table, uint64_t hash)
{
	return with_hash(*table_slot(table, hash), hash);
}

struct table_link *table_find_next(const struct table_link *link)
{
	return with_hash(link->next, link->hash);
}

/* The finalizer of the splitmix64 generator: every bit of the key reaches every bit of the hash. */
uint64_t hash_number(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

/*
 * Whoever may mount chooses paths: with bytes that the kernel drew for this process nobody can choose them to collide.
 */
static uint64_t hash_key(void)
{
	const void *drawn = (const void *)getauxval(AT_RANDOM);
	uint64_t key = 0;

	if (drawn)
		memcpy(&key, drawn, sizeof(key));
	return key;
}

uint64_t hash_begin(uint64_t seed)
{
	return UINT64_C(0xcbf29ce484222325) ^ hash_number(hash_key() ^ seed);
}

/* FNV-1a. */
uint64_t hash_more(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Mixed once more because the tables use the low bits. */
uint64_t hash_bytes(uint64_t seed, const char *bytes, size_t length)
{
	return hash_number(hash_more(hash_begin(seed), bytes, length));
}

struct interned {
	struct table_link link;
	uint32_t references;
	char text[];
};

char *strings_intern(struct table *strings, const char *text)
{
	size_t length = strlen(text);
	uint64_t hash = hash_bytes(0, text, length);
	struct interned *string;

	for (struct table_link *link = table_find(strings, hash); link; link = table_find_next(link)) {
		string = container_of(link, struct interned, link);
		if (strcmp(string->text, text) == 0) {
			string->references++;
			return string->text;
		}
	}
	string = malloc(sizeof(*string) + length + 1);
	if (!string)
		return NULL;
	string->references = 1;
	memcpy(string->text, text, length + 1);
	table_insert(strings, &string->link, hash);
	return string->text;
}

void strings_release(struct table *strings, char *text)
{
	struct interned *string;

	if (!text)
		return;
	string = container_of(text, struct interned, text);
	if (--string->references > 0)
		return;
	table_remove(strings, &string->link);
	free(string);
}
