# SPDX-License-Identifier: LGPL-2.1-or-later
"""`reaperctl run`, killed: before each call that changes anything, and while it compiles."""
import os
import random
import re
import subprocess
import time

import pytest

import harness
from harness import wait_for

from test_run import SYSTEM, arguments

# What changes a filesystem, a mount table, what the daemon knows, or which process does what.
CHANGES = ["connect", "bind", "sendto", "sendmsg", "write", "mkdirat", "mknodat", "fchmodat", "fsopen", "fsconfig", "fsmount", "open_tree", "mount_setattr", "move_mount",
           "umount2", "unlinkat", "clone", "clone3", "fork", "vfork", "chroot", "fchdir", "chdir", "execve", "shutdown"]
PLACE = ["--name", "k1", "--mount", "tmpfs::deep/er/work:size=1m", "--mount", "bind:/etc/hostname:file", "--device", "null"]
COMPILES = 100
AT_ONCE = 8


def is_registered(farm):
    return any(action["owner"]["lease"] or action["mounts"] for action in farm.daemon.actions())


def is_nothing_left(farm):
    return not harness.ids(farm.root) and not os.listdir(farm.root) and not is_registered(farm)


def sweep(directory):
    for place, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(os.path.join(place, name))
        for name in directories:
            os.rmdir(os.path.join(place, name))


class Traced:
    """A run below strace: of its first process alone, or also of those that it starts."""

    def __init__(self, farm, whose):
        self.farm, self.trace = farm, os.path.join(farm.cell.directory, "trace")
        self.options = ["strace", *(["-f"] if whose == "all" else []), "-o", self.trace, "-e", "trace=" + ",".join(f"?{name}" for name in CHANGES)]

    def run(self, *options):
        """What was traced."""
        # Not as on an older kernel, which takes a tracer of its own; nor can LeakSanitizer trace what is traced.
        command = [harness.program("cli/reaperctl"), *arguments(self.farm, *PLACE)[1:]]
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        subprocess.run([*self.options, *options, *command, "--", "true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=4 * harness.PATIENCE, check=False, env=dict(os.environ, ASAN_OPTIONS=sanitizer))
        with open(self.trace) as file:
            return file.read()

    def moments(self):
        """Each call that was made, and for which time its process made it: so strace counts."""
        counts, found = {}, set()
        for line in self.run().splitlines():
            match = re.match(r"(\d+ +)?(\w+)\(", line)
            if match:
                counts[match.groups()] = counts.get(match.groups(), 0) + 1
                found.add((match[2], counts[match.groups()]))
        return sorted(found)


@pytest.mark.limit(240)
@pytest.mark.parametrize("whose,expected", [
    ("its own", ["connect", "sendto", "clone", "shutdown"]),
    ("all", ["mkdirat", "mknodat", "fsmount", "open_tree", "move_mount", "unlinkat", "umount2", "execve"]),
])
def test_killed_before_any_call_it_leaves_nothing(cell, whose, expected):
    """
    Every call that changes something is a moment to be killed at, and the kernel lists them: none is forgotten when the program changes. Where
    the keeper is killed as well, of which nobody says that it lives, directories stay, but no mount.
    """
    farm = harness.Farm(cell, grace="0s").start()
    traced = Traced(farm, whose)
    moments = traced.moments()
    wait_for(lambda: is_nothing_left(farm), "what was not killed leaves nothing")
    for name in expected:
        assert any(one == name for one, _ in moments), f"{name} was never called: {moments}"
    killed = 0
    for name, count in moments:
        killed += "killed by SIGKILL" in traced.run("-e", f"inject={name}:signal=KILL:when={count}")
        moment = f"{name} for time {count}"
        if whose == "all":
            wait_for(lambda: not harness.ids(farm.root) and not is_registered(farm), f"no mount is left of who was killed before {moment}")
            sweep(farm.root)
        else:
            wait_for(lambda: is_nothing_left(farm), f"nothing is left of who was killed before {moment}")
    # strace makes the first execve itself, before it injects anything.
    assert killed >= len(moments) - 1, "each moment came again"


PROGRAM = """#include <stdio.h>
#include <sys/stat.h>
int main(void)
{
	struct stat st;
	return stat("/proc/self", &st) || printf("%d\\n", 40 + 2) < 0;
}
"""
SCRIPT = "set -e; printf '%s' \"$0\" >/tmp/a.c; cc -O2 -o /tmp/a /tmp/a.c; /tmp/a >/tmp/out 2>/dev/null; read x </tmp/out; echo $x; test -c /dev/null; test -d /sys/kernel"


class Compiles:
    """Real ones, in a chroot made of what the host has."""

    def __init__(self, farm, seed):
        self.farm, self.random, self.processes = farm, random.Random(seed), {}
        self.killed = self.done = 0
        self.takes = 0.5  # seconds, as far as that is known

    def start(self, number):
        options = ["--name", f"c{number}", "--chroot", *SYSTEM, "--mount", "proc::proc:nosuid,nodev,noexec", "--mount", "sysfs::sys:ro", "--mount", "tmpfs::tmp",
                   "--device", "null", "--device", "zero", "--device", "urandom"]
        process = subprocess.Popen([*arguments(self.farm, *options), "--", "/bin/sh", "-c", SCRIPT, PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # About as long as it takes: some are killed while they set up, some at work, some are not killed at all.
        now = time.monotonic()
        self.processes[process] = (now, now + self.random.uniform(0, 1.5 * self.takes))

    def look(self):
        for process, (since, until) in list(self.processes.items()):
            if process.poll() is None and time.monotonic() > until:
                process.kill()
            elif process.poll() is not None:
                del self.processes[process]
                self.take(process, time.monotonic() - since)

    def take(self, process, took):
        out, err = process.communicate(timeout=harness.PATIENCE)
        if process.returncode == -9:
            self.killed += 1
            self.takes *= 1.05
        else:
            assert (process.returncode, out) == (0, "42\n"), (process.returncode, out, err)
            self.done += 1
            self.takes = took


@pytest.mark.limit(240)
def test_compiles_that_are_killed_at_random_leave_nothing(cell):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    farm = harness.Farm(cell, grace="200ms").start()
    before = set(harness.ids()) - set(harness.ids(farm.root))
    compiles = Compiles(farm, seed)
    for number in range(COMPILES):
        compiles.start(number)
        while len(compiles.processes) == AT_ONCE:
            compiles.look()
            time.sleep(0.01)
    while compiles.processes:
        compiles.look()
        time.sleep(0.01)
    assert compiles.killed + compiles.done == COMPILES
    assert compiles.killed >= COMPILES / 10 and compiles.done >= 1, f"{compiles.killed} were killed, {compiles.done} were not"
    try:
        wait_for(lambda: is_nothing_left(farm), "no mount, no directory and no registration is left", 4 * harness.PATIENCE)
    except AssertionError:
        print(harness.mounts(farm.root), list(os.walk(farm.root)), farm.daemon.actions())
        print(subprocess.run(["ps", "axf"], capture_output=True, text=True).stdout)
        raise
    assert before <= set(harness.ids()), "and the host's are what they were"
