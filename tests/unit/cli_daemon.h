/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of reaperctl against a daemon: what that one says, and what it was asked. */
#ifndef TESTS_UNIT_CLI_DAEMON_H
#define TESTS_UNIT_CLI_DAEMON_H

#include <check.h>
#include <stdlib.h>

#include "cli_fixture.h"

#define OWNER                                                                                                          \
	"\"owner\":{\"kind\":\"inferred\",\"pid\":null,\"comm\":null,\"uid\":null,\"cgroup\":null,\"container\":null,\"lease\":false}"
#define ACTION(root, name, generation, state, evidence, mounts)                                                        \
	"{\"root\":\"" root "\",\"name\":\"" name "\",\"generation\":" generation ",\"state\":\"" state                \
	"\",\"evidence\":[" evidence "],\"mounts\":" mounts "," OWNER                                                  \
	",\"first_seen\":\"2026-11-22T10:00:00.000Z\",\"ended\":null}"
#define MOUNT(id, parent, target, action)                                                                              \
	"{\"id\":" id ",\"parent\":" parent ",\"namespace\":1,\"root\":\"/b\",\"action\":" action                      \
	",\"generation\":1,\"target\":\"" target                                                                       \
	"\",\"fstype\":\"proc\",\"source\":\"/proc\",\"options\":\"rw\",\"state\":\"attached\",\"attached\":"          \
	"\"2026-11-22T10:00:00.000Z\",\"attached_by\":{\"attested\":false},\"detached\":null,\"detached_by\":null}"
#define STATUS(leftovers, health) STATUS_STUCK(leftovers, "0", health)
#define STATUS_STUCK(leftovers, stuck, health)                                                                                                                    \
	"{\"status\":{\"version\":\"0.1.0\",\"source\":\"listmount\",\"source_note\":\"fanotify: too old\",\"identity\":\"number\",\"namespaces\":[\"self\"],"    \
	"\"mode\":\"enforce\",\"paused\":false,\"paused_until\":null,\"roots\":[{\"path\":\"/b\",\"mode\":\"enforce\",\"actions\":2,"                             \
	"\"mounts\":4,\"leftovers\":" leftovers ",\"stuck\":" stuck ",\"health\":\"" health                                                                       \
	"\",\"paused\":false}],\"mounts\":4,"                                                                                                                     \
	"\"unowned\":0,\"events\":9,\"lost\":0,\"rescans\":1,\"lag_ms\":0.5,\"wakeups\":3,\"attached\":40,\"attested\":39,\"ledger\":{\"path\":\"/l\",\"state\":" \
	"\"ok\",\"bytes\":1048576,\"problem\":\"\"},\"broker\":{\"state\":\"ok\",\"in_flight\":0,\"hung\":0},\"started\":"                                        \
	"\"2026-11-22T10:00:00.000Z\"}}"
#define EVENT(seq, type, target)                                                                                       \
	"{\"seq\":" seq ",\"time\":\"2026-11-22T10:00:00.000Z\",\"type\":\"" type                                      \
	"\",\"id\":7,\"root\":\"/b\",\"action\":\"x\","                                                                \
	"\"generation\":1,\"target\":\"" target "\",\"pid\":null,\"comm\":null,\"detail\":{\"by\":\"kernel\"}}"

static inline json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	ck_assert_msg(json != NULL, "no JSON: %s", text);
	return json;
}

static inline void assert_json(const char *text, const char *expected)
{
	json_t *a = parse(text), *b = parse(expected);

	ck_assert_msg(json_equal(a, b), "%s instead of %s", text, expected);
	json_decref(a);
	json_decref(b);
}

static inline void assert_asked(const char *method, const char *expected)
{
	json_t *b = parse(expected);
	char *text = json_dumps(daemon_asked(method), JSON_COMPACT | JSON_ENCODE_ANY);

	ck_assert_msg(json_equal(daemon_asked(method), b), "%s asked with %s", method, text);
	free(text);
	json_decref(b);
}

#endif
