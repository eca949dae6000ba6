# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build roots and their actions."""
import os
import shutil

from .daemon import Daemon
from .settings import PROBE_INTERVAL
from .table import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, top_id

QUICK = {"grace": "200ms", "grace.hollow": "400ms", "probe-interval": f"{PROBE_INTERVAL * 1000:.0f}ms", "step-timeout": "2s"}


def root_section(path, **keys):
    merged = dict(QUICK)
    for key, value in keys.items():
        merged[key.replace("__", ".").replace("_", "-")] = value
    return f"[root {path}]\n" + "".join(f"{key} = {value}\n" for key, value in merged.items() if value is not None)


def config_text(*roots, **daemon):
    merged = {"user": ""}
    merged.update({key.replace("_", "-"): value for key, value in daemon.items()})
    return "[daemon]\n" + "".join(f"{key} = {value}\n" for key, value in merged.items()) + "\n" + "\n".join(roots)


class Farm:
    """One build root with actions laid out as Buildbarn's, and a daemon that watches it."""

    def __init__(self, cell, source="auto", root=None, server=None, daemon=(), **keys):
        self.cell = cell
        self.root = root or cell.make("build")
        # Where a FUSE mirrors another directory, what is made and removed there never meets the kernel's own checks.
        self.server = server or self.root
        self.source = source
        self.config = config_text(root_section(self.root, **keys), source=source, **dict(daemon))
        self.daemon = Daemon(cell, self.config)

    def start(self, *arguments):
        self.daemon.start(*arguments)
        return self

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def make_place(self, *parts):
        os.makedirs(os.path.join(self.server, *parts), exist_ok=True)
        return self.path(*parts)

    def action(self, name, *fstypes):
        """An action's directory with root/proc and root/sys mounted; the ids of its mounts."""
        made = []
        for place, fstype in (("proc", "proc"), ("sys", "sysfs")) if not fstypes else [(t, t) for t in fstypes]:
            os.makedirs(os.path.join(self.server, name, "root", place), exist_ok=True)
            mount(fstype, self.path(name, "root", place), fstype, MS_NOSUID | MS_NODEV | MS_NOEXEC)
            made.append(top_id(self.path(name, "root", place)))
        return made

    def tmpfs(self, *parts):
        """A tmpfs at a path below the root, made as needed; its id."""
        place = self.make_place(*parts)
        mount("tmpfs", place, "tmpfs")
        return top_id(place)

    def vanish(self, name):
        """Removes an action's directory on the server's side."""
        assert self.server != self.root
        shutil.rmtree(os.path.join(self.server, name))
