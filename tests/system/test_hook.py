# SPDX-License-Identifier: LGPL-2.1-or-later
"""reaperctl hook beside a real daemon: the sentinel, a daemon that is not there or does not answer, and where its messages go."""
import os
import signal
import socket
import stat
import subprocess
import time

import pytest

import harness
from harness import gone, wait_for


@pytest.fixture
def source():
    return "auto"


@pytest.fixture
def sentinel(cell):
    return os.path.join(cell.directory, "clean")


def hook(daemon, sentinel, *more):
    done = daemon.ctl("hook", "--sentinel", sentinel, *more, check=False)
    assert done.returncode == 0, done
    return done.stderr


def test_the_sentinel_goes_with_a_leftover_and_comes_when_it_is_reaped(farm, sentinel):
    daemon = farm.start().daemon
    assert hook(daemon, sentinel) == "" and os.path.exists(sentinel)
    live = farm.action("live")
    daemon.knows(*live)
    hook(daemon, sentinel)
    assert os.path.exists(sentinel), "what is active is in nobody's way"
    daemon.ctl("pause")
    left = farm.tmpfs(".trash", "a1", "root")
    wait_for(lambda: daemon.status()["roots"][0]["leftovers"], "it is a leftover")
    assert "in the way" in hook(daemon, sentinel)
    assert not os.path.exists(sentinel)
    daemon.ctl("resume")
    wait_for(lambda: gone(left), "it is reaped")
    wait_for(lambda: hook(daemon, sentinel) == "", "nothing is in the way")
    assert os.path.exists(sentinel)


@pytest.mark.parametrize("present", [True, False])
def test_without_a_daemon_it_stays_as_it_is(farm, sentinel, present):
    if present:
        daemon = farm.start().daemon
        hook(daemon, sentinel)
        daemon.stop()
    assert "io.reaperd" in hook(farm.daemon, sentinel)
    assert os.path.exists(sentinel) == present


def test_a_daemon_that_hangs_costs_no_more_than_the_timeout(farm, sentinel):
    daemon = farm.start().daemon
    hook(daemon, sentinel)
    daemon.ctl("pause")
    farm.tmpfs(".trash", "a1", "root")
    wait_for(lambda: daemon.status()["roots"][0]["leftovers"], "it is a leftover")
    engine = daemon.engine()
    os.kill(engine, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert "not done in time" in hook(daemon, sentinel, "--timeout", "300ms")
        assert 0.3 <= time.monotonic() - begun < harness.PATIENCE
        assert os.path.exists(sentinel)
    finally:
        os.kill(engine, signal.SIGCONT)


def test_what_nobody_would_read_goes_to_syslog(farm, cell, sentinel):
    """In a /dev of its own, with a socket that stands for the system's log."""
    devices = os.path.join(cell.memory, "dev")
    os.mkdir(devices)
    os.mknod(os.path.join(devices, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    command = f'mount --bind {devices} /dev && exec {harness.reaperctl_program()} --socket {farm.daemon.socket} hook --sentinel {sentinel} 2>/dev/null'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(os.path.join(devices, "log"))
        log.settimeout(harness.PATIENCE)
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", command], timeout=harness.PATIENCE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        assert done.stdout == b""
        said = log.recv(4096)
    assert b"reaperctl" in said and farm.daemon.socket.encode() in said
