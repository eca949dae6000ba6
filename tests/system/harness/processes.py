# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel says of processes."""
import os

from .table import LIBC

PR_SET_NAME = 15


def start_time(pid):
    """None where there is no such process, or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(pid):
    return start_time(pid) is not None


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split() if is_alive(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def set_comm(name):
    """Of this process."""
    LIBC.prctl(PR_SET_NAME, os.fsencode(name), 0, 0, 0)


def cgroup(pid="self"):
    """As reaperd says it: of version 2, else the first of version 1 that is not the top; "/" where all are."""
    with open(f"/proc/{pid}/cgroup") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    groups = [(controllers, path) for _, controllers, path in groups if path != "/"]
    return next((path for controllers, path in groups if not controllers), None) or \
        next((f"{controllers}:{path}" for controllers, path in groups), "/")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
