# SPDX-License-Identifier: LGPL-2.1-or-later
"""A FUSE that is in trouble, in each way in which it can be: nobody hangs, nothing that lives is lost, and others go on."""
import json
import os
import subprocess

import pytest

import harness
from harness import Misfuse, gone, wait_for

USER = 1000
STEP_TIMEOUT = 0.5
AT_WORK = 16  # as many children at once


def stop(fuse):
    fuse("stop")


def kill(fuse):
    fuse.process.kill()
    fuse.process.wait()


def abort(fuse):
    """The connection is cut; the server lives, and its program ends by that."""
    harness.mount("fusectl", "/sys/fs/fuse/connections", "fusectl")
    minor = next(os.minor(mount.dev) for mount in harness.mountinfo() if mount.target == fuse.target)
    with open(f"/sys/fs/fuse/connections/{minor}/abort", "w") as file:
        file.write("1")


# How, and what the root's health is called then.
TROUBLES = {"stopped": (stop, "hung"), "killed": (kill, "dead"), "aborted": (abort, "dead")}


class Others:
    """A root of local directories beside the one in trouble."""

    def __init__(self, cell):
        self.root = cell.make("other")
        self.count = 0

    def section(self):
        return harness.root_section(self.root, step_timeout=f"{STEP_TIMEOUT * 1000:.0f}ms", grace="0s")

    def go_on(self, daemon):
        """One more action, which comes, is over, and goes."""
        self.count += 1
        place = os.path.join(self.root, f"b{self.count}", "root")
        os.makedirs(place)
        daemon.ctl("begin", f"b{self.count}", "--root", self.root)
        harness.mount("tmpfs", place, "tmpfs")
        made = harness.top_id(place)
        daemon.knows(made)
        daemon.ctl("end", f"b{self.count}", "--root", self.root)
        wait_for(lambda: gone(made), "another root's action is reaped", 4 * harness.SLOWNESS)


class Place:
    """A farm on `root`, which others make a FUSE, beside another one."""

    def __init__(self, cell, source, root, **keys):
        self.others = Others(cell)
        keys.setdefault("step_timeout", f"{STEP_TIMEOUT * 1000:.0f}ms")
        self.farm = harness.Farm(cell, source, root=root)
        self.daemon = self.farm.daemon
        self.daemon.configure(harness.config_text(harness.root_section(root, **keys), self.others.section(), source=source))

    def health(self):
        return self.daemon.status()["roots"][0]["health"]

    def check_promises(self, rounds=6):
        """What holds in any trouble: answers, other roots, and that nothing of ours is unmounted by it."""
        before = harness.mounts(self.farm.root)
        self.others.go_on(self.daemon)
        self.daemon.is_probed(rounds)
        self.others.go_on(self.daemon)
        assert harness.mounts(self.farm.root) == before

    def check_end(self):
        """SIGTERM is not held up by who hangs."""
        assert self.daemon.stop(STEP_TIMEOUT + 2 * harness.SLOWNESS) == 0


@pytest.mark.parametrize("entry_timeout", [0, 3600])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_live_actions_outlive_the_trouble_of_their_filesystem(cell, source, trouble, entry_timeout):
    bring, health = TROUBLES[trouble]
    root = cell.make("build")
    fuse = Misfuse(cell, root, entry_timeout)
    place = Place(cell, source, root)
    daemon = place.farm.start().daemon
    made = place.farm.action("a1") + place.farm.action("a2")
    daemon.knows(*made)
    daemon.is_probed(3)
    bring(fuse)
    wait_for(lambda: place.health() == health, f"the root is shown to be {health}")
    wait_for(lambda: health in daemon.evidence("a1"), "and so are its actions")
    place.check_promises()
    assert {action["state"] for action in daemon.actions() if action["root"] == root} <= {"active", "suspect"}
    if trouble == "stopped":
        asked = daemon.ctl("reap", "a1", "--root", root, check=False)
        assert asked.returncode == 4 and "nothing says that a1" in asked.stderr, "a question without an answer is no evidence"
    place.check_end()
    if trouble == "stopped":
        fuse("go")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_idle_roots_trouble_is_shown_and_its_mount_kept(cell, source, trouble):
    """Without an action nothing is asked for its sake, and nothing tells by itself that a server is gone."""
    bring, health = TROUBLES[trouble]
    root = cell.make("build")
    fuse = Misfuse(cell, root, 0)
    place = Place(cell, source, root)
    number, daemon = harness.top_id(root), place.farm.start().daemon
    wait_for(lambda: place.health() == "ok", "the root answers")
    bring(fuse)
    wait_for(lambda: place.health() == health, f"the root is shown to be {health}")
    assert f'reaperd_root_health{{root="{root}",state="{health}"}} 1\n' in daemon.ctl("metrics").stdout
    place.check_promises()
    assert not gone(number)
    place.check_end()
    if trouble == "stopped":
        fuse("go")


