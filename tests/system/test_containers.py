# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker and a runner in containers of their own, as a composition has them: the volume shared by one, a slave in the other."""
import os

import pytest

import harness
from harness import container, wait_for


@pytest.fixture
def pair(cell, source):
    """The daemon on the host watches all namespaces; worker and runner see the build root at the same path."""
    lack = container.missing()
    if lack:
        pytest.skip(lack)
    volume = cell.make("volume")
    harness.mount("volume", volume, "tmpfs")
    harness.mount("none", volume, None, harness.MS_SHARED)
    farm = harness.Farm(cell, source=source, root=os.path.join(volume, "build"), daemon={"namespaces": "self all"})
    os.mkdir(farm.root)
    farm.start()
    farm.worker = container.Container(cell, "worker", {volume: (volume, "shared")})
    farm.runner = container.Container(cell, "runner", {volume: (volume, "slave")})
    wait_for(lambda: len(farm.daemon.status()["watched"]) == 2, "both containers are watched")
    return farm


def mounted_in(pid, place):
    return [m for m in harness.mountinfo(pid) if m.target == place]


def mount_in(box, kind, place):
    box.run("/bin/mkdir", "-p", place)
    box.run("/bin/mount", "-t", kind, kind, place)


def rows(daemon, **wanted):
    return [row for row in daemon.json("mounts")["mounts"] if all(row[key] == value for key, value in wanted.items())]


def test_what_a_runner_leaves_behind_is_seen_and_reaped_from_the_host(pair):
    daemon, place = pair.daemon, pair.path("a1", "root", "proc")
    mount_in(pair.runner, "proc", place)
    assert mounted_in(pair.runner.pid, place) and not mounted_in("self", place), "a slave's mounts stay its own"
    wait_for(lambda: rows(daemon, action="a1", target=place), "it is seen")
    assert rows(daemon, action="a1")[0]["namespace"] == os.stat(f"/proc/{pair.runner.pid}/ns/mnt").st_ino
    live = pair.path("live", "root", "proc")
    mount_in(pair.runner, "proc", live)
    daemon.ctl("end", "a1", "--root", pair.root)
    wait_for(lambda: not mounted_in(pair.runner.pid, place), "it is reaped")
    daemon.is_probed(4)
    assert mounted_in(pair.runner.pid, live)


def test_what_the_worker_mounts_is_in_all_of_them_and_goes_from_all(pair):
    daemon, place = pair.daemon, pair.path("a1", "root")
    mount_in(pair.worker, "tmpfs", place)
    for pid in ("self", pair.worker.pid, pair.runner.pid):
        assert mounted_in(pid, place)
    wait_for(lambda: len(rows(daemon, action="a1")) == 3, "one action, three namespaces")
    assert len({row["generation"] for row in rows(daemon, action="a1")}) == 1
    daemon.ctl("end", "a1", "--root", pair.root)
    wait_for(lambda: not any(mounted_in(pid, place) for pid in ("self", pair.worker.pid, pair.runner.pid)), "it is gone everywhere")
    wait_for(lambda: rows(daemon, action="a1") == [], "and the model says so")


def test_a_runner_that_is_killed_takes_its_mounts_along(pair):
    daemon, place = pair.daemon, pair.path("a1", "root", "proc")
    mount_in(pair.runner, "proc", place)
    wait_for(lambda: rows(daemon, action="a1"), "it is seen")
    pair.runner.kill()
    pair.runner.delete()
    wait_for(lambda: len(daemon.status()["watched"]) == 1, "its namespace is left")
    wait_for(lambda: daemon.query("SELECT DISTINCT state FROM mounts WHERE target = ?", place.encode()) == [(b"detached",)], "its mounts went along")


def test_a_workers_filesystem_that_dies_and_comes_back_costs_no_live_action(pair, cell):
    """The runner keeps the dead one, which its own mount holds, and the new one is propagated below it, out of its sight."""
    daemon, server = pair.daemon, cell.make("server")
    os.makedirs(os.path.join(server, "a1", "root"))
    first = cell.bindfs(server, pair.root)
    old = pair.path("a1", "root")
    pair.runner.run("/bin/mount", "-t", "tmpfs", "tmpfs", old)
    wait_for(lambda: rows(daemon, action="a1"), "it is seen")
    first.kill()
    first.wait()
    harness.umount(pair.root, harness.MNT_DETACH)
    cell.bindfs(server, pair.root)
    os.makedirs(os.path.join(server, "a2", "root"))
    live = pair.path("a2", "root")
    harness.mount("tmpfs", live, "tmpfs")
    wait_for(lambda: rows(daemon, action="a2"), "the new one's action is seen")
    wait_for(lambda: "stale-copy" in {evidence["kind"] for row in daemon.json("actions")["actions"] if row["name"] == "a1"
                                      for evidence in row["evidence"]}, "and that the runner's copy is stale")
    daemon.is_probed(6)
    assert mounted_in("self", live) and mounted_in(pair.worker.pid, live)
    assert mounted_in(pair.runner.pid, old), "it is a suspect, and out of reach"
