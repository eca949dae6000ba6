# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is over goes, and only that: local filesystems."""
import os
import shutil
import subprocess

import pytest

import harness
from harness import gone, wait_for


def differences(one, two):
    return [(one.get(number), two.get(number)) for number in sorted(set(one) | set(two)) if one.get(number) != two.get(number)]


def everything_but(numbers):
    return {number: mount for number, mount in harness.mounts().items() if number not in numbers}


@pytest.mark.limit(180)
def test_of_500_actions_half_end_at_once(farm):
    """Half of those over are ended by their runner, half are moved to a trash folder; every other mount stays what it was."""
    daemon = farm.start().daemon
    names = [f"{number:016x}" for number in range(500)]
    over, live = names[::2], names[1::2]
    for name in over[::2]:
        daemon.call("io.reaperd.Begin", root=farm.root, name=name)
    made = {name: farm.action(name) for name in names}
    leftovers = {number for name in over for number in made[name]}
    daemon.knows(*leftovers)
    before = everything_but(leftovers)
    os.mkdir(farm.path(".trash-cleaner"))
    for name in over[1::2]:
        os.rename(farm.path(name), farm.path(".trash-cleaner", name))
    with harness.Varlink(daemon.socket) as client:
        for name in over[::2]:
            client.call("io.reaperd.End", root=farm.root, name=name)
    wait_for(lambda: gone(*leftovers), "half of the actions are reaped", 60 * harness.SLOWNESS)
    assert differences(everything_but(leftovers), before) == []
    wait_for(lambda: {a["name"] for a in daemon.actions()} == set(live), "only live actions are shown")
    assert {(a["state"], a["mounts"]) for a in daemon.actions()} == {("active", 2)}
    daemon.records("SELECT count(*) FROM mounts WHERE state = 'reaped'", [(len(leftovers),)])
    daemon.records("SELECT count(DISTINCT name) FROM attempts WHERE outcome = 'gone' AND evidence = 'ended'", [(len(over) // 2,)])
    # Nobody's file or directory was deleted.
    assert len(os.listdir(farm.path(".trash-cleaner"))) == 125
    assert os.path.isdir(farm.path(over[0], "root/proc"))


def test_an_action_renamed_to_a_trash_folder_is_moved(farm):
    daemon = farm.start().daemon
    made, kept = farm.action("a1"), farm.action("a2")
    daemon.knows(*made)
    os.mkdir(farm.path("trash-0"))
    os.rename(farm.path("a1"), farm.path("trash-0/a1"))
    wait_for(lambda: gone(*made), "what was moved away is reaped")
    assert not gone(kept[0]) and not gone(kept[1])
    wait_for(lambda: daemon.mount(made[0])["state"] == "reaped", "the ledger says so")
    # Both are true: its directory is missing where it was, and the mounts lie below a trash folder.
    assert daemon.query("SELECT DISTINCT evidence FROM attempts")[0][0] in (b"moved", b"missing")
    assert os.path.isdir(farm.path("trash-0/a1/root/proc"))


def test_a_mount_found_below_a_trash_folder_at_the_start_is_moved(farm):
    os.mkdir(farm.path("_moved_trash_dir"))
    made = farm.tmpfs("_moved_trash_dir", "a1", "root")
    farm.start()
    wait_for(lambda: gone(made), "it is reaped though it was never seen elsewhere")


def test_without_grace_what_was_found_in_the_trash_goes_though_nothing_else_happens(cell, source):
    """What is found must be seen twice; nobody but the daemon itself is there to have it look again."""
    farm = harness.Farm(cell, source, grace="0", probe_interval="1h")
    made = farm.action(".trash/a1")
    farm.start()
    wait_for(lambda: gone(*made), "what lay in the trash is reaped")
    made = farm.action("a2")
    farm.daemon.knows(*made)
    wait_for(lambda: farm.daemon.query("SELECT count(*) FROM mounts WHERE detached IS NULL AND confirmed")[0][0] == 2, "it has been learnt")
    os.rename(farm.path("a2"), farm.path(".trash", "a2"))
    wait_for(lambda: harness.count_under(farm.root) == 0, "what was moved there is reaped")


def test_what_is_renamed_while_mounts_come_and_go_is_looked_for_first(cell, source):
    """Its directory is missing where it was; where its mounts are now is read before any of them is asked for, whatever else there is to read."""
    farm = harness.Farm(cell, source, grace="0")
    os.makedirs(farm.path(".trash"))
    elsewhere = cell.make("elsewhere")
    daemon = farm.start().daemon
    for number in range(8):
        made = farm.action(f"a{number}")
        daemon.knows(*made)
        os.rename(farm.path(f"a{number}"), farm.path(".trash", f"a{number}"))

        def is_gone():
            harness.mount("tmpfs", elsewhere, "tmpfs")
            harness.umount(elsewhere)
            return harness.count_under(farm.root) == 0
        wait_for(is_gone, "what was moved is reaped")
        # Before the next one comes with the same numbers.
        daemon.records("SELECT count(*) FROM mounts WHERE detached IS NULL", [(0,)])
    assert daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'mismatch'") == [(0,)]


def test_an_action_renamed_to_publish_it_is_followed(farm):
    daemon = farm.start().daemon
    made = farm.action("incoming")
    daemon.knows(*made)
    before = harness.mounts(farm.root)
    os.rename(farm.path("incoming"), farm.path("published"))
    wait_for(lambda: daemon.action("published") and daemon.action("published")["mounts"] == 2, "the new name has the mounts")
    daemon.is_probed(4)
    assert set(before) == harness.ids(farm.root)
    assert daemon.action("published")["state"] == "active"
    assert daemon.action("incoming") is None
    assert {e["type"] for e in daemon.events()} & {"reaped", "attempt"} == set()
    if not daemon.has_own_ids():  # without unique ids a mount elsewhere is another mount
        assert {m["id"]: m["action"] for m in daemon.mounts() if m["id"] in made} == {number: "published" for number in made}
        assert {e["id"] for e in daemon.events(type="move")} == set(made)


def test_an_action_that_a_cleaner_emptied_is_hollow(farm):
    daemon = farm.start().daemon
    made, kept = farm.action("a1"), farm.action("a2")
    for name in ("a1", "a2"):
        with open(farm.path(name, "input"), "w") as file:
            file.write("data")
    daemon.knows(*made, *kept)
    # It must have been seen with its input once: what was hollow from the start may be an action that is being made.
    wait_for(lambda: daemon.query("SELECT count(*) FROM actions WHERE seen_full = 1") == [(2,)], "both are seen with their input")
    cleaner = subprocess.run(["rm", "-rf", "--one-file-system", farm.path("a1")], capture_output=True)
    assert cleaner.returncode != 0 and os.listdir(farm.path("a1")) == ["root"]
    wait_for(lambda: gone(*made), "the hollow action is reaped")
    assert not gone(kept[0]) and not gone(kept[1])
    daemon.records("SELECT DISTINCT evidence FROM attempts", [(b"hollow",)])
    assert os.path.isdir(farm.path("a1/root/proc"))


def test_an_action_that_never_had_anything_is_not_hollow(farm):
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(12)
    assert not gone(made[0]) and not gone(made[1])
    assert daemon.action("a1")["state"] == "active"


def test_a_bind_of_a_deleted_action_directory_goes(farm):
    daemon = farm.start().daemon
    kept = farm.action("live")
    os.makedirs(farm.path("dead/output"))
    os.makedirs(farm.path("live/input"))
    harness.bind(farm.path("dead/output"), farm.path("live/input"))
    bound = harness.top_id(farm.path("live/input"))
    daemon.knows(bound)
    shutil.rmtree(farm.path("dead"))
    wait_for(lambda: gone(bound), "the bind is reaped")
    assert not gone(kept[0]) and not gone(kept[1])
    assert daemon.action("live")["state"] == "active"
    daemon.records("SELECT DISTINCT evidence FROM attempts", [(b"source-deleted",)])


def test_a_bind_of_a_deleted_directory_from_outside_stays(farm):
    daemon = farm.start().daemon
    outside = farm.cell.make("outside")
    os.makedirs(farm.path("a1/input"))
    harness.bind(outside, farm.path("a1/input"))
    bound = harness.top_id(farm.path("a1/input"))
    daemon.knows(bound)
    os.rmdir(outside)
    daemon.is_probed(6)
    assert not gone(bound)


def test_a_stack_of_four_goes_from_the_top(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    stack = [farm.tmpfs("a1", "root") for _ in range(4)]
    assert len(set(stack)) == 4
    daemon.knows(*stack)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*stack), "the stack is reaped")
    wait_for(lambda: {daemon.mount(number)["state"] for number in stack} == {"reaped"}, "each is recorded")
    # One call that is not lazy takes the top alone, so they went one after another.
    daemon.records("SELECT mount_id FROM attempts WHERE outcome = 'gone' ORDER BY id", [(daemon.as_daemon(n),) for n in stack[::-1]])


def test_children_go_before_their_parents(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    parent = farm.tmpfs("a1", "root")
    os.makedirs(farm.path("a1/root/dev/shm"))
    child = farm.tmpfs("a1", "root", "dev")
    grandchild = farm.tmpfs("a1", "root", "dev", "shm")
    daemon.knows(parent, child, grandchild)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(parent, child, grandchild), "the tree is reaped")
    daemon.records("SELECT mount_id FROM attempts WHERE outcome = 'gone' ORDER BY id",
                   [(daemon.as_daemon(number),) for number in (grandchild, child, parent)])


def test_a_tree_whose_ladder_is_detach_goes_in_one_call(cell, source):
    farm = harness.Farm(cell, source, ladder="detach")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    parent = farm.tmpfs("a1", "root")
    below = []
    for number in range(20):
        os.mkdir(farm.path("a1/root", str(number)))
        below.append(farm.tmpfs("a1", "root", str(number)))
    daemon.knows(parent, *below)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(parent, *below), "the tree is reaped")
    wait_for(lambda: {daemon.mount(number)["state"] for number in [parent, *below]} == {"reaped"}, "each is recorded as reaped")
    daemon.records("SELECT mount_id, step, outcome FROM attempts", [(daemon.as_daemon(parent), b"detach", b"gone")])


def test_a_busy_mount_is_detached_when_umount_fails(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.tmpfs("a1", "root")
    holder = farm.cell.runner(farm.path("a1/root"))
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(made), "the busy mount is reaped")
    wait_for(lambda: daemon.mount(made)["state"] == "reaped", "it is recorded")
    daemon.records("SELECT step, outcome FROM attempts ORDER BY id", [(b"umount", b"busy"), (b"detach", b"gone")])
    if farm.source == "mountinfo":
        return
    # It is at no path any more, and is still held.
    held = f"pid {holder.pid} ({harness.comm(holder.pid)}) holds mnt:{made}, detached from {farm.path('a1/root')}, by its cwd."
    assert held in daemon.ctl("explain", "a1", "--root", farm.root).stdout
    holder.kill()
    holder.wait()
    assert "mnt:" not in daemon.ctl("explain", "a1", "--root", farm.root).stdout


def test_a_mount_that_survives_its_ladder_is_stuck_and_tried_again(cell, source):
    farm = harness.Farm(cell, source, ladder="umount")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.tmpfs("a1", "root")
    holder = farm.cell.runner(farm.path("a1/root"))
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: daemon.mount(made)["state"] == "stuck", "it is stuck")
    assert daemon.ctl("status", "--check", check=False).returncode == 1
    explained = daemon.ctl("explain", f"mnt:{daemon.as_daemon(made)}").stdout
    assert str(holder.pid) in explained and "cwd" in explained
    assert len(daemon.query("SELECT 1 FROM attempts")) < 20, "no hot loop"
    holder.kill()
    holder.wait()
    wait_for(lambda: gone(made), "once nobody holds it, it goes", 30 * harness.SLOWNESS)


