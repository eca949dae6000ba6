# SPDX-License-Identifier: LGPL-2.1-or-later
"""What watching costs: nothing while nothing changes, little in a storm."""
import os
import time

import pytest

import harness
from harness import wait_for

pytestmark = pytest.mark.alone


def test_an_idle_daemon_wakes_for_its_probes_only(cell, source):
    """One root with two actions that live, probed once a second, for five seconds."""
    farm = harness.Farm(cell, source, probe_interval="1s")
    daemon = farm.start().daemon
    daemon.knows(*farm.action("a1"), *farm.action("a2"))
    with harness.Varlink(daemon.socket) as client:
        def wakeups():
            return client.call("io.reaperd.GetStatus")["status"]["wakeups"]

        def quiet():
            first = wakeups()
            time.sleep(0.3)
            return wakeups() - first < 6
        wait_for(quiet, "what the mounts caused has settled")
        first, started = wakeups(), time.monotonic()
        time.sleep(5)
        woken, lasted = wakeups() - first, time.monotonic() - started
    # A probe wakes twice, for its time and for its answer; a commit or this question's own may add one each.
    assert woken <= 4 * (lasted + 1), f"{woken} wake-ups in {lasted:.1f} s"


def test_an_idle_daemon_without_actions_sleeps(cell, source):
    farm = harness.Farm(cell, source)
    daemon = farm.start().daemon
    daemon.is_probed(3)
    engine = daemon.engine()

    def switches():
        with open(f"/proc/{engine}/status") as file:
            return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    first = switches()
    time.sleep(3)
    assert switches() - first <= 3 * 12, "the root itself may be probed, nothing else"


@pytest.mark.bench
@pytest.mark.limit(240)
def test_a_storm_of_changes_beside_many_mounts(cell, source):
    """1,000 changes a second beside 10,000 other mounts. A measurement, by `make bench`: the goal is a fifth of a core, and 250 ms."""
    farm = harness.Farm(cell, source)
    outside = cell.make("outside")
    harness.mount("tmpfs", outside, "tmpfs")
    for number in range(10000):
        os.mkdir(f"{outside}/{number}")
        harness.mount("tmpfs", f"{outside}/{number}", "tmpfs")
    daemon = farm.start().daemon
    made = farm.action("live")
    daemon.knows(*made)
    place = farm.make_place("storm", "root")
    engine = daemon.engine()
    before, started = harness.cpu_seconds(engine) + harness.cpu_seconds(daemon.process.pid), time.monotonic()
    changes = 0
    while time.monotonic() - started < 4:
        harness.mount("tmpfs", place, "tmpfs")
        harness.umount(place)
        changes += 2
        ahead = started + changes / 1000 - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    lasted = time.monotonic() - started
    used = harness.cpu_seconds(engine) + harness.cpu_seconds(daemon.process.pid) - before
    harness.mount("tmpfs", place, "tmpfs")
    done = time.monotonic()
    wait_for(lambda: place in {m["target"] for m in daemon.mounts()}, "the last change is shown")
    shown = time.monotonic() - done
    print(f"{changes / lasted:.0f} changes/s, {100 * used / lasted:.1f} % of a core, the last shown after {1000 * shown:.0f} ms")
