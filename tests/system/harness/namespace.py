# SPDX-License-Identifier: LGPL-2.1-or-later
"""A mount and pid namespace of its own for a piece of work: whatever that leaves (mounts, servers, stopped processes) ends with it."""
import os
import signal
import traceback

from .table import CLONE_NEWNS, LIBC, MS_PRIVATE, MS_REC, mount

CLONE_NEWPID, PR_SET_PDEATHSIG = 0x20000000, 1


def host_mounts():
    with open("/proc/self/mountinfo", "rb") as table:
        return table.read()


def serve_as_init(work):
    """Process 1 of the namespace: starts `work` as process 2, buries the orphans, and ends (with all others) when that ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter_cell(work):
    """Never returns: exit status 77 where there can be no such namespace. A second process is needed, for a pid namespace begins with the next child."""
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        os._exit(77)
    init = os.fork()
    if init == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc", 0)
        serve_as_init(work)
    _, status = os.waitpid(init, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
