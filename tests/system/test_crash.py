# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills, new starts and broken ledgers: the record follows the kernel, and reaping goes on."""
import glob
import os
import re
import sqlite3
import time

import pytest

import harness
from harness import gone, wait_for


def kill_engine(daemon):
    was = daemon.kill_engine()
    wait_for(lambda: daemon.engine() not in (None, was), "the broker starts another engine")
    daemon.wait_ready()


def kill_broker(daemon):
    daemon.kill_broker()
    daemon.start()


def kill_both(daemon):
    daemon.kill_both()
    daemon.start()


def stop(daemon):
    assert daemon.stop() == 0
    daemon.start()


RESTARTS = [kill_engine, kill_broker, kill_both, stop]


def histories(daemon, numbers):
    return {number: {key: daemon.mount(number)[key] for key in ("action", "generation", "attached", "state")} for number in numbers}


@pytest.mark.parametrize("restart", RESTARTS)
def test_what_is_still_mounted_keeps_identity_and_history(farm, restart):
    daemon = farm.start().daemon
    made = farm.action("a1") + farm.action("a2")
    daemon.knows(*made)
    daemon.is_probed(3)
    before, first_seen = histories(daemon, made), daemon.action("a1")["first_seen"]
    restart(daemon)
    daemon.knows(*made)
    assert histories(daemon, made) == before
    assert daemon.action("a1")["first_seen"] == first_seen
    assert daemon.action("a1")["generation"] == 1
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    assert len([e for e in daemon.events(type="attach") if e["id"] in made]) == len(made), "no mount is recorded twice"


def test_what_changed_while_nobody_watched(farm):
    daemon = farm.start().daemon
    kept, went, replaced = farm.action("kept"), farm.action("went"), farm.action("replaced")
    daemon.knows(*kept, *went, *replaced)
    unique = not daemon.has_own_ids()
    daemon.is_probed(3)
    daemon.kill_both()
    for name in ("went", "replaced"):
        for last in ("proc", "sys"):
            harness.umount(farm.path(name, "root", last))
    new = farm.action("replaced")
    daemon.start()
    daemon.knows(*kept, *new)
    # Without unique ids what was mounted in its place may have its number, too, and cannot be told from it.
    for number in went + (replaced if unique else []):
        known = daemon.mount(number)
        assert (known["state"], known["detached_by"]) == ("detached", "not watching")
    if unique:
        attached = {number: daemon.mount(number)["attached"] for number in kept + new}
        assert max(attached[number] for number in kept) < min(attached[number] for number in new)
    daemon.is_probed(6)
    assert not any(gone(number) for number in kept + new)


@pytest.mark.limit(180)
@pytest.mark.parametrize("restart", [kill_engine, kill_broker, kill_both])
def test_a_kill_amid_reaping(farm, restart):
    daemon = farm.start().daemon
    names = [f"{number:04x}" for number in range(200)]
    for name in names:
        farm.action(name)
    live = {number for name in names[1::2] for number in (harness.top_id(farm.path(name, "root/proc")),
                                                          harness.top_id(farm.path(name, "root/sys")))}
    every = {m.id for m in harness.mounts(farm.root).values()}
    leftovers = every - live
    daemon.knows(*every)
    before = {number: mount for number, mount in harness.mounts().items() if number not in leftovers}
    os.mkdir(farm.path(".trash"))
    for name in names[::2]:
        os.rename(farm.path(name), farm.path(".trash", name))
    wait_for(lambda: len(leftovers & harness.ids(farm.root)) < len(leftovers), "reaping has begun")
    restart(daemon)
    wait_for(lambda: gone(*leftovers), "the rest is reaped after the new start", 30 * harness.SLOWNESS)
    assert {number: mount for number, mount in harness.mounts().items() if number not in leftovers} == before
    wait_for(lambda: {a["name"] for a in daemon.actions()} == set(names[1::2]), "only live actions are shown")
    assert {(a["state"], a["generation"], a["mounts"]) for a in daemon.actions()} == {("active", 1, 2)}
    daemon.records("SELECT count(*) FROM attempts WHERE outcome IS NULL", [(0,)])
    assert daemon.query("SELECT count(*) FROM mounts WHERE detached IS NULL AND root IS NOT NULL AND action IS NOT NULL") == [(len(live),)]


