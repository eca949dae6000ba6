# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command that is an action, as `reaperctl run` has it."""
import os
import platform
import signal
import stat
import subprocess

import pytest

import harness
from harness import gone, wait_for

# Of the host, what a command below a chroot needs.
SYSTEM = [option for path in ("/usr", "/bin", "/lib", "/lib64", "/etc") if os.path.isdir(path)
          for option in ("--mount", f"rbind:{path}:{path[1:]}:ro,nosuid")]


def arguments(farm, *options):
    return [harness.reaperctl_program(), "--socket", getattr(farm, "runs_by", farm.daemon.socket), "run", "--root", farm.root, *options]


def run(farm, *options, command=("true",), **more):
    return subprocess.run([*arguments(farm, *options), "--", *command], capture_output=True, text=True, timeout=harness.PATIENCE, **more)


@pytest.fixture
def runner(farm):
    return farm.start()


def is_clean(farm, name="c1"):
    return not os.path.exists(farm.path(name)) and not harness.ids(farm.path(name))


STATUSES = [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]


@pytest.mark.parametrize("script,status", STATUSES)
def test_the_exit_status_is_the_commands(runner, script, status):
    done = run(runner, "--name", "c1", command=("sh", "-c", script))
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    assert is_clean(runner)
    wait_for(lambda: runner.daemon.action("c1") is None, "nothing is left of it")
    assert [(e["type"], e["action"]) for e in runner.daemon.events() if e["type"] in ("begin", "end")] == [("begin", "c1"), ("end", "c1")]


def test_what_cannot_be_run_is_told_from_what_fails(runner):
    plain = runner.cell.make("plain")
    assert run(runner, command=("/none/such",)).returncode == 127
    assert run(runner, command=(plain,)).returncode == 126
    for wrong in (["--mount", "tmpfs"], ["--mount", "nosuchfs::x"], ["--mount", "tmpfs::../x"], ["--device", "sda"], ["--mount", "bind:/none:x"]):
        done = run(runner, *wrong)
        assert done.returncode == 125 and done.stderr.startswith("reaperctl") and "canceled" not in done.stderr, done
    done = run(runner, "--name", "a/b")
    assert done.returncode == 125 and "no place for such a name" in done.stderr, done
    assert run(runner, "--root", "/none").returncode == 125
    assert os.listdir(runner.root) == [], "nothing that was made for it is left"


def test_what_is_wrong_with_its_arguments_registers_nothing(runner):
    """Also where the first mounts are right. What only the kernel knows ends what was registered until then."""
    for wrong in (["--mount", "tmpfs"], ["--mount", "tmpfs::../x"], ["--mount", "bind::x"], ["--mount", "bind:/usr:x:size=1"], ["--device", "sda"],
                  ["--device", "null", "--device", "null"], ["--chroot=x"]):
        done = run(runner, "--name", "c1", "--mount", "tmpfs::m", *wrong)
        assert done.returncode == 125 and wrong[-1].split("=")[0] in done.stderr, done
    assert not [e for e in runner.daemon.events() if e["type"] in ("begin", "attach")]
    for wrong in ("nosuchfs::x", "bind:/none/such:x", "tmpfs::x:size=lots"):
        done = run(runner, "--name", "c1", "--mount", "tmpfs::m", "--mount", wrong)
        assert done.returncode == 125 and wrong.split(":")[1 if wrong.startswith("bind") else 0] in done.stderr, done
        wait_for(lambda: runner.daemon.action("c1") is None, "its registration has ended")
    assert is_clean(runner)
    assert [e["type"] for e in runner.daemon.events() if e["type"] in ("begin", "end")] == ["begin", "end"] * 3


def test_it_has_its_mounts_and_devices_and_its_own_root(runner):
    where = runner.cell.make("where")
    script = "cat /in/file; echo more > /out/made; test ! -w /in; head -c 3 /dev/zero | wc -c; echo gone > /dev/null; ls /proc/self >/dev/null && pwd; exit 3"
    with open(os.path.join(where, "file"), "w") as file:
        file.write("content\n")
    out = runner.cell.make("out")
    done = run(runner, "--name", "c1", "--chroot", "--mount", f"bind:{where}:in:ro", "--mount", f"bind:{out}:out", "--mount", "proc::proc:nosuid,nodev,noexec",
               "--device", "null", "--device", "zero", *SYSTEM, command=("/bin/sh", "-c", script))
    assert (done.returncode, done.stdout) == (3, "content\n3\n/\n"), done
    with open(os.path.join(out, "made")) as file:
        assert file.read() == "more\n"
    assert is_clean(runner)
    assert os.path.exists("/dev/null") and stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_what_was_there_before_stays(runner):
    runner.make_place("c1", "root")
    kept = runner.tmpfs("c1", "kept")
    done = run(runner, "--name", "c1", "--mount", "tmpfs::root/tmp:size=1m", "--mount", "tmpfs::work",
               command=("sh", "-c", f"ls {runner.path('c1')}"))
    assert done.stdout.split() == ["kept", "root", "work"], done
    assert sorted(os.listdir(runner.path("c1"))) == ["kept", "root"] and os.listdir(runner.path("c1/root")) == []
    wait_for(lambda: gone(kept), "it was the action's all the same, which is over")


