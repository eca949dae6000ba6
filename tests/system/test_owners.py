# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who mounted what, where the kernel says so."""
import json
import os

import harness
import pytest
from harness import Mounter, gone, wait_for

pytestmark = pytest.mark.skipif(harness.kernel_is_before(6, 15), reason="this kernel has no mount events (Linux 6.15)")


@pytest.fixture
def source():
    return "fanotify"


def is_attested_by(mount, mounter):
    by = mount["attached_by"]
    return (by["attested"], by["pid"], by["comm"], by["uid"]) == (True, mounter.pid, mounter.comm, mounter.uid)


def test_each_mount_says_who_attached_it_and_a_restart_does_not_forget(farm):
    first_place, second_place = farm.make_place("a1/root/one"), farm.make_place("a1/root/two")
    daemon = farm.start().daemon
    # Its command is bytes that somebody chose.
    first = Mounter(farm.cell, "the (first)\n", 1234, first_place)
    made = harness.top_id(first_place)
    daemon.knows(made)
    second = Mounter(farm.cell, "second", 0, second_place)
    other = harness.top_id(second_place)
    daemon.knows(other)

    def holds():
        shown = daemon.shown_mounts()
        assert is_attested_by(shown[made], first) and is_attested_by(shown[other], second), shown
        owner = daemon.action("a1")["owner"]
        assert (owner["kind"], owner["pid"], owner["comm"], owner["uid"]) == ("attested", first.pid, first.comm, 1234)
    holds()
    rows = {row[0]: row[1:] for row in daemon.query("SELECT id, attested, pid, comm, uid FROM active_mounts")}
    assert rows[made] == (1, first.pid, first.comm.encode(), 1234) and rows[other] == (1, second.pid, b"second", 0)
    table = {int(line.split()[0]): line for line in daemon.ctl("--noheadings", "mounts", "-o", "ID,BY").stdout.splitlines()}
    assert table[made].split(None, 1)[1] == f"the (first)\\x0a[{first.pid}]" and table[other].split()[1] == f"second[{second.pid}]"
    assert f"second[{second.pid}]" in daemon.ctl("mounts").stdout
    explained = daemon.ctl("explain", "a1").stdout
    assert f"attached by second[{second.pid}]" in explained and f"Its owner is attested: pid {first.pid} (the (first)\\x0a), uid 1234" in explained
    status = daemon.status()
    assert (status["attached"], status["attested"]) == (2, 2)
    assert 'reaperd_attached_total{attested="yes"} 2' in daemon.ctl("metrics").stdout
    assert "attached    2 since the start, of 2 it is certain who made them" in daemon.ctl().stdout
    daemon.kill_both()
    daemon.start()
    daemon.knows(made, other)
    holds()
    second.end()
    harness.umount(second_place)
    wait_for(lambda: gone(other) and daemon.mount(other)["state"] == "detached", "that it went is recorded")
    # Who took it away stands beside who attached it.
    past = daemon.mount(other)
    assert past["attached_by"]["comm"] == "second" and past["detached_by"].startswith(f"pid {os.getpid()} (")
    offline = json.loads(daemon.offline("--json", "mounts", "--all").stdout)["mounts"]
    assert next(m for m in offline if m["id"] == other)["attached_by"] == past["attached_by"]
    assert next(m for m in offline if m["id"] == made)["attached_by"]["comm"] == first.comm


def test_a_mount_that_was_found_is_laid_to_nobody(farm):
    made = farm.tmpfs("a1", "root")
    daemon = farm.start().daemon
    daemon.knows(made)
    assert set(daemon.mount(made)["attached_by"].values()) == {False, None}
    assert daemon.action("a1")["owner"]["kind"] == "inferred"


MOUNTERS = int(os.environ.get("REAPERD_TEST_MOUNTERS", "1000"))
PID_MAX = 400


def mounters_named(log):
    """{number: (pid, mount id)} as they wrote it down themselves."""
    with open(log) as file:
        return {int(number): (int(pid), int(mount)) for number, pid, mount in (line.split() for line in file)}


def check_attacher(by, number, pid):
    """Right, or nothing. True where it is attested."""
    if by["attested"]:
        assert (by["pid"], by["comm"], by["uid"]) == (pid, f"m{number}", 20000 + number), by
        assert by["cgroup"] in (None, harness.cgroup()), by
    else:
        assert by["pid"] in (None, pid) and by["comm"] is by["uid"] is by["cgroup"] is by["container"] is None, by
    return by["attested"]


@pytest.mark.limit(60 + MOUNTERS / 100)
def test_of_mounters_that_exit_at_once_and_whose_pids_come_again_nothing_wrong_is_said(cell, source):
    # On a tmpfs, for so many directories.
    farm = harness.Farm(cell, source, root=os.path.join(cell.memory, "build"), grace="1h", probe_interval="1h")
    os.mkdir(farm.root)
    daemon = farm.start().daemon
    with open("/proc/sys/kernel/pid_max", "w") as file:
        file.write(str(PID_MAX))
    log = os.path.join(cell.directory, "mounters")
    cell.run(harness.program("tests/lib/mounters"), farm.root, str(MOUNTERS), log, patience=harness.PATIENCE + MOUNTERS / 100)
    made = mounters_named(log)
    numbers = {mount: number for number, (_, mount) in made.items()}
    pids = {pid for pid, _ in made.values()}
    assert len(made) == MOUNTERS and max(pids) <= PID_MAX and (MOUNTERS <= PID_MAX or len(pids) < MOUNTERS)
    staying = [mount for mount, number in numbers.items() if number % 3]
    daemon.knows(*staying)

    attested = 0
    rows = {m["id"]: m for m in daemon.mounts(all=True) if m["id"] in numbers}
    for mount, row in rows.items():
        number = numbers[mount]
        pid = made[number][0]
        assert row["source"] == f"m{number}"
        attested += check_attacher(row["attached_by"], number, pid)
        assert row["detached_by"] in (None, f"pid {pid}", f"pid {pid} (m{number})"), row
    for action in daemon.actions(all=True):
        owner, number = action["owner"], int(action["name"][1:])
        assert owner["kind"] in ("attested", "inferred") and owner["comm"] in (None, f"m{number}"), action
        assert (owner["kind"] == "attested") == (owner["pid"] is not None) and owner["pid"] in (None, made[number][0]), action
    named = flashes = 0
    for event in daemon.events():
        if event["id"] not in numbers:
            continue
        number = numbers[event["id"]]
        flashes += event["type"] == "flash"
        named += event["type"] == "flash" and event["comm"] is not None
        assert event["pid"] in (None, made[number][0]) and event["comm"] in (None, f"m{number}"), event
        assert "detached_by" not in (event["detail"] or {}), event
    # Each of them left a trace, and nobody else is in the ledger.
    assert len(rows) + flashes == MOUNTERS
    assert daemon.query("SELECT count(*) FROM owners WHERE CAST(comm AS TEXT) NOT IN ('', 'm' || (uid - 20000))") == [(0,)]
    assert attested > 0
    status = daemon.status()
    assert (status["attached"], status["attested"], status["lost"]) == (len(rows), attested, 0)
    print(f"attested: {attested} of {len(rows)} mounts, {100 * attested / len(rows):.1f} %; and {named} of {flashes} that were gone before "
          f"they could be read, {100 * named / max(flashes, 1):.1f} %; {len(pids)} pids")