@pytest.mark.parametrize("fstype", ["proc", "sysfs", "tmpfs", "overlay", "bind", "mqueue", "devpts"])
def test_every_kind_of_mount_is_reaped(farm, fstype):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    for directory in ("root/target", "lower", "upper", "work"):
        os.makedirs(farm.path("a1", directory))
    target = farm.path("a1/root/target")
    if fstype == "bind":
        harness.bind(farm.path("a1/lower"), target)
    else:
        data = None
        if fstype == "overlay":
            data = ",".join(f"{key}dir={farm.path('a1', key)}" for key in ("lower", "upper", "work"))
        harness.mount(fstype, target, fstype, 0, data)
    made = harness.top_id(target)
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(made), "it is reaped")
    wait_for(lambda: daemon.mount(made)["state"] == "reaped", "it is recorded")


def test_a_registered_runner_that_ends_takes_its_action_along(farm):
    daemon = farm.start().daemon
    runner = farm.cell.runner()
    daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(runner.pid))
    made = farm.action("a1")
    daemon.knows(*made)
    assert daemon.action("a1")["owner"]["pid"] == runner.pid
    daemon.is_probed(4)
    assert not gone(made[0])
    runner.kill()
    runner.wait()
    wait_for(lambda: gone(*made), "the action of a dead runner is reaped")
    daemon.records("SELECT DISTINCT evidence FROM attempts", [(b"owner-exited",)])


