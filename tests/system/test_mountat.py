# SPDX-License-Identifier: LGPL-2.1-or-later
"""`reaperctl mount`: one mount for an action that is registered before it, beneath its directory and nowhere else."""
import json
import os
import signal
import socket
import threading

import pytest

import harness
from harness import gone, ids, wait_for


@pytest.fixture
def runner(farm):
    return farm.start()


def mount(farm, target, *options, action="c1", kind="tmpfs", source="made", root=None):
    return farm.daemon.ctl("mount", "--root", root or farm.root, "--action", action, "-t", kind, *options, "--", source, target, check=False)


def made(farm, target, *options, action="c1", **more):
    """The id of a mount that comes."""
    done = mount(farm, target, *options, action=action, **more)
    assert done.returncode == 0 and done.stdout.startswith(action + "@"), done
    return harness.top_id(farm.path(action, target))


def test_the_action_is_registered_before_it_is_mounted_and_ends_when_that_is_said(runner):
    daemon = runner.daemon
    runner.make_place("c1", "root", "tmp")
    done = mount(runner, "root/tmp", "-o", "size=64k,nosuid,mode=750")
    assert (done.returncode, done.stdout) == (0, "c1@1\n") and "reaperctl end" in done.stderr, done
    number = harness.top_id(runner.path("c1/root/tmp"))
    daemon.knows(number)
    assert "nosuid" in daemon.mount(number)["options"] and os.stat(runner.path("c1/root/tmp")).st_mode & 0o777 == 0o750
    told = [e["type"] for e in daemon.events() if e["action"] == "c1" and e["type"] in ("begin", "attach")]
    assert told == ["begin", "attach"]
    owner = daemon.action("c1")["owner"]
    assert (owner["kind"], owner["pid"], owner["lease"]) == ("registered", None, False)
    daemon.is_probed(6)
    assert not gone(number) and daemon.action("c1")["state"] == "active", "nobody said that it is over"
    # A second one joins it, and has nothing to say of its end.
    second = mount(runner, "root/tmp", kind="proc")
    assert (second.returncode, second.stdout, second.stderr) == (0, "c1@1\n", "")
    both = ids(runner.path("c1"))
    daemon.ctl("end", "c1", "--root", runner.root)
    wait_for(lambda: gone(*both), "they go with the action")


def test_it_goes_with_the_process_that_is_named(runner):
    runner.make_place("c1", "m")
    process = runner.cell.runner()
    number = made(runner, "m", "--pid", str(process.pid))
    runner.daemon.is_probed(4)
    assert not gone(number)
    process.kill()
    process.wait()
    wait_for(lambda: gone(number), "it goes with its process")


def test_whose_it_is_already_it_stays(runner):
    daemon = runner.daemon
    runner.make_place("c1", "m")
    with harness.Varlink(daemon.socket) as runners:
        assert next(runners.stream("io.reaperd.Lease", root=runner.root, name="c1"))["generation"] == 1
        number = made(runner, "m", "--pid", str(os.getpid()))
        owner = daemon.action("c1")["owner"]
        assert owner["lease"] and owner["pid"] is None
        daemon.is_probed(4)
        assert not gone(number)
    wait_for(lambda: gone(number), "it goes with the lease")


def test_it_takes_no_age_from_an_action(runner):
    daemon = runner.daemon
    runner.make_place("c1", "m")
    daemon.ctl("begin", "c1", "--root", runner.root, "--max-age", f"{3 * harness.SLOWNESS:.0f}s")
    number = made(runner, "m")
    wait_for(lambda: gone(number), "it is too old when it was said to be")


def test_for_what_is_over_nothing_is_mounted(cell, source):
    farm = harness.Farm(cell, source, grace="1h").start()
    process = cell.runner()
    farm.make_place("c1", "m")
    number = made(farm, "m", "--pid", str(process.pid))
    farm.daemon.knows(number)
    process.kill()
    process.wait()
    wait_for(lambda: farm.daemon.evidence("c1") == {"owner-exited"}, "its owner has gone")
    done = mount(farm, "m", kind="proc")
    assert done.returncode == 4 and "is over" in done.stderr and done.stdout == "", done
    assert ids(farm.path("c1")) == {number}
    assert farm.daemon.evidence("c1") == {"owner-exited"}, "and it has not come to life again"


def test_what_cannot_be_made_registers_nothing(runner):
    runner.make_place("c1", "m")
    for kind, options, says in (("nosuchfs", (), "nosuchfs"), ("tmpfs", ("-o", "size=lots"), "size"), ("bind", (), "made"), ("bind", ("-o", "size=1"), "size=1")):
        done = mount(runner, "m", *options, kind=kind)
        assert done.returncode == 3 and says in done.stderr and done.stdout == "", done
    assert not ids(runner.path("c1")) and runner.daemon.action("c1") is None


def test_without_a_daemon_nothing_is_mounted(cell):
    farm = harness.Farm(cell)
    os.makedirs(farm.path("c1/m"))
    done = mount(farm, "m")
    assert done.returncode == 4 and "no daemon" in done.stderr, done
    assert not ids(farm.root)


