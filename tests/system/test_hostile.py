# SPDX-License-Identifier: LGPL-2.1-or-later
"""A builder that does its worst (tests/hostile) beside a daemon that reaps without grace: the host's mounts and those of live actions stay, id by id."""
import json
import os
import random
import shutil

import harness
import pytest
from harness import wait_for

SECONDS = int(os.environ.get("REAPERD_HOSTILE_SECONDS", "2"))
SWAPS = int(os.environ.get("REAPERD_HOSTILE_SWAPS", "10"))
SEED = int(os.environ.get("REAPERD_HOSTILE_SEED", random.randrange(1 << 32)))
pytestmark = pytest.mark.skipif(harness.kernel_is_before(6, 8), reason="before Linux 6.8 nothing says which mount stands at a place")


class Scene:
    """A host, live actions of others in two build roots, and a daemon whose broker counts."""

    def __init__(self, cell, source):
        self.cell = cell
        self.base = cell.memory
        # Whom an unmount of what lies in it reaches is asked then; and nothing can be moved.
        if SEED & 2:
            harness.mount("none", self.base, None, harness.MS_SHARED)
        self.build, self.other, self.host = (os.path.join(self.base, name) for name in ("build", "other", "host"))
        for name in ("proc", "dev"):
            self.mounted(self.host, name)
        harness.mount("none", f"{self.host}/dev", None, harness.MS_SHARED)
        for name in ("pts", "shm"):
            self.mounted(self.host, "dev", name)
        # Beside the root, with nearly its name.
        for root in ("build2", "build ", "buil"):
            self.mounted(self.base, root, "d0", "root", "proc")
        self.live = [(self.build, name) for name in ("live0", "live1", "d0 ", "d00", "d0\n", "D0", "d0\\x20")] + [(self.other, "live0"), (self.other, "d0")]
        # What stands at the root for a moment.
        self.twin = os.path.join(self.base, "twin")
        for root, name in [*self.live, (self.twin, "live0"), (self.twin, "other")]:
            self.mounted(root, name, "root", "proc")
            self.mounted(root, name, "root", "sys")
        config = harness.config_text(*(harness.root_section(root, grace="0s", step_timeout="5s") for root in (self.build, self.other)), source=source, max_reaps_per_minute=0)
        self.daemon = harness.Daemon(cell, config)
        self.windows = os.path.join(self.base, "windows")
        with open(self.windows, "wb") as file:
            file.truncate(1 << 16)
        self.daemon.program = self.counting_broker()

    def mounted(self, *parts):
        place = os.path.join(*parts)
        os.makedirs(place)
        harness.mount("tmpfs", place, "tmpfs")

    def counting_broker(self):
        """It starts the engine that is beside it."""
        directory = self.cell.make("bin")
        shutil.copy(harness.program("tests/hostile/counting"), f"{directory}/reaperd")
        os.symlink(harness.program("reaperd/engine/reaperd-engine"), f"{directory}/reaperd-engine")
        os.environ["REAPERD_TEST_WINDOWS"] = self.windows
        return f"{directory}/reaperd"

    def start(self):
        self.daemon.start()
        runner = self.cell.runner()
        for root, name in self.live:
            self.daemon.call("io.reaperd.Begin", root=root, name=name, pid=runner.pid)
        return self

    def what_is_left(self):
        left = [f"{m.id} on {m.parent}: {m.target} {m.fstype} {m.root}" for m in harness.mounts(self.base).values()]
        return "\n".join([*left, self.daemon.ctl("actions").stdout, self.daemon.ctl("mounts").stdout])

    def is_as(self, before):
        after = harness.mounts()
        changed = [(was, after.get(number)) for number, was in before.items() if after.get(number) != was]
        assert not changed, changed

    def attack(self, seconds, *more):
        log = os.path.join(self.cell.directory, "hostile.log")
        process = self.cell.spawn(harness.program("tests/hostile/hostile"), "--seed", str(SEED), "--seconds", str(seconds), *more,
                                  "--socket", self.daemon.socket, "--windows", self.windows, self.base, log="hostile")
        wait_for(lambda: process.poll() is not None, "the hostile builder ends", seconds + 60 + 80 * harness.SLOWNESS)
        with open(log) as file:
            said = file.read()
        assert process.returncode == 0, said + self.what_is_left()
        self.daemon.is_probed(3)  # what has just come back is written down
        return json.loads(said.splitlines()[-1])


@pytest.mark.limit(SECONDS + 200)
def test_whatever_a_builder_does_the_hosts_and_the_live_actions_mounts_stay(cell, source):
    print(f"replay with REAPERD_HOSTILE_SEED={SEED}")
    scene = Scene(cell, source)
    before = harness.mounts()
    done = scene.start().attack(SECONDS, "--swaps", str(SWAPS))
    print(json.dumps(done))
    scene.is_as(before)
    read = done["swapped"].pop("read")
    assert read >= SWAPS // 2, done
    assert sum(done["swapped"].values()) >= SWAPS, done
    assert sum(done["stacked"].values()) >= SWAPS // 10, done


@pytest.mark.limit(SECONDS + 200)
def test_a_root_that_makes_way_to_another_for_moments_costs_no_live_action_anything(cell, source):
    print(f"replay with REAPERD_HOSTILE_SEED={SEED}")
    scene = Scene(cell, source)
    before = harness.mounts()
    done = scene.start().attack(SECONDS, "--swap-root")
    print(json.dumps(done))
    scene.is_as(before)
    assert done["root_swaps"] >= 20, done
