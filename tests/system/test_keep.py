# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must never be touched stays: each test makes a wrong decision tempting, waits until probes have come round, and compares ids."""
import errno
import os
import signal

import pytest

import harness
from harness import gone, wait_for


def assert_kept(daemon, before, under, rounds=8):
    daemon.is_probed(rounds)
    assert harness.mounts(under) == before


def test_a_live_action_is_never_touched(farm):
    daemon = farm.start().daemon
    daemon.knows(*farm.action("a1"), *farm.action("a2"))
    assert_kept(daemon, harness.mounts(farm.root), farm.root, 20)
    assert {(a["state"], tuple(a["evidence"])) for a in daemon.actions()} == {("active", ())}


def test_a_mount_that_no_layout_matches_is_never_touched(cell, source):
    farm = harness.Farm(cell, source, match="[0-9a-f]*")
    daemon = farm.start().daemon
    made = [farm.tmpfs("z", "root"), farm.tmpfs(".hidden", "root"), farm.tmpfs("lost+found")]
    daemon.knows(*made)
    assert_kept(daemon, harness.mounts(farm.root), farm.root)
    assert daemon.status()["unowned"] == 3
    assert {m["action"] for m in daemon.mounts() if m["id"] in made} == {None}
    assert daemon.actions() == []


def test_a_tmpfs_over_a_live_actions_own_directory_is_its_own(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    with open(farm.path("keep"), "w"):
        pass
    made = farm.action("a1")
    with open(farm.path("a1/input"), "w"):
        pass
    daemon.knows(*made)
    daemon.is_probed()
    cover = farm.tmpfs("a1")
    daemon.knows(cover)
    assert_kept(daemon, harness.mounts(farm.root), farm.root, 12)
    assert daemon.action("a1")["state"] == "active"
    harness.umount(farm.path("a1"))
    assert_kept(daemon, harness.mounts(farm.root), farm.root)


def umount_between_probes(path):
    """For the moment of a probe the root is held open, and what lies on it busy."""
    def can():
        try:
            harness.umount(path)
            return True
        except OSError as error:
            assert error.errno == errno.EBUSY
            return False
    wait_for(can, "it is unmounted")


def test_a_root_covered_by_an_empty_tmpfs_says_nothing(farm):
    daemon = farm.start().daemon
    made = farm.action("a1") + farm.action("a2")
    daemon.knows(*made)
    daemon.is_probed()
    harness.mount("tmpfs", farm.root, "tmpfs")
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "covered", "status says that the root is covered")
    daemon.is_probed(12)
    assert not any(gone(number) for number in made)
    assert {e["type"] for e in daemon.events()} & {"attempt", "reaped"} == set()
    umount_between_probes(farm.root)
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "ok", "the root is back")
    assert_kept(daemon, harness.mounts(farm.root), farm.root)
    assert {a["state"] for a in daemon.actions()} == {"active"}


def test_a_covered_root_is_another_instance(farm):
    """Actions of the same names in what covers the root are others; when the cover goes, the first ones are still known."""
    daemon = farm.start().daemon
    first = farm.action("a1")
    daemon.knows(*first)
    harness.mount("tmpfs", farm.root, "tmpfs")
    second = farm.action("a1")
    daemon.knows(*second)
    daemon.is_probed(6)
    assert not any(gone(number) for number in first + second)
    harness.umount(farm.root, harness.MNT_DETACH)
    wait_for(lambda: {m["id"] for m in daemon.mounts()} >= set(first) and not {m["id"] for m in daemon.mounts()} & set(second),
             "the first instance is back")
    assert_kept(daemon, harness.mounts(farm.root), farm.root)
    assert daemon.action("a1")["state"] == "active"


def test_a_root_that_is_renamed_away_keeps_its_mounts(farm):
    """They are then outside every root, where nothing is ever unmounted."""
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    os.rename(farm.root, farm.root + ".old")
    os.mkdir(farm.root)
    daemon.is_probed(12)
    assert not any(gone(number) for number in made)
    assert daemon.ctl("reap", "--leftovers", check=False).returncode in (0, 5)
    assert not any(gone(number) for number in made)


def test_a_protected_mount_and_what_carries_it_stay(cell, source):
    farm = harness.Farm(cell, source, protect="*/root/keep/*")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1"))
    other = farm.tmpfs("a1", "other")
    carrier = farm.tmpfs("a1", "root")
    os.makedirs(farm.path("a1/root/keep/it"))
    kept = farm.tmpfs("a1", "root", "keep", "it")
    daemon.knows(other, carrier, kept)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(other), "what is not protected is reaped")
    daemon.is_probed(6)
    assert not gone(kept) and not gone(carrier)
    assert "protect" in daemon.ctl("explain", f"mnt:{daemon.as_daemon(kept)}").stdout