def test_a_runner_that_begins_twice_is_still_its_owner(farm):
    daemon = farm.start().daemon
    runner = farm.cell.runner()
    daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(runner.pid))
    daemon.ctl("begin", "a1", "--root", farm.root)
    assert daemon.action("a1")["owner"]["pid"] == runner.pid
    made = farm.action("a1")
    daemon.knows(*made)
    runner.kill()
    runner.wait()
    wait_for(lambda: gone(*made), "its end is the action's")


def test_a_lease_ends_with_its_connection(farm):
    daemon = farm.start().daemon
    lease = harness.Varlink(daemon.socket)
    lease.send("io.reaperd.Lease", {"root": farm.root, "name": "a1"}, more=True)
    assert lease.receive()["continues"]
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.ctl("begin", "a1", "--root", farm.root)
    assert daemon.action("a1")["owner"]["lease"] is True
    daemon.is_probed(4)
    assert not gone(made[0])
    assert "A runner holds it by a lease" in daemon.ctl("explain", "a1").stdout
    lease.socket.close()
    wait_for(lambda: gone(*made), "the action whose lease closed is reaped")
    daemon.records("SELECT DISTINCT evidence FROM attempts", [(b"owner-exited",)])


def test_of_an_action_that_is_past_nobody_holds_the_lease(farm):
    daemon = farm.start().daemon
    with harness.Varlink(daemon.socket) as lease:
        lease.send("io.reaperd.Lease", {"root": farm.root, "name": "a1"}, more=True)
        assert lease.receive()["continues"]
        daemon.ctl("end", "a1", "--root", farm.root)
        wait_for(lambda: daemon.action("a1", all=True)["state"] == "cleared", "it is past")
        assert "A runner holds it" not in daemon.ctl("explain", "a1").stdout