def test_an_engine_that_dies_again_and_again_is_started_again(farm):
    """Ever more slowly; and it is said, also afterwards."""
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    first = daemon.status()
    assert first["engine_deaths"] == 0
    for _ in range(4):
        kill_engine(daemon)
    daemon.knows(*made)
    assert re.findall(r"starting the engine anew in (\d+) ms", daemon.said()) == ["100", "200", "400", "800"]
    status = daemon.status()
    assert (status["engine_deaths"], status["engine_died"]) == (4, "died of signal 9 (Killed)")
    assert status["started"] == first["started"] <= first["engine_started"] < status["engine_started"]
    assert re.match(r"reaperd .*, running for \w+; its engine, which counts, for \w+\n", daemon.ctl("status").stdout)
    assert "engine      died 4 times since the daemon started; the last one died of signal 9 (Killed)" in daemon.ctl("status").stdout
    assert daemon.process.poll() is None


@pytest.mark.limit(120)
def test_kills_at_every_moment_cost_no_live_mount(cell, source):
    """The engine dies while actions come and go."""
    farm = harness.Farm(cell, source)
    daemon = farm.start().daemon
    live = farm.action("live")
    daemon.knows(*live)
    os.mkdir(farm.path(".trash"))
    leftovers = []
    for number in range(12):
        made = farm.action(f"a{number}")
        os.rename(farm.path(f"a{number}"), farm.path(f".trash/a{number}"))
        leftovers += made
        engine = daemon.engine()
        if engine and number % 2:
            os.kill(engine, 9)
    wait_for(lambda: gone(*leftovers), "all leftovers are reaped in the end", 60 * harness.SLOWNESS)
    assert not any(gone(number) for number in live)


def test_evidence_from_before_the_kill_still_counts(farm):
    daemon = farm.start().daemon
    daemon.ctl("pause")
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(3)  # without unique ids the next start knows the mounts by their directory, if anybody has learnt which that is
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: "ended" in daemon.evidence("a1"), "the action has ended")
    daemon.kill_both()
    daemon.start()
    assert "ended" in daemon.evidence("a1")
    daemon.ctl("resume")
    wait_for(lambda: gone(*made), "it is reaped")


@pytest.mark.parametrize("directory", ["the same", "another"])
def test_what_was_mounted_while_nobody_watched_is_not_reaped_on_the_old_ones_evidence(farm, directory):
    """The next action of that name: where mounts have no unique ids its own may look like those that went."""
    farm.daemon.configure(farm.config.replace("grace = 200ms", "grace = 200ms\nmode = observe"))
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    old = farm.action("a1")
    daemon.knows(*old)
    daemon.is_probed(2)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: "ended" in daemon.evidence("a1"), "the action has ended")
    daemon.kill_both()
    for last in ("proc", "sys"):
        harness.umount(farm.path("a1/root", last))
    if directory == "another":
        os.rename(farm.path("a1"), os.path.join(farm.cell.disk, "elsewhere"))
    new = farm.action("a1")
    daemon.configure(farm.config)
    daemon.start()
    if directory == "another":
        daemon.knows(*new)
        daemon.is_probed(8)
        assert not any(gone(number) for number in new)
        assert daemon.action("a1")["state"] == "active"
    else:
        wait_for(lambda: gone(*new), "the directory is that of the action that ended, and nobody has begun another")


def test_a_registration_outlives_a_start(farm):
    daemon = farm.start().daemon
    runner = farm.cell.runner()
    daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(runner.pid))
    made = farm.action("a1")
    daemon.knows(*made)
    # Which directory it is must be known by then: without unique ids nothing of an earlier start goes by its name alone.
    daemon.is_probed(4)
    daemon.kill_both()
    runner.kill()
    runner.wait()
    daemon.start()
    wait_for(lambda: gone(*made), "the runner that died meanwhile is noticed")


def test_another_boot_closes_everything(farm):
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    assert daemon.stop() == 0
    with sqlite3.connect(daemon.ledger) as ledger:
        ledger.execute("UPDATE boots SET boot_id = '00000000-0000-0000-0000-000000000000'")
    ledger.close()
    daemon.start()
    daemon.knows(*made)
    assert daemon.query("SELECT count(*), min(detached_by), max(detached_by) FROM mounts JOIN namespaces n ON n.id = mounts.namespace "
                        "JOIN boots b ON b.id = n.boot WHERE boot_id LIKE '00000000%' AND detached IS NOT NULL"
                        )[0][1:] == (b"another boot", b"another boot")
    assert daemon.query("SELECT count(*) FROM mounts JOIN namespaces n ON n.id = mounts.namespace JOIN boots b ON b.id = n.boot "
                        "WHERE boot_id LIKE '00000000%' AND detached IS NULL") == [(0,)]
    assert daemon.query("SELECT count(*) FROM active_mounts WHERE action = 'a1'") == [(2,)]
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)


