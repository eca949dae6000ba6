# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build roots on FUSE: removed behind the kernel's back, failing, hanging, dying."""
import errno
import os
import shutil

import pytest

import harness
from harness import Misfuse, gone, wait_for

HALF = 250


@pytest.fixture
def mirror(cell, source):
    """A farm on bindfs."""
    server, root = cell.make("storage"), cell.make("build")
    cell.bindfs(server, root)
    return harness.Farm(cell, source, root=root, server=server)


class Misfarm(harness.Farm):
    """A farm on a filesystem that misbehaves on command."""

    def __init__(self, cell, source="auto", entry_timeout=0, **keys):
        root = cell.make("build")
        self.fuse = Misfuse(cell, root, entry_timeout)
        super().__init__(cell, source, root=root, **keys)


@pytest.mark.limit(240)
def test_of_500_actions_behind_fuse_half_disappear_at_once(mirror):
    daemon = mirror.start().daemon
    names = [f"{number:016x}" for number in range(2 * HALF)]
    made = {name: mirror.action(name) for name in names}
    dead = names[1::2]
    leftovers = {number for name in dead for number in made[name]}
    daemon.knows(*leftovers)
    daemon.is_probed()
    before = {number: mount for number, mount in harness.mounts().items() if number not in leftovers}
    for name in dead:
        mirror.vanish(name)
    wait_for(lambda: gone(*leftovers), "half of the actions are reaped", 90 * harness.SLOWNESS)
    assert {number: mount for number, mount in harness.mounts().items() if number not in leftovers} == before
    wait_for(lambda: {a["name"] for a in daemon.actions()} == set(names[::2]), "only live actions are shown")
    assert {(a["state"], a["mounts"]) for a in daemon.actions()} == {("active", 2)}
    # Reaching a mount point by name may make the kernel detach it first: either way it is recorded, and who did it.
    assert daemon.query("SELECT count(*) FROM mounts WHERE state IN ('reaped', 'detached') AND detached_by IS NOT NULL") == [(2 * HALF,)]


@pytest.mark.parametrize("entry_timeout", [0, 3600])
def test_a_directory_removed_behind_fuse_is_missing_by_handle(cell, source, entry_timeout):
    farm = Misfarm(cell, source, entry_timeout, grace="1h")
    daemon = farm.start().daemon
    made, kept = farm.action("a1"), farm.action("a2")
    daemon.knows(*made, *kept)
    daemon.is_probed(6)
    lookups = farm.fuse("lookups")
    farm.fuse("remove", "a1")
    wait_for(lambda: "missing" in daemon.evidence("a1"), "the directory is seen to be missing")
    daemon.is_probed(6)
    assert not any(gone(number) for number in made + kept), "a probe acted"
    assert farm.fuse("lookups") == lookups, "a probe looked a name up"
    assert daemon.action("a1")["state"] == "over" and daemon.action("a2")["state"] == "active"
    daemon.ctl("reap", "a1", "--root", farm.root)
    wait_for(lambda: gone(*made), "it is reaped")
    assert not any(gone(number) for number in kept)


def test_what_is_mounted_at_the_name_that_a_living_directory_left_is_not_judged_by_it(cell, source):
    """Renamed by the server: the directory lives under another name, and by its handle it is found."""
    farm = Misfarm(cell, source, entry_timeout=2)
    daemon = farm.start().daemon
    former = farm.action("a1")
    daemon.knows(*former)
    daemon.is_probed(4)
    farm.fuse("rename", "a1", "elsewhere")
    wait_for(lambda: not os.path.exists(farm.path("a1")) and gone(*former), "a walk to the name meets nothing: the kernel detaches")
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(6)
    assert not gone(*made)
    farm.fuse("remove", "elsewhere")
    daemon.is_probed(12)
    assert not any(gone(number) for number in made), "the next directory's mounts were taken for the former's"
    assert {m["state"] for m in daemon.mounts() if m["id"] in made} == {"attached"}
    farm.fuse("remove", "a1")
    wait_for(lambda: gone(*made), "its own end is seen")