def test_where_the_daemon_refuses_nothing_is_mounted(runner):
    runner.make_place("c1", "m")
    outside = runner.cell.make("outside", "c1", "m")
    for root, status in ((os.path.dirname(os.path.dirname(outside)), 5), (runner.path("c1"), 5)):
        assert mount(runner, "m", root=root).returncode == status
    assert mount(runner, "m", action="a/b").returncode == 2
    assert mount(runner, "m", action="..").returncode == 2
    assert not ids(runner.root) and not ids(outside)


# What a target must not be, with the exit status; `link` leads out of the root, `link/in` into it.
TARGETS = [("", 2), (".", 2), ("..", 2), ("../c2", 2), ("/etc", 2), ("m/../../c2", 2), ("m//m", 2), ("none", 5), ("file/m", 5), ("link", 3), ("link/m", 3),
           ("inner", 3), ("inner/m", 3)]


@pytest.mark.parametrize("target,status", TARGETS)
def test_it_is_mounted_beneath_the_actions_directory_or_not_at_all(runner, target, status):
    runner.make_place("c1", "m", "m")
    runner.make_place("c2", "m")
    outside = runner.cell.make("outside", "m")
    os.symlink(os.path.dirname(outside), runner.path("c1/link"))
    os.symlink("m", runner.path("c1/inner"))
    open(runner.path("c1/file"), "w").close()
    before = len(harness.mountinfo())
    done = mount(runner, target)
    assert done.returncode == status and done.stderr and done.stdout == "", done
    assert len(harness.mountinfo()) == before


def test_a_target_that_begins_with_a_dash_or_is_no_text_is_one(runner):
    for name, typed in ((b"-m", "-m"), (b"\xff a\\", "\\xff a\\\\")):
        os.makedirs(os.path.join(os.fsencode(runner.path("c1")), name))
        done = mount(runner, typed)
        assert done.returncode == 0, done
        assert harness.top_id(os.path.join(runner.path("c1"), os.fsdecode(name))) in ids(runner.path("c1"))


def test_an_action_whose_directory_is_a_link_gets_no_mount(runner):
    outside = runner.cell.make("outside", "m")
    os.symlink(os.path.dirname(outside), runner.path("c1"))
    done = mount(runner, "m")
    assert done.returncode in (3, 5) and done.stdout == "", done
    assert not ids(os.path.dirname(outside))


