/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/statements.h"

/*
 * Parameters are bound in the order in which they stand here; where they are numbered, a filter (read.c) has them in
 * one fixed order.
 */

/* ?1 after seq, ?2 since, ?3 until, ?4 root, ?5 name, ?6 generation, ?7 type, ?8 mount id, ?9 target, ?10 limit */
#define EVENTS(index, condition, order)                                                                                 \
	"SELECT e.seq, e.time, e.type, e.mount_id, e.action, e.mount, r.path, e.name, e.generation, e.target, e.pid, "  \
	"e.comm, e.detail FROM events e " index " LEFT JOIN roots r ON r.id = e.root WHERE " condition                  \
	" e.seq > ?1 AND e.time BETWEEN ?2 AND ?3 AND (?4 IS NULL OR e.root = (SELECT id FROM roots WHERE path = ?4)) " \
	"AND (?5 IS NULL OR e.name = ?5) AND (?6 = 0 OR e.generation = ?6) AND (?7 IS NULL OR e.type = ?7) "            \
	"AND (?8 = 0 OR e.mount_id = ?8) AND (?9 IS NULL OR e.target = ?9) ORDER BY e.seq " order " LIMIT ?10"
#define FIRST_EVENTS(index, condition) EVENTS(index, condition, "")
#define LAST_EVENTS(index, condition)  "SELECT * FROM (" EVENTS(index, condition, "DESC") ") ORDER BY 1"

/* ?1 root, ?2 name, ?3 generation, ?4 since, ?5 until, ?6 limit, ?7 after row, ?8 past ones too */
#define ACTIONS(index, condition, order)                                                                               \
	"SELECT a.id, r.path, a.name, a.path, a.generation, a.state, a.evidence, "                                     \
	"(SELECT count(*) FROM mounts m WHERE m.action = a.id AND m.detached IS NULL), coalesce(o.kind, 'inferred'), " \
	"nullif(o.comm, x''), nullif(o.cgroup, x''), nullif(o.container, x''), o.pid, coalesce(o.uid, -1), a.lease, "  \
	"a.first_seen, a.ended FROM actions a " index " CROSS JOIN roots r ON r.id = a.root "                          \
	"LEFT JOIN owners o ON o.id = a.owner WHERE " condition                                                        \
	" (?1 IS NULL OR r.path = ?1) AND (?2 IS NULL OR a.name = ?2) AND (?3 = 0 OR a.generation = ?3) "              \
	"AND a.first_seen <= ?5 AND (a.ended IS NULL OR a.ended >= ?4) AND a.id > ?7 "                                 \
	"AND (?8 OR a.state <> 'cleared') ORDER BY " order " LIMIT ?6"
#define ACTIONS_IN_ORDER(index, condition) ACTIONS(index, condition, "r.path, a.name, a.generation, a.id")
#define ACTIONS_BY_ROW(index, condition)   ACTIONS(index, condition, "a.id")

/*
 * ?1 root, ?2 name, ?3 generation, ?4 since, ?5 until, ?6 limit, ?7 after row, ?8 past ones too, ?9 at, ?10 target, ?11
 * mount id
 */
#define MOUNTS(tables, order)                                                                                          \
	"SELECT m.id, m.mount_id, m.parent_id, n.inode, r.path, a.name, a.generation, m.target, m.fstype, m.source, "  \
	"m.options, m.state, m.attached, m.detached, m.detached_by, coalesce(o.kind = 'attested', 0), o.pid, "         \
	"nullif(o.comm, x''), o.uid, nullif(o.cgroup, x''), nullif(o.container, x'') FROM " tables                     \
	" (?1 IS NULL OR r.path = ?1) AND (?2 IS NULL OR a.name = ?2) AND (?3 = 0 OR a.generation = ?3) "              \
	"AND m.attached <= ?5 AND (m.detached IS NULL OR m.detached >= ?4) "                                           \
	"AND (?8 OR (m.detached IS NULL AND n.watched)) "                                                              \
	"AND (?9 = 0 OR (m.attached <= ?9 AND (m.detached IS NULL OR m.detached > ?9))) "                              \
	"AND (?10 IS NULL OR m.target = ?10) AND (?11 = 0 OR m.mount_id = ?11) AND m.id > ?7 ORDER BY " order          \
	" LIMIT ?6"
