# SPDX-License-Identifier: LGPL-2.1-or-later
"""Owners that are the control groups of those who mounted."""
import harness
import pytest
from harness import Cgroup, Mounter, gone, wait_for

pytestmark = pytest.mark.skipif(harness.kernel_is_before(6, 15), reason="this kernel has no mount events (Linux 6.15)")


@pytest.fixture
def source():
    return "fanotify"


def place(farm, name):
    return farm.make_place(name, "root")


def mounted(farm, name, group=None):
    """An action with one mount, by a process of that group: the process and the mount's id."""
    target = place(farm, name)
    mounter = Mounter(farm.cell, f"m-{name}", 0, target, group=group)
    made = harness.top_id(target)
    farm.daemon.knows(made)
    return mounter, made


def says_why(daemon, name, because):
    return [e["detail"]["holds"] for e in daemon.events(type="evidence", action=name)
            if e["detail"]["kind"] == "owner-exited" and e["detail"].get("because") == because]


@pytest.mark.parametrize("version", (2, 1))
def test_an_action_goes_when_the_group_of_its_mounter_is_removed(cell, source, version):
    farm = harness.Farm(cell, source, owner="cgroup").start()
    daemon = farm.daemon
    group, other = Cgroup(cell, "a", version), Cgroup(cell, "b", version)
    mounter, made = mounted(farm, "a1", group)
    _, kept = mounted(farm, "b1", other)
    if daemon.action("a1")["owner"]["cgroup"].rpartition(":")[2] != group.path:
        pytest.skip("everybody here is in a group of version 2")
    daemon.is_probed(3)
    assert not gone(made)
    mounter.end()
    group.remove()
    wait_for(lambda: gone(made), "it is reaped")
    assert says_why(daemon, "a1", "cgroup") == [True]
    daemon.is_probed(3)
    assert not gone(kept) and not daemon.evidence("b1")


def test_an_action_goes_when_the_group_of_its_mounter_is_left(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup").start()
    group = Cgroup(cell, "a")
    mounter, made = mounted(farm, "a1", group)
    # Below it is in it.
    below = Cgroup(cell, "a/below")
    helper = cell.runner()
    below.take(helper.pid)
    mounter.end()
    farm.daemon.is_probed(4)
    assert not gone(made) and not farm.daemon.evidence("a1")
    helper.kill()
    helper.wait()
    wait_for(lambda: gone(made), "it is reaped")


def test_who_comes_back_in_time_takes_it_back(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup", grace="1h").start()
    daemon = farm.daemon
    group = Cgroup(cell, "a")
    mounter, made = mounted(farm, "a1", group)
    mounter.end()
    wait_for(lambda: daemon.evidence("a1") == {"owner-exited"}, "it is evidence")
    assert daemon.action("a1")["state"] == "over"
    group.take(cell.runner().pid)
    wait_for(lambda: not daemon.evidence("a1"), "it is taken back")
    assert daemon.action("a1")["state"] == "active" and not gone(made)
    assert says_why(daemon, "a1", "cgroup") == [True, False]


def test_the_daemons_own_group_is_not_over_and_the_top_says_nothing(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup").start()
    mounter, made = mounted(farm, "a1")
    mounter.end()
    farm.daemon.is_probed(6)
    assert not gone(made) and not farm.daemon.evidence("a1")


def test_what_was_there_before_the_daemon_keeps_its_action(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup")
    found = farm.tmpfs("a1", "root")
    farm.start()
    daemon = farm.daemon
    group = Cgroup(cell, "a")
    target = farm.make_place("a1", "second")
    mounter = Mounter(cell, "second", 0, target, group=group)
    made = harness.top_id(target)
    daemon.knows(found, made)
    mounter.end()
    group.remove()
    daemon.is_probed(4)
    assert not gone(found) and not gone(made) and not daemon.evidence("a1")


def test_a_group_that_went_while_no_daemon_ran_is_missed(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup").start()
    daemon = farm.daemon
    group, other = Cgroup(cell, "a"), Cgroup(cell, "b")
    mounter, made = mounted(farm, "a1", group)
    _, kept = mounted(farm, "b1", other)
    assert daemon.stop() == 0
    mounter.end()
    group.remove()
    # Another one of that name is not the one that it was.
    again = Cgroup(cell, "a")
    again.take(cell.runner().pid)
    daemon.start()
    wait_for(lambda: gone(made), "it is reaped")
    daemon.is_probed(3)
    assert not gone(kept)


def test_what_the_next_one_mounts_in_the_same_place_stays(cell, source):
    farm = harness.Farm(cell, source, owner="cgroup", grace="1s").start()
    daemon = farm.daemon
    first, second = Cgroup(cell, "a"), Cgroup(cell, "b")
    mounter, made = mounted(farm, "a1", first)
    mounter.end()
    first.remove()
    target = farm.make_place("a1", "second")
    Mounter(cell, "second", 0, target, group=second)
    kept = harness.top_id(target)
    wait_for(lambda: gone(made), "what the first one left is reaped")
    daemon.is_probed(4)
    assert not gone(kept)
    action = daemon.action("a1")
    assert action["generation"] == 2 and action["state"] == "active" and action["owner"]["comm"] == "second"


@pytest.mark.limit(120)
def test_of_many_groups_that_go_at_once_none_is_missed(cell, source):
    count = 200
    farm = harness.Farm(cell, source, owner="cgroup").start()
    made, mounters = [], []
    for number in range(count):
        group = Cgroup(cell, str(number))
        target = place(farm, f"a{number}")
        mounters.append((Mounter(cell, f"m{number}", 0, target, group=group), group))
        made.append(harness.top_id(target))
    farm.daemon.knows(*made)
    for mounter, group in mounters:
        mounter.end()
        group.remove()
    wait_for(lambda: gone(*made), "all are reaped")
    # On a busy machine a question may be unanswered for a while, too.
    reasons = {(e["detail"]["kind"], e["detail"].get("because")) for e in farm.daemon.events(type="evidence") if e["detail"]["holds"]}
    assert reasons - {("hung", None)} == {("owner-exited", "cgroup")}


def test_without_mount_events_a_group_is_never_an_owner_and_that_is_said(cell):
    farm = harness.Farm(cell, "listmount", owner="cgroup").start()
    group = Cgroup(cell, "a")
    mounter, made = mounted(farm, "a1", group)
    mounter.end()
    group.remove()
    farm.daemon.is_probed(4)
    assert not gone(made)
    assert "owner = cgroup says nothing with source listmount" in farm.daemon.said()
