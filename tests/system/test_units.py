# SPDX-License-Identifier: LGPL-2.1-or-later
"""Owners that are units of systemd's, as it would have them."""
import os

import harness
import pytest
from harness import Cgroup, gone, wait_for


def says_why(daemon, name):
    return [(e["detail"]["holds"], e["detail"]["because"]) for e in daemon.events(type="evidence", action=name)
            if e["detail"]["kind"] == "owner-exited"]


@pytest.fixture
def unit(cell):
    """The name of its slice is its cell's."""
    name = f"reaperd-{os.path.basename(cell.directory)}.service"
    group = Cgroup(cell, f"test.slice/{name}")
    group.name = name
    return group


def test_what_there_is_goes_when_the_unit_ends(cell, source, unit):
    farm = harness.Farm(cell, source, owner=f"unit:{unit.name}", grace="1s").start()
    daemon = farm.daemon
    worker = cell.runner()
    unit.take(worker.pid)
    # By whomever: it is the unit that says whether anybody needs them.
    made, registered = farm.tmpfs("a1", "root"), farm.tmpfs("b1", "root")
    daemon.knows(made, registered)
    daemon.ctl("begin", "b1", "--root", farm.root)
    wait_for(lambda: f"its owner {unit.name} runs" in daemon.said(), "it is found")
    worker.kill()
    worker.wait()
    unit.remove()
    wait_for(lambda: daemon.evidence("a1") == {"owner-exited"}, "it is evidence")
    # The next start of the unit mounts in the same place.
    again = Cgroup(cell, f"test.slice/{unit.name}")
    again.take(cell.runner().pid)
    next_one = farm.tmpfs("a1", "second")
    wait_for(lambda: gone(made), "what its former start left is reaped")
    daemon.is_probed(4)
    assert not gone(next_one) and not gone(registered)
    assert daemon.action("a1")["generation"] == 2 and says_why(daemon, "a1") == [(True, "unit")]


def test_a_unit_between_two_of_its_processes_has_not_ended(cell, source, unit):
    farm = harness.Farm(cell, source, owner=f"unit:{unit.name}", grace="1h").start()
    daemon = farm.daemon
    before = cell.runner()
    unit.take(before.pid)
    made = farm.tmpfs("a1", "root")
    daemon.knows(made)
    wait_for(lambda: f"its owner {unit.name} runs" in daemon.said(), "it is found")
    before.kill()
    before.wait()
    wait_for(lambda: daemon.evidence("a1") == {"owner-exited"}, "it is evidence")
    unit.take(cell.runner().pid)
    wait_for(lambda: not daemon.evidence("a1"), "it is taken back")
    assert says_why(daemon, "a1") == [(True, "unit"), (False, "unit")]
    assert not gone(made)


def test_a_unit_that_was_never_there_says_nothing(cell, source):
    farm = harness.Farm(cell, source, owner="unit:reaperd-no-such.service").start()
    made = farm.tmpfs("a1", "root")
    farm.daemon.knows(made)
    farm.daemon.is_probed(4)
    assert not gone(made)
    assert "does not run, or is called otherwise" in farm.daemon.said()
