# SPDX-License-Identifier: LGPL-2.1-or-later
"""Beside a worker and a runner of Buildbarn, which harness/buildbarn.py stands for (the revisions are named there): one test a behaviour."""
import errno
import json
import os
import re
import subprocess
import threading

import pytest

import harness
from harness import Misfuse, gone, top_id, wait_for
from harness.buildbarn import DEVICES, CleaningFailed, NotReady, Runner, Worker, remove_stale_mounts

DIGEST = "f3fb7c74c3b342a0b8a5a9a1c1e0d7f26dd7f4b2a9c0e3d4f5a6b7c8d9e0f1a2"
NAME = DIGEST[:16]
MATCH = "[0-9a-f]" * 16 + " [1-9]*"


class CannotRun(Exception):
    """What bb_runner says where a command cannot be started, or its time is over."""


def fail():
    raise CannotRun


@pytest.fixture
def barn(cell, source):
    """The build root on a filesystem of its own, as on a worker's disk."""
    place = cell.make("worker")
    harness.mount("worker", place, "tmpfs")
    farm = harness.Farm(cell, source, root=os.path.join(place, "build"), match=MATCH)
    os.mkdir(farm.root)
    farm.start()
    farm.worker, farm.runner = Worker(farm.root), Runner(farm.root)
    return farm


def input_mounts(farm, name):
    return [top_id(farm.path(name, "root", target)) for target in ("proc", "sys")]


def leave_behind(farm, name):
    """A Run that fails before it unmounts; the ids of its mounts."""
    with pytest.raises(CannotRun):
        farm.runner.run(name, fail)
    made = input_mounts(farm, name)
    farm.daemon.knows(*made)
    return made


def attempts(farm):
    return farm.daemon.query("SELECT count(*) FROM attempts")[0][0]


def test_an_action_whose_life_is_a_good_one_is_seen_and_left_alone(barn):
    name = barn.worker.begin(DIGEST)
    assert name == NAME and sorted(os.listdir(barn.path(name))) == ["root", "server_logs", "tmp"]

    def command():
        barn.daemon.knows(*input_mounts(barn, name))
        assert barn.daemon.action(name)["mounts"] == 2
        barn.daemon.is_probed(4)
        assert barn.daemon.action(name)["state"] == "active"
        return 0

    assert barn.runner.run(name, command) == 0
    barn.worker.close(name)
    wait_for(lambda: barn.daemon.action(name) is None, "the action is past")
    assert attempts(barn) == 0


def test_a_readiness_check_is_no_action_of_ours(barn):
    """It makes a directory in the build directory itself, or in a numbered one, and mounts nothing."""
    os.mkdir(barn.path("check_readiness"))
    numbered = barn.worker.begin()
    os.mkdir(barn.path(numbered, "check_readiness"))
    barn.runner.check_readiness()
    stranger = barn.tmpfs("check_readiness", "mount")
    barn.daemon.knows(stranger)
    assert barn.daemon.mount(stranger)["action"] is None and barn.daemon.actions() == []
    barn.daemon.is_probed(4)
    assert not gone(stranger)


def test_a_counter_that_comes_again_after_a_restart_is_another_action(barn):
    first = barn.worker.begin()
    assert first == "1"
    leave_behind(barn, first)
    # A life that was too short for a look at its directory is not told from the next one's.
    barn.daemon.records("SELECT count(*) FROM actions WHERE handle IS NOT NULL", [(1,)])
    restarted = Worker(barn.root)
    restarted.clean()
    wait_for(lambda: barn.daemon.action("1", all=True)["state"] == "cleared", "the first one is past")
    assert restarted.begin() == "1"
    second = leave_behind(barn, "1")
    barn.daemon.is_probed(6)
    assert not any(gone(number) for number in second)
    assert {action["generation"] for action in barn.daemon.actions(all=True) if action["name"] == "1"} == {1, 2}
    assert attempts(barn) == 0


def test_a_run_that_fails_before_it_unmounts_leaves_what_the_removal_takes(barn):
    name = barn.worker.begin(DIGEST)
    made = leave_behind(barn, name)
    barn.worker.close(name)
    assert gone(*made) and not os.path.exists(barn.path(name))
    wait_for(lambda: barn.daemon.action(name) is None, "the action is past")
    assert barn.daemon.query("SELECT DISTINCT state FROM mounts") == [(b"detached",)]
    assert barn.worker.begin(DIGEST) == name


