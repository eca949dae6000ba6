# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile, or merely unlucky: what is live, protected or outside stays, what is over still goes, and nothing spins or leaks."""
import os
import signal
import time

import pytest

import harness
from harness import gone, wait_for


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---- owners ----

def test_a_former_owners_end_says_nothing(cell, source):
    """Begun for another process once the first has gone, before anybody was told of that."""
    farm = harness.Farm(cell, source, grace="1s")
    daemon = farm.start().daemon
    first, second = farm.cell.runner(), farm.cell.runner()
    daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(first.pid))
    made = farm.action("a1")
    daemon.knows(*made)
    first.kill()
    first.wait()
    assert daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(second.pid)).stdout.strip() == "a1@1"
    daemon.is_probed(15)
    assert not any(gone(number) for number in made)
    second.kill()
    second.wait()
    wait_for(lambda: gone(*made), "the owner's end is the action's")


def test_a_registration_that_is_renewed_in_time_does_not_expire(farm):
    daemon = farm.start().daemon
    age = f"{int(1500 * harness.SLOWNESS)}ms"
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", age)
    made = farm.action("a1")
    daemon.knows(*made)
    end = time.monotonic() + 4 * harness.SLOWNESS
    while time.monotonic() < end:
        daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", age)
        time.sleep(0.2)
        assert "expired" not in daemon.evidence("a1")
    assert not any(gone(number) for number in made)
    wait_for(lambda: gone(*made), "without renewal it expires")


def test_a_late_end_does_not_end_the_next_action_of_that_name(farm):
    daemon = farm.start().daemon
    first = daemon.ctl("begin", "a1", "--root", farm.root).stdout.strip()
    daemon.ctl("end", "a1", "--root", farm.root)
    second = daemon.ctl("begin", "a1", "--root", farm.root).stdout.strip()
    assert first != second
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", farm.root, "--generation", "1")
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    daemon.ctl("end", "a1", "--root", farm.root, "--generation", "2")
    wait_for(lambda: gone(*made), "its own end is the action's")


def test_a_runner_that_owns_many_actions_costs_no_descriptors(farm):
    daemon = farm.start().daemon
    runner = farm.cell.runner()
    before = None
    with harness.Varlink(daemon.socket) as client:
        for number in range(300):
            client.call("io.reaperd.Begin", root=farm.root, name="a1", pid=runner.pid)
            client.call("io.reaperd.Begin", root=farm.root, name="a1", pid=runner.pid)
            client.call("io.reaperd.End", root=farm.root, name="a1")
            if number == 10:
                before = open_files(daemon.engine())
    assert open_files(daemon.engine()) <= before + 4


def test_a_new_workers_mount_in_an_old_directory_is_kept(cell, source):
    """The old worker left a mount, the new one makes another beside it in the same directory, within the grace."""
    pidfile = os.path.join(cell.disk, "worker.pid")

    def worker():
        process = cell.runner()
        with open(pidfile, "w") as file:
            file.write(f"{process.pid}\n")
        return process
    first = worker()
    farm = harness.Farm(cell, source, owner=f"pidfile:{pidfile}", grace="1s")
    daemon = farm.start().daemon
    old = farm.tmpfs("a1", "root")
    daemon.knows(old)
    daemon.is_probed(2)
    first.kill()
    first.wait()
    wait_for(lambda: "owner-exited" in daemon.evidence("a1"), "the worker's end is noticed")
    worker()
    daemon.is_probed(2)
    new = farm.tmpfs("a1", "other")
    daemon.knows(new)
    wait_for(lambda: gone(old), "what the old worker left goes")
    daemon.is_probed(10)
    assert not gone(new)


def test_a_registration_that_is_renewed_has_not_expired(cell, source):
    farm = harness.Farm(cell, source, grace="1s")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", "300ms")
    made = farm.action("a1")
    daemon.knows(*made)
    wait_for(lambda: "expired" in daemon.evidence("a1"), "it expires")
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", "1h")
    daemon.is_probed(15)
    assert not any(gone(number) for number in made)


@pytest.mark.parametrize("way", ["end", "lease"])
def test_what_was_mounted_just_before_the_end_is_its_own(farm, way):
    """Runners that are done before the engine has read the table again."""
    daemon = farm.start().daemon
    made = []
    with harness.Varlink(daemon.socket) as client:
        for number in range(60):
            name = f"a{number}"
            farm.make_place(name, "root")
            if way == "end":
                client.call("io.reaperd.Begin", root=farm.root, name=name)
                made.append(farm.tmpfs(name, "root"))
                client.call("io.reaperd.End", root=farm.root, name=name)
            else:
                lease = harness.Varlink(daemon.socket)
                lease.send("io.reaperd.Lease", {"root": farm.root, "name": name}, more=True)
                lease.receive()
                made.append(farm.tmpfs(name, "root"))
                lease.socket.close()
    wait_for(lambda: gone(*made), "all of it goes")


