-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- The public read interface: point sqlite3, Datasette or Grafana at these. Columns are added, never renamed. Bytes are shown as text; where
-- they are not UTF-8, use CAST(column AS BLOB). Times are RFC 3339 in UTC, and beside them, as …_ns, nanoseconds since 1970.

-- What is mounted below the build roots, as far as the daemon has recorded it: one row a mount. `action` is NULL where no layout names one.
CREATE VIEW active_mounts AS
SELECT
	m.mount_id AS id,
	m.parent_id AS parent,
	n.inode AS namespace,
	CAST(r.path AS TEXT) AS root,
	CAST(a.name AS TEXT) AS action,
	a.generation AS generation,
	a.state AS action_state,
	CAST(m.target AS TEXT) AS target,
	CAST(m.fstype AS TEXT) AS fstype,
	CAST(m.source AS TEXT) AS source,
	CAST(m.options AS TEXT) AS options,
	m.state AS state,
	strftime('%Y-%m-%dT%H:%M:%fZ', m.attached / 1000000 / 1000.0, 'unixepoch') AS attached,
	m.attached AS attached_ns
FROM mounts m
JOIN namespaces n ON n.id = m.namespace
LEFT JOIN roots r ON r.id = m.root
LEFT JOIN actions a ON a.id = m.action
WHERE m.detached IS NULL AND n.watched = 1;

-- Mounts whose action is over and that are still there, and mounts that are over by evidence of their own (moved, source-deleted).
CREATE VIEW leftovers AS
SELECT
	m.mount_id AS id,
	CAST(r.path AS TEXT) AS root,
	CAST(a.name AS TEXT) AS action,
	a.generation AS generation,
	a.state AS action_state,
	CAST(m.target AS TEXT) AS target,
	CAST(m.fstype AS TEXT) AS fstype,
	m.state AS state,
	a.evidence AS action_evidence,
	m.evidence AS mount_evidence,
	m.attempts AS attempts,
	strftime('%Y-%m-%dT%H:%M:%fZ', m.attached / 1000000 / 1000.0, 'unixepoch') AS attached,
	m.attached AS attached_ns
FROM mounts m
JOIN namespaces n ON n.id = m.namespace
LEFT JOIN roots r ON r.id = m.root
LEFT JOIN actions a ON a.id = m.action
WHERE m.detached IS NULL AND n.watched = 1
	AND (a.state IN ('over', 'reaping', 'stuck') OR m.state = 'stuck' OR m.evidence <> '[]');

-- Every action on record, past ones too: one row a generation. `ended`: when its runner ended it or its last mount went.
CREATE VIEW action_history AS
SELECT
	CAST(r.path AS TEXT) AS root,
	CAST(a.name AS TEXT) AS action,
	a.generation AS generation,
	a.state AS state,
	a.evidence AS evidence,
	(SELECT count(*) FROM mounts m WHERE m.action = a.id AND m.detached IS NULL) AS mounts,
	(SELECT count(*) FROM mounts m WHERE m.action = a.id) AS mounts_ever,
	(SELECT count(*) FROM mounts m WHERE m.action = a.id AND m.state = 'reaped') AS mounts_reaped,
	coalesce(o.kind, 'inferred') AS owner_kind,
	nullif(o.pid, 0) AS pid,
	nullif(CAST(o.comm AS TEXT), '') AS comm,
	nullif(o.uid, -1) AS uid,
	nullif(CAST(o.cgroup AS TEXT), '') AS cgroup,
	nullif(CAST(o.container AS TEXT), '') AS container,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.first_seen / 1000000 / 1000.0, 'unixepoch') AS first_seen,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.ended / 1000000 / 1000.0, 'unixepoch') AS ended,
	a.first_seen AS first_seen_ns,
	a.ended AS ended_ns
FROM actions a
JOIN roots r ON r.id = a.root
LEFT JOIN owners o ON o.id = a.owner;

-- Every step that was tried on a mount, and what came of it. `outcome` is NULL while a step is in flight, or where a crash came between.
CREATE VIEW reap_attempts AS
SELECT
	t.id AS attempt,
	t.mount_id AS id,
	CAST(r.path AS TEXT) AS root,
	CAST(t.name AS TEXT) AS action,
	t.generation AS generation,
	CAST(t.target AS TEXT) AS target,
	t.step AS step,
	t.evidence AS evidence,
	t.outcome AS outcome,
	nullif(t.error, 0) AS errno,
	t.detail AS detail,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.intended / 1000000 / 1000.0, 'unixepoch') AS intended,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.finished / 1000000 / 1000.0, 'unixepoch') AS finished,
	t.intended AS intended_ns,
	t.finished AS finished_ns
FROM attempts t
LEFT JOIN roots r ON r.id = t.root;
