# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What a worker and a runner of Buildbarn do with directories and mounts, as far as it matters here, written after reading these files:

    buildbarn/bb-remote-execution  884583ac8944  pkg/runner/mounting_runner.go
                                   79187d21a60c  pkg/runner/clean_runner.go, path_existence_checking_runner.go, pkg/cleaner/idle_invoker.go
                                   b85754337842  pkg/cleaner/command_running_cleaner.go
                                   28dbdbb0a6b0  pkg/builder/shared_build_directory_creator.go
                                   0127777fba77  pkg/builder/local_build_executor.go
                                   13b8a35f4aeb  pkg/filesystem/virtual/configuration/remove_stale_mounts.go
    buildbarn/bb-storage           01fc04b652f6  pkg/filesystem/local_directory_unix.go
"""
import contextlib
import os
import stat
import subprocess

from .settings import PATIENCE
from .table import mount, umount

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
INPUT_MOUNTS = (("proc", "proc"), ("sys", "sysfs"))  # in the input root, in this order


class NotReady(Exception):
    """The runner does not take work."""


class CleaningFailed(Exception):
    """The command ended with another status than 0: the action, or the readiness check, fails with it."""


def is_same_device(directory, name):
    return os.lstat(os.path.join(directory, name)).st_dev == os.stat(directory).st_dev


def remove_children(directory):
    """Stops at the first thing that does not go: a mount that is busy, for it is unmounted plainly, however many lie upon each other."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        while not is_same_device(directory, name):
            umount(path, 0)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.chmod(path, 0o700)
            remove_children(path)
            os.rmdir(path)
        else:
            os.unlink(path)


class Worker:
    """bb_worker with build directories that several actions share, each in a directory of its own."""

    def __init__(self, root):
        self.root, self.counter = root, 0

    def begin(self, digest=None):
        """
        The name of a new directory, with what an action finds in it: the digest's first 16 digits, or a number where the same action may
        run several times at once (as readiness checks do).
        """
        self.counter += digest is None
        name = digest[:16] if digest else str(self.counter)
        place = os.path.join(self.root, name)
        os.mkdir(place)
        for directory in ("root", "root/dev", *(f"root/{target}" for target, _ in INPUT_MOUNTS), "tmp", "server_logs"):
            os.mkdir(os.path.join(place, directory))
        for device in DEVICES:
            os.mknod(os.path.join(place, "root/dev", device), stat.S_IFCHR | 0o666, os.stat(f"/dev/{device}").st_rdev)
        return name

    def close(self, name):
        """RemoveAll."""
        place = os.path.join(self.root, name)
        remove_children(place)
        os.rmdir(place)

    def clean(self):
        """What is left of a former life, before the first action."""
        remove_children(self.root)


def remove_stale_mounts(root):
    """At a FUSE worker's start; how many went."""
    count = 0
    with contextlib.suppress(OSError):
        while True:
            umount(root, 0)
            count += 1
    return count


class Runner:
    """bb_runner with input mounts, a cleaning command, and paths that must be there."""

    def __init__(self, root, cleaner=None, paths=()):
        self.root, self.cleaner, self.paths = root, cleaner, paths
        self.users = self.cleaned = 0

    def clean(self):
        self.cleaned += 1
        if self.cleaner and subprocess.run(self.cleaner, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                           timeout=PATIENCE, check=False).returncode:
            raise CleaningFailed(self.cleaner)

    @contextlib.contextmanager
    def cleaned_when_idle(self):
        if self.users == 0:
            self.clean()
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            if self.users == 0:
                self.clean()

    def check_paths(self):
        for path in self.paths:
            if not os.path.exists(path):
                raise NotReady(path)

    def check_readiness(self):
        """The paths come first: where one is missing, nothing is cleaned."""
        self.check_paths()
        with self.cleaned_when_idle():
            pass

    def run(self, name, command=lambda: 0):
        """
        The command's exit status. Where it cannot be run (it raises), nothing is unmounted; what does not come off after a good run stays
        without a word.
        """
        with self.cleaned_when_idle():
            places = [os.path.join(self.root, name, "root", target) for target, _ in INPUT_MOUNTS]
            for place, (_, fstype) in zip(places, INPUT_MOUNTS):
                mount("/" + fstype, place, fstype)
            status = command()
            for place in reversed(places):
                with contextlib.suppress(OSError):
                    umount(place, 0)
        if status:
            self.check_paths()
        return status