def test_removal_unmounts_plainly_what_is_stacked_and_fails_on_what_is_busy(barn, cell):
    name = barn.worker.begin(DIGEST)
    made = leave_behind(barn, name)
    barn.tmpfs(name, "root", "sys")
    busy = barn.tmpfs(name, "root", "proc")
    barn.daemon.knows(busy)
    cell.runner(barn.path(name, "root", "proc"))
    with pytest.raises(OSError) as caught:
        barn.worker.close(name)
    assert caught.value.errno == errno.EBUSY and not gone(busy)
    with pytest.raises(FileExistsError):
        barn.worker.begin(DIGEST)
    barn.daemon.is_probed(4)
    assert not gone(busy), "nothing said that it is over"
    barn.daemon.ctl("end", name, "--root", barn.root)
    wait_for(lambda: gone(busy, *made), "what was ended is reaped, busy or not")
    barn.worker.close(name)
    assert barn.worker.begin(DIGEST) == name


@pytest.mark.parametrize("ended", [False, True], ids=["not-ended", "ended"])
def test_a_bind_of_the_same_device_loses_its_contents_to_the_removal_unless_it_was_reaped_before(barn, ended):
    cache = barn.make_place("..", "cache")
    kept = os.path.join(cache, "kept")
    with open(kept, "w", encoding="ascii") as file:
        file.write("for all actions")
    name = barn.worker.begin(DIGEST)
    harness.bind(cache, barn.make_place(name, "root", "cache"))
    made = top_id(barn.path(name, "root", "cache"))
    barn.daemon.knows(made)
    if ended:
        barn.daemon.ctl("end", name, "--root", barn.root)
        wait_for(lambda: gone(made), "it is reaped")
        barn.worker.close(name)
        assert os.path.exists(kept)
        return
    with pytest.raises(OSError) as caught:
        barn.worker.close(name)
    assert caught.value.errno == errno.EBUSY, "its mount point is one, though it does not look so"
    assert not os.path.exists(kept)


def test_a_lease_of_the_runners_takes_its_mounts_along_when_it_is_killed(barn):
    name = barn.worker.begin(DIGEST)
    with harness.Varlink(barn.daemon.socket) as lease:
        lease.send("io.reaperd.Lease", {"root": barn.root, "name": name}, more=True)
        assert lease.receive()["continues"]
        made = leave_behind(barn, name)
        barn.daemon.is_probed(4)
        assert not any(gone(number) for number in made)
    wait_for(lambda: gone(*made), "the lease ended")
    barn.worker.close(name)


def test_a_runners_mounts_in_a_namespace_of_its_own_go_when_the_worker_removes_the_directory(cell, source):
    """The worker does not see them; its rmdir of a mount point succeeds, and the kernel then detaches them, busy or not."""
    runner = cell.other_namespace(slave=True)
    farm = harness.Farm(cell, source, match=MATCH, daemon={"namespaces": f"self pid:{runner}"})
    daemon, worker = farm.start().daemon, Worker(farm.root)
    name = worker.begin(DIGEST)
    inside = ["nsenter", "--mount", f"--target={runner}"]
    for target, fstype in (("proc", "proc"), ("sys", "sysfs")):
        cell.run(*inside, "mount", "-t", fstype, fstype, farm.path(name, "root", target))
    wait_for(lambda: (daemon.action(name) or {"mounts": 0})["mounts"] == 2, "they are seen in there")
    busy = cell.spawn(*inside, "sh", "-c", f"cd {farm.path(name, 'root', 'proc')} && exec sleep 1000000")
    wait_for(lambda: os.readlink(f"/proc/{busy.pid}/cwd").endswith("/proc"), "one of them is busy")
    worker.close(name)
    assert not [m for m in harness.mountinfo(runner) if m.target.startswith(farm.root + "/")]
    wait_for(lambda: daemon.action(name) is None, "the action is past")
    daemon.records("SELECT DISTINCT state FROM mounts", [(b"detached",)])
    assert worker.begin(DIGEST) == name


# ---- contrib/buildbarn ----

CONTRIB = os.path.join(harness.SOURCE_TREE, "contrib/buildbarn")


def read(name):
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        return file.read()


def list_in(name, key):
    """The list of strings that a fragment of jsonnet has at this key."""
    return json.loads(re.search(rf"{key}: (\[.*\])", read(name)).group(1).replace("'", '"'))


@pytest.mark.parametrize("name", ["hardlinking.conf", "fuse.conf"])
def test_the_configurations_that_we_ship_are_good_and_know_the_names(cell, name):
    done = subprocess.run([harness.reaperctl_program(), "config", "check", os.path.join(CONTRIB, name)], capture_output=True, text=True,
                          timeout=harness.PATIENCE, check=False)
    assert done.returncode == 0, done
    patterns = re.search("^match = (.*)$", read(name), re.MULTILINE).group(1)
    assert patterns == MATCH
    # As shipped, but for the place and the user, it is what a daemon runs with.
    root = cell.make("build")
    text = re.sub(r"\[root [^]]*\]", f"[root {root}]", read(name)).replace("[daemon]", "[daemon]\nuser =")
    text = re.sub("^runner-socket = .*$", f"runner-socket = {cell.directory}/runners/io.reaperd", text, flags=re.MULTILINE)
    daemon = harness.Daemon(cell, text).start()
    for place in (NAME, "1", "check_readiness", NAME + "0", "0f"):
        os.makedirs(os.path.join(root, place, "root"))
        harness.mount("tmpfs", os.path.join(root, place, "root"), "tmpfs")
    daemon.knows(*harness.mounts(root))
    assert {action["name"] for action in daemon.actions()} == {NAME, "1"}


