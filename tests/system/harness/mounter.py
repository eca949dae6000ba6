# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who mounts."""
import os
import signal

from .processes import set_comm
from .table import mount


class Mounter:
    """A process with a name and a real uid of its own, in a group, which mounts tmpfs and then waits for its end."""

    def __init__(self, cell, comm, uid, *targets, group=None):
        reader, writer = os.pipe()
        self.comm, self.uid = comm, uid
        self.pid = os.fork()
        if self.pid == 0:
            try:
                if group:
                    group.take()
                set_comm(comm)
                os.setresuid(uid, 0, 0)
                for target in targets:
                    mount(comm, target, "tmpfs")
                os.write(writer, b"x")
                while True:
                    signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        cell.at_end.append(self.end)
        assert os.read(reader, 1) == b"x", f"{comm} did not mount"
        os.close(reader)

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
