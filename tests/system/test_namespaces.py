# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts in other mount namespaces: seen, recorded, and taken away there."""
import os
import signal
import subprocess

import pytest

import harness
from harness import gone, wait_for


@pytest.fixture
def shared(cell, source):
    """A farm whose daemon watches every namespace, and the pid of a process in another one, a copy of ours."""
    farm = harness.Farm(cell, source=source, daemon={"namespaces": "self all"})
    farm.make_place("a1", "root", "proc")
    farm.start()
    farm.other = cell.other_namespace()
    return farm


def numbers(pid):
    """The small ids of what is mounted in that process's namespace, as mountinfo has them."""
    with open(f"/proc/{pid}/mountinfo", "rb") as table:
        return {int(line.split()[0]) for line in table}


def inode(pid):
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


def inside(pid, *command):
    return subprocess.run(["nsenter", "--mount", f"--target={pid}", *command], check=True, capture_output=True, text=True)


def mount_inside(pid, place, fstype="tmpfs"):
    """The small id of what it made."""
    before = numbers(pid)
    inside(pid, "mount", "-n", "-t", fstype, "made", place)
    return (numbers(pid) - before).pop()


def rows(daemon, **wanted):
    return [row for row in daemon.json("mounts")["mounts"] if all(row[key] == value for key, value in wanted.items())]


def is_watched(farm):
    return any(one["inode"] == inode(farm.other) for one in farm.daemon.status()["watched"])


def test_a_mount_in_another_namespace_is_shown_and_reaped_there(shared):
    daemon = shared.daemon
    wait_for(lambda: is_watched(shared), "it is watched")
    made = mount_inside(shared.other, shared.path("a1", "root", "proc"), "proc")
    wait_for(lambda: rows(daemon, target=shared.path("a1", "root", "proc")), "it is seen")
    row = rows(daemon, target=shared.path("a1", "root", "proc"))[0]
    assert (row["namespace"], row["action"], row["state"]) == (inode(shared.other), "a1", "attached")
    daemon.ctl("end", "a1", "--root", shared.root)
    wait_for(lambda: made not in numbers(shared.other), "it is reaped")
    wait_for(lambda: daemon.query("SELECT count(*) FROM mounts m JOIN namespaces n ON n.id = m.namespace WHERE m.state = 'reaped' "
                                  f"AND n.inode = {inode(shared.other)}") == [(1,)], "and recorded")


def test_one_action_has_mounts_in_both(shared):
    daemon = shared.daemon
    wait_for(lambda: is_watched(shared), "it is watched")
    theirs = mount_inside(shared.other, shared.path("a1", "root", "proc"), "proc")
    ours = shared.tmpfs("a1", "root", "proc")
    shared.tmpfs("live", "root")
    live = mount_inside(shared.other, shared.path("live"))
    wait_for(lambda: len(rows(daemon, action="a1")) == 2, "both are the action's")
    assert len({row["generation"] for row in rows(daemon, action="a1")}) == 1
    daemon.ctl("end", "a1", "--root", shared.root)
    wait_for(lambda: harness.gone(ours) and theirs not in numbers(shared.other), "both are reaped")
    daemon.is_probed(4)
    assert live in numbers(shared.other)


def test_another_directory_at_the_same_path_is_another_action(shared):
    daemon = shared.daemon
    wait_for(lambda: is_watched(shared), "it is watched")
    root = mount_inside(shared.other, shared.root)
    inside(shared.other, "mkdir", "-p", shared.path("a1", "root"))
    theirs = mount_inside(shared.other, shared.path("a1", "root"))
    ours = shared.tmpfs("a1", "root")
    wait_for(lambda: len(rows(daemon, action="a1")) == 2, "both are seen")
    by_namespace = {row["namespace"]: row["generation"] for row in rows(daemon, action="a1")}
    assert by_namespace[inode(os.getpid())] != by_namespace[inode(shared.other)]
    daemon.ctl("reap", f"a1@{by_namespace[inode(os.getpid())]}", "--active", "--root", shared.root)
    wait_for(lambda: harness.gone(ours), "ours is reaped")
    daemon.is_probed(4)
    assert {theirs, root} <= numbers(shared.other)