def test_the_next_generations_mount_is_not_taken_for_the_last_ones(farm):
    """Unmounted, ended, begun and mounted again before the table is read: without unique ids the two mounts look the same."""
    outside = farm.cell.make("outside")
    harness.mount("tmpfs", outside, "tmpfs")
    for number in range(5000):  # a read takes long, and so does the rest after it
        os.mkdir(f"{outside}/{number}")
        harness.mount("tmpfs", f"{outside}/{number}", "tmpfs")
    daemon = farm.start().daemon
    farm.make_place("a1", "root")
    with harness.Varlink(daemon.socket) as client:
        client.call("io.reaperd.Begin", root=farm.root, name="a1")
        farm.tmpfs("a1", "root")
        for _ in range(8):
            wait_for(lambda: daemon.action("a1")["mounts"] == 1, "it is known")
            harness.umount(farm.path("a1/root"))
            client.call("io.reaperd.End", root=farm.root, name="a1")
            client.call("io.reaperd.Begin", root=farm.root, name="a1")
            new = farm.tmpfs("a1", "root")
            daemon.is_probed(2)
            assert not gone(new)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(new), "it goes with its own action")


def test_an_owner_is_followed_when_its_action_is_published(farm):
    """Renamed while its runner lives: when that ends, the action is over under its new name."""
    daemon = farm.start().daemon
    if daemon.has_own_ids():
        pytest.skip("without unique ids a mount elsewhere is another mount")
    runner = farm.cell.runner()
    lease = harness.Varlink(daemon.socket)
    lease.send("io.reaperd.Lease", {"root": farm.root, "name": "leased"}, more=True)
    assert lease.receive()["continues"]
    daemon.ctl("begin", "owned", "--root", farm.root, "--pid", str(runner.pid))
    owned, leased = farm.action("owned"), farm.action("leased")
    daemon.knows(*owned, *leased)
    daemon.is_probed(2)
    os.rename(farm.path("owned"), farm.path("o2"))
    os.rename(farm.path("leased"), farm.path("l2"))
    wait_for(lambda: daemon.action("o2") and daemon.action("l2"), "they are followed")
    daemon.is_probed(4)
    assert not any(gone(number) for number in owned + leased)
    runner.kill()
    runner.wait()
    lease.socket.close()
    wait_for(lambda: gone(*owned), "the owner's end is the action's")
    wait_for(lambda: gone(*leased), "so is the lease's")


# ---- names ----

def test_what_was_published_is_ended_by_the_name_that_it_had(farm):
    """Its runner knows that name and the generation; nobody else has the name by then."""
    daemon = farm.start().daemon
    if daemon.has_own_ids():
        pytest.skip("without unique ids a mount elsewhere is another mount")
    made = farm.action("before")
    daemon.ctl("begin", "before", "--root", farm.root)
    daemon.knows(*made)
    os.rename(farm.path("before"), farm.path("after"))
    wait_for(lambda: daemon.action("after") and daemon.action("after")["mounts"] == len(made), "the new name has the mounts")
    assert daemon.ctl("end", "before", "--root", farm.root, "--generation", "2", check=False).returncode == 5
    daemon.ctl("end", "before", "--root", farm.root, "--generation", "1")
    wait_for(lambda: gone(*made), "they go")


def test_an_action_published_under_an_ended_name_is_kept(cell, source):
    """The ended action's directory, with a busy mount in it, makes way in the moment in which a live one takes its name."""
    farm = harness.Farm(cell, source, ladder="umount")
    daemon = farm.start().daemon
    daemon.ctl("begin", "done", "--root", farm.root)
    over = farm.tmpfs("done", "root")
    farm.cell.runner(farm.path("done/root"))
    live = farm.tmpfs("next", "root")
    daemon.knows(over, live)
    daemon.is_probed(3)
    daemon.ctl("end", "done", "--root", farm.root)
    wait_for(lambda: daemon.mount(over)["state"] == "stuck", "the busy one is stuck")
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("done"), farm.path(".trash/done"))
    os.rename(farm.path("next"), farm.path("done"))
    daemon.is_probed(15)
    assert not gone(live)


