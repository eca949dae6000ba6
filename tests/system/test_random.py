# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon knows of every mount namespace is what the kernel has, whatever happened in them, in whatever order."""
import os
import pickle
import random
import signal
import socket
import time
from collections import Counter

import pytest

import harness
from harness.table import (
    CLONE_NEWNS, LIBC, MNT_DETACH, MS_BIND, MS_MOVE, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SHARED, MS_SLAVE, MS_UNBINDABLE)

SEED = int(os.environ.get("REAPERD_TEST_SEED", 0))
CHANGES = int(os.environ.get("REAPERD_TEST_CHANGES", 500))
NAMESPACES, ENOUGH = 5, 120
PROPAGATIONS = [MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, MS_SHARED | MS_REC, MS_SLAVE | MS_REC, MS_SHARED]


def tmpfs(path):
    harness.mount("some source", path, "tmpfs")
    for name in ("r", "r/x", "t"):
        os.mkdir(os.path.join(path, name))


def move(source, target):
    harness.mount(source, target, None, MS_MOVE)


def change_propagation(path, flags):
    harness.mount(None, path, None, flags)


def remount(path, flags):
    harness.mount(None, path, None, MS_REMOUNT | MS_BIND | flags)


CHANGES_BY_NAME = {
    "tmpfs": tmpfs, "bind": harness.bind, "rbind": lambda source, target: harness.bind(source, target, recursive=True), "move": move,
    "umount": harness.umount, "detach": lambda path: harness.umount(path, MNT_DETACH), "propagation": change_propagation, "remount": remount,
    "rename": os.rename, "rmdir": os.rmdir, "mkdir": lambda path: os.makedirs(path, exist_ok=True),
}


def change(name, arguments):
    """What the kernel refuses is a change that does not happen."""
    try:
        CHANGES_BY_NAME[name](*arguments)
    except OSError:
        pass


def serve(orders):
    """In a mount namespace of its own, which lives as long as this process."""
    while True:
        data, fds, _, _ = socket.recv_fds(orders, 1 << 16, 1)
        if not data:
            os._exit(0)
        name, arguments = pickle.loads(data)
        if name == "birth":
            be_born(socket.socket(fileno=fds[0]))
        else:
            change(name, arguments)
        orders.send(b"x")


def be_born(orders):
    """A process with a copy of the namespace of who calls, which serves `orders` and first says its pid."""
    if os.fork() == 0:
        if LIBC.unshare(CLONE_NEWNS) != 0:
            os._exit(1)
        orders.send(str(os.getpid()).encode())
        serve(orders)
    orders.close()


class Namespace:
    """Another one than the test's: `parent` is whom it copies; None: the test's own."""

    def __init__(self, parent=None):
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.orders.settimeout(harness.PATIENCE)
        if parent:
            socket.send_fds(parent.orders, [pickle.dumps(("birth", ()))], [theirs.fileno()])
            assert parent.orders.recv(1) == b"x"
            theirs.close()
        else:
            be_born(theirs)
        self.pid = int(self.orders.recv(64))

    def change(self, name, arguments):
        self.orders.send(pickle.dumps((name, arguments)))
        assert self.orders.recv(1) == b"x"

    def die(self):
        os.kill(self.pid, signal.SIGKILL)
        self.orders.close()


class Own:
    pid = "self"

    def change(self, name, arguments):
        change(name, arguments)


class World:
    """Random changes in some namespaces, the same for the same seed as far as the kernel lets them."""

    def __init__(self, cell, source, seed):
        self.random = random.Random(seed)
        self.farm = harness.Farm(cell, source=source, daemon={"namespaces": "self all"}, mode="observe")
        self.spaces, self.most = [Own()], 0
        # A root of its own filesystem, which is passed on to the others.
        harness.mount("disk", self.farm.root, "tmpfs")
        harness.mount(None, self.farm.root, None, MS_SHARED)
        for name in ("a1", "a2", "b c", "trash-1"):
            for below in ("r/x", "t", "r/r/x"):
                self.farm.make_place(name, below)
        self.daemon = self.farm.start().daemon

    def place(self):
        name = self.random.choice(("a1", "a1", "a2", "a2", "b c", "trash-1"))
        below = self.random.choice(("", "r", "r/x", "t", "r/r", "r/r/x", "r/x/t", "t/r/x", "t/t"))
        return self.farm.path(name, below) if below else self.farm.path(name)

    def arguments(self, name):
        if name in ("bind", "rbind", "move", "rename"):
            return self.place(), self.place()
        if name == "propagation":
            return self.place(), self.random.choice(PROPAGATIONS)
        if name == "remount":
            return self.place(), self.random.choice((MS_RDONLY, MS_NOSUID, 0))
        return self.place(),

    def turn(self):
        space = self.random.choice(self.spaces)
        what = self.random.random()
        if what < 0.02 and len(self.spaces) < NAMESPACES:
            self.spaces.append(Namespace(None if space is self.spaces[0] else space))
        elif what < 0.03 and space is not self.spaces[0]:
            self.spaces.remove(space)
            space.die()
        else:
            name = self.random.choice(("tmpfs", "tmpfs", "tmpfs", "bind", "rbind", "move", "umount", "umount", "detach", "propagation",
                                       "remount", "rename", "rmdir", "mkdir"))
            space.change(name, self.arguments(name))
        self.keep_it_small(space)

    def keep_it_small(self, space):
        """Recursive binds double what is there."""
        while space in self.spaces and len(below(self.farm.root, space.pid)) > ENOUGH:
            space.change("detach", (self.place(),))

    def kernel(self):
        """What is there: how often each target in each namespace, with what on it."""
        return Counter((inode(space.pid), *mount) for space in self.spaces for mount in below(self.farm.root, space.pid))

    def known(self):
        return Counter((row["namespace"], row["target"], row["fstype"], row["options"]) for row in self.daemon.json("mounts")["mounts"])

    def compare(self):
        """Nothing changes meanwhile. The kernel's first answer, and the daemon's last one."""
        wanted, end = self.kernel(), time.monotonic() + 3 * harness.PATIENCE
        self.most = max(self.most, sum(wanted.values()))
        while (known := self.known()) != wanted and time.monotonic() < end:
            time.sleep(0.02)
        assert known - wanted == Counter(), "it knows what is not there"
        assert wanted - known == Counter(), "it does not know what is there"


def below(root, pid):
    return [(mount.target, mount.fstype, mount.options) for mount in harness.mountinfo(pid) if mount.target.startswith(root + "/")]


def inode(pid):
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


@pytest.mark.limit(150)
@pytest.mark.parametrize("number", range(2))
def test_it_knows_what_is_there_after_anything_in_any_namespace(cell, source, number):
    seed = SEED + number
    print(f"REAPERD_TEST_SEED={seed}")
    world = World(cell, source, seed)
    changes = births = 0
    while changes < CHANGES:
        for _ in range(world.random.randrange(1, 40)):
            before = len(world.spaces)
            world.turn()
            births += len(world.spaces) > before
            changes += 1
        world.compare()
    assert births > 2 and world.most > 100, "much has happened"
    assert world.daemon.status()["watched"] or len(world.spaces) == 1
