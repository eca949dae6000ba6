# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools that the other tests rest on."""
import errno
import os

import pytest

import harness


def test_a_cell_sees_its_own_mounts_only(cell):
    assert os.getpid() == 2
    before = harness.ids()
    made = harness.top_id(cell.memory)
    assert made in before
    assert harness.mounts()[made].fstype == "tmpfs"


def test_a_stack_has_a_top(cell):
    place = cell.make("a")
    stack = []
    for _ in range(4):
        harness.mount("tmpfs", place, "tmpfs")
        stack.append(harness.top_id(place))
    assert len(set(stack)) == 4
    harness.umount(place)
    assert harness.gone(stack[3]) and not harness.gone(stack[2])


def test_misfuse_misbehaves_on_command(cell):
    place = cell.make("fuse")
    fuse = harness.Misfuse(cell, place, entry_timeout=0)
    os.makedirs(place + "/a/root")
    fuse("remove", "a")
    with pytest.raises(FileNotFoundError):
        os.stat(place + "/a")
    fuse("mkdir", "b")
    first = os.stat(place + "/b").st_ino
    fuse("replace", "b")
    assert os.stat(place + "/b").st_ino != first
    fuse("errno", errno.EIO)
    with pytest.raises(OSError) as caught:
        os.stat(place + "/b")
    assert caught.value.errno == errno.EIO
    fuse("errno", 0)
    assert os.listdir(place) == ["b"]
    assert int(fuse("lookups")) > 0
    os.rename(place + "/b", place + "/c")
    os.rmdir(place + "/c")


def test_a_lookup_behind_fuse_detaches_what_is_mounted_there(cell):
    """Why a probe must not look names up: what these tests hold the daemon to."""
    place = cell.make("fuse")
    fuse = harness.Misfuse(cell, place, entry_timeout=0)
    os.makedirs(place + "/a/b")
    harness.mount("tmpfs", place + "/a/b", "tmpfs")
    made = harness.top_id(place + "/a/b")
    fuse("remove", "a")
    assert not harness.gone(made)
    assert not os.path.exists(place + "/a")
    assert harness.gone(made)
