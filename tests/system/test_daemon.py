# SPDX-License-Identifier: LGPL-2.1-or-later
"""reaperd as its operator meets it: arguments, configuration, signals, users."""
import fcntl
import os
import re
import signal
import socket
import subprocess

import pytest

import harness
from harness import gone, wait_for


@pytest.fixture
def source():
    return "auto"


def run(*arguments, **options):
    return subprocess.run([harness.reaperd_program(), *arguments], capture_output=True, text=True, timeout=harness.PATIENCE, **options)


def test_root_alone_is_enough_to_run(cell):
    root = cell.make("build")
    state, runtime = cell.make("state"), cell.make("run")
    if os.path.exists("/etc/reaperd.conf"):
        pytest.skip("this machine has an /etc/reaperd.conf")
    process = cell.spawn(harness.reaperd_program(), "--root", root, "--state-dir", state, "--runtime-dir", runtime, log="reaperd")
    path = os.path.join(runtime, "io.reaperd")

    def status():
        try:
            with harness.Varlink(path) as client:
                return client.call("io.reaperd.GetStatus")["status"]
        except (OSError, EOFError, harness.VarlinkError):
            assert process.poll() is None, open(os.path.join(cell.directory, "reaperd.log")).read()
            return None
    assert [r["path"] for r in wait_for(status, "it answers")["roots"]] == [root]
    process.terminate()
    assert process.wait(harness.PATIENCE) == 0


def test_the_first_line_says_what_is_watched(farm):
    farm.action("a1")
    daemon = farm.start().daemon
    line = daemon.said().splitlines()[0]
    assert daemon.status()["source"] in line and "enforce" in line and re.search(r"\b1 root", line) and re.search(r"\b2 mounts", line)


SOURCES = [name for name, since in (("fanotify", (6, 15)), ("listmount", (6, 8)), ("mountinfo", (5, 14))) if not harness.kernel_is_before(*since)]


@pytest.mark.parametrize("wanted", SOURCES)
def test_the_source_of_the_command_line_ranks_above_the_configuration(farm, wanted):
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root), source="auto" if wanted == "mountinfo" else "mountinfo"))
    assert farm.daemon.start("--source", wanted).status()["source"] == wanted
    farm.daemon.knows(*farm.action("live"))


@pytest.mark.parametrize("arguments", [
    ["--no-such-option"], ["--root"], ["--root", "relative"], ["--root", "/"], ["--root", ""], ["--source", "guess", "--root", "/b"],
    ["--log-level", "loud", "--root", "/b"], ["--config", "/no/such/file"], ["--root", "/b", "--root", "/b"],
    ["--root", "/b", "--root", "/b/c"], ["--root", "/b/../c"], ["superfluous"],
])
def test_wrong_arguments_exit_2_and_say_why(cell, arguments):
    done = run("--state-dir", cell.make("state"), "--runtime-dir", cell.make("run"), *arguments)
    assert done.returncode == 2, done
    assert done.stderr.strip() and "Traceback" not in done.stderr


def test_help_and_version(cell):
    assert run("--help").returncode == 0 and "--state-dir" in run("--help").stdout
    assert run("--version").returncode == 0 and re.search(r"\d+\.\d+", run("--version").stdout)