def test_a_server_that_never_answers_the_kernels_first_question_hangs_nobody(cell, source):
    """Mounted, and nobody reads: each question about it waits for good."""
    root = cell.make("build")
    fd = os.open("/dev/fuse", os.O_RDWR)
    harness.mount("mute", root, "fuse.mute", data=f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other")
    place = Place(cell, source, root)
    place.farm.start()
    wait_for(lambda: place.health() == "hung", "the root is shown to be hung")
    place.check_promises()
    place.check_end()
    os.close(fd)


def mount_as_user(target):
    """With that user's ids alone, but with the capability to mount; mount(8) wants to be root."""
    subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=+sys_admin", "--ambient-caps=+sys_admin",
                    "/usr/bin/python3", "-c", "import ctypes, os, sys; "
                    "sys.exit(ctypes.CDLL(None).mount(b'made', os.fsencode(sys.argv[1]), b'tmpfs', 0, None) and 1)", target], check=True)


def test_a_filesystem_into_which_only_its_user_may_look_says_nothing(cell, source):
    """Without allow_other root is refused, too: what lies there is unknown, not missing."""
    root = cell.make("build")
    os.chmod(cell.directory, 0o755)
    fuse = Misfuse(cell, root, 0, user=USER)
    for below in ("a1", "a1/root"):
        fuse("mkdir", below)
    place = Place(cell, source, root)
    daemon = place.farm.start().daemon
    mount_as_user(os.path.join(root, "a1", "root"))
    made = next(number for number, mount in harness.mounts(root).items() if mount.target.endswith("/a1/root"))
    daemon.knows(made)
    wait_for(lambda: daemon.evidence("a1") == {"unknown"}, "its action is shown as unknown")
    place.check_promises()
    daemon.ctl("begin", "a1", "--root", root)
    daemon.ctl("end", "a1", "--root", root)
    place.check_promises(2)
    assert "EACCES" in daemon.ctl("explain", "a1").stdout or "Permission denied" in daemon.ctl("explain", "a1").stdout
    place.check_end()


@pytest.mark.limit(120)
def test_64_leftovers_in_a_stopped_server_hold_up_nobody(cell, source):
    root = cell.make("build")
    fuse = Misfuse(cell, root, 0)
    place = Place(cell, source, root, grace="0s")
    daemon = place.farm.start().daemon
    names = [f"a{number}" for number in range(64)]
    for name in names:
        daemon.ctl("begin", name, "--root", root)
    made = {number for name in names for number in place.farm.action(name, "tmpfs")}
    live = place.farm.action("live", "tmpfs")
    daemon.knows(*made, *live)
    daemon.is_probed(3)
    fuse("stop")
    for name in names:
        daemon.ctl("end", name, "--root", root)
    place.check_promises()
    status = daemon.status()
    assert status["broker"]["state"] == "ok" and status["broker"]["hung"] > 0
    fuse("go")
    wait_for(lambda: gone(*made), "when the server answers again all are reaped", 60 * harness.SLOWNESS)
    assert not gone(*live)
    wait_for(lambda: daemon.status()["broker"]["hung"] == 0, "the children that hung have ended")
    place.check_end()


