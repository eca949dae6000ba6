-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- The ledger of reaperd. A record, not the truth: the kernel's mount table is the truth.
--
-- Paths, names and other bytes of the kernel or of users are BLOBs, so that any byte comes back as it went in. Times are nanoseconds since
-- 1970 (UTC). Words (states, steps, kinds of evidence) are stored by name. Flags are 0 or 1. Of more than two words each is compared by
-- itself: for a longer list of IN, SQLite makes a table of its own each time a row is written.
-- Read it through the views of 0002_views.sql: tables change with versions, views keep their columns.

PRAGMA application_id = 0x52656170; -- "Reap"

-- One start of the kernel. Nothing that is mounted outlives it.
CREATE TABLE boots (
	id INTEGER PRIMARY KEY,
	boot_id TEXT NOT NULL UNIQUE,
	first_seen INTEGER NOT NULL
) STRICT;

-- A mount namespace of a boot. `watched`: by the latest start of the daemon.
CREATE TABLE namespaces (
	id INTEGER PRIMARY KEY,
	boot INTEGER NOT NULL REFERENCES boots,
	inode INTEGER NOT NULL,
	watched INTEGER NOT NULL CHECK (watched IN (0, 1)),
	first_seen INTEGER NOT NULL,
	UNIQUE (boot, inode)
) STRICT;

-- A configured build root.
CREATE TABLE roots (
	id INTEGER PRIMARY KEY,
	path BLOB NOT NULL UNIQUE,
	mode TEXT
) STRICT;

-- Who made an action or a mount; the same process is one row. What is not known is 0, -1 (uid) or empty, for UNIQUE counts every NULL
-- as another value.
CREATE TABLE owners (
	id INTEGER PRIMARY KEY,
	boot INTEGER NOT NULL REFERENCES boots,
	kind TEXT NOT NULL CHECK (kind = 'inferred' OR kind = 'registered' OR kind = 'attested'),
	pid INTEGER NOT NULL,
	start_time INTEGER NOT NULL, -- clock ticks since boot
	uid INTEGER NOT NULL,
	comm BLOB NOT NULL,
	cgroup BLOB NOT NULL,
	container BLOB NOT NULL,
	UNIQUE (boot, pid, start_time, kind, uid, comm, cgroup, container)
) STRICT;

-- (root, name, generation) is no UNIQUE key: a daemon that could not read its ledger counts generations from 1.
CREATE TABLE actions (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	boot INTEGER NOT NULL REFERENCES boots,
	namespace INTEGER NOT NULL REFERENCES namespaces, -- in which it was found
	root INTEGER NOT NULL REFERENCES roots,
	name BLOB NOT NULL,
	path BLOB NOT NULL, -- of its directory, relative to the root
	generation INTEGER NOT NULL,
	instance_dev INTEGER NOT NULL,
	instance_path BLOB NOT NULL,
	state TEXT NOT NULL CHECK (state = 'active' OR state = 'suspect' OR state = 'over' OR state = 'reaping' OR state = 'cleared' OR state = 'stuck'),
	-- Which directory it is; NULL where not known.
	dir_dev INTEGER,
	dir_ino INTEGER,
	dir_birth INTEGER,
	handle_type INTEGER,
	handle BLOB,
	in_trash INTEGER NOT NULL CHECK (in_trash IN (0, 1)),
	registered INTEGER NOT NULL CHECK (registered IN (0, 1)),
	seen_full INTEGER NOT NULL CHECK (seen_full IN (0, 1)),
	owner INTEGER REFERENCES owners,
	lease INTEGER NOT NULL CHECK (lease IN (0, 1)),
	max_age INTEGER NOT NULL, -- of the registration, ns; 0: none
	evidence TEXT NOT NULL, -- [{"kind","since","since_ns"}]
	first_seen INTEGER NOT NULL,
	ended INTEGER
) STRICT;

CREATE INDEX actions_by_name ON actions (name, root, generation);
CREATE INDEX actions_open ON actions (id) WHERE state <> 'cleared'; -- by row: long lists are read in pieces
CREATE INDEX actions_ended ON actions (ended) WHERE state = 'cleared';
CREATE INDEX actions_by_owner ON actions (owner);