def test_directories_that_change_places_meanwhile_lead_nowhere_else(runner):
    """The target is a directory and a link out of the root by turns."""
    outside = runner.cell.make("outside", "m")
    runner.make_place("c1", "a", "m")
    os.symlink(os.path.dirname(outside), runner.path("c1/b"))
    over = threading.Event()
    swaps = [0]

    def swap():
        while not over.is_set():
            for one, other in (("a", "spare"), ("b", "a"), ("a", "b"), ("spare", "a")):
                os.rename(runner.path("c1", one), runner.path("c1", other))
            swaps[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        done = [mount(runner, "a/m") for _ in range(25)]
    finally:
        over.set()
        thread.join()
    assert swaps[0] > 25 and {d.returncode for d in done} <= {0, 3, 5}, done
    assert len(ids(runner.path("c1"))) == sum(d.returncode == 0 for d in done)
    assert not ids(os.path.dirname(outside))


def test_a_filesystem_that_does_not_answer_does_not_hold_it(runner):
    server = harness.Misfuse(runner.cell, runner.make_place("c1"), entry_timeout=0)
    server("mkdir", "/m")
    server.process.send_signal(signal.SIGSTOP)
    try:
        done = mount(runner, "m", "--timeout", "1s")
        assert done.returncode == 3 and "in time" in done.stderr, done
    finally:
        server.process.send_signal(signal.SIGCONT)


class Between:
    """A daemon's socket, of which each connection goes to the daemon's own; between the first answer and who waits for it, something happens."""

    def __init__(self, farm, happens):
        self.farm, self.happens, self.asked = farm, happens, []
        self.path = os.path.join(farm.cell.directory, "between")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.settimeout(harness.PATIENCE)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, harness.Varlink(self.farm.daemon.socket) as daemon:
                client.settimeout(harness.PATIENCE)
                while data := client.recv(1 << 16):
                    self.asked.append(json.loads(data.rstrip(b"\0")))
                    daemon.socket.sendall(data)
                    answer = daemon.socket.recv(1 << 16)
                    if len(self.asked) == 1:
                        self.happens()
                    client.sendall(answer)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.mark.parametrize("registered", [True, False], ids=["joined", "begun"])
def test_what_is_over_before_it_is_mounted_keeps_no_mount(runner, registered):
    """All that the action had is gone by then, so that the mount would be the next action's of that name, which nobody ends."""
    daemon = runner.daemon
    runner.make_place("c1", "m")
    if registered:
        daemon.ctl("begin", "c1", "--root", runner.root)

    def end():
        daemon.ctl("end", "c1", "--root", runner.root)
        wait_for(lambda: daemon.action("c1") is None, "the action is past")

    with Between(runner, end) as between:
        done = daemon.ctl("mount", "--root", runner.root, "--action", "c1", "-t", "tmpfs", "", "m", options=("--socket", between.path), check=False)
    assert [a["parameters"].get("generation") for a in between.asked] == [None, 1]
    assert done.returncode == 4 and done.stdout == "", done
    assert "is over" in done.stderr and "unmounted again" in done.stderr and "reaperctl end" not in done.stderr, done
    assert not ids(runner.path("c1"))
    wait_for(lambda: daemon.action("c1") is None, "nothing was begun in its place, and what was seen of the mount is past")


def test_what_another_has_by_the_same_name_gets_no_mount(runner):
    daemon = runner.daemon
    runner.make_place("c1", "m")

    def another():
        daemon.ctl("end", "c1", "--root", runner.root)
        wait_for(lambda: daemon.action("c1") is None, "the action is past")
        daemon.ctl("begin", "c1", "--root", runner.root)

    with Between(runner, another) as between:
        done = daemon.ctl("mount", "--root", runner.root, "--action", "c1", "-t", "tmpfs", "", "m", options=("--socket", between.path), check=False)
    assert done.returncode == 4 and "unmounted again" in done.stderr, done
    assert not ids(runner.path("c1"))
    assert daemon.action("c1")["generation"] == 2 and daemon.action("c1")["state"] == "active"


def test_a_registration_for_a_mount_that_does_not_come_is_taken_back(runner):
    """Whoever made it knows of nothing that would end it."""
    daemon = runner.daemon
    runner.make_place("c1", "m")
    os.symlink("m", runner.path("c1/link"))
    for action, target, status in (("c1", "none", 5), ("c1", "link", 3), ("none", "m", 5)):
        done = mount(runner, target, action=action)
        assert done.returncode == status and "is registered" not in done.stderr and "reaperctl end" not in done.stderr, done
        wait_for(lambda: daemon.action(action) is None, "nothing of it is left")
    # One that was registered before stays.
    daemon.ctl("begin", "c1", "--root", runner.root)
    assert mount(runner, "none").returncode == 5
    assert daemon.action("c1")["state"] == "active"


def test_an_action_that_another_joined_meanwhile_is_not_taken_back(runner):
    """The first finds no place for its mount; the second, which came between, has one, and it is no leftover."""
    daemon = runner.daemon
    runner.make_place("c1", "m")
    other = []
    with Between(runner, lambda: other.append(made(runner, "m"))) as between:
        done = daemon.ctl("mount", "--root", runner.root, "--action", "c1", "-t", "tmpfs", "", "none", options=("--socket", between.path), check=False)
    assert done.returncode == 5, done
    assert [(a["method"], a["parameters"].get("only_if_unused")) for a in between.asked] == [("io.reaperd.Begin", None), ("io.reaperd.End", True)]
    daemon.is_probed(6)
    assert not gone(*other) and daemon.action("c1")["state"] == "active" and daemon.action("c1")["generation"] == 1
    daemon.ctl("end", "c1", "--root", runner.root)
    wait_for(lambda: gone(*other), "it is registered still, and ends")


def test_one_that_another_has_joined_and_not_mounted_for_yet_is_not_taken_back(runner):
    daemon = runner.daemon
    runner.make_place("c1", "m")

    def join():
        with harness.Varlink(daemon.socket) as client:
            client.call("io.reaperd.Begin", root=runner.root, name="c1", join=True)

    with Between(runner, join) as between:
        done = daemon.ctl("mount", "--root", runner.root, "--action", "c1", "-t", "tmpfs", "", "none", options=("--socket", between.path), check=False)
    assert done.returncode == 5 and "reaperctl end" in done.stderr, done
    daemon.is_probed(3)
    assert daemon.action("c1")["owner"]["kind"] == "registered"


@pytest.mark.parametrize("name,other", [("a\\x41", "aA"), ("odd\\name", "oddname"), ("a\\\\b", "a\\b")])
def test_a_backslash_in_a_name_is_one(runner, name, other):
    """What the daemon calls the directory is not what another's name is when it is read as an escape."""
    runner.make_place(name, "m")
    runner.make_place(other, "m")
    typed = name.replace("\\", "\\\\")
    done = mount(runner, "m", action=typed)
    assert (done.returncode, done.stdout) == (0, typed + "@1\n"), done
    assert len(ids(runner.path(name, "m"))) == 1 and not ids(runner.path(other))
    runner.daemon.ctl("end", typed, "--root", runner.root)
    wait_for(lambda: not ids(runner.root) and runner.daemon.action(name) is None, "it goes")
    done = runner.daemon.ctl("run", "--root", runner.root, "--name", typed, "--mount", "tmpfs::r", "--", "sh", "-c", 'ls "$0"', runner.path(name), check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["m", "r"]), done