def test_what_we_ship_agrees_on_its_paths_and_its_hook_is_a_good_one(barn, cell):
    command, (sentinel,) = list_in("runner.jsonnet", "runCommandCleaner"), list_in("runner.jsonnet", "readinessCheckingPathnames")
    assert list_in("runner-container.jsonnet", "readinessCheckingPathnames") == [sentinel]
    assert f"ExecStart={' '.join(command)}\n" in read("reaperd-sentinel.service")
    assert set(list_in("worker.jsonnet", "inputRootCharacterDeviceNodes")) == set(DEVICES)
    socket = re.search("^runner-socket = (.*)$", read("fuse.conf"), re.MULTILINE).group(1)
    build = re.search(r"^\[root (.*)\]$", read("fuse.conf"), re.MULTILINE).group(1)
    for name in ("docker-compose.yml", "kubernetes.yaml"):
        for path in (os.path.dirname(sentinel), os.path.dirname(socket), os.path.dirname(build)):
            assert path in read(name), (name, path)
    here = os.path.join(cell.directory, "clean")
    done = barn.daemon.ctl(*(here if word == sentinel else word for word in command[1:]))
    assert done.stderr == "" and os.path.exists(here)


# ---- the cleaning command ----

def test_the_cleaner_runs_when_idleness_ends_or_begins_and_around_readiness_checks_alone(barn):
    runner = barn.runner
    names = [barn.worker.begin(), barn.worker.begin()]
    seen = []

    def inner():
        runner.check_readiness()
        seen.append(runner.cleaned)
        return 0

    def outer():
        seen.append(runner.cleaned)
        runner.run(names[1], inner)
        seen.append(runner.cleaned)
        return 0

    runner.run(names[0], outer)
    assert seen == [1, 1, 1] and runner.cleaned == 2
    runner.check_readiness()
    assert runner.cleaned == 4


def test_a_cleaner_that_fails_fails_the_action_and_hook_never_does(barn):
    name = barn.worker.begin(DIGEST)
    ran = []
    barn.runner.cleaner = ["false"]
    with pytest.raises(CleaningFailed):
        barn.runner.run(name, lambda: ran.append(1) or 0)
    assert not ran
    barn.runner.cleaner = [harness.reaperctl_program(), "--socket", barn.daemon.socket, "hook", "--timeout", "200ms"]
    assert barn.runner.run(name) == 0
    barn.daemon.stop()
    assert barn.runner.run(name) == 0


def test_while_a_leftover_is_in_the_way_the_runner_is_not_ready_and_somebody_else_must_make_it_so(barn, cell):
    """An absent path is seen before the cleaner could make it again: another hook has to run beside the runner's."""
    sentinel = os.path.join(cell.directory, "clean")
    hook = [harness.reaperctl_program(), "--socket", barn.daemon.socket, "hook", "--sentinel", sentinel]
    barn.runner.cleaner, barn.runner.paths = hook, [sentinel]
    with pytest.raises(NotReady):
        barn.runner.check_readiness()
    assert barn.runner.cleaned == 0
    cell.run(*hook)
    barn.runner.check_readiness()
    barn.daemon.ctl("pause")
    name = barn.worker.begin(DIGEST)
    made = leave_behind(barn, name)
    assert os.path.exists(sentinel), "an action that may still be at work is in nobody's way"
    barn.daemon.ctl("end", name, "--root", barn.root)
    wait_for(lambda: barn.daemon.status()["roots"][0]["leftovers"], "it is a leftover")
    barn.runner.check_readiness()
    with pytest.raises(NotReady):
        barn.runner.check_readiness()
    barn.daemon.ctl("resume")
    wait_for(lambda: gone(*made), "it is reaped")
    with pytest.raises(NotReady):
        barn.runner.check_readiness()
    wait_for(lambda: cell.run(*hook) or os.path.exists(sentinel), "the other hook makes it again")
    barn.runner.check_readiness()


def test_a_hook_that_meets_a_hung_daemon_holds_no_action_up(barn, cell):
    name = barn.worker.begin(DIGEST)
    barn.runner.cleaner = [harness.reaperctl_program(), "--socket", barn.daemon.socket, "hook", "--timeout", "200ms"]
    engine = barn.daemon.engine()
    os.kill(engine, 19)
    done = []
    try:
        thread = threading.Thread(target=lambda: done.append(barn.runner.run(name)))
        thread.start()
        thread.join(harness.PATIENCE)
        assert done == [0]
    finally:
        os.kill(engine, 18)