def test_one_that_holds_a_root_and_is_not_watched_is_counted_and_warned_about(cell, source):
    farm = harness.Farm(cell, source=source)
    cell.other_namespace()
    daemon = farm.start().daemon
    # Other tests have theirs beside it, which hold this root, too, or do not.
    wait_for(lambda: daemon.status()["unwatched"] >= 1, "it is counted")
    wait_for(lambda: "not watched: what is mounted in there alone is not seen" in daemon.said(), "it is warned about")
    assert daemon.status()["watched"] == []


def test_a_root_may_stand_at_another_path_there(cell, source):
    elsewhere = cell.make("elsewhere")
    pid = cell.other_namespace()
    name = cell.spawn("nsenter", "--mount", f"--target={pid}", "python3", "-c",
                      "import ctypes, signal; ctypes.CDLL(None).prctl(15, b'oddrunner', 0, 0, 0); signal.pause()")
    farm = harness.Farm(cell, source=source, daemon={"namespaces": "comm:oddrunner"})
    farm.daemon.configure(farm.config + f"path.comm:oddrunner = {elsewhere}\n")
    farm.make_place("a1", "root")
    inside(pid, "mount", "--bind", farm.root, elsewhere)
    daemon = farm.start().daemon
    made = mount_inside(pid, os.path.join(elsewhere, "a1", "root"))
    wait_for(lambda: rows(daemon, action="a1"), "it is seen")
    assert rows(daemon, action="a1")[0]["target"] == os.path.join(elsewhere, "a1", "root")
    own = farm.tmpfs("a1", "root")
    daemon.knows(own)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: made not in numbers(pid), "it is reaped")
    wait_for(lambda: gone(own), "so is what lies in our own namespace, which need not be selected")
    assert name.poll() is None


def test_a_namespace_that_dies_takes_its_mounts_along(cell, source):
    farm = harness.Farm(cell, source=source, daemon={"namespaces": "self all"})
    farm.make_place("a1", "root")
    daemon = farm.start().daemon
    daemon.is_probed(2)
    before = len(os.listdir(f"/proc/{daemon.engine()}/fd"))
    pids = [cell.other_namespace() for _ in range(5)]
    for pid in pids:
        mount_inside(pid, farm.path("a1", "root"))
    wait_for(lambda: len(daemon.status()["watched"]) == 5, "all are watched")
    wait_for(lambda: len(rows(daemon, action="a1")) == 5, "all mounts are seen")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: daemon.status()["watched"] == [], "they are left")
    wait_for(lambda: daemon.query("SELECT DISTINCT state, detached_by FROM mounts WHERE action IS NOT NULL") == [(b"detached", b"kernel")],
             "what was mounted there went with them")
    wait_for(lambda: len(os.listdir(f"/proc/{daemon.engine()}/fd")) == before, "and nothing is held")


def test_after_a_restart_what_is_mounted_elsewhere_is_found_again(shared):
    daemon = shared.daemon
    wait_for(lambda: is_watched(shared), "it is watched")
    made = mount_inside(shared.other, shared.path("a1", "root", "proc"), "proc")
    wait_for(lambda: len(rows(daemon, action="a1")) == 1, "it is seen")
    daemon.kill_both()
    daemon.start()
    wait_for(lambda: len(rows(daemon, action="a1")) == 1, "it is seen again")
    assert made in numbers(shared.other)
    daemon.ctl("end", "a1", "--root", shared.root)
    wait_for(lambda: made not in numbers(shared.other), "it is reaped")
    wait_for(lambda: daemon.query("SELECT count(*) FROM mounts WHERE detached IS NULL AND action IS NOT NULL") == [(0,)], "nothing is left open")


def test_what_is_not_selected_is_let_be(cell, source):
    farm = harness.Farm(cell, source=source)
    farm.make_place("a1", "root")
    daemon = farm.start().daemon
    pid = cell.other_namespace()
    made = mount_inside(pid, farm.path("a1", "root"))
    daemon.ctl("begin", "a1", "--root", farm.root)
    daemon.ctl("end", "a1", "--root", farm.root)
    daemon.is_probed(6)
    assert made in numbers(pid) and daemon.status()["watched"] == []
