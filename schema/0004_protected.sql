-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What a protect pattern of the configuration in force keeps is no leftover. Columns of views are added at their ends, never renamed.

ALTER TABLE mounts ADD COLUMN protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1));

DROP VIEW active_mounts;
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
	m.attached AS attached_ns,
	coalesce(o.kind = 'attested', 0) AS attested,
	nullif(o.pid, 0) AS pid,
	nullif(CAST(o.comm AS TEXT), '') AS comm,
	nullif(o.uid, -1) AS uid,
	nullif(CAST(o.cgroup AS TEXT), '') AS cgroup,
	nullif(CAST(o.container AS TEXT), '') AS container,
	m.protected AS protected
FROM mounts m
JOIN namespaces n ON n.id = m.namespace
LEFT JOIN roots r ON r.id = m.root
LEFT JOIN actions a ON a.id = m.action
LEFT JOIN owners o ON o.id = m.attached_by
WHERE m.detached IS NULL AND n.watched = 1;

DROP VIEW leftovers;
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
	m.attached AS attached_ns,
	coalesce(o.kind = 'attested', 0) AS attested,
	nullif(o.pid, 0) AS pid,
	nullif(CAST(o.comm AS TEXT), '') AS comm,
	nullif(o.uid, -1) AS uid,
	nullif(CAST(o.cgroup AS TEXT), '') AS cgroup,
	nullif(CAST(o.container AS TEXT), '') AS container
FROM mounts m
JOIN namespaces n ON n.id = m.namespace
LEFT JOIN roots r ON r.id = m.root
LEFT JOIN actions a ON a.id = m.action
LEFT JOIN owners o ON o.id = m.attached_by
WHERE m.detached IS NULL AND n.watched = 1
	AND m.protected = 0
	AND (a.state IN ('over', 'reaping', 'stuck') OR m.state = 'stuck' OR m.evidence <> '[]');