def deep(path, depth):
    """A directory whose path is longer than any call takes; its descriptor."""
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    for _ in range(depth):
        try:
            os.mkdir("d" * 200, dir_fd=fd)
        except FileExistsError:
            pass
        below = os.open("d" * 200, os.O_PATH | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    return fd


def test_a_mount_too_deep_to_name_holds_nobody_up(farm):
    daemon = farm.start().daemon
    os.makedirs(farm.path("deep"))
    fd = deep(farm.path("deep"), 30)
    harness.mount("tmpfs", f"/proc/self/fd/{fd}", "tmpfs")
    os.close(fd)
    made = farm.action("a1")
    daemon.ctl("begin", "a1", "--root", farm.root)
    daemon.ctl("begin", "deep", "--root", farm.root)
    daemon.knows(*made)
    daemon.ctl("pause")
    daemon.ctl("end", "a1", "--root", farm.root)
    daemon.ctl("end", "deep", "--root", farm.root)
    daemon.ctl("resume")
    wait_for(lambda: gone(*made), "the other action goes")


def test_an_action_too_large_to_ask_about_holds_nobody_up(farm):
    """64 mounts whose paths together exceed a datagram; and another action that only a probe can find over."""
    daemon = farm.start().daemon
    made = farm.action("a1")
    with open(farm.path("a1/input"), "w") as file:
        file.write("data")
    os.makedirs(farm.path("large"))
    for number in range(66):
        fd = deep(farm.path("large"), 15)
        os.mkdir(str(number), dir_fd=fd)
        place = os.open(str(number), os.O_PATH, dir_fd=fd)
        harness.mount("tmpfs", f"/proc/self/fd/{place}", "tmpfs")
        os.close(place)
        os.close(fd)
    daemon.knows(*made)
    wait_for(lambda: daemon.query("SELECT name FROM actions WHERE seen_full = 1") == [(b"a1",)], "it is seen full")
    os.unlink(farm.path("a1/input"))
    wait_for(lambda: gone(*made), "the hollow action goes")


# ---- no hot loops ----

def test_an_unanswered_question_is_not_asked_in_a_loop(cell, source):
    """Ended, a mount that came after, and a storage that fails: it cannot be confirmed, and each answer comes at once."""
    root = cell.make("build")
    fuse = harness.Misfuse(cell, root, 0)
    farm = harness.Farm(cell, source, root=root, ladder__fuse="umount", ladder="umount")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    first = farm.tmpfs("a1", "root")
    farm.cell.runner(farm.path("a1/root"))
    os.mkdir(farm.path("a1/late"))
    daemon.knows(first)
    daemon.is_probed(3)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: daemon.mount(first)["state"] == "stuck", "the busy one is stuck")
    engine = daemon.engine()
    os.kill(engine, signal.SIGSTOP)
    harness.mount("tmpfs", farm.path("a1/late"), "tmpfs")
    fuse("errno", 5)
    os.kill(engine, signal.SIGCONT)
    daemon.is_probed(3)
    wakeups, cpu, begun = daemon.status()["wakeups"], harness.cpu_seconds(daemon.engine()), time.monotonic()
    time.sleep(2)
    lasted = time.monotonic() - begun
    woken = daemon.status()["wakeups"] - wakeups
    assert woken < 100 * lasted, f"{woken} wake-ups, {harness.cpu_seconds(daemon.engine()) - cpu:.2f} s of a core in {lasted:.1f} s"


def test_waiting_for_a_probe_costs_nothing(cell, source):
    """The grace is over, the answer that decides does not come: the engine waits without spinning."""
    root = cell.make("build")
    fuse = harness.Misfuse(cell, root, 0)
    farm = harness.Farm(cell, source, root=root, grace="700ms", step_timeout="3s")
    daemon = farm.start().daemon
    made = farm.tmpfs("a1", "root")
    daemon.knows(made)
    daemon.is_probed(3)
    fuse("remove", "a1")
    wait_for(lambda: "missing" in daemon.evidence("a1"), "it is missing")
    fuse("stop")
    time.sleep(1)
    wakeups, begun = daemon.status()["wakeups"], time.monotonic()
    time.sleep(1.5)
    woken, lasted = daemon.status()["wakeups"] - wakeups, time.monotonic() - begun
    fuse("go")
    assert woken < 100 * lasted, f"{woken} wake-ups in {lasted:.1f} s"


# ---- propagation ----

