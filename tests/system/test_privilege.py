# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each process may do, as the kernel says it."""
import os
import re
import time

import pytest

import harness
from harness import Misfuse, children, gone, wait_for

# By their numbers in linux/capability.h.
CAPABILITIES = {"SYS_ADMIN": 21, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "DAC_READ_SEARCH": 2, "DAC_OVERRIDE": 1, "SETUID": 7, "SETGID": 6,
                "SETPCAP": 8, "KILL": 5}
NEEDED = sum(1 << bit for bit in CAPABILITIES.values())
AT_START = {"CHOWN", "FOWNER"}


def process_status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def filters(pid):
    return int(process_status(pid)["Seccomp_filters"])


def inherited(daemon):
    """Whoever runs us may have a filter, and so has an older kernel's imitation."""
    return filters("self") + (1 if daemon.kernel else 0)


def is_confined(daemon, pid, own_filters):
    status = process_status(pid)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert int(status["Seccomp_filters"]) == inherited(daemon) + own_filters


def capabilities(pid):
    status = process_status(pid)
    return {name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")}


@pytest.fixture
def mode(request, monkeypatch):
    """As in the field, and as in all other tests, where an unknown system call ends its process."""
    if request.param:
        monkeypatch.setenv("REAPERD_SANDBOX", request.param)
    else:
        monkeypatch.delenv("REAPERD_SANDBOX")
    return request.param


@pytest.mark.parametrize("mode", ["kill", None], indirect=True)
def test_each_process_has_its_sandbox_while_it_works(cell, mode):
    root = cell.make("build")
    fuse = Misfuse(cell, root)
    farm = harness.Farm(cell, root=root, step_timeout="60s")  # a child that waits must be the same to the end
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    broker, engine = daemon.process.pid, daemon.engine()
    fuse("stop")
    seen = {}

    def waiting_child():
        """One that has been there for a while: others are about to end, with an answer from before the server stopped."""
        for pid in children(broker):
            if pid != engine and time.monotonic() - seen.setdefault(pid, time.monotonic()) > 0.5 * harness.SLOWNESS:
                return pid
        return None
    child = wait_for(waiting_child, "a child waits for the filesystem")
    is_confined(daemon, broker, 1)
    is_confined(daemon, engine, 2)
    wait_for(lambda: filters(child) == filters(engine), "the child has entered it before it asked")
    is_confined(daemon, child, 2)
    assert capabilities(engine) == {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapAmb": 0, "CapBnd": 0}
    for pid in (broker, child):
        assert capabilities(pid) == {"CapEff": NEEDED, "CapPrm": NEEDED, "CapInh": 0, "CapAmb": 0, "CapBnd": NEEDED}
    fuse("go")
    daemon.ctl("reap", "a1", "--root", farm.root, "--active")
    wait_for(lambda: gone(*made), "and it does its work in there")


@pytest.mark.parametrize("mode", ["off"], indirect=True)
def test_whoever_does_without_is_told(farm, mode):
    daemon = farm.start().daemon
    assert filters(daemon.engine()) == inherited(daemon)
    assert "REAPERD_SANDBOX=off" in daemon.said()


def test_what_the_unit_grants_is_enough_and_no_more(cell, source):
    with open(os.path.join(harness.SOURCE_TREE, "contrib/systemd/reaperd.service.in")) as file:
        granted = re.search(r"^CapabilityBoundingSet=(.*)$", file.read(), re.M)[1].replace("CAP_", "").split()
    assert set(granted) == set(CAPABILITIES) | AT_START
    farm = harness.Farm(cell, source, daemon={"user": "nobody"})
    os.chmod(cell.directory, 0o755)
    farm.daemon.prefix = ["setpriv", "--bounding-set=-all," + ",".join("+" + name.lower() for name in granted)]
    daemon = farm.start().daemon
    made = farm.tmpfs(".trash", "a1", "root")
    wait_for(lambda: gone(made), "it reaps")
    assert capabilities(daemon.process.pid)["CapBnd"] == NEEDED
    assert os.stat(daemon.ledger).st_uid == 65534