def test_what_the_kernel_detached_is_recorded_so(cell, source):
    farm = Misfarm(cell, source, grace="1h")
    daemon = farm.start().daemon
    made, kept = farm.action("a1"), farm.action("a2")
    daemon.knows(*made, *kept)
    daemon.is_probed(4)
    farm.fuse("remove", "a1")
    # Seen gone while the mounts are there: whoever walks to it now, it is the kernel that takes them. Without that nobody could tell
    # the kernel from an umount.
    wait_for(lambda: "missing" in daemon.evidence("a1"), "the directory is seen to be missing")
    assert not os.path.exists(farm.path("a1"))
    assert gone(*made), "this kernel does not detach what a lookup finds gone"
    wait_for(lambda: daemon.mount(made[0])["state"] == "detached", "it is recorded")
    wait_for(lambda: {daemon.mount(number)["detached_by"] for number in made} == {"kernel"}, "and that the kernel did it")
    wait_for(lambda: daemon.action("a1") is None, "the action is past")
    assert daemon.query("SELECT count(*) FROM attempts") == [(0,)]
    assert not any(gone(number) for number in kept)


def test_an_invalidated_name_is_detached_by_the_kernel(cell, source):
    farm = Misfarm(cell, source, entry_timeout=3600, grace="1h")
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(4)
    farm.fuse("remove", "a1")
    wait_for(lambda: "missing" in daemon.evidence("a1"), "the directory is seen to be missing")
    farm.fuse("invalidate", "a1")
    wait_for(lambda: gone(*made), "the kernel detaches it")
    wait_for(lambda: {daemon.mount(number)["detached_by"] for number in made} == {"kernel"}, "it is recorded")


# Where names are good for no time at all, a directory's identity cannot be had without a lookup, which might act.
@pytest.mark.parametrize("entry_timeout", [1, 3600])
def test_a_directory_replaced_behind_fuse_gives_up_its_old_mounts(cell, source, entry_timeout):
    farm = Misfarm(cell, source, entry_timeout)
    daemon = farm.start().daemon
    old, kept = farm.action("a1"), farm.action("a2")
    daemon.knows(*old, *kept)
    daemon.is_probed(6)
    farm.fuse("replace", "a1")
    assert not any(gone(number) for number in old)
    if source == "mountinfo":
        # Without unique ids the mounts that are listed may be the new directory's, under old numbers: in doubt they stay.
        wait_for(lambda: "unknown" in daemon.evidence("a1"), "nobody can tell")
        daemon.is_probed(6)
        assert not any(gone(number) for number in old + kept)
        return
    wait_for(lambda: gone(*old), "the old generation's mounts go")
    wait_for(lambda: daemon.action("a1") is None, "it is past")
    if entry_timeout:
        farm.fuse("invalidate", "a1")
    new = farm.action("a1")
    daemon.knows(*new)
    daemon.is_probed(8)
    assert not any(gone(number) for number in new + kept)
    assert daemon.action("a1")["generation"] == 2


def test_a_replaced_directory_with_new_mounts_keeps_those(cell, source):
    farm = Misfarm(cell, source, entry_timeout=1)
    daemon = farm.start().daemon
    old = farm.action("a1")
    daemon.knows(*old)
    daemon.is_probed(6)
    farm.fuse("replace", "a1")
    new = farm.action("a1")
    daemon.knows(*new)
    wait_for(lambda: gone(*old), "the old generation's mounts go")
    daemon.is_probed(12)
    assert not any(gone(number) for number in new)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENXIO, errno.ENODEV, errno.EAGAIN])