def test_a_protected_mount_of_the_action_itself_is_not_taken_along(cell, source):
    """Two views of one shared directory in an action, one of them protected: unmounting in the other must not empty it."""
    farm = harness.Farm(cell, source, protect="*/keep */keep/*")
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    farm.tmpfs("a1", "work")
    harness.mount("none", farm.path("a1/work"), None, harness.MS_SHARED)
    os.mkdir(farm.path("a1/work/x"))
    keep = farm.make_place("a1", "keep")
    harness.bind(farm.path("a1/work"), keep)
    made = farm.tmpfs("a1", "work", "x")
    kept = harness.ids(keep)
    assert len(kept) == 2
    daemon.knows(made, *kept)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(made), "what is not protected goes")
    daemon.is_probed(4)
    assert harness.ids(keep) == kept


def test_one_mounts_own_evidence_takes_nothing_of_its_live_action_along(cell, source):
    """A bind whose source is deleted, and at the same place of a slave in the same action something that lives."""
    farm = harness.Farm(cell, source)
    daemon = farm.start().daemon
    farm.tmpfs("live", "work")
    harness.mount("none", farm.path("live/work"), None, harness.MS_SHARED)
    os.mkdir(farm.path("live/work/x"))
    harness.bind(farm.path("live/work"), farm.make_place("live", "view"))
    harness.mount("none", farm.path("live/view"), None, harness.MS_SLAVE)
    os.makedirs(farm.path("dead/output"))
    harness.bind(farm.path("dead/output"), farm.path("live/work/x"))
    bound = harness.top_id(farm.path("live/work/x"))
    harness.umount(farm.path("live/view/x"))
    kept = farm.tmpfs("live", "view", "x")
    daemon.knows(bound, kept)
    daemon.is_probed(2)
    os.rmdir(farm.path("dead/output"))
    os.rmdir(farm.path("dead"))
    wait_for(lambda: daemon.query("SELECT count(*) FROM attempts")[0][0], "the bind is tried")
    daemon.is_probed(4)
    assert not gone(kept)


def test_what_a_refused_detach_left_is_not_called_reaped(cell, source):
    root, other = cell.make("build"), cell.make("other")
    harness.mount("tmpfs", root, "tmpfs")
    harness.mount("none", root, None, harness.MS_SHARED)
    harness.bind(root, other)
    harness.mount("none", other, None, harness.MS_SLAVE)
    farm = harness.Farm(cell, source, root=root, ladder="detach", daemon={"max_reaps_per_minute": 1})
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    parent = farm.tmpfs("a1", "root")
    harness.mount("none", farm.path("a1/root"), None, harness.MS_PRIVATE)
    child = farm.tmpfs("a1", "root", "child")
    harness.umount(other + "/a1/root")
    harness.mount("tmpfs", other + "/a1/root", "tmpfs")
    daemon.knows(parent, child)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'refused'")[0][0], "the step is refused")
    harness.umount(farm.path("a1/root/child"))
    wait_for(lambda: daemon.mount(child)["detached"], "its end is seen")
    assert daemon.mount(child)["state"] == "detached"


def test_the_oldest_of_many_actions_has_its_turn(cell, source):
    """Far more actions than are asked about between one round and the next."""
    root = cell.make("build")
    fuse = harness.Misfuse(cell, root, 0)
    farm = harness.Farm(cell, source, root=root, probe_interval="20ms", grace="200ms")
    oldest = farm.tmpfs("oldest", "root")
    daemon = farm.start().daemon
    daemon.knows(oldest)
    made = [farm.tmpfs(f"a{number}", "root") for number in range(1500)]
    daemon.knows(made[-1])
    daemon.is_probed(10)
    fuse("remove", "oldest")
    wait_for(lambda: gone(oldest), "it is found missing", 60 * harness.SLOWNESS)


@pytest.mark.parametrize("ladder", [None, "detach"])
def test_a_tree_goes_with_its_copy_where_the_root_is_a_shared_bind(cell, source, ladder):
    """A build root bound from elsewhere in the same namespace, all shared: nested and stacked mounts have copies, and those go, too."""
    data, root = cell.make("data"), cell.make("build")
    harness.mount("tmpfs", data, "tmpfs")
    harness.mount("none", data, None, harness.MS_SHARED)
    harness.bind(data, root)
    farm = harness.Farm(cell, source, root=root, **({"ladder": ladder} if ladder else {}))
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", root)
    made = [farm.tmpfs("a1", "root"), farm.tmpfs("a1", "root", "dev"), farm.tmpfs("a1", "root", "dev")]
    copies = harness.ids(data + "/a1")
    assert len(copies) == 3
    daemon.knows(*made)
    daemon.ctl("end", "a1", "--root", root)
    wait_for(lambda: gone(*made), "the tree goes")
    assert gone(*copies)
    assert daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'refused'") == [(0,)]