def test_a_pidfile_names_the_owner_of_a_root(cell, source):
    runner = cell.runner()
    pidfile = os.path.join(cell.disk, "worker.pid")
    with open(pidfile, "w") as file:
        file.write(f"{runner.pid}\n")
    farm = harness.Farm(cell, source, owner=f"pidfile:{pidfile}")
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(4)
    assert not gone(made[0])
    runner.kill()
    runner.wait()
    wait_for(lambda: gone(*made), "what a dead worker left is reaped")


def test_a_registration_expires(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", "1s")
    made = farm.action("a1")
    wait_for(lambda: gone(*made), "the action outlived its own bound")
    daemon.records("SELECT DISTINCT evidence FROM attempts", [(b"expired",)])


def test_a_name_that_comes_again_is_a_new_generation(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    first = farm.action("a1")
    daemon.knows(*first)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(*first), "the first generation is reaped")
    wait_for(lambda: daemon.action("a1") is None, "it is past")
    shutil.rmtree(farm.path("a1"))
    second = farm.action("a1")
    daemon.knows(*second)
    assert daemon.action("a1")["generation"] == 2
    assert [a["generation"] for a in sorted(daemon.actions(all=True), key=lambda a: a["generation"])] == [1, 2]
    daemon.is_probed(6)
    assert not gone(second[0]) and not gone(second[1])


def test_names_with_odd_bytes_go_round(farm):
    daemon = farm.start().daemon
    name, shown = os.fsdecode(b"new\nline \xff\\"), "new\\x0aline \\xff\\\\"
    daemon.ctl("begin", shown, "--root", farm.root)
    made = farm.action(name)
    daemon.knows(*made)
    action = daemon.json("actions")["actions"][0]
    assert action["name"] == shown
    assert action["name_b64"] == "bmV3CmxpbmUg/1w="
    mount = daemon.json("mounts", shown)["mounts"]
    assert {m["target"] for m in mount} == {farm.root + "/" + shown + "/root/" + last for last in ("proc", "sys")}
    table = daemon.ctl("actions").stdout
    assert shown in table and len(table.strip().splitlines()) == 2
    assert daemon.query("SELECT DISTINCT name FROM actions") == [(os.fsencode(name),)]
    daemon.ctl("end", shown, "--root", farm.root)
    wait_for(lambda: gone(*made), "it is reaped under its name")


def test_a_layout_with_two_segments(cell, source):
    farm = harness.Farm(cell, source, layout="*/{action}", match="[0-9a-f]*")
    daemon = farm.start().daemon
    made = farm.action("worker1/abcd")
    unowned = [farm.tmpfs("worker1"[:6] + "2"), farm.tmpfs("worker3", "zz", "root")]
    daemon.knows(*made, *unowned)
    assert [a["name"] for a in daemon.actions()] == ["abcd"]
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("worker1/abcd"), farm.path(".trash/abcd"))
    wait_for(lambda: gone(*made), "the action is reaped")
    assert not gone(unowned[0]) and not gone(unowned[1])


def test_two_roots_keep_their_actions_apart(cell, source):
    one, two = cell.make("b/1"), cell.make("b/10")
    daemon = harness.Daemon(cell, harness.config_text(harness.root_section(one), harness.root_section(two), source=source)).start()
    for root in (one, two):
        os.makedirs(root + "/same/root")
        harness.mount("tmpfs", root + "/same/root", "tmpfs")
        daemon.ctl("begin", "same", "--root", root)
    first, second = harness.top_id(one + "/same/root"), harness.top_id(two + "/same/root")
    daemon.knows(first, second)
    daemon.ctl("end", "same", "--root", one)
    wait_for(lambda: gone(first), "the one that ended is reaped")
    daemon.is_probed(4)
    assert not gone(second)
    assert daemon.action("same", root=two)["state"] == "active"


def test_an_active_action_is_reaped_when_asked_although_nothing_else_happens(farm):
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed()
    daemon.ctl("reap", "a1", "--active", "--wait", "--timeout", "5s")
    assert gone(*made)