# ---- the worker's FUSE ----

class FuseBarn(harness.Farm):
    def __init__(self, cell, source, entry_timeout=300, **keys):
        root = cell.make("build")
        self.fuse = Misfuse(cell, root, entry_timeout)
        super().__init__(cell, source, root=root, match=MATCH, **keys)

    def remove(self, name, told=True):
        """As the worker does: in its memory, and by a notification to the kernel."""
        self.fuse("remove", name)
        if told:
            self.fuse("invalidate", name)


def test_on_fuse_removal_is_by_notification_and_the_kernel_takes_the_mounts(cell, source):
    farm = FuseBarn(cell, source)
    daemon = farm.start().daemon
    made, other = farm.action(NAME), farm.action("1")
    daemon.knows(*made, *other)
    daemon.is_probed()
    farm.remove(NAME)
    assert gone(*made)
    wait_for(lambda: daemon.action(NAME) is None, "the action is past")
    daemon.records("SELECT DISTINCT state FROM mounts WHERE detached IS NOT NULL", [(b"detached",)])
    assert not any(gone(number) for number in other)
    again = farm.action(NAME)
    daemon.knows(*again)
    daemon.is_probed(6)
    assert not any(gone(number) for number in again), "the name came again, and is another action's"


def test_on_fuse_a_removal_of_which_the_kernel_was_not_told_is_found_and_reaped(cell, source):
    farm = FuseBarn(cell, source)
    daemon = farm.start().daemon
    made, other = farm.action(NAME), farm.action("1")
    daemon.knows(*made, *other)
    daemon.is_probed()
    farm.remove(NAME, told=False)
    wait_for(lambda: gone(*made), "it is reaped")
    daemon.records("SELECT DISTINCT state FROM mounts WHERE detached IS NOT NULL", [(b"reaped",)])
    assert not any(gone(number) for number in other)


def test_stale_roots_are_unmounted_in_a_loop_at_the_workers_start_and_the_new_one_is_watched(cell, source):
    farm = FuseBarn(cell, source)
    second = Misfuse(cell, farm.root, 300, name="second")
    daemon = farm.start().daemon
    # A probe that is under way makes the root busy for its moment.
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "ok", "the root was asked for")
    for server in (second, farm.fuse):
        server.process.kill()
        server.process.wait()
    with pytest.raises(OSError) as caught:
        os.listdir(farm.root)
    assert caught.value.errno == errno.ENOTCONN
    assert remove_stale_mounts(farm.root) == 2
    farm.fuse = Misfuse(cell, farm.root, 300, name="third")
    made = farm.action(NAME)
    daemon.knows(*made)
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "ok", "the root is well")
    daemon.is_probed(4)
    assert not any(gone(number) for number in made)
    farm.remove(NAME, told=False)
    wait_for(lambda: gone(*made), "actions of the new one are looked after")


def test_with_reap_root_a_dead_root_is_gone_before_the_worker_is_back(cell, source):
    """The worker itself could not take it, for something is mounted below."""
    farm = FuseBarn(cell, source, reap_root="yes")
    daemon = farm.start().daemon
    lost = farm.action(NAME)
    daemon.knows(*lost)
    farm.fuse.process.kill()
    farm.fuse.process.wait()
    wait_for(lambda: gone(*lost) and not [m for m in harness.mountinfo() if m.target == farm.root], "the dead root went, and all below")
    assert remove_stale_mounts(farm.root) == 0
    farm.fuse = Misfuse(cell, farm.root, 300, name="second")
    made = farm.action(NAME)
    daemon.knows(*made)
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)


def test_a_fuse_on_a_dead_one_that_has_mounts_below_costs_no_live_action(cell, source):
    """A mount below keeps the loop from taking the dead one, so the worker mounts upon it: what is covered is out of every path's reach."""
    farm = FuseBarn(cell, source)
    daemon = farm.start().daemon
    lost = farm.action(NAME)
    daemon.knows(*lost)
    farm.fuse.process.kill()
    farm.fuse.process.wait()
    assert remove_stale_mounts(farm.root) == 0
    farm.fuse = Misfuse(cell, farm.root, 300, name="second")
    made = farm.action(NAME)
    daemon.knows(*made)
    daemon.is_probed(8)
    assert not any(gone(number) for number in made)
    assert {action["state"] for action in daemon.actions() if action["mounts"]} <= {"active", "suspect"}
    farm.remove(NAME, told=False)
    wait_for(lambda: gone(*made), "the live one's leftovers are reaped all the same")
    assert not any(gone(number) for number in lost)