def test_an_error_of_the_storage_says_nothing(cell, source, number):
    farm = Misfarm(cell, source)
    daemon = farm.start().daemon
    made = farm.action("a1") + farm.action("a2")
    daemon.knows(*made)
    daemon.is_probed(4)
    before = harness.mounts()
    farm.fuse("errno", number)
    wait_for(lambda: "unknown" in daemon.evidence("a1"), "it is reported as unknown")
    daemon.is_probed(12)
    assert harness.mounts() == before
    farm.fuse("errno", 0)
    wait_for(lambda: daemon.evidence("a1") == set(), "it is well again")
    daemon.is_probed(6)
    assert harness.mounts() == before
    assert {a["state"] for a in daemon.actions()} == {"active"}


def test_a_stopped_server_hangs_nobody_and_says_nothing(cell, source):
    farm = Misfarm(cell, source)
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root, step_timeout="300ms"), source=source))
    daemon = farm.start().daemon
    made = farm.action("a1") + farm.action("a2")
    daemon.knows(*made)
    daemon.is_probed(4)
    before = harness.mounts()
    farm.fuse("stop")
    wait_for(lambda: "hung" in daemon.evidence("a1"), "it is reported as hung")
    daemon.is_probed(6)
    assert harness.mounts() == before
    assert daemon.status()["roots"][0]["health"] == "hung"
    farm.fuse("go")
    wait_for(lambda: daemon.evidence("a1") == set(), "it is well again")
    wait_for(lambda: daemon.status()["broker"]["hung"] == 0, "the children that hung have ended")
    assert harness.mounts() == before


def test_a_stopped_server_does_not_hold_up_another_root(cell, source):
    farm = Misfarm(cell, source)
    other = cell.make("other")
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root, step_timeout="300ms"),
                                              harness.root_section(other, step_timeout="300ms"), source=source))
    daemon = farm.start().daemon
    daemon.knows(*farm.action("a1"))
    daemon.is_probed(4)
    farm.fuse("stop")
    wait_for(lambda: "hung" in daemon.evidence("a1"), "the first root hangs")
    os.makedirs(other + "/b1/root")
    daemon.ctl("begin", "b1", "--root", other)
    harness.mount("tmpfs", other + "/b1/root", "tmpfs")
    made = harness.top_id(other + "/b1/root")
    daemon.knows(made)
    daemon.ctl("end", "b1", "--root", other)
    wait_for(lambda: gone(made), "the second root is reaped")
    farm.fuse("go")


def test_a_step_that_hangs_is_abandoned(cell, source):
    farm = Misfarm(cell, source)
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root, step_timeout="300ms"), source=source))
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(4)
    farm.fuse("stop")
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: daemon.query("SELECT count(*) FROM attempts WHERE outcome = 'hung'")[0][0], "a step hangs and is given up")
    assert daemon.status()["broker"]["state"] == "ok"
    farm.fuse("go")
    wait_for(lambda: gone(*made), "when the server answers again it is reaped", 30 * harness.SLOWNESS)


def test_a_dead_server_makes_suspects(cell, source):
    """What is mounted below a dead FUSE is out of reach of every path: reported, and nothing is tried that cannot work."""
    farm = Misfarm(cell, source)
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.is_probed(4)
    farm.fuse.process.kill()
    farm.fuse.process.wait()
    wait_for(lambda: "dead" in daemon.evidence("a1"), "it is reported as dead")
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "dead", "and the root, too")
    daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    assert f"`umount --lazy` of {farm.root} (mnt:" in daemon.ctl("explain", "a1").stdout, "what would free it is said"
    harness.umount(farm.root, harness.MNT_DETACH)
    wait_for(lambda: daemon.action("a1") is None, "the action is past once the root is taken away")


def test_a_new_server_over_a_dead_one_is_watched(cell, source):
    """A worker that died and came back mounts over the corpse: the new instance's actions are its own."""
    farm = Misfarm(cell, source)
    daemon = farm.start().daemon
    old = farm.action("a1")
    daemon.knows(*old)
    daemon.is_probed(4)
    farm.fuse.process.kill()
    farm.fuse.process.wait()
    second = Misfuse(cell, farm.root, 0, name="second")
    new = farm.action("a1")
    daemon.knows(*new)
    daemon.is_probed(12)
    assert not any(gone(number) for number in [*old, *new])
    said = daemon.ctl("explain", f"mnt:{daemon.as_daemon(old[0])}").stdout
    assert "It is shadowed" in said and "(fuse.misfuse, mnt:" in said and f"on {farm.root}" in said, said
    second("remove", "a1")
    wait_for(lambda: gone(*new), "the second server's actions are watched")