def test_what_is_protected_is_no_leftover_for_anybody(cell, source):
    farm = harness.Farm(cell, source, protect="*/cache")
    daemon, sentinel = farm.start().daemon, os.path.join(cell.directory, "clean")
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/cache"))
    kept, other = farm.tmpfs("a1", "cache"), farm.tmpfs("a1", "other")
    daemon.knows(kept, other)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(other) and daemon.action("a1")["state"] == "over", "what is not protected is reaped")
    daemon.is_probed(3)
    assert daemon.action("a1")["state"] == "over" and not gone(kept)
    root, = daemon.status()["roots"]
    assert (root["mounts"], root["leftovers"], root["stuck"], root["protected"]) == (1, 0, 0, 1)
    assert daemon.ctl("status", "--check").returncode == 0
    assert daemon.ctl("audit", "--config", daemon.config_file).returncode == 0
    daemon.records("SELECT * FROM leftovers", [])
    assert daemon.ctl("hook", "--sentinel", sentinel).stderr == "" and os.path.exists(sentinel)
    assert "not reaped: a protect pattern keeps it" in daemon.ctl("explain", "a1").stdout
    asked = daemon.ctl("reap", "a1", check=False)
    assert asked.returncode == 4 and "protected" in asked.stdout, asked
    harness.umount(farm.path("a1/cache"))
    wait_for(lambda: daemon.action("a1", all=True)["state"] == "cleared", "it goes by another's hand")


def test_the_ledgers_leftovers_follow_the_patterns_in_force(cell, source):
    farm = harness.Farm(cell, source, mode="observe")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/cache"))
    made = farm.tmpfs("a1", "cache")
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", farm.root)
    shown = [(farm.path("a1/cache").encode(),)]
    daemon.records("SELECT target FROM leftovers", shown)
    daemon.configure(farm.config + "protect = */cache\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.records("SELECT target FROM leftovers", [])
    daemon.records("SELECT target FROM active_mounts WHERE protected", shown)
    daemon.stop()
    daemon.configure(farm.config)
    daemon.start()
    daemon.records("SELECT target FROM leftovers", shown)
    assert not gone(made)


def test_evidence_that_reap_when_leaves_out_makes_a_suspect(cell, source):
    farm = harness.Farm(cell, source, reap_when="ended")
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("a1"), farm.path(".trash/a1"))
    wait_for(lambda: any(a["state"] == "suspect" for a in daemon.actions()), "it is shown as suspect")
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    assert daemon.query("SELECT count(*) FROM attempts") == [(0,)]


def test_evidence_must_hold_for_the_whole_grace(cell, source):
    farm = harness.Farm(cell, source, grace="3s")
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("a1"), farm.path(".trash/a1"))
    wait_for(lambda: any(a["state"] == "over" for a in daemon.actions()), "it is over, within grace")
    os.rename(farm.path(".trash/a1"), farm.path("a1"))
    wait_for(lambda: daemon.action("a1") and daemon.action("a1")["state"] == "active", "it is active again")
    daemon.is_probed(40)
    assert not any(gone(number) for number in made)


def test_the_brake_bounds_what_is_reaped(cell, source):
    farm = harness.Farm(cell, source, daemon={"max_reaps_per_minute": 6})
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = [farm.tmpfs("a1", f"m{number}") for number in range(20)]
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: sum(gone(number) for number in made) >= 6, "the first are reaped")
    daemon.is_probed(10)
    assert sum(gone(number) for number in made) <= 7
    assert "brake" in daemon.ctl("explain", "a1").stdout


def test_pause_and_resume_outlive_a_start(farm):
    daemon = farm.start().daemon
    daemon.ctl("pause")
    assert daemon.status()["paused"] is True
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(3)  # without unique ids the next start knows the mounts by their directory, if anybody has learnt which that is
    daemon.ctl("end", "a1", "--root", farm.root)
    daemon.is_probed(6)
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.status()["paused"] is True
    assert "paused" in daemon.ctl("status").stdout
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    daemon.ctl("resume")
    wait_for(lambda: gone(*made), "it is reaped after resume")
    assert {"pause", "resume"} <= {e["type"] for e in daemon.events()}


def test_a_pause_of_one_root_for_a_while(cell, source):
    one, two = cell.make("one"), cell.make("two")
    daemon = harness.Daemon(cell, harness.config_text(harness.root_section(one), harness.root_section(two), source=source)).start()
    made = []
    for root in (one, two):
        daemon.ctl("begin", "a", "--root", root)
        os.makedirs(root + "/a/root")
        harness.mount("tmpfs", root + "/a/root", "tmpfs")
        made.append(harness.top_id(root + "/a/root"))
    daemon.knows(*made)
    daemon.ctl("pause", "--root", one, "--for", "2s")
    for root in (one, two):
        daemon.ctl("end", "a", "--root", root)
    wait_for(lambda: gone(made[1]), "the other root is reaped")
    assert not gone(made[0])
    wait_for(lambda: gone(made[0]), "the pause ends by itself")


def test_a_paused_root_is_seen_and_resume_means_every_root(farm):
    daemon = farm.start().daemon
    daemon.ctl("pause", "--root", farm.root)
    assert "enforce, paused" in daemon.ctl("status").stdout
    daemon.ctl("resume")
    assert "paused" not in daemon.ctl("status").stdout