@pytest.mark.parametrize("text, line, words", [
    ("[daemon]\nuser =\nsorce = auto\n[root /b]\n", 3, ["sorce", "source"]),
    ("[deamon]\nuser =\n[root /b]\n", 1, ["deamon", "daemon"]),
    ("[daemon]\nuser =\n[root /b]\ngrace = soon\n", 4, ["grace", "soon"]),
    ("[daemon]\nuser =\n[root /b]\nreap-when = ended misssing\n", 4, ["misssing", "missing"]),
    ("[daemon]\nuser =\n[root /b]\nladder = umount explode\n", 4, ["explode"]),
    ("[daemon]\nuser =\n[root /b]\nlayout = {actoin}\n", 4, ["layout"]),
    ("[daemon]\nuser =\n[root /b]\n[root /b]\n", 4, ["already"]),
    ("[daemon]\nuser =\n[root /b]\n[root /b/c]\n", 4, ["inside"]),
    ("[daemon]\nuser =\n[root /]\n", 3, ["/"]),
    ("[daemon]\nuser =\n[root b]\n", 3, ["b"]),
    ("[daemon]\nuser =\nmetrics-listen = 127.0.0.1:9835\n[root /b]\n", 3, ["metrics-listen"]),
    ("[daemon]\nuser =\nnamespaces = al\n[root /b]\n", 3, ["namespaces", "all"]),
    ("[daemon]\nuser =\nrunner-socket = run/x\n[root /b]\n", 3, ["runner-socket", "absolute"]),
    ("[daemon]\nuser =\nrunner-socket = /b/x\n[root /b]\n", 4, ["runner-socket", "in this root"]),
    ("[daemon]\nuser =\nsource = fanotif\n[root /b]\n", 3, ["fanotify"]),
    ("[daemon]\nuser =\n[root /b]\nowner = cgruop\n", 4, ["cgroup"]),
    ("[daemon]\nuser =\n[root /b]\nprune = yes\n", 4, ["not built"]),
])
def test_a_configuration_error_names_file_line_and_word(cell, text, line, words):
    daemon = harness.Daemon(cell, text)
    done = run("--config", daemon.config_file, "--state-dir", daemon.state, "--runtime-dir", daemon.run)
    assert done.returncode == 2, done
    assert f"{daemon.config_file}:{line}:" in done.stderr
    for word in words:
        assert word in done.stderr
    checked = daemon.ctl("config", "check", daemon.config_file, check=False)
    assert checked.returncode == 2
    assert f"{daemon.config_file}:{line}:" in checked.stdout + checked.stderr


def test_drop_in_files_add_to_the_configuration(cell):
    one, two = cell.make("one"), cell.make("two")
    daemon = harness.Daemon(cell, harness.config_text(harness.root_section(one)))
    os.mkdir(daemon.config_file + ".d")
    with open(daemon.config_file + ".d/10-two.conf", "w") as file:
        file.write(harness.root_section(two))
    daemon.start()
    assert [r["path"] for r in daemon.status()["roots"]] == [one, two]


def test_sighup_takes_a_good_configuration(farm):
    daemon = farm.start().daemon
    first = farm.action("a1")
    other = farm.cell.make("other")
    os.makedirs(other + "/.trash/x")
    harness.mount("tmpfs", other + "/.trash/x", "tmpfs")
    leftover = harness.top_id(other + "/.trash/x")
    daemon.knows(*first)
    first_seen = daemon.action("a1")["first_seen"]
    daemon.configure(farm.config + harness.root_section(other))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(daemon.status()["roots"]) == 2, "the new root is there")
    wait_for(lambda: gone(leftover), "and reaped")
    assert daemon.action("a1")["first_seen"] == first_seen
    assert "reload" in {e["type"] for e in daemon.events()}
    daemon.configure(harness.config_text(harness.root_section(other), source=farm.source))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: [r["path"] for r in daemon.status()["roots"]] == [other], "the first root is gone")
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("a1"), farm.path(".trash/a1"))
    daemon.is_probed(6)
    assert not any(gone(number) for number in first), "it is no root any more"


def test_sighup_leaves_the_old_configuration_in_force_when_the_new_one_is_bad(farm):
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    daemon.configure(farm.config + "gracee = 5s\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "gracee" in daemon.said(), "it says what is wrong")
    assert f"{daemon.config_file}:" in daemon.said()
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("a1"), farm.path(".trash/a1"))
    wait_for(lambda: gone(*made), "the old one is in force")


def test_reload_through_the_socket(farm):
    daemon = farm.start().daemon
    daemon.configure(harness.config_text(harness.root_section(farm.root, mode="observe"), source=farm.source))
    daemon.call("io.reaperd.Reload")
    wait_for(lambda: daemon.status()["roots"][0]["mode"] == "observe", "the new mode is in force")


def test_a_reload_says_that_the_source_stays(farm):
    daemon = farm.start().daemon
    source = daemon.status()["source"]
    assert farm.source == "auto"
    daemon.configure(farm.config.replace("source = auto", "source = mountinfo"))
    daemon.call("io.reaperd.Reload")
    wait_for(lambda: "changed only by a new start" in daemon.said(), "the warning")
    assert daemon.status()["source"] == source


