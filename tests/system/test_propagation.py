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


def test_the_hosts_submount_survives_an_actions_shared_rbind(farm, host):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/root/dev"))
    harness.bind(host, farm.path("a1/root/dev"), recursive=True)
    made = harness.ids(farm.path("a1"))
    assert len(made) == 2
    before = harness.mounts(host)
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*made), "the action's copies are reaped")
    assert harness.mounts(host) == before
    wait_for(lambda: daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'gone'")[0][0] >= 1, "it is recorded")


def test_the_hosts_submount_survives_with_a_lazy_ladder(cell, source, host):
    farm = harness.Farm(cell, source, ladder="detach")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/root/dev"))
    harness.bind(host, farm.path("a1/root/dev"), recursive=True)
    made = harness.ids(farm.path("a1"))
    before = harness.mounts(host)
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*made), "the action's copies are reaped")
    assert harness.mounts(host) == before


def test_a_slave_rbind_is_reaped_without_ado(farm, host):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/root/dev"))
    harness.bind(host, farm.path("a1/root/dev"), recursive=True)
    harness.mount("none", farm.path("a1/root/dev"), None, harness.MS_REC | harness.MS_SLAVE)
    made = harness.ids(farm.path("a1"))
    before = harness.mounts(host)
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*made), "the action's copies are reaped")
    assert harness.mounts(host) == before


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
