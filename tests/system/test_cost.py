# SPDX-License-Identifier: LGPL-2.1-or-later
"""What watching costs while nothing changes: nothing. What it costs otherwise is measured by tests/bench."""
import time

import harness
from harness import wait_for


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
    first, started = switches(), time.monotonic()
    time.sleep(3)
    switched, lasted = switches() - first, time.monotonic() - started
    assert switched <= 12 * lasted, f"{switched} switches in {lasted:.1f} s: the root itself may be probed, nothing else"