#define MOUNTS_ORDER "r.path, a.name, a.generation, m.target, m.id"
#define MOUNTS_FROM(index, condition, order)                                                                           \
	MOUNTS("mounts m " index " CROSS JOIN namespaces n ON n.id = m.namespace LEFT JOIN roots r ON r.id = m.root "  \
	       "LEFT JOIN actions a ON a.id = m.action LEFT JOIN owners o ON o.id = m.attached_by WHERE " condition,   \
	       order)
#define MOUNTS_OF_ACTION(order)                                                                                           \
	MOUNTS("actions a INDEXED BY actions_by_name CROSS JOIN mounts m INDEXED BY mounts_by_action ON m.action = a.id " \
	       "CROSS JOIN namespaces n ON n.id = m.namespace LEFT JOIN roots r ON r.id = m.root "                        \
	       "LEFT JOIN owners o ON o.id = m.attached_by WHERE a.name = ?2 AND",                                        \
	       order)

/* ?1 root, ?2 name, ?3 generation, ?4 since, ?5 until, ?6 limit, ?7 after row, ?8 target, ?9 mount id */
#define ATTEMPTS(index, condition, order)                                                                              \
	"SELECT * FROM (SELECT t.id, t.mount_id, r.path, t.name, t.target, t.step, t.evidence, t.outcome, t.detail, "  \
	"t.generation, t.error, t.intended, t.finished FROM attempts t " index                                         \
	" LEFT JOIN roots r ON r.id = t.root WHERE " condition                                                         \
	" (?1 IS NULL OR r.path = ?1) AND (?2 IS NULL OR t.name = ?2) AND (?3 = 0 OR t.generation = ?3) "              \
	"AND t.intended BETWEEN ?4 AND ?5 AND (?8 IS NULL OR t.target = ?8) AND (?9 = 0 OR t.mount_id = ?9) "          \
	"AND t.id > ?7 ORDER BY t.id " order " LIMIT ?6) ORDER BY 1"
#define LAST_ATTEMPTS(index, condition)	 ATTEMPTS(index, condition, "DESC")
#define FIRST_ATTEMPTS(index, condition) ATTEMPTS(index, condition, "")

#define CLOSE_UNWATCHED_MOUNTS                                                                                         \
	"UPDATE mounts SET state = 'detached', detached = max(?, attached), detached_by = 'not watching' "             \
	"WHERE detached IS NULL"
#define CLOSE_UNWATCHED_ACTIONS                                                                                         \
	"UPDATE actions SET state = 'cleared', ended = coalesce(ended, max(?, first_seen)), lease = 0, registered = 0 " \
	"WHERE state <> 'cleared'"

/*
 * A new row is written by a statement that looks for no other to change: readiness for that costs as much again as the
 * writing.
 */
#define NEW_ACTION                                                                                                     \
	"INSERT INTO actions (id, boot, namespace, root, name, path, generation, instance_dev, instance_path, state, " \
	"dir_dev, dir_ino, dir_birth, handle_type, handle, in_trash, registered, seen_full, owner, lease, max_age, "   \
	"evidence, first_seen, ended) "                                                                                \
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define NEW_MOUNT                                                                                                      \
	"INSERT INTO mounts (id, namespace, mount_id, parent_id, id32, parent32, dev, fs_root, root_deleted, target, " \
	"fstype, source, options, super_options, peer_group, master, root, action, attached, state, evidence, "        \
	"detached, detached_by, next_step, attempts, rounds, last_outcome, confirmed, attached_by, protected) "        \
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM actions WHERE id = ?), "           \
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

