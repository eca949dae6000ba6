# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who mounted what, where the kernel says so."""
import json
import os
import signal

import harness
import pytest
from harness import gone, wait_for

pytestmark = pytest.mark.skipif(harness.kernel_is_before(6, 15), reason="this kernel has no mount events (Linux 6.15)")


@pytest.fixture
def source():
    return "fanotify"


class Mounter:
    """A process with a name and a real uid of its own, which mounts tmpfs and then waits for its end."""

    def __init__(self, cell, comm, uid, *targets):
        reader, writer = os.pipe()
        self.comm, self.uid = comm, uid
        self.pid = os.fork()
        if self.pid == 0:
            try:
                harness.set_comm(comm)
                os.setresuid(uid, 0, 0)
                for target in targets:
                    harness.mount(comm, target, "tmpfs")
                os.write(writer, b"x")
                while True:
                    signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        cell.at_end.append(self.end)
        assert os.read(reader, 1) == b"x", f"{comm} did not mount"
        os.close(reader)

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


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