def test_sigterm_finishes_and_exits_0(farm):
    daemon = farm.start().daemon
    daemon.knows(*farm.action("a1"))
    engine = daemon.engine()
    assert daemon.stop() == 0
    wait_for(lambda: not harness.is_alive(engine), "the engine ends, too")
    assert daemon.query("SELECT type FROM events ORDER BY seq DESC LIMIT 1") == [(b"stop",)]


def test_sigint_ends_it_as_well(farm):
    daemon = farm.start().daemon
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(harness.PATIENCE) == 0


def test_once_on_a_clean_root(farm):
    kept = farm.action("a1")
    done = farm.daemon.once()
    assert done.returncode == 0, done
    assert not any(gone(number) for number in kept)


def test_once_reaps_what_is_over(farm):
    kept = farm.action("a1")
    made = farm.tmpfs(".trash", "a2", "root")
    done = farm.daemon.once()
    assert gone(made), done
    assert done.returncode == 0, done
    assert not any(gone(number) for number in kept)
    assert farm.daemon.once().returncode == 0


def test_once_in_a_chroot_that_is_no_mount_could_not_tell(farm):
    """The kernel shows no mount at its /, and so none that carries the build root."""
    made = farm.action("a1")
    chroot = os.path.join(farm.cell.memory, "chroot")
    os.mkdir(chroot)
    for name in os.listdir("/"):
        target = os.path.join(chroot, name)
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), target)
        elif os.path.isdir(f"/{name}"):
            os.mkdir(target)
            harness.bind(f"/{name}", target, recursive=True)
    farm.daemon.prefix = ["chroot", chroot]
    done = farm.daemon.once()
    assert done.returncode == 3 and "no mount stands at /" in done.stderr
    assert not any(gone(number) for number in made)


def test_once_with_observe_finds_and_touches_nothing(farm):
    made = farm.tmpfs(".trash", "a2", "root")
    done = farm.daemon.once("--observe")
    assert done.returncode == 1, done
    assert not gone(made)
    assert ".trash" in done.stdout + done.stderr


def test_a_root_that_does_not_exist_yet_is_waited_for(cell, source):
    root = os.path.join(cell.disk, "later")
    farm = harness.Farm(cell, source, root=root)
    daemon = farm.start().daemon
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "absent", "it is missed")
    made = farm.action("a1")
    daemon.knows(*made)
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "ok", "the root is there")
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("a1"), farm.path(".trash/a1"))
    wait_for(lambda: gone(*made), "and is reaped")


def test_a_root_that_is_a_file_is_refused(cell):
    path = os.path.join(cell.disk, "file")
    with open(path, "w"):
        pass
    done = run("--root", path, "--state-dir", cell.make("state"), "--runtime-dir", cell.make("run"))
    assert done.returncode == 2 and path in done.stderr


def test_a_root_that_is_a_symlink_is_resolved(cell, source):
    target = cell.make("real")
    link = os.path.join(cell.disk, "link")
    os.symlink(target, link)
    daemon = harness.Daemon(cell, harness.config_text(harness.root_section(link), source=source)).start()
    os.makedirs(target + "/.trash/a1")
    harness.mount("tmpfs", target + "/.trash/a1", "tmpfs")
    made = harness.top_id(target + "/.trash/a1")
    wait_for(lambda: gone(made), "what lies behind the symlink is reaped")
    assert daemon.status()["roots"][0]["path"] in (target, link)


