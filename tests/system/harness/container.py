# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers as an OCI runtime makes them: a root filesystem with nothing but busybox, and volumes with a propagation."""
import json
import os
import shutil
import signal
import subprocess

from .settings import PATIENCE, wait_for

TOOLS = ("sh", "mount", "umount", "mkdir", "rmdir", "sleep", "ls")
CAPABILITIES = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_MKNOD", "CAP_SYS_CHROOT"]


def missing():
    """What is needed and not installed, or None."""
    for program in ("runc", "busybox"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None


class Container:
    """One that sleeps until it is killed. `volumes`: {path in there: (path out here, "shared" or "slave")}."""

    def __init__(self, cell, name, volumes):
        self.name, self.place = name, os.path.join(cell.memory, name)
        self.state = os.path.join(cell.directory, "runc")
        os.makedirs(os.path.join(self.place, "rootfs", "bin"))
        shutil.copy(shutil.which("busybox"), os.path.join(self.place, "rootfs", "bin"))
        for tool in TOOLS:
            os.symlink("busybox", os.path.join(self.place, "rootfs", "bin", tool))
        for path in ("/proc", "/dev", *volumes):
            os.makedirs(self.place + "/rootfs" + path, exist_ok=True)
        with open(os.path.join(self.place, "config.json"), "w", encoding="utf-8") as file:
            json.dump(self.config(volumes), file)
        pid_file = os.path.join(self.place, "pid")
        done = self.runc("run", "--detach", "--no-pivot", "--pid-file", pid_file, "--bundle", self.place, name)
        assert done.returncode == 0, done
        with open(pid_file, encoding="utf-8") as file:
            self.pid = int(file.read())
        cell.at_end.append(self.delete)

    def runc(self, *arguments):
        with open(os.path.join(self.place, "runc.log"), "ab") as log:
            return subprocess.run(["runc", "--root", self.state, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  timeout=PATIENCE)

    def config(self, volumes):
        binds = [{"destination": inside, "type": "bind", "source": outside, "options": ["rbind", "r" + propagation]}
                 for inside, (outside, propagation) in volumes.items()]
        everything = {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES}
        return {"ociVersion": "1.0.2", "hostname": self.name, "root": {"path": "rootfs"},
                "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sleep", "1000000"], "env": ["PATH=/bin"], "cwd": "/",
                            "capabilities": everything},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                           {"destination": "/dev", "type": "tmpfs", "source": "dev"}, *binds],
                "linux": {"rootfsPropagation": "slave", "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]}}

    def run(self, *command):
        """In its mount namespace, with its own programs."""
        subprocess.run(["nsenter", "--mount", f"--target={self.pid}", *command], check=True, capture_output=True, timeout=PATIENCE)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{self.pid}/ns/mnt") or not self.is_alive(), f"{self.name} ends")

    def is_alive(self):
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def delete(self):
        self.runc("delete", "--force", self.name)
