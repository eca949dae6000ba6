# SPDX-License-Identifier: LGPL-2.1-or-later
"""An unmount never travels out of the roots."""
import os
import subprocess

import pytest

import harness
from harness import gone, wait_for


@pytest.fixture
def host(cell):
    """Something like the host's /dev: shared, with a mount in it."""
    path = cell.make("host")
    harness.mount("tmpfs", path, "tmpfs")
    harness.mount("none", path, None, harness.MS_SHARED)
    os.mkdir(path + "/pts")
    harness.mount("tmpfs", path + "/pts", "tmpfs")
    return path


KINDS = {"shared": (), "slave": (harness.MS_SLAVE,), "private": (harness.MS_PRIVATE,), "shared slave": (harness.MS_SLAVE, harness.MS_SHARED)}


@pytest.mark.parametrize("ladder", ["umount detach", "detach"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_hosts_tree_survives_an_actions_rbind_of_it(cell, source, host, kind, ladder):
    """Mount by mount, and in one call. Only where the unmounting would reach the host is something cut, which is written down."""
    farm = harness.Farm(cell, source, ladder=ladder)
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    dev = farm.make_place("a1", "root", "dev")
    harness.bind(host, dev, recursive=True)
    for flag in KINDS[kind]:
        harness.mount("none", dev, None, harness.MS_REC | flag)
    made = harness.ids(farm.path("a1"))
    assert len(made) == 2
    before = harness.mounts(host)
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*made), "the action's copies are reaped")
    assert harness.mounts(host) == before
    daemon.records("SELECT count(*) FROM attempts WHERE outcome IS NULL", [(0,)])
    cut = daemon.query("SELECT count(*) FROM events WHERE detail LIKE '%parent_made_private%'")[0][0]
    assert cut > 0 if kind == "shared" else cut == 0


@pytest.fixture
def shared_root(cell):
    """A build root on a shared mount, and another place where the same filesystem is a slave of it."""
    root, other = cell.make("build"), cell.make("other")
    harness.mount("tmpfs", root, "tmpfs")
    harness.mount("none", root, None, harness.MS_SHARED)
    harness.bind(root, other)
    harness.mount("none", other, None, harness.MS_SLAVE)
    return root, other


def test_a_copy_in_a_slave_goes_with_its_master(cell, source, shared_root):
    root, other = shared_root
    farm = harness.Farm(cell, source, root=root)
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    made = farm.tmpfs("a1", "root")
    copy = harness.top_id(other + "/a1/root")
    assert copy != made
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: gone(made, copy), "the mount and its copy go")


def test_a_stranger_at_the_same_place_of_a_slave_is_not_taken(cell, source, shared_root):
    """The slave gave its copy back and mounted something else there, which the master's unmount would take: refused."""
    root, other = shared_root
    farm = harness.Farm(cell, source, root=root)
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    made = farm.tmpfs("a1", "root")
    harness.umount(other + "/a1/root")
    assert not gone(made)
    harness.mount("tmpfs", other + "/a1/root", "tmpfs")
    stranger = harness.top_id(other + "/a1/root")
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'refused'")[0][0], "the step is refused")
    daemon.is_probed(6)
    assert not gone(stranger)
    assert not gone(made)
    assert "refused" in daemon.ctl("explain", "a1").stdout
    assert {e["type"] for e in daemon.events()} >= {"refused"}
    harness.umount(other + "/a1/root")
    wait_for(lambda: gone(made), "once the stranger has gone, so does the leftover", 40 * harness.SLOWNESS)


@pytest.mark.parametrize("ladder", ["umount detach", "detach"])
def test_a_root_that_is_shared_with_two_namespaces_takes_the_copies_and_no_stranger(cell, source, ladder):
    """One has the copies; the other, a slave, gave its own back and has something live in the place of one of them."""
    root = cell.make("build")
    harness.mount("tmpfs", root, "tmpfs")
    harness.mount("none", root, None, harness.MS_SHARED)
    peer, slave = cell.other_namespace(), cell.other_namespace(slave=True)
    farm = harness.Farm(cell, source, root=root, ladder=ladder)
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    daemon.ctl("begin", "live", "--root", root)
    proc, sys = farm.tmpfs("a1", "root", "proc"), farm.tmpfs("a1", "root", "sys")
    kept = farm.tmpfs("live", "root")

    def there(pid):
        return sorted(mount.target.removeprefix(root + "/") for mount in harness.mountinfo(pid) if mount.target.startswith(root + "/"))
    everything = ["a1/root/proc", "a1/root/sys", "live/root"]
    assert there(peer) == there(slave) == everything
    subprocess.run(["nsenter", "--mount", f"--target={slave}", "sh", "-c",
                    f"umount {farm.path('a1/root/proc')} && mount -n -t tmpfs stranger {farm.path('a1/root/proc')}"], check=True)
    daemon.knows(proc, sys, kept)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: gone(sys), "what has copies alone is reaped")
    daemon.records("SELECT count(DISTINCT mount_id) FROM attempts WHERE outcome = 'refused'", [(1,)])
    daemon.is_probed(4)
    assert not gone(proc) and not gone(kept)
    assert there(peer) == there(slave) == ["a1/root/proc", "live/root"], "no copy is left behind, and no stranger taken"
    said = daemon.ctl("explain", "a1").stdout
    assert "refused" in said and str(os.stat(f"/proc/{slave}/ns/mnt").st_ino) in said, said
    subprocess.run(["nsenter", "--mount", f"--target={slave}", "umount", farm.path("a1/root/proc")], check=True)
    wait_for(lambda: gone(proc), "once the stranger has gone, so does the leftover", 40 * harness.SLOWNESS)
    assert there(peer) == there(slave) == ["live/root"]


def test_the_roots_own_propagation_is_never_changed(cell, source, shared_root):
    root, _ = shared_root
    farm = harness.Farm(cell, source, root=root)
    daemon = farm.start().daemon

    def propagation():
        with open("/proc/self/mountinfo") as table:
            return next(line.split(" - ")[0].split()[6:] for line in table if line.split()[4] == root)
    before = propagation()
    assert before
    daemon.ctl("begin", "a1", "--root", root)
    made = farm.tmpfs("a1", "root")
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: gone(made), "it is reaped")
    assert propagation() == before


def test_what_an_rmdir_in_another_namespace_detached_is_laid_to_whom_the_kernel_names(cell, source):
    farm = harness.Farm(cell, source, grace="1h")
    daemon = farm.start().daemon
    os.makedirs(farm.path("a1/root"))
    pid = cell.other_namespace()
    made = farm.tmpfs("a1", "root")
    daemon.knows(made)
    daemon.is_probed(3)
    # Where the mount is not seen, its mount point is an ordinary directory.
    subprocess.run(["nsenter", "--mount", f"--target={pid}", "rmdir", farm.path("a1/root"), farm.path("a1")], check=True)
    assert gone(made), "this kernel does not detach what another namespace removes"
    wait_for(lambda: daemon.mount(made)["state"] == "detached", "it is recorded")
    # An umount and an rmdir, one after the other, look the same from here: better no name than a wrong one.
    daemon.is_probed(3)
    by = daemon.mount(made)["detached_by"]
    # Its name is known only where the process had not been reaped when its event was read.
    assert by.startswith("pid ") and by.endswith(("(rmdir)", *"0123456789")) if source == "fanotify" else by is None