def test_the_engine_has_no_privilege(farm):
    daemon = farm.start().daemon
    with open(f"/proc/{daemon.engine()}/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    for capabilities in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert status["NoNewPrivs"].strip() == "1"


def test_the_engine_becomes_the_configured_user(cell, source):
    farm = harness.Farm(cell, source, daemon={"user": "nobody"})
    os.chmod(cell.directory, 0o755)
    daemon = farm.start().daemon
    made = farm.tmpfs(".trash", "a1", "root")
    with open(f"/proc/{daemon.engine()}/status") as file:
        uids = next(line.split()[1:] for line in file if line.startswith("Uid:"))
    assert set(uids) == {"65534"}
    wait_for(lambda: gone(made), "it reaps all the same")
    assert os.stat(daemon.ledger).st_uid == 65534
    kill = daemon.kill_engine()
    wait_for(lambda: daemon.engine() not in (None, kill), "it comes back")
    daemon.wait_ready()
    assert daemon.status()["ledger"]["state"] == "ok"


def test_a_user_that_does_not_exist_is_warned_of(cell, source):
    farm = harness.Farm(cell, source, daemon={"user": "no-such-user"})
    daemon = farm.start().daemon
    assert "no-such-user" in daemon.said()


def test_the_service_manager_is_told(cell, source):
    farm = harness.Farm(cell, source)
    path = os.path.join(cell.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(harness.PATIENCE)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            farm.start()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        said = notify.recv(4096).decode()
        while "READY=1" not in said:
            said += notify.recv(4096).decode()


def test_the_watchdog_is_fed(cell, source):
    farm = harness.Farm(cell, source)
    path = os.path.join(cell.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(harness.PATIENCE)
        os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="1000000")
        try:
            farm.start()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        for _ in range(2):
            while "WATCHDOG=1" not in notify.recv(4096).decode():
                pass


def test_a_second_daemon_on_the_same_socket_is_refused(farm):
    daemon = farm.start().daemon
    second = run("--config", daemon.config_file, "--state-dir", daemon.state, "--runtime-dir", daemon.run)
    assert second.returncode == 1 and "another reaperd" in second.stderr
    assert daemon.once().returncode == 3
    daemon.status()


def test_a_second_daemon_with_the_same_ledger_is_refused(farm):
    daemon = farm.start().daemon
    second = run("--config", daemon.config_file, "--state-dir", daemon.state, "--runtime-dir", farm.cell.make("other"))
    assert second.returncode == 1 and daemon.state in second.stderr
    daemon.kill_both()
    daemon.start()


def test_nobody_who_may_read_the_state_directory_can_keep_a_daemon_from_starting(farm):
    """systemd makes it 0755: whoever can open a file can lock it."""
    daemon = farm.start().daemon
    assert daemon.stop() == 0
    opened = [os.open(daemon.state, os.O_RDONLY)]
    for name in os.listdir(daemon.state):
        path = os.path.join(daemon.state, name)
        if os.stat(path).st_mode & 0o077:
            opened.append(os.open(path, os.O_RDONLY))
    for fd in opened:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    daemon.start()


def test_a_broken_engine_connection_ends_the_engine(farm):
    """Without its broker the engine ends: a service manager starts both anew."""
    daemon = farm.start().daemon
    daemon.kill_broker()
    daemon.start()
    daemon.status()


def test_the_unit_is_sound(cell):
    """systemd-analyze finds nothing to say, and no option gives the daemon a mount namespace of its own."""
    if not any(os.access(os.path.join(d, "systemd-analyze"), os.X_OK) for d in os.environ["PATH"].split(":")):
        pytest.skip("systemd-analyze is not installed")
    with open(os.path.join(harness.SOURCE_TREE, "contrib/systemd/reaperd.service.in")) as file:
        text = file.read()
    path = os.path.join(cell.disk, "reaperd.service")
    with open(path, "w") as file:
        file.write(text.replace("@sbindir@/reaperd", harness.reaperd_program()))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    keys = {line.split("=")[0] for line in text.splitlines() if re.match(r"[A-Z]\w*=", line)}
    assert not {key for key in keys if key.startswith(("Private", "ProtectS", "ProtectH", "ProtectK", "ProtectC", "ProtectP", "ReadOnly",
                                                       "ReadWrite", "Bind", "Inaccessible", "Root", "Temporary", "DynamicUser", "Mount"))}


def test_the_user_that_the_installation_makes_is_the_one_that_the_engine_becomes():
    with open(os.path.join(harness.SOURCE_TREE, "contrib/systemd/sysusers.d/reaperd.conf")) as file:
        made = [line.split()[1] for line in file if line.startswith("u ")]
    with open(os.path.join(harness.SOURCE_TREE, "man/reaperd.conf.5")) as file:
        defaults = re.findall(r"^\.It Cm user No = Li (\w+)$", file.read(), re.M)
    assert made == defaults == ["reaperd"]
