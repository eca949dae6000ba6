# SPDX-License-Identifier: LGPL-2.1-or-later
"""The place of a test: directories to mount in, and whatever runs there."""
import os
import signal
import socket
import subprocess

from .settings import SOURCE_TREE, program, wait_for
from .table import CLONE_NEWNS, LIBC, MS_REC, MS_SLAVE, mount, mountinfo


class Cell:
    """A directory on disk, `disk`, and one in memory, `memory`; what was started here is ended with it."""

    def __init__(self, directory):
        self.directory = directory
        self.disk = os.path.join(directory, "disk")
        self.memory = os.path.join(directory, "mem")
        self.processes = []
        self.at_end = []

    def __enter__(self):
        os.mkdir(self.disk)
        os.mkdir(self.memory)
        mount("memory", self.memory, "tmpfs")
        return self

    def __exit__(self, *exception):
        """After a test that passed, what it registered is checked: daemons must have behaved to the end."""
        problem = None
        for function in reversed(self.at_end):
            try:
                function()
            except AssertionError as error:
                problem = problem or error
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        if problem and exception[0] is None:
            raise problem

    def make(self, *parts):
        """A directory (with its parents) below `disk`."""
        path = os.path.join(self.disk, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def spawn(self, *command, log=None, **options):
        if log:
            options["stdout"] = options["stderr"] = open(os.path.join(self.directory, log + ".log"), "ab")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def run(self, *command, patience=None):
        """To its end, which must be a good one."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience)
        assert done.returncode == 0, f"{command}: {done}"

    def runner(self, directory=None):
        """A process that stands for an action's runner: it waits until it is killed."""
        return self.spawn("sleep", "1000000", cwd=directory)

    def bindfs(self, source, target, *options):
        """A FUSE mirror of `source` on `target`; removals in `source` are removals on the server's side."""
        process = self.spawn("bindfs", "-f", *options, source, target, log="bindfs")
        wait_for(lambda: any(m.target == target and m.fstype == "fuse" for m in mountinfo()) or
                 any(m.target == target for m in mountinfo()), "bindfs mounts")
        return process

    def other_namespace(self, slave=False):
        """A process in a mount namespace of its own, a copy of ours."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            if LIBC.unshare(CLONE_NEWNS) != 0:
                os._exit(1)
            if slave:
                mount("none", "/", None, MS_REC | MS_SLAVE)
            os.write(writer, b"x")
            os.close(writer)
            while True:
                signal.pause()
        os.close(writer)
        assert os.read(reader, 1) == b"x"
        os.close(reader)
        self.at_end.append(lambda: (os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)) and None)
        return pid


class Misfuse:
    """A FUSE server that misbehaves on command (tests/lib/misfuse.c)."""

    def __init__(self, cell, target, entry_timeout=1.0, name="misfuse", user=0):
        self.cell, self.target = cell, target
        self.path = os.path.join(cell.directory, name + ".sock")
        self.process = cell.spawn(misfuse_program(cell), "--control", self.path, "--entry-timeout", str(entry_timeout),
                                  "--user", str(user), target, log=name)
        wait_for(lambda: "ready" in open(os.path.join(cell.directory, name + ".log")).read(), "misfuse mounts")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(self.path)
        self.stream = self.socket.makefile("rw")

    def __call__(self, command, *argument):
        self.stream.write(" ".join([command, *map(str, argument)]) + "\n")
        self.stream.flush()
        answer = self.stream.readline().split(None, 1)
        assert answer and answer[0] == "ok", f"misfuse {command} {argument}: {answer}"
        return answer[1].strip() if len(answer) > 1 else None


def misfuse_program(cell):
    """The one that make built, else compiled here."""
    try:
        return program("tests/lib/misfuse")
    except FileNotFoundError:
        target = os.path.join(cell.directory, "misfuse")
        if not os.path.exists(target):
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True,
                                   check=True)
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-o", target,
                            os.path.join(SOURCE_TREE, "tests/lib/misfuse.c"), *flags.stdout.split(), "-lpthread"], check=True)
        return target
