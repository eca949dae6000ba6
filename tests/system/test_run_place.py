# SPDX-License-Identifier: LGPL-2.1-or-later
"""The place that `reaperctl run` makes, and that it takes back."""
import os

import pytest

import harness
from harness import gone, wait_for

from test_run import arguments, run


@pytest.fixture
def runner(cell):
    return harness.Farm(cell, grace="200ms").start()


@pytest.fixture
def tree(cell):
    """A tree with mounts in it, as an rbind takes it: one in another, beside another, and two at one place."""
    where = cell.make("tree")
    for below in ("a", "a/deep/er", "b c", "b c"):
        os.makedirs(os.path.join(where, below), exist_ok=True)
        harness.mount("tmpfs", os.path.join(where, below), "tmpfs")
    with open(os.path.join(where, "a/deep/er/kept"), "w") as file:
        file.write("kept\n")
    return where


def test_what_came_with_an_rbind_is_unmounted_before_it_returns(runner, tree):
    """A paused daemon does nothing for it, and who removes the directory then does not walk into the source."""
    runner.daemon.ctl("pause")
    before = harness.ids(tree)
    done = run(runner, "--name", "c1", "--mount", f"rbind:{tree}:in/side", "--mount", f"rbind:{tree}:more", command=("test", "-e", f"{runner.path('c1')}/in/side/a/deep/er/kept"))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert not harness.ids(runner.root) and os.listdir(runner.root) == []
    assert harness.ids(tree) == before and os.path.exists(os.path.join(tree, "a/deep/er/kept"))


def test_what_another_mounted_within_an_rbind_is_not_its_to_unmount(runner, tree):
    runner.daemon.ctl("pause")
    inside = runner.path("c1/in/a/deep/er")
    # Not by run(), for a tracer has its output as long as the keeper is there.
    process = runner.cell.spawn(*arguments(runner, "--name", "c1", "--mount", f"rbind:{tree}:in"), "--", "mount", "-t", "tmpfs", "another", inside)
    assert process.wait(harness.PATIENCE) == 0
    left = [mount.target for mount in harness.mountinfo() if mount.target.startswith(runner.root + "/")]
    assert sorted(left) == [runner.path("c1/in"), runner.path("c1/in/a"), inside, inside], "it, and what it lies on"
    runner.daemon.ctl("resume")
    wait_for(lambda: not harness.ids(runner.root) and not os.listdir(runner.root), "the daemon takes it, and the keeper the directories")


def test_what_is_busy_within_an_rbind_is_left_to_the_daemon(runner, tree):
    waiting = os.path.join(tree, "a/go")
    os.mkfifo(waiting)
    process = runner.cell.spawn(*arguments(runner, "--name", "c1", "--mount", f"rbind:{tree}:in"), "--", "sh", "-c", f"read x <{waiting}")
    inside = runner.path("c1/in/a/deep/er")
    wait_for(lambda: os.path.exists(os.path.join(inside, "kept")) and len(harness.ids(runner.root)) == 5, "it is mounted")
    made = harness.ids(runner.root)
    holder = os.open(inside, os.O_RDONLY)
    with open(waiting, "w") as file:
        file.write("\n")
    assert process.wait(harness.PATIENCE) == 0
    wait_for(lambda: gone(*made), "what is busy is detached")
    os.close(holder)
    wait_for(lambda: not os.listdir(runner.root), "and the keeper removes the directories")


@pytest.mark.parametrize("again", [["--mount", "tmpfs::deep/work"], []])
def test_a_name_that_is_run_again_when_it_was_killed_leaves_nothing(runner, again):
    """What was made for the first is taken back before the second makes its own."""
    place = runner.path("c1")
    for _ in range(5):
        first = runner.cell.spawn(*arguments(runner, "--name", "c1", "--mount", "tmpfs::deep/work", "--mount", "tmpfs::other"), "--", "sleep", "1000")
        wait_for(lambda: len(harness.ids(place)) == 2, "the first has its mounts")
        first.kill()
        first.wait()
        done = run(runner, "--name", "c1", *again, command=("sh", "-c", f"sleep 0.3; cd {place} && ls"))
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["deep"] if again else [], ""), done
        wait_for(lambda: not harness.ids(runner.root) and not os.listdir(runner.root), "and nothing is left of either")
