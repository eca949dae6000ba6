# SPDX-License-Identifier: LGPL-2.1-or-later
"""The place that `reaperctl run` makes, and that it takes back."""
import os
import signal

import pytest

import harness
from harness import gone, wait_for

from test_run import arguments, begin, run, sleeper


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


def test_nothing_is_run_beside_what_is_still_taken_back(runner):
    """The mounts of the first are busy, and reaping is paused: the second would work in what is left of it."""
    place, marker = runner.path("c1"), os.path.join(runner.cell.disk, "marker")
    runner.daemon.ctl("pause")
    first = runner.cell.spawn(*arguments(runner, "--name", "c1", "--mount", "tmpfs::work"), "--", "sh", "-c", f"cd {place}/work; setsid sleep 1000 &")
    assert first.wait(harness.PATIENCE) == 0
    made = harness.ids(place)
    assert made, "what is busy is there"
    second = run(runner, "--name", "c1", "--timeout", "500ms", "--mount", "tmpfs::work", command=("touch", marker))
    assert second.returncode == 125 and "still being taken back by process" in second.stderr and "not be made in time" in second.stderr, second
    keeper = int(second.stderr.split("by process ")[1].split(",")[0])
    assert harness.comm(keeper) == "reaperctl-keep"
    assert not os.path.exists(marker) and harness.ids(place) == made, "and nothing was mounted"
    wait_for(lambda: "ended" in runner.daemon.evidence("c1"), "its registration ended with it")
    runner.daemon.ctl("resume")
    wait_for(lambda: gone(*made) and not os.path.exists(place), "the first is taken back")
    assert run(runner, "--name", "c1", "--mount", "tmpfs::work", command=("touch", marker)).returncode == 0
    assert os.path.exists(marker)


class Hung:
    """A filesystem that does not answer."""

    def __init__(self, cell, target):
        self.process = cell.bindfs(cell.make("behind"), target)
        os.makedirs(os.path.join(target, "inside"))
        self.process.send_signal(signal.SIGSTOP)
        cell.at_end.append(self.go)

    def go(self):
        self.process.send_signal(signal.SIGCONT)


def is_forgotten(farm):
    return not any(action["owner"]["lease"] or action["mounts"] for action in farm.daemon.actions())


def has_taken(pid, number):
    """And waits for something else since, or has ended."""
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return status["State"][0] in "SZ" and not int(status["ShdPnd"], 16) >> (number - 1) & 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_its_place_is_made(runner, number):
    hung = Hung(runner.cell, runner.root)
    process = runner.cell.spawn(*arguments(runner, "--name", "c1"), "--", "true", log="run")
    wait_for(lambda: any(harness.comm(pid) == "reaperctl-keep" for pid in harness.children(process.pid)), "its keeper makes the place")
    process.send_signal(number)
    assert process.wait(harness.PATIENCE) == 128 + number
    wait_for(lambda: is_forgotten(runner), "its registration ended with it")
    hung.go()
    assert os.listdir(runner.root) == ["inside"]


def test_a_signal_that_is_ignored_ends_nothing(runner):
    where = runner.cell.make("where")
    hung = Hung(runner.cell, where)
    command = arguments(runner, "--name", "c1", "--mount", f"bind:{where}/inside:in")
    process = runner.cell.spawn("sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command, "--", "true")
    wait_for(lambda: os.path.exists(runner.path("c1")), "its keeper makes the place")
    process.send_signal(signal.SIGHUP)
    hung.go()
    assert process.wait(harness.PATIENCE) == 0


def test_what_was_made_when_a_signal_ended_it_is_taken_back(runner):
    """By the keeper, as soon as it can, and the command is not run."""
    where, marker = runner.cell.make("where"), os.path.join(runner.cell.disk, "marker")
    hung = Hung(runner.cell, where)
    process = runner.cell.spawn(*arguments(runner, "--name", "c1", "--mount", "tmpfs::work", "--mount", f"bind:{where}/inside:in", "--mount", "tmpfs::more"), "--",
                                "touch", marker)
    wait_for(lambda: harness.ids(runner.path("c1/work")), "it has begun")
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: has_taken(process.pid, signal.SIGTERM), "it has been told")
    hung.go()
    assert process.wait(harness.PATIENCE) == 143
    wait_for(lambda: not harness.ids(runner.root) and not os.listdir(runner.root), "nothing is left")
    assert not os.path.exists(marker)


def test_a_place_that_is_not_made_in_time_is_given_up(runner):
    """Nobody waits for it, not even for the end of its output; of what is mounted the daemon hears that it is over."""
    where = runner.cell.make("where")
    hung = Hung(runner.cell, where)
    done = run(runner, "--name", "c1", "--timeout", "100ms", "--mount", "tmpfs::work", "--mount", f"bind:{where}/inside:in")
    assert done.returncode == 125 and "in time" in done.stderr, done
    wait_for(lambda: is_forgotten(runner) and not harness.ids(runner.path("c1")), "its mounts are reaped")
    hung.go()
    for wrong in ("0", "soon"):
        assert run(runner, "--timeout", wrong).returncode == 125


def test_a_place_that_is_not_taken_back_in_time_is_left_to_the_keeper(runner):
    where = runner.cell.make("behind")
    bindfs = runner.cell.bindfs(where, runner.root)
    runner.cell.at_end.append(lambda: bindfs.send_signal(signal.SIGCONT))
    process = runner.cell.spawn(*arguments(runner, "--name", "c1", "--timeout", "2s"), "--", "sh", "-c", f"kill -STOP {bindfs.pid}; exit 7", log="run")
    assert process.wait(harness.PATIENCE) == 7
    with open(os.path.join(runner.cell.directory, "run.log")) as log:
        assert "taken back" in log.read()
    assert os.listdir(where) == ["c1"]
    bindfs.send_signal(signal.SIGCONT)
    wait_for(lambda: not os.listdir(where), "it goes on where it was")


def test_who_kills_its_keeper_ends_what_the_command_has_started(runner):
    process = begin(runner, "--mount", "tmpfs::work", command=("sh", "-c", "setsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000"))
    command = sleeper(process)

    def all_below(pid):
        return [pid] + [one for child in harness.children(pid) for one in all_below(child)]

    started = wait_for(lambda: len(all_below(command)) >= 5 and all_below(command), "all of it runs")
    os.kill(harness.children(process.pid)[0], signal.SIGKILL)
    assert process.wait(harness.PATIENCE) == 125
    assert not any(harness.is_alive(pid) for pid in started), "it ends before who ran it"
    wait_for(lambda: not harness.ids(runner.path("c1")), "and no mount is left")


def test_what_ran_in_its_process_before_is_not_killed_with_its_keeper(runner):
    command = arguments(runner, "--name", "c1", "--mount", "tmpfs::work")
    process = runner.cell.spawn("sh", "-c", 'sleep 1000 & exec "$@"', "sh", *command, "--", "sleep", "1000")
    keeper = wait_for(lambda: [pid for pid in harness.children(process.pid) if harness.comm(pid) == "reaperctl-keep" and harness.children(pid)], "the command runs")[0]
    other = [pid for pid in harness.children(process.pid) if pid != keeper]
    assert len(other) == 1
    os.kill(keeper, signal.SIGKILL)
    assert process.wait(harness.PATIENCE) == 125
    assert harness.is_alive(other[0])
    os.kill(other[0], signal.SIGKILL)