@pytest.mark.limit(120)
def test_a_server_that_reads_and_never_answers_does_not_use_up_the_machine(cell, source):
    """Who asked such a server cannot even be killed. However long that goes on, there are only so many, and others go on."""
    root = cell.make("build")
    fuse = Misfuse(cell, root, 0)
    place = Place(cell, source, root, grace="0s", probe_interval="100ms")
    daemon = place.farm.start().daemon
    names = [f"a{number}" for number in range(100)]
    for name in names:
        daemon.ctl("begin", name, "--root", root)
    made = {number for name in names for number in place.farm.action(name, "tmpfs")}
    daemon.knows(*made)
    daemon.is_probed(3)
    fuse("mute")

    def hung():
        return daemon.status()["broker"]["hung"]

    wait_for(lambda: hung() >= 5, "children hang that cannot be killed", 60 * harness.SLOWNESS)
    place.others.go_on(daemon)
    for name in names:
        daemon.ctl("end", name, "--root", root)
    wait_for(lambda: hung() >= 128, "steps hang, too", 60 * harness.SLOWNESS)
    place.others.go_on(daemon)
    daemon.is_probed(20)
    assert hung() <= 128 + AT_WORK, "no more are started"
    fuse("go")
    wait_for(lambda: hung() == 0, "the children that hung have ended")
    wait_for(lambda: gone(*made), "when the server answers again all are reaped", 60 * harness.SLOWNESS)
    place.others.go_on(daemon)


class DeadRoot(Place):
    """reap-root = yes, and two actions with mounts in a root that is about to lose its server."""

    def __init__(self, cell, source, root=None, **keys):
        self.root = root or cell.make("build")
        self.fuse = Misfuse(cell, self.root, 0)
        self.number = harness.top_id(self.root)
        super().__init__(cell, source, self.root, reap_root="yes", **keys)
        self.farm.start()
        self.made = self.farm.action("a1") + self.farm.action("a2")
        self.daemon.knows(*self.made)
        self.daemon.is_probed(3)

    def is_whole(self):
        return not gone(self.number) and not any(gone(number) for number in self.made)


def test_a_dead_root_is_reaped_with_what_is_below_it(cell, source):
    place = DeadRoot(cell, source)
    daemon = place.daemon
    place.others.go_on(daemon)
    assert "only when nobody serves it any more" in daemon.ctl("explain", place.root).stdout
    kill(place.fuse)
    wait_for(lambda: gone(place.number, *place.made), "the dead root goes, and all below it")
    wait_for(lambda: all((daemon.mount(number) or {}).get("state") == "reaped" for number in place.made), "they are recorded as reaped")

    def attempts():
        return [event for event in daemon.events() if event["type"] == "attempt" and event["target"] == place.root]

    wait_for(attempts, "the attempt is in the journal")
    assert [(event["root"], event["action"], event["detail"]["step"], event["detail"]["outcome"]) for event in attempts()] \
        == [(place.root, None, "detach", "gone")]
    wait_for(lambda: daemon.action("a1", all=True)["state"] == "cleared", "its actions are past")
    # Its successor is a root like any other.
    fuse = Misfuse(cell, place.root, 0, name="successor")
    made = place.farm.action("a1")
    daemon.knows(*made)
    wait_for(lambda: place.health() == "ok", "the successor is in order")
    place.check_promises(3)
    kill(fuse)
    wait_for(lambda: gone(*made), "and goes as well when it dies")
    place.check_end()


def test_a_dead_root_is_clean_for_nobody_and_who_asks_to_reap_below_it_is_told_why_not(cell, source):
    root = cell.make("build")
    fuse = Misfuse(cell, root, 0)
    place = Place(cell, source, root)
    made = place.farm.start().action("a1")
    daemon, sentinel = place.daemon, os.path.join(cell.directory, "clean")
    daemon.knows(*made)
    daemon.is_probed(3)
    assert daemon.ctl("audit", "--root", root).returncode == 0, "a live one is clean"
    kill(fuse)
    wait_for(lambda: daemon.action("a1")["state"] == "suspect" and place.health() == "dead", "it is seen to be dead")
    found = daemon.ctl("audit", "--root", root, "--json", check=False)
    assert found.returncode == 3 and [r["health"] for r in json.loads(found.stdout)["roots"]] == ["dead"], found
    quiet = daemon.ctl("audit", "--root", root, "--quiet", check=False)
    assert quiet.returncode == 3 and "nobody serves" in quiet.stdout, quiet
    nagios = daemon.ctl("audit", "--root", root, "--format", "nagios", check=False)
    assert nagios.returncode == 3 and "UNKNOWN" in nagios.stdout, nagios
    hook = daemon.ctl("hook", "--root", root, "--sentinel", sentinel)
    assert "dead" in hook.stderr and not os.path.exists(sentinel), hook
    asked = daemon.ctl("reap", "a1", "--root", root, check=False)
    assert asked.returncode == 4 and asked.stdout.count("dead") == len(made) and "nothing is reaped" in asked.stderr, asked
    waited = daemon.ctl("reap", "a1", "--root", root, "--wait", check=False)
    assert waited.returncode == 1 and "left alone" in waited.stderr, waited
    assert not any(gone(number) for number in made)
    place.check_end()


