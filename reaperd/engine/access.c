/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct known_name {
	char *name; /* with the @ of a group */
	bool exists;
	uint32_t id; /* uid or gid */
	struct known_name *next;
};

/* A cache of the system's own user database, so one for the process. */
static struct known_name *known_names;
static uint32_t known_serial;

static void access_forget(void)
{
	struct known_name *next;

	for (; known_names; known_names = next) {
		next = known_names->next;
		free(known_names->name);
		free(known_names);
	}
}

static bool parse_id(const char *text, uint32_t *ret)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number >= UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool look_up(const char *name, uint32_t *ret)
{
	const struct passwd *user;
	const struct group *group;

	if (parse_id(name[0] == '@' ? name + 1 : name, ret))
		return true;
	if (name[0] == '@') {
		group = getgrnam(name + 1);
		*ret = group ? group->gr_gid : 0;
		return group;
	}
	user = getpwnam(name);
	*ret = user ? user->pw_uid : 0;
	return user;
}

/* NULL when out of memory. */
static const struct known_name *access_name(const char *name)
{
	struct known_name *known;

	for (known = known_names; known; known = known->next) {
		if (strcmp(known->name, name) == 0)
			return known;
	}
	known = calloc(1, sizeof(*known));
	if (known)
		known->name = strdup(name);
	if (!known || !known->name) {
		free(known);
		return NULL;
	}
	known->exists = look_up(name, &known->id);
	if (!known->exists)
		log_warning("register: there is no %s %s; nobody may register by it", name[0] == '@' ? "group" : "user",
			    name[0] == '@' ? name + 1 : name);
	known->next = known_names;
	known_names = known;
	return known;
}

bool access_allows(const struct string_list *names, const struct control_call *call, uint32_t serial)
{
	if (serial != known_serial)
		access_forget();
	known_serial = serial;
	for (size_t i = 0; i < names->count; i++) {
		const struct known_name *known = access_name(names->items[i]);

		if (!known || !known->exists)
			continue;
		if (known->name[0] == '@' ? control_call_in_group(call, known->id) :
					    control_call_uid(call) == known->id)
			return true;
	}
	return false;
}