def test_observe_touches_nothing(farm):
    daemon = farm.start("--observe").daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: "ended" in daemon.evidence("a1"), "the evidence is shown")
    assert daemon.status()["mode"] == "observe"
    assert_kept(daemon, harness.mounts(farm.root), farm.root)
    refused = daemon.ctl("reap", "a1", "--root", farm.root, check=False)
    assert refused.returncode == 4 and "nothing is reaped" in refused.stderr and "observe" in refused.stdout
    assert daemon.ctl("reap", "a1", "--dry-run").returncode == 0
    assert_kept(daemon, harness.mounts(farm.root), farm.root)
    assert "observe" in daemon.ctl("explain", "a1").stdout
    assert "would reap a1@1" in daemon.said()


def test_a_root_in_observe_mode_beside_one_that_is_not(cell, source):
    farm = harness.Farm(cell, source, mode="observe")
    other = cell.make("other")
    farm.daemon.configure(farm.config + harness.root_section(other))
    daemon = farm.start().daemon
    made = farm.tmpfs("a1", "root")
    os.makedirs(other + "/a1/root")
    harness.mount("tmpfs", other + "/a1/root", "tmpfs")
    second = harness.top_id(other + "/a1/root")
    for root in (farm.root, other):
        daemon.ctl("begin", "a1", "--root", root)
    daemon.knows(made, second)
    for root in (farm.root, other):
        daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: gone(second), "the root that is enforced is reaped")
    daemon.is_probed(4)
    assert not gone(made)


def test_someone_elses_mount_in_an_action_that_is_over_goes_with_it_only_if_below_it(farm):
    """Whole segments: a1 is no prefix of a10."""
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    over, live = farm.action("a1"), farm.action("a10")
    daemon.knows(*over, *live)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*over), "a1 is reaped")
    daemon.is_probed(4)
    assert not any(gone(number) for number in live)


def test_a_symlink_below_the_root_leads_nowhere(farm):
    """An attacker swaps the action's directory for a symlink to the host's while its mounts lie elsewhere."""
    daemon = farm.start().daemon
    outside = farm.cell.make("host", "root")
    harness.mount("tmpfs", outside, "tmpfs")
    victim = harness.top_id(outside)
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.tmpfs("a1", "root")
    daemon.knows(made)
    daemon.ctl("pause")
    daemon.ctl("end", "a1", "--root", farm.root)
    os.rename(farm.path("a1"), farm.cell.disk + "/stolen")
    os.symlink(farm.cell.disk + "/host", farm.path("a1"))
    daemon.ctl("resume")
    daemon.is_probed(8)
    assert not gone(victim)
    assert not gone(made), "it now lies outside of the root"


@pytest.mark.limit(120)
def test_swapping_names_under_the_reaper_costs_no_live_mount(farm):
    """Two directories change places again and again, one over and one live, while the reaper works: only ids count."""
    daemon = farm.start().daemon
    daemon.ctl("begin", "over", "--root", farm.root)
    over, live = farm.tmpfs("over", "root"), farm.tmpfs("live", "root")
    daemon.knows(over, live)
    os.mkdir(farm.path(".trash"))
    daemon.ctl("end", "over", "--root", farm.root)
    names = [farm.path("over"), farm.path("live")]
    for _ in range(400):
        if gone(over):
            break
        for source, target in ((names[0], farm.path("spare")), (names[1], names[0]), (farm.path("spare"), names[1])):
            os.rename(source, target)
    assert not gone(live)


def test_mounts_stacked_between_the_decision_and_the_call_stay(farm):
    """What is mounted over a leftover after the decision is another mount. Where it belongs to the action that is over, both go or it stays
    untouched until it was recorded; where to the next generation, which lives, it holds up the leftover. What is outside never goes."""
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    bottom = farm.tmpfs("a1", "root")
    daemon.knows(bottom)
    outside = harness.mounts()
    daemon.ctl("end", "a1", "--root", farm.root)

    def mount_one():
        try:
            return farm.tmpfs("a1", "root")
        except FileNotFoundError:
            return None  # where the path led to went meanwhile

    def holds():
        explained = daemon.call("io.reaperd.Explain", what="a1")["explanations"]
        return {daemon.as_kernel(m["mount"]["id"]): m["decision"]["hold"] for e in explained for m in e["mounts"]}
    made = [wait_for(mount_one, "another is mounted") for _ in range(3)]
    wait_for(lambda: gone(bottom) or holds().get(bottom) == "live-child", "the leftover is reaped, or held up")
    assert gone(bottom) or not all(gone(number) for number in made)
    for number in made:
        if gone(number) and not daemon.has_own_ids():
            assert daemon.query("SELECT count(*) FROM attempts WHERE mount_id = ?", daemon.as_daemon(number))[0][0] > 0
    after = harness.mounts()
    assert {number for number in outside if number != bottom} <= set(after)