@pytest.mark.parametrize("slave", [False, True])
def test_copies_of_a_dead_root_in_other_namespaces_go_with_it(cell, source, slave):
    """As a worker's FUSE is propagated to a runner's container. What else stands there keeps it."""
    above = cell.make("above")
    harness.bind(above, above)
    harness.mount("none", above, None, harness.MS_SHARED)
    other = cell.other_namespace(slave)
    place = DeadRoot(cell, source, root=cell.make("above", "build"))

    def copies():
        return [mount.target for mount in harness.mountinfo(other) if f"{mount.target}/".startswith(f"{place.root}/")]

    assert len(copies()) == 5
    kill(place.fuse)
    wait_for(lambda: gone(place.number, *place.made), "the dead root goes")
    assert copies() == []
    place.check_end()


def test_a_dead_root_without_anything_below_goes_too(cell, source):
    place = DeadRoot(cell, source)
    for action in ("a1", "a2"):
        for below in ("proc", "sys"):
            harness.umount(os.path.join(place.root, action, "root", below))
    kill(place.fuse)
    wait_for(lambda: gone(place.number), "the dead root goes")
    place.check_end()


@pytest.mark.parametrize("trouble", ["errno 5", "errno 13", "errno 116", "stop"])
def test_a_root_in_any_other_trouble_is_not_reaped(cell, source, trouble):
    """EIO, EACCES, ESTALE, no answer: an outage of its storage looks like that, too."""
    place = DeadRoot(cell, source, grace="0s")
    place.fuse(*trouble.split())
    place.daemon.is_probed(8)
    place.others.go_on(place.daemon)
    assert place.is_whole()
    place.check_end()
    place.fuse("go")


def test_a_dead_filesystem_within_the_root_is_not_a_dead_root(cell, source):
    root = cell.make("build")
    harness.mount("tmpfs", root, "tmpfs")
    number = harness.top_id(root)
    own = Misfuse(cell, cell.make("build", "x"), 0)
    place = Place(cell, source, root, grace="0s", layout="x/{action}", reap_root="yes")
    made = place.farm.start().tmpfs("x", "c1", "t")
    place.daemon.knows(made)
    place.daemon.is_probed(3)
    kill(own)
    place.daemon.is_probed(8)
    assert not gone(made) and not gone(number)
    place.check_end()


def test_what_nobody_may_take_keeps_a_dead_root(cell, source):
    place = DeadRoot(cell, source, grace="0s", protect="a2/root/sys")
    kill(place.fuse)
    wait_for(lambda: place.health() == "dead", "the root is shown to be dead")
    place.check_promises()
    assert place.is_whole()
    said = place.daemon.ctl("explain", "a1").stdout
    assert "a protect pattern keeps it" in said and "a2/root/sys" in said, said
    place.check_end()


def test_a_dead_root_under_its_successor_waits_for_that(cell, source):
    """What covers it would go along: it is shown as shadowed, with what would free it."""
    place = DeadRoot(cell, source, grace="1s")
    daemon = place.daemon
    kill(place.fuse)
    wait_for(lambda: place.health() == "dead", "the root is shown to be dead")
    fuse = Misfuse(cell, place.root, 0, name="successor")
    successor = harness.top_id(place.root)
    live = place.farm.action("b1")
    daemon.knows(*live)
    wait_for(lambda: place.health() == "covered", "it lies over what has actions")
    place.check_promises(8)
    assert place.is_whole() and not gone(successor)
    assert "shadowed" in daemon.ctl("explain", "a1").stdout
    for below in ("proc", "sys"):
        harness.umount(os.path.join(place.root, "b1", "root", below))
    harness.umount(place.root, harness.MNT_DETACH)
    wait_for(lambda: gone(place.number, *place.made), "when nothing covers it any more it goes")
    fuse.process.wait()
    place.check_end()