CREATE TABLE mounts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	namespace INTEGER NOT NULL REFERENCES namespaces,
	mount_id INTEGER NOT NULL, -- the kernel's unique id; where it has none, one of the daemon's own, from 2^61 on
	parent_id INTEGER NOT NULL,
	id32 INTEGER NOT NULL, -- as in /proc/PID/mountinfo
	parent32 INTEGER NOT NULL,
	dev INTEGER NOT NULL,
	fs_root BLOB NOT NULL,
	root_deleted INTEGER NOT NULL CHECK (root_deleted IN (0, 1)),
	target BLOB NOT NULL,
	fstype BLOB NOT NULL,
	source BLOB NOT NULL,
	options BLOB NOT NULL,
	super_options BLOB NOT NULL,
	peer_group INTEGER NOT NULL,
	master INTEGER NOT NULL,
	root INTEGER REFERENCES roots, -- the build root that it is below
	action INTEGER REFERENCES actions, -- NULL: unowned
	state TEXT NOT NULL CHECK (state = 'attached' OR state = 'stuck' OR state = 'detached' OR state = 'reaped'),
	evidence TEXT NOT NULL, -- likewise, of this mount alone
	attached INTEGER NOT NULL, -- first seen
	detached INTEGER,
	detached_by TEXT, -- 'kernel', 'reaperd', 'not watching', 'another boot', 'pid 123 (umount)'
	next_step INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	rounds INTEGER NOT NULL,
	last_outcome TEXT,
	confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)), -- its action's directory was found at the path since it came
	CHECK ((detached IS NULL) = (state IN ('attached', 'stuck')))
) STRICT;

CREATE INDEX mounts_open ON mounts (id) WHERE detached IS NULL;
CREATE INDEX mounts_by_action ON mounts (action);
CREATE INDEX mounts_by_id ON mounts (mount_id);
CREATE INDEX mounts_by_target ON mounts (target);
CREATE INDEX mounts_detached ON mounts (detached) WHERE detached IS NOT NULL;

-- The journal: rows are added, and removed by age, never changed. So it names action and mount itself, and `action` and `mount` are the rows'
-- numbers without a constraint: retention may have removed those rows, and a number is never given twice.
CREATE TABLE events (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	type TEXT NOT NULL,
	mount_id INTEGER,
	mount INTEGER,
	action INTEGER,
	root INTEGER REFERENCES roots,
	name BLOB,
	generation INTEGER,
	target BLOB,
	pid INTEGER,
	comm BLOB,
	detail TEXT -- a JSON object
) STRICT;

CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_by_name ON events (name) WHERE name IS NOT NULL;
CREATE INDEX events_by_mount ON events (mount_id) WHERE mount_id IS NOT NULL;

-- Steps of a ladder: a row before the step is asked for, its outcome after it. Rows without an outcome are what a crash interrupted.
CREATE TABLE attempts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	namespace INTEGER REFERENCES namespaces,
	mount_id INTEGER NOT NULL,
	mount INTEGER,
	action INTEGER,
	root INTEGER REFERENCES roots,
	name BLOB,
	generation INTEGER,
	target BLOB NOT NULL,
	step TEXT NOT NULL,
	evidence TEXT NOT NULL,
	intended INTEGER NOT NULL,
	outcome TEXT,
	error INTEGER NOT NULL DEFAULT 0, -- errno
	detail TEXT,
	finished INTEGER,
	CHECK ((outcome IS NULL) = (finished IS NULL))
) STRICT;

CREATE INDEX attempts_open ON attempts (namespace) WHERE outcome IS NULL;
CREATE INDEX attempts_by_name ON attempts (name) WHERE name IS NOT NULL;
CREATE INDEX attempts_by_mount ON attempts (mount_id);
CREATE INDEX attempts_by_time ON attempts (intended);

-- What outlives a start beside history: whether reaping is paused.
CREATE TABLE settings (
	key TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT;