def fill_and_stop(farm):
    daemon = farm.start().daemon
    daemon.knows(*farm.action("a1"))
    assert daemon.stop() == 0
    return daemon


def reaps_nevertheless(farm, name="a9"):
    daemon = farm.daemon
    os.makedirs(farm.path(".trash"), exist_ok=True)
    made = farm.action(name)
    wait_for(lambda: daemon.action(name) and daemon.action(name)["mounts"] == 2, "the daemon knows the mounts")
    os.rename(farm.path(name), farm.path(".trash", name))
    wait_for(lambda: gone(*made), "reaping goes on")


@pytest.mark.parametrize("damage", ["garbage", "pages", "empty-header"])
def test_a_corrupt_ledger_is_set_aside(farm, damage):
    daemon = fill_and_stop(farm)
    with open(daemon.ledger, "r+b") as file:
        size = os.path.getsize(daemon.ledger)
        if damage == "garbage":
            file.truncate(0)
            file.write(b"this is no database\n" * 200)
        elif damage == "pages":
            file.seek(1024)
            file.write(os.urandom(size - 1024))
        else:
            file.write(b"\0" * 100)
    with open(daemon.ledger, "rb") as file:
        damaged = file.read()
    daemon.start()
    aside = [path for path in glob.glob(daemon.ledger + "*") if "corrupt" in path and not path.endswith(("-wal", "-shm"))]
    assert len(aside) == 1
    with open(aside[0], "rb") as file:
        assert file.read() == damaged
    assert "corrupt" in daemon.said()
    reaps_nevertheless(farm)
    assert daemon.query("SELECT count(*) FROM events WHERE type = 'start'") == [(1,)]


def test_a_ledger_that_is_newer_is_left_alone(farm):
    daemon = fill_and_stop(farm)
    with sqlite3.connect(daemon.ledger) as ledger:
        ledger.execute("PRAGMA user_version = 9999")
    ledger.close()
    with open(daemon.ledger, "rb") as file:
        before = file.read()
    daemon.start()
    assert daemon.status()["ledger"]["state"] == "degraded"
    assert "9999" in daemon.status()["ledger"]["problem"] or "newer" in daemon.status()["ledger"]["problem"]
    reaps_nevertheless(farm)
    assert daemon.stop() == 0
    with open(daemon.ledger, "rb") as file:
        assert file.read() == before
    os.unlink(daemon.ledger)


def test_a_ledger_that_cannot_be_written_does_not_stop_reaping(farm):
    harness.mount("tmpfs", farm.daemon.state, "tmpfs", harness.MS_RDONLY)
    daemon = farm.start().daemon
    assert daemon.status()["ledger"]["state"] == "degraded"
    reaps_nevertheless(farm)
    checked = daemon.ctl("status", check=False)
    assert "degraded" in checked.stdout


def fill(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(fd, b"x" * 4096):
            pass
    except OSError:
        pass
    os.close(fd)


@pytest.mark.limit(120)
def test_a_ledger_that_fills_up_does_not_stop_reaping(farm):
    harness.mount("tmpfs", farm.daemon.state, "tmpfs", 0, "size=1m")
    daemon = farm.start().daemon
    fill(os.path.join(daemon.state, "ballast"))
    reaps_nevertheless(farm)
    for number in range(200):
        farm.tmpfs("churn")
        harness.umount(farm.path("churn"))
    wait_for(lambda: daemon.status()["ledger"]["state"] == "degraded", "status says that the ledger is degraded")
    os.unlink(os.path.join(daemon.state, "ballast"))
    reaps_nevertheless(farm, "a10")
    deadline = time.monotonic() + 60 * harness.SLOWNESS
    while daemon.status()["ledger"]["state"] != "ok" and time.monotonic() < deadline:
        farm.tmpfs("churn")
        harness.umount(farm.path("churn"))
    assert daemon.status()["ledger"]["state"] == "ok", "it takes writes again"
