# SPDX-License-Identifier: LGPL-2.1-or-later
"""Control groups of the machine's own hierarchies, each called after the test's cell, and removed once that has ended."""
import os
import time

import pytest


def hierarchy(version):
    """Where version 2 is mounted, or that hierarchy of version 1 which /proc/PID/cgroup lists first; None."""
    with open("/proc/self/cgroup") as groups:
        names = [line.split(":")[1] for line in groups]
    first = next((name for name in names if name), None)
    with open("/proc/self/mountinfo") as table:
        for line in table:
            fields, rest = (part.split() for part in line.split(" - "))
            found = rest[0] == "cgroup2" if version == 2 else rest[0] == "cgroup" and first and first.split(",")[0] in rest[2].split(",")
            if found and fields[3] == "/":
                return fields[4]
    return None


def remove(path):
    """With what is below it. Of who has just ended a group is empty a moment later."""
    deadline = time.monotonic() + 5
    for directory, _, _ in os.walk(path, topdown=False):
        while True:
            try:
                os.rmdir(directory)
                break
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)


def remove_of(cell_directory):
    """All of a cell that has ended."""
    for version in (1, 2):
        top = hierarchy(version)
        prefix = f"reaperd-{os.path.basename(cell_directory)}-"
        for name in os.listdir(top) if top else ():
            if name.startswith(prefix):
                remove(os.path.join(top, name))


class Cgroup:
    """`name` may be a path; what is above it is made, too."""

    def __init__(self, cell, name, version=2):
        top = hierarchy(version)
        if not top or not os.access(top, os.W_OK):
            pytest.skip(f"no cgroup of version {version} can be made here")
        self.path = f"/reaperd-{os.path.basename(cell.directory)}-{name}"
        self.directory = top + self.path
        try:
            os.makedirs(self.directory, exist_ok=True)
        except OSError as error:
            pytest.skip(f"no cgroup of version {version} can be made here: {error}")

    def take(self, pid=0):
        """This process, or another one as this pid namespace knows it."""
        with open(os.path.join(self.directory, "cgroup.procs"), "w") as file:
            file.write(str(pid))

    def remove(self):
        remove(self.directory)