const char *const statement_sql[STATEMENT_COUNT] = {
	/* IMMEDIATE: whether the file can be written is found out here, before anything is put into it. */
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_DATA_VERSION] = "PRAGMA data_version",
	[STATEMENT_SEQUENCE] = "SELECT max(seq) FROM sqlite_sequence WHERE name = ?",

	[STATEMENT_BOOT] = "INSERT INTO boots (boot_id, first_seen) VALUES (?, ?) "
			   "ON CONFLICT (boot_id) DO UPDATE SET boot_id = excluded.boot_id RETURNING id",
	[STATEMENT_NAMESPACE] = "INSERT INTO namespaces (boot, inode, watched, first_seen) VALUES (?, ?, 1, ?) "
				"ON CONFLICT (boot, inode) DO UPDATE SET watched = 1 RETURNING id",
	[STATEMENT_UNWATCH] = "UPDATE namespaces SET watched = 0 WHERE watched = 1 AND id <> ?",
	[STATEMENT_FIND_NAMESPACE] =
		"SELECT b.id, n.id FROM boots b JOIN namespaces n ON n.boot = b.id WHERE b.boot_id = ? AND n.inode = ?",
	[STATEMENT_CLOSE_MOUNTS] =
		"UPDATE mounts SET state = 'detached', detached = max(?, attached), detached_by = 'another boot' "
		"WHERE detached IS NULL AND namespace IN (SELECT id FROM namespaces WHERE boot <> ?)",
	[STATEMENT_CLOSE_ACTIONS] =
		"UPDATE actions SET state = 'cleared', ended = coalesce(ended, max(?, first_seen)), lease = 0, registered = 0 "
		"WHERE state <> 'cleared' AND boot <> ?",
	[STATEMENT_CLOSE_ATTEMPTS] =
		"UPDATE attempts SET outcome = 'gone', finished = max(?, intended), detail = 'another boot' "
		"WHERE outcome IS NULL AND namespace IN (SELECT id FROM namespaces WHERE boot <> ?)",

	[STATEMENT_CLOSE_OTHER_MOUNTS] = CLOSE_UNWATCHED_MOUNTS " AND namespace <> ?",
	[STATEMENT_CLOSE_ALL_MOUNTS] = CLOSE_UNWATCHED_MOUNTS,
	[STATEMENT_CLOSE_ALL_ACTIONS] = CLOSE_UNWATCHED_ACTIONS,
	[STATEMENT_CLOSE_ROOT_MOUNTS] = CLOSE_UNWATCHED_MOUNTS " AND root = (SELECT id FROM roots WHERE path = ?)",
	[STATEMENT_CLOSE_ROOT_ACTIONS] = CLOSE_UNWATCHED_ACTIONS " AND root = (SELECT id FROM roots WHERE path = ?)",
	[STATEMENT_OPEN_ROOTS] =
		"SELECT path FROM roots WHERE id IN (SELECT root FROM actions WHERE state <> 'cleared' "
		"UNION SELECT root FROM mounts WHERE detached IS NULL)",

	[STATEMENT_ROOT] = "INSERT INTO roots (path, mode) VALUES (?, ?) "
			   "ON CONFLICT (path) DO UPDATE SET mode = coalesce(excluded.mode, mode) RETURNING id",
	[STATEMENT_OWNER] =
		"INSERT INTO owners (boot, kind, pid, start_time, uid, comm, cgroup, cgroup_id, container) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cgroup_id = excluded.cgroup_id RETURNING id",
	[STATEMENT_NEW_ACTION] = NEW_ACTION,
	[STATEMENT_ACTION] = NEW_ACTION
	" ON CONFLICT (id) DO UPDATE SET name = excluded.name, path = excluded.path, "
	"generation = excluded.generation, state = excluded.state, dir_dev = excluded.dir_dev, "
	"dir_ino = excluded.dir_ino, dir_birth = excluded.dir_birth, handle_type = excluded.handle_type, "
	"handle = excluded.handle, in_trash = excluded.in_trash, registered = excluded.registered, "
	"seen_full = excluded.seen_full, owner = excluded.owner, lease = excluded.lease, "
	"max_age = excluded.max_age, evidence = excluded.evidence, ended = excluded.ended",
	/*
	 * The action's row may be missing in a file that was begun anew: the mount is then written without it, and
	 * again when all is.
	 */
	[STATEMENT_NEW_MOUNT] = NEW_MOUNT,
	[STATEMENT_MOUNT] = NEW_MOUNT
	" ON CONFLICT (id) DO UPDATE SET mount_id = excluded.mount_id, parent_id = excluded.parent_id, "
	"parent32 = excluded.parent32, fs_root = excluded.fs_root, root_deleted = excluded.root_deleted, "
	"target = excluded.target, source = excluded.source, options = excluded.options, "
	"super_options = excluded.super_options, peer_group = excluded.peer_group, master = excluded.master, "
	"root = excluded.root, action = excluded.action, state = excluded.state, evidence = excluded.evidence, "
	"detached = excluded.detached, detached_by = excluded.detached_by, next_step = excluded.next_step, "
	"attempts = excluded.attempts, rounds = excluded.rounds, last_outcome = excluded.last_outcome, "
	"confirmed = excluded.confirmed, attached_by = excluded.attached_by, protected = excluded.protected",
	/* The same without what the indexes go by, each of which would be written anew. */
	[STATEMENT_MOUNT_STATE] =
		"UPDATE mounts SET state = ?, evidence = ?, detached = ?, detached_by = ?, next_step = ?, attempts = ?, "
		"rounds = ?, last_outcome = ?, confirmed = ? WHERE id = ?",
	[STATEMENT_CLOSE_MOUNT] =
		"UPDATE mounts SET state = ?, detached = ?, detached_by = ? WHERE id = ? AND detached IS NULL",
	[STATEMENT_CLOSE_ACTION] = "UPDATE actions SET state = ?, ended = ? WHERE id = ? AND state <> 'cleared'",
	[STATEMENT_EVENT] =
		"INSERT INTO events (seq, time, type, mount_id, mount, action, root, name, generation, target, pid, "
		"comm, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STATEMENT_INTENT] =
		"INSERT INTO attempts (id, namespace, mount_id, mount, action, root, name, generation, target, "
		"step, evidence, intended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STATEMENT_OUTCOME] = "UPDATE attempts SET outcome = ?, error = ?, detail = ?, finished = ? WHERE id = ?",
	[STATEMENT_SET] =
		"INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[STATEMENT_UNSET] = "DELETE FROM settings WHERE key = ?",
	[STATEMENT_GET] = "SELECT value FROM settings WHERE key = ?",

	[STATEMENT_OPEN_INTENTS] = "SELECT t.id, t.mount_id, n.inode FROM attempts t INDEXED BY attempts_open "
				   "JOIN namespaces n ON n.id = t.namespace "
				   "WHERE t.outcome IS NULL AND n.boot = ? ORDER BY t.id",
	[STATEMENT_LAST_GENERATION] = "SELECT max(generation) FROM actions "
				      "WHERE name = ? AND root = (SELECT id FROM roots WHERE path = ?)",
	[STATEMENT_RESTORE_ACTIONS] =
		"SELECT a.id, r.path, a.instance_dev, a.instance_path, a.name, a.path, a.generation, a.state, a.dir_dev, "
		"a.dir_ino, a.dir_birth, a.handle_type, a.handle, a.in_trash, a.registered, a.seen_full, o.kind, o.pid, "
		"o.start_time, o.uid, nullif(o.comm, x''), nullif(o.cgroup, x''), nullif(o.container, x''), o.cgroup_id, "
		"a.lease, a.max_age, a.evidence, a.first_seen, a.ended FROM actions a CROSS JOIN roots r ON r.id = a.root "
		"LEFT JOIN owners o ON o.id = a.owner "
		"WHERE a.state <> 'cleared' AND a.boot = ? AND a.namespace = ? ORDER BY a.id",
	[STATEMENT_RESTORE_MOUNTS] =
		"SELECT m.id, mount_id, parent_id, id32, parent32, dev, fs_root, root_deleted, target, fstype, source, options, "
		"super_options, peer_group, master, action, state, evidence, attached, next_step, attempts, rounds, "
		"last_outcome, confirmed, o.kind, o.pid, o.start_time, o.uid, nullif(o.comm, x''), nullif(o.cgroup, x''), "
		"nullif(o.container, x''), o.cgroup_id, protected FROM mounts m LEFT JOIN owners o ON o.id = m.attached_by "
		"WHERE detached IS NULL AND namespace = ? ORDER BY m.id",
	[STATEMENT_PARSE_EVIDENCE] =
		"SELECT json_extract(value, '$.kind'), json_extract(value, '$.since_ns') FROM json_each(?)",

	[STATEMENT_EVENTS_BY_SEQ] = FIRST_EVENTS("NOT INDEXED", ""),
	[STATEMENT_LAST_EVENTS_BY_SEQ] = LAST_EVENTS("NOT INDEXED", ""),
	[STATEMENT_EVENTS_BY_TIME] = FIRST_EVENTS("INDEXED BY events_by_time", ""),
	[STATEMENT_LAST_EVENTS_BY_TIME] = LAST_EVENTS("INDEXED BY events_by_time", ""),
	[STATEMENT_EVENTS_BY_NAME] = FIRST_EVENTS("INDEXED BY events_by_name", "e.name = ?5 AND"),
	[STATEMENT_LAST_EVENTS_BY_NAME] = LAST_EVENTS("INDEXED BY events_by_name", "e.name = ?5 AND"),
	[STATEMENT_EVENTS_BY_MOUNT] = FIRST_EVENTS("INDEXED BY events_by_mount", "e.mount_id = ?8 AND"),
	[STATEMENT_LAST_EVENTS_BY_MOUNT] = LAST_EVENTS("INDEXED BY events_by_mount", "e.mount_id = ?8 AND"),

	[STATEMENT_ACTIONS_OPEN] = ACTIONS_IN_ORDER("INDEXED BY actions_open", "a.state <> 'cleared' AND"),
	[STATEMENT_ACTIONS_OPEN + BY_ROW] = ACTIONS_BY_ROW("INDEXED BY actions_open", "a.state <> 'cleared' AND"),
	[STATEMENT_ACTIONS_BY_NAME] = ACTIONS_IN_ORDER("INDEXED BY actions_by_name", "a.name = ?2 AND"),
	[STATEMENT_ACTIONS_BY_NAME + BY_ROW] = ACTIONS_BY_ROW("INDEXED BY actions_by_name", "a.name = ?2 AND"),
	[STATEMENT_ACTIONS_ALL] = ACTIONS_IN_ORDER("NOT INDEXED", ""),
	[STATEMENT_ACTIONS_ALL + BY_ROW] = ACTIONS_BY_ROW("NOT INDEXED", ""),

	[STATEMENT_MOUNTS_OPEN] = MOUNTS_FROM("INDEXED BY mounts_open", "m.detached IS NULL AND", MOUNTS_ORDER),
	[STATEMENT_MOUNTS_OPEN + BY_ROW] = MOUNTS_FROM("INDEXED BY mounts_open", "m.detached IS NULL AND", "m.id"),
	[STATEMENT_MOUNTS_BY_ACTION] = MOUNTS_OF_ACTION(MOUNTS_ORDER),
	[STATEMENT_MOUNTS_BY_ACTION + BY_ROW] = MOUNTS_OF_ACTION("m.id"),
	[STATEMENT_MOUNTS_BY_ID] = MOUNTS_FROM("INDEXED BY mounts_by_id", "m.mount_id = ?11 AND", MOUNTS_ORDER),
	[STATEMENT_MOUNTS_BY_ID + BY_ROW] = MOUNTS_FROM("INDEXED BY mounts_by_id", "m.mount_id = ?11 AND", "m.id"),
	[STATEMENT_MOUNTS_BY_TARGET] = MOUNTS_FROM("INDEXED BY mounts_by_target", "m.target = ?10 AND", MOUNTS_ORDER),
	[STATEMENT_MOUNTS_BY_TARGET + BY_ROW] =
		MOUNTS_FROM("INDEXED BY mounts_by_target", "m.target = ?10 AND", "m.id"),
	[STATEMENT_MOUNTS_ALL] = MOUNTS_FROM("NOT INDEXED", "", MOUNTS_ORDER),
	[STATEMENT_MOUNTS_ALL + BY_ROW] = MOUNTS_FROM("NOT INDEXED", "", "m.id"),

	[STATEMENT_ATTEMPTS_BY_NAME] = LAST_ATTEMPTS("INDEXED BY attempts_by_name", "t.name = ?2 AND"),
	[STATEMENT_ATTEMPTS_BY_NAME + BY_ROW] = FIRST_ATTEMPTS("INDEXED BY attempts_by_name", "t.name = ?2 AND"),
	[STATEMENT_ATTEMPTS_BY_MOUNT] = LAST_ATTEMPTS("INDEXED BY attempts_by_mount", "t.mount_id = ?9 AND"),
	[STATEMENT_ATTEMPTS_BY_MOUNT + BY_ROW] = FIRST_ATTEMPTS("INDEXED BY attempts_by_mount", "t.mount_id = ?9 AND"),
	[STATEMENT_ATTEMPTS_ALL] = LAST_ATTEMPTS("NOT INDEXED", ""),
	[STATEMENT_ATTEMPTS_ALL + BY_ROW] = FIRST_ATTEMPTS("NOT INDEXED", ""),

	[STATEMENT_PAGES_USED] = "SELECT (p.page_count - f.freelist_count) * s.page_size "
				 "FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
	[STATEMENT_OLDEST_EVENTS] = "SELECT time FROM events ORDER BY time LIMIT 1 OFFSET ?",
	[STATEMENT_RETAIN_EVENTS] = "DELETE FROM events WHERE seq IN "
				    "(SELECT seq FROM events WHERE time < ? ORDER BY time LIMIT ?)",
	[STATEMENT_RETAIN_ATTEMPTS] =
		"DELETE FROM attempts WHERE id IN "
		"(SELECT id FROM attempts WHERE intended < ? AND outcome IS NOT NULL ORDER BY intended LIMIT ?)",
	[STATEMENT_RETAIN_MOUNTS] = "DELETE FROM mounts WHERE id IN "
				    "(SELECT id FROM mounts WHERE detached < ? ORDER BY detached LIMIT ?)",
	[STATEMENT_RETAIN_ACTIONS] =
		"DELETE FROM actions WHERE id IN (SELECT id FROM actions a WHERE state = 'cleared' AND ended < ? "
		"AND NOT EXISTS (SELECT 1 FROM mounts m WHERE m.action = a.id) ORDER BY ended LIMIT ?)",
	[STATEMENT_NEXT_OWNERS] = "SELECT max(id) FROM (SELECT id FROM owners WHERE id > ? ORDER BY id LIMIT ?)",
	[STATEMENT_RETAIN_OWNERS] = "DELETE FROM owners AS o WHERE id > ? AND id <= ? "
				    "AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.owner = o.id) "
				    "AND NOT EXISTS (SELECT 1 FROM mounts m WHERE m.attached_by = o.id)",
	[STATEMENT_VACUUM] = "PRAGMA incremental_vacuum(256)",

	[STATEMENT_INTEGRITY] = "SELECT integrity_check FROM pragma_integrity_check(1)",
	[STATEMENT_FOREIGN_KEYS] =
		"SELECT 'row ' || rowid || ' of ' || \"table\" || ' refers to a missing row of ' || parent "
		"FROM pragma_foreign_key_check LIMIT 1",
	/* What the tables' own constraints cannot say. */
	[STATEMENT_SENSE] =
		"SELECT 'mount row ' || m.id || ' is attached, but its action is cleared' FROM mounts m JOIN actions a ON a.id = m.action "
		"WHERE m.detached IS NULL AND a.state = 'cleared' "
		"UNION ALL SELECT 'action row ' || id || ' is cleared without a time' FROM actions WHERE state = 'cleared' AND ended IS NULL "
		"UNION ALL SELECT 'mount row ' || m.id || ' is attached in a boot that is over' FROM mounts m "
		"JOIN namespaces n ON n.id = m.namespace WHERE m.detached IS NULL AND n.boot <> (SELECT max(boot) FROM namespaces "
		"WHERE watched = 1) LIMIT 1",
};