def test_a_fuse_input_root_is_reaped_with_its_action(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/input"))
    fuse = Misfuse(farm.cell, farm.path("a1/input"))
    made = harness.top_id(farm.path("a1/input"))
    daemon.knows(made)
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(made), "the FUSE is unmounted")
    assert fuse.process.wait(harness.PATIENCE) == 0


def test_a_fuse_shared_with_a_live_action_is_not_forced(farm):
    """MNT_FORCE kills a live FUSE for everyone: where a live action has the same superblock, the step is refused."""
    daemon = farm.start().daemon
    daemon.ctl("begin", "over", "--root", farm.root)
    for name in ("over", "live"):
        os.makedirs(farm.path(name, "input"))
    fuse = Misfuse(farm.cell, farm.path("live/input"))
    os.mkdir(farm.path("live/input/file"))
    harness.bind(farm.path("live/input"), farm.path("over/input"))
    live, over = (harness.top_id(farm.path(name, "input")) for name in ("live", "over"))
    farm.cell.runner(farm.path("over/input"))
    daemon.knows(live, over)
    daemon.ctl("end", "over", "--root", farm.root)
    wait_for(lambda: gone(over), "the leftover is detached")
    assert not gone(live)
    assert os.listdir(farm.path("live/input")) == ["file"], "the server still answers"
    assert fuse.process.poll() is None
    assert daemon.query("SELECT outcome FROM attempts WHERE step = 'force'") in ([], [(b"refused",)])


def test_a_hung_fuse_input_root_is_reaped(farm):
    """Nobody shares it: the ladder's forced step aborts the connection, and who waited in it is freed."""
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root, step_timeout="300ms"), source=farm.source))
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    os.makedirs(farm.path("a1/input"))
    fuse = Misfuse(farm.cell, farm.path("a1/input"))
    made = harness.top_id(farm.path("a1/input"))
    daemon.knows(made)
    fuse("stop")
    daemon.ctl("end", "a1", "--root", farm.root)
    wait_for(lambda: gone(made), "the hung FUSE is taken away", 30 * harness.SLOWNESS)


def test_hollow_says_nothing_on_fuse(mirror):
    daemon = mirror.start().daemon
    made = mirror.action("a1")
    with open(os.path.join(mirror.server, "a1/input"), "w"):
        pass
    daemon.knows(*made)
    daemon.is_probed(6)
    os.unlink(os.path.join(mirror.server, "a1/input"))
    daemon.is_probed(16)
    assert not any(gone(number) for number in made)


def test_an_action_renamed_to_a_trash_folder_on_fuse(mirror):
    daemon = mirror.start().daemon
    made = mirror.action("a1")
    daemon.knows(*made)
    os.mkdir(mirror.path(".trash"))
    os.rename(mirror.path("a1"), mirror.path(".trash/a1"))
    wait_for(lambda: gone(*made), "it is reaped")
    shutil.rmtree(mirror.path(".trash"))


def test_a_rename_on_fuse_to_publish_is_followed(cell, source):
    farm = Misfarm(cell, source)
    daemon = farm.start().daemon
    made = farm.action("incoming")
    daemon.knows(*made)
    daemon.is_probed(4)
    os.rename(farm.path("incoming"), farm.path("published"))
    wait_for(lambda: daemon.action("published") and daemon.action("published")["mounts"] == 2, "the new name has the mounts")
    daemon.is_probed(12)
    assert not any(gone(number) for number in made)
    assert daemon.action("published")["state"] == "active"
