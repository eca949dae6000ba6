# SPDX-License-Identifier: LGPL-2.1-or-later
"""What system tests are made of. Nothing here shares code with the programs under test; every wait is for a condition, with a deadline."""
from . import container
from .cell import Cell, Misfuse
from .cgroups import Cgroup, remove_of as remove_cgroups_of
from .daemon import Daemon, reaperctl_program, reaperd_program
from .farm import Farm, config_text, root_section
from .mounter import Mounter
from .namespace import enter_cell, host_mounts
from .processes import cgroup, children, comm, cpu_seconds, is_alive, set_comm
from .settings import PATIENCE, SLOWNESS, SOURCE_TREE, kernel_is_before, program, wait_for
from .table import (
    MNT_DETACH, MS_PRIVATE, MS_RDONLY, MS_REC, MS_SHARED, MS_SLAVE, bind, count_under, gone, ids, mount, mountinfo, mounts, top_id,
    umount)
from .varlink import Varlink, VarlinkError

__all__ = [
    "Cell", "Cgroup", "Daemon", "Farm", "MNT_DETACH", "MS_PRIVATE", "MS_RDONLY", "MS_REC", "MS_SHARED", "MS_SLAVE", "Misfuse", "Mounter", "PATIENCE", "SLOWNESS",
    "SOURCE_TREE", "Varlink", "VarlinkError", "bind", "cgroup", "children", "comm", "config_text", "container", "count_under", "cpu_seconds", "enter_cell", "gone",
    "host_mounts", "ids", "is_alive", "kernel_is_before", "mount", "mountinfo", "mounts", "program", "reaperctl_program", "reaperd_program",
    "remove_cgroups_of", "root_section", "set_comm", "top_id", "umount", "wait_for",
]