def begin(farm, *options, command=("sleep", "1000"), program=None):
    words = arguments(farm, "--name", "c1", *options)
    process = farm.cell.spawn(program or words[0], *words[1:], "--", *command, log="run")
    wait_for(lambda: farm.daemon.action("c1") and farm.daemon.action("c1")["mounts"], "its mounts are seen")
    assert farm.daemon.action("c1")["owner"]["lease"]
    return process


def sleeper(process):
    keeper = wait_for(lambda: harness.children(process.pid), "its keeper runs")[0]
    return wait_for(lambda: harness.children(keeper), "the command runs")[0]


@pytest.mark.parametrize("who", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(runner, who):
    process = begin(runner, "--mount", "tmpfs::work")
    sleeper(process)
    process.send_signal(who)
    wait_for(lambda: process.poll() is not None, "it ends with its command")
    assert process.returncode == 128 + who
    assert is_clean(runner)


def test_who_kills_it_kills_the_command_and_leaves_no_mount(runner):
    process = begin(runner, "--mount", "tmpfs::work", "--mount", "proc::proc")
    command = sleeper(process)
    made = harness.ids(runner.path("c1"))
    assert len(made) == 2
    # What is busy is the daemon's alone.
    holder = os.open(runner.path("c1/work"), os.O_RDONLY)
    process.kill()
    process.wait()
    wait_for(lambda: not harness.is_alive(command), "the command goes with it")
    wait_for(lambda: gone(*made), "the lease ended with it: its mounts are reaped")
    os.close(holder)
    wait_for(lambda: is_clean(runner), "and its directories are removed")


def test_who_kills_it_kills_what_the_command_has_started(runner):
    """Also what has left the command's session; and the directories that were made go, too."""
    process = begin(runner, "--mount", "tmpfs::work",
                    command=("sh", "-c", f"cd {runner.path('c1/work')}; setsid sh -c 'sleep 1000 & sleep 1000' & setsid sleep 1000"))
    keeper = harness.children(process.pid)[0]

    def all_below(pid):
        return [pid] + [one for child in harness.children(pid) for one in all_below(child)]

    started = wait_for(lambda: len(all_below(keeper)) >= 6 and all_below(keeper), "all of it runs")
    process.kill()
    process.wait()
    wait_for(lambda: not any(harness.is_alive(pid) for pid in started), "all of it ends")
    wait_for(lambda: is_clean(runner), "and nothing is left")


def test_what_has_taken_the_name_of_what_was_made_stays(runner):
    """A command that puts a file of its own where one was made for a bind."""
    content = os.path.join(runner.cell.directory, "content")
    with open(content, "w") as file:
        file.write("bound\n")
    script = f"umount {runner.path('c1/config')} && echo mine >{runner.path('c1/config')}"
    done = run(runner, "--name", "c1", "--mount", f"bind:{content}:config", command=("sh", "-c", script))
    assert done.returncode == 0, done
    assert os.path.exists(runner.path("c1/config")), "nobody but who wrote it removes it"
    with open(runner.path("c1/config")) as file:
        assert file.read() == "mine\n"


def test_it_leaves_no_process_to_whoever_is_the_first(runner):
    assert harness.table.LIBC.prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
    before = harness.children(os.getpid())
    for _ in range(3):
        assert run(runner, "--mount", "tmpfs::work").returncode == 0
        assert harness.children(os.getpid()) == before


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_it_needs_no_input_and_no_output(runner, closed):
    command = " ".join([*arguments(runner, "--name", "c1", "--mount", "tmpfs::work", "--device", "null"), "--", "true"])
    assert subprocess.run(["sh", "-c", f"exec {command} {closed}"], timeout=harness.PATIENCE, check=False).returncode == 0
    assert is_clean(runner)


def test_what_waits_for_a_busy_place_holds_nothing_of_the_runners(runner):
    """Neither a descriptor, to whose end somebody may wait, nor the working directory."""
    reader, writer = os.pipe()
    where = runner.cell.make("where")
    harness.mount("tmpfs", where, "tmpfs")
    runner.daemon.ctl("pause")
    script = f"cd {runner.path('c1/work')}; exec 9>&-; setsid sleep 1000 >/dev/null 2>&1 {writer}>&- &"
    done = subprocess.run([*arguments(runner, "--name", "c1", "--mount", "tmpfs::work"), "--", "bash", "-c", script], cwd=where, pass_fds=(writer,),
                          timeout=harness.PATIENCE, check=False)
    assert done.returncode == 0
    os.close(writer)
    assert os.read(reader, 1) == b"", "nobody has the other end any more"
    assert harness.ids(runner.path("c1")), "what is busy is there"
    wait_for(lambda: harness.umount(where) is None, "nobody works there")
    runner.daemon.ctl("resume")


def test_without_its_keeper_it_ends(runner):
    process = begin(runner, "--mount", "tmpfs::work")
    command = sleeper(process)
    os.kill(harness.children(process.pid)[0], signal.SIGKILL)
    wait_for(lambda: process.poll() is not None, "it ends")
    assert process.returncode == 125
    wait_for(lambda: not harness.is_alive(command) and not harness.ids(runner.path("c1")), "the command, too, and no mount is left")


def test_what_is_busy_is_left_to_the_daemon(runner):
    """A grandchild that stays in there."""
    done = run(runner, "--name", "c1", "--mount", "tmpfs::work", command=("sh", "-c", f"cd {runner.path('c1/work')}; sleep 4 >/dev/null 2>&1 &"))
    assert done.returncode == 0
    wait_for(lambda: not harness.ids(runner.path("c1")), "the daemon takes it away")


def test_a_daemon_that_begins_anew_is_told_again(cell, source):
    # It waits for those whom it knew before as long as the grace is.
    runner = harness.Farm(cell, source, grace=f"{2 * harness.SLOWNESS:.0f}s").start()
    process = begin(runner, "--mount", "tmpfs::work")
    made = harness.ids(runner.path("c1"))
    assert runner.daemon.stop() == 0
    runner.daemon.start()
    wait_for(lambda: (runner.daemon.action("c1") or {}).get("state") == "active" and runner.daemon.action("c1")["owner"]["lease"], "the lease is taken again")
    runner.daemon.is_probed(6)
    assert not gone(*made)
    process.terminate()
    wait_for(lambda: gone(*made), "it ends as ever")


def test_without_a_daemon_nothing_is_run(cell):
    farm = harness.Farm(cell)
    marker = os.path.join(cell.disk, "marker")
    done = run(farm, command=("touch", marker))
    assert done.returncode == 125 and "socket" in done.stderr or "daemon" in done.stderr, done
    assert not os.path.exists(marker) and os.listdir(farm.root) == []


class Hurried:
    """A process whose pauses take no time, by strace; how many it has made."""

    def __init__(self, farm, pid):
        self.trace = os.path.join(farm.cell.directory, "pauses")
        self.tracer = farm.cell.spawn("strace", "-p", str(pid), "-o", self.trace, "-e", "trace=poll", "-e", "inject=poll:retval=0", log="strace")

    def pauses(self):
        try:
            with open(self.trace) as file:
                return file.read().count("poll(NULL, 0,")
        except FileNotFoundError:
            return 0

    def stop(self):
        self.tracer.terminate()
        self.tracer.wait(harness.PATIENCE)


def busy_without_a_runner(farm):
    """A run that is killed, while something is open in its mount; its keeper, and the fd."""
    # Not as on an older kernel, which takes a tracer of its own.
    process = begin(farm, "--mount", "tmpfs::work", program=harness.program("cli/reaperctl"))
    keeper = harness.children(process.pid)[0]
    sleeper(process)
    holder = os.open(farm.path("c1/work"), os.O_RDONLY)
    process.kill()
    process.wait()
    wait_for(lambda: not harness.children(keeper), "the command went, too")
    return keeper, holder


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a pause is another system call here")
@pytest.mark.parametrize("by", ["control", "runners", "relative"])
def test_what_is_busy_is_waited_for_as_long_as_the_daemon_waits(cell, by):
    place = os.path.join(cell.directory, "runners", "io.reaperd")
    farm = harness.Farm(cell, grace="1h", register="root", daemon={"runner-socket": place}).start()
    if by == "runners":
        farm.runs_by = place
    if by == "relative":
        farm.runs_by = os.path.relpath(farm.daemon.socket)  # which the keeper could not follow: it leaves the working directory
    keeper, holder = busy_without_a_runner(farm)
    hurried = Hurried(farm, keeper)
    try:
        # Of two seconds each: more than half an hour.
        wait_for(lambda: hurried.pauses() > 1000 or not harness.is_alive(keeper), "it waits on")
        assert harness.is_alive(keeper), "it does not leave the directories to nobody"
    finally:
        hurried.stop()
    assert harness.ids(farm.path("c1")) and farm.daemon.action("c1")["state"] == "over"
    farm.daemon.ctl("reap", "c1")
    wait_for(lambda: not harness.ids(farm.path("c1")), "it is reaped")
    os.close(holder)
    wait_for(lambda: is_clean(farm) and not harness.is_alive(keeper), "and its directories are removed by who waited")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a pause is another system call here")
def test_what_is_busy_is_not_waited_for_where_there_is_no_daemon(cell):
    farm = harness.Farm(cell, grace="1h").start()
    keeper, holder = busy_without_a_runner(farm)
    assert farm.daemon.stop() == 0
    hurried = Hurried(farm, keeper)
    try:
        wait_for(lambda: not harness.is_alive(keeper), "it gives up")
    finally:
        hurried.stop()
    assert 0 < hurried.pauses() < 100, "after a minute"
    assert harness.ids(farm.path("c1")) and os.path.isdir(farm.path("c1/work"))
    os.close(holder)
