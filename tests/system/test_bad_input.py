# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: configuration, command lines, ledgers. An error names the thing and what to do; nothing hangs, nothing is lost, the daemon lives."""
import os
import random
import shutil
import socket
import sqlite3
import subprocess

import pytest

import harness
from harness import gone, wait_for


def run(program, *arguments, **options):
    """Whatever the arguments: it ends, by itself, and says what it says as text."""
    done = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=harness.PATIENCE, **options)
    assert done.returncode >= 0, done
    done.stdout, done.stderr = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    return done


def ctl(*arguments):
    return run(harness.reaperctl_program(), *arguments)


# ---- configuration ----

ROOT = "[root /b]\n"
TEXTS = {
    "a line of a megabyte": (ROOT + "grace = " + "9" * (1 << 20), ":2: grace"),
    "a key of a megabyte": (ROOT + "k" * (1 << 20) + " = 1\n", ":2: unknown key"),
    "a section of 4 KiB": ("[root /" + "x" * 4096 + "]\n", ":1: the root's path is too long"),
    "a section's name of 4 KiB": ("[" + "x" * 4096 + "]\n", ":1: unknown section"),
    "10,000 keys": (ROOT + "".join(f"ladder.t{n} = umount\n" for n in range(10000)), ":1002: more than 1000 keys"),
    "10,000 sections": ("".join(f"[root /b/{n}]\n" for n in range(10000)), ":1001: more than 1000 sections"),
    "a NUL byte": (ROOT + "grace = 1\0s\n", ":2: a NUL byte"),
    "UTF-16": ((ROOT + "grace = 1s\n").encode("utf-16"), ":1: a NUL byte"),
    "Latin-1": ((ROOT + "match = caf\xe9\n").encode("latin-1"), ":2: not UTF-8: write other bytes as \\xNN"),
    "an old Mac's lines": (ROOT.replace("\n", "\r") + "grace = 1s\r", ":1: "),
    "a broken escape": (ROOT + "protect = a\\n\n", ":2: protect: a broken escape"),
    "a NUL, escaped": ("[root /b\\x00]\n", ":1: a broken escape"),
    "17 MiB": ("#\n" * (17 << 19), ": cannot be read: more than 16 MiB"),
}


def both_refuse(cell, path, words):
    """`config check` and the daemon say the same, and what they say is one line that begins with the file."""
    checked = ctl("config", "check", path)
    started = run(harness.reaperd_program(), "--config", path, "--state-dir", cell.make("state"), "--runtime-dir", cell.make("run"))
    assert checked.returncode == started.returncode == 2
    assert words in checked.stderr and started.stderr == "".join(f"reaperd: {line}\n" for line in checked.stderr.splitlines())


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_is_no_configuration_is_refused(cell, what):
    text, words = TEXTS[what]
    path = os.path.join(cell.directory, "bad.conf")
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    both_refuse(cell, path, path + words)


@pytest.mark.parametrize("text", ["\ufeff" + ROOT + "grace = 1s", ROOT.replace("\n", "\r\n") + "grace = 1s\r\n", "[root /b]",
                                  "#" * (1 << 20) + "\n" + ROOT], ids=["a mark and no last newline", "CRLF", "one line", "a long comment"])
def test_harmless_oddities_of_a_text_are_read(cell, text):
    path = os.path.join(cell.directory, "good.conf")
    with open(path, "w", newline="") as file:
        file.write(text)
    checked = ctl("config", "check", path)
    assert checked.returncode == 0 and checked.stdout == path + ": ok\n", checked


def make_kind(path, kind):
    if kind == "directory":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(path)
    elif kind == "loop":
        os.symlink(path, path)
    elif kind == "nowhere":
        os.symlink("/no/such/file", path)
    else:
        os.symlink("/dev/zero", path)


@pytest.mark.parametrize("place", ["reaperd.conf", "reaperd.conf.d/10-odd name.conf"])
def test_what_is_no_file_is_not_waited_for(cell, place):
    words = {"directory": "Is a directory", "fifo": "not a regular file", "socket": "not a regular file",
             "loop": "Too many levels of symbolic links", "nowhere": "No such file or directory", "device": "not a regular file"}
    for kind in words:
        directory = cell.make(kind)
        path = os.path.join(directory, place)
        if place != "reaperd.conf":
            os.mkdir(os.path.join(directory, "reaperd.conf.d"))
            with open(os.path.join(directory, "reaperd.conf"), "w") as file:
                file.write(ROOT)
        make_kind(path, kind)
        both_refuse(cell, os.path.join(directory, "reaperd.conf"), f"{path}: cannot be read: {words[kind]}")


def test_files_beside_it_are_read_in_the_order_of_their_bytes(cell):
    path = os.path.join(cell.directory, "reaperd.conf")
    os.mkdir(path + ".d")
    wrong = [b"A.conf", b"B\n.conf", b"a b.conf", b"caf\xe9.conf", b"\xff.conf"]
    for name in wrong + [b".hidden.conf", b"backup.conf~", b"conf", b"none.CONF"]:
        with open(os.path.join(os.fsencode(path) + b".d", name), "w") as file:
            file.write("nonsense\n")
    with open(path, "w") as file:
        file.write(ROOT)
    said = ctl("config", "check", path).stderr.splitlines()
    assert [line.split(":1: ")[0].rpartition("/")[2] for line in said] == ["A.conf", "B\\x0a.conf", "a b.conf", "caf\\xe9.conf", "\\xff.conf"]


def test_a_reload_of_what_is_no_file_leaves_the_old_one_in_force(farm):
    daemon = farm.start().daemon
    os.unlink(daemon.config_file)
    os.mkfifo(daemon.config_file)
    daemon.call("io.reaperd.Reload")
    wait_for(lambda: "not a regular file" in daemon.said(), "it says why")
    assert [root["path"] for root in daemon.status()["roots"]] == [farm.root]


# ---- command lines ----

NUMBERS = ["", "x", "-1", "+1", "1x", "0x10", " 1", "1.5", "99999999999999999999", "1\n"]
TIMES = ["", "x", "1", "25:00", "12:60", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", "-", "-5", "-2y", "@", "@x",
         "@99999999999999999999", "-9223372036854775808s", "12:30\n"]
DURATIONS = ["", "x", "5", "-5s", "5 s", "s", "5sec", "1.5s", "99999999999999999999s", "999999d", "0x5s", "5s5s"]
PATHS = ["", "relative", ".", "/a/../b", "/a/./b", "\\x00", "/a\\", "/a\\xg0"]
WORDS = ["", "x", "activ", "ACTIVE"]


def lines(*before, values, after=()):
    return [(*before, value, *after) for value in values]


CTL = [
    *lines("end", "a", "--root", "/b", "--generation", values=NUMBERS),
    *lines("begin", "a", "--root", "/b", "--pid", values=[*NUMBERS, "4294967297"]),
    *lines("events", "--after", values=NUMBERS),
    *lines("begin", "a", "--root", "/b", "--max-age", values=DURATIONS),
    *lines("pause", "--for", values=[*DURATIONS, "0", "0s"]),
    *lines("reap", "--leftovers", "--wait", "--timeout", values=DURATIONS),
    *[line for option in ("--since", "--until") for line in lines("events", option, values=TIMES[:4])],
    *lines("mounts", "--at", values=TIMES),
    *[line for command in ("actions", "audit", "pause") for line in lines(command, "--root", values=PATHS)],
    *lines("actions", "--state", values=WORDS),
    *lines("events", "--type", values=WORDS),
    *lines("audit", "--format", values=WORDS),
    *[line for command in ("status", "actions", "mounts", "events") for line in lines(command, "-o", values=["", ",", "+", "NAME,", "X"])],
    *[line for command in ("explain", "mounts", "reap") for line in lines(command, values=["", "\\", "\\x0", "\\x00", "a\\n", "\\x@1"])],
    *lines("explain", values=["mnt:", "mnt:x", "mnt:-1", "mnt:0", "mnt:99999999999999999999", "/a/../b", "/a\\"]),
    *lines("begin", "--root", "/b", values=["", "\\"]),
    *[(command, option) for command in ("status", "actions", "mounts", "events", "explain", "audit", "reap", "pause", "resume", "begin",
                                        "end", "metrics", "config", "db") for option in ("--no-such", "--json=1")], ("status", "-z"), ("status", "--socket"),
]


def test_every_wrong_argument_is_told_by_reaperctl(cell):
    """Without a daemon: what got as far as asking for one would exit with 4."""
    for line in CTL:
        done = ctl("--socket", os.path.join(cell.directory, "none"), *line)
        assert done.returncode == 2 and done.stdout == "", (line, done)
        assert done.stderr.startswith("reaperctl: ") and done.stderr.count("\n") == 1, (line, done)
        assert "/none" not in done.stderr, (line, done)


REAPERD = [
    *[(option,) for option in ("--config", "--root", "--state-dir", "--runtime-dir", "--source", "--log-level", "--no-such", "-z", "--once=1",
                               "--help=x", "--ro", "x", "", "-")],
    *[line for option in ("--root", "--state-dir", "--runtime-dir") for line in
      lines(option, values=["", "relative", ".", "/a/../b", "/" + "x/" * 3000])],
    ("--root", "/"), ("--root", "//"), ("--root", "/b", "--root", "/b/"), ("--root", "/b", "--root", "/b/c/d"),
    *lines("--source", values=["", "x", "AUTO", "fanotif", "listmounts"]),
    *lines("--log-level", values=["", "x", "DEBUG", "7"]),
    *lines("--config", values=["", "/no/such", "/", "relative"]),
]


def test_every_wrong_argument_is_told_by_reaperd(cell):
    for line in REAPERD:
        more = ("--root", "/b") if line[0] not in ("--root", "--config") else ()
        places = [("--state-dir", cell.make("state")), ("--runtime-dir", cell.make("run"))]
        done = run(harness.reaperd_program(), *[word for place in places if place[0] != line[0] for word in place], *more, *line)
        assert done.returncode == 2 and done.stdout == "", (line, done)
        assert done.stderr.startswith("reaperd: "), (line, done)


# ---- ledgers ----

@pytest.fixture
def filled(cell):
    """A stopped daemon's ledger with some history; its path. What reads it is given copies."""
    farm = harness.Farm(cell)
    daemon = farm.start().daemon
    for number in range(3):
        daemon.ctl("begin", f"a{number}", "--root", farm.root)
        farm.tmpfs(f"a{number}", "root")
    wait_for(lambda: len(daemon.mounts()) == 3, "the mounts are known")
    daemon.ctl("end", "a0", "--root", farm.root)
    wait_for(lambda: len(daemon.mounts()) == 2, "one is reaped")
    assert daemon.stop() == 0
    farm.copy = os.path.join(cell.directory, "copy.db")
    return farm


def readers(path):
    """Each either reads the ledger or says in one sentence why not."""
    for command in (("actions", "--all"), ("db", "check")):
        done = ctl("--db", path, *command)
        assert done.returncode in (0, 1, 3), (path, command, done)
        if done.returncode:
            assert done.stderr.startswith("reaperctl: ") and done.stderr.count("\n") == 1, (command, done)


def test_a_ledger_that_was_cut_or_flipped_is_read_or_refused(filled):
    with open(filled.daemon.ledger, "rb") as file:
        whole = file.read()
    randomly = random.Random(20261125)
    step = max(512, len(whole) // 12 // 512 * 512)
    spoiled = [whole[:length] for length in [0, 1, 16, 99, 100, 511, *range(512, len(whole), step)]]
    for _ in range(10):
        data = bytearray(whole)
        for _ in range(20):
            data[randomly.randrange(len(data))] ^= 1 << randomly.randrange(8)
        spoiled.append(bytes(data))
    for data in spoiled:
        with open(filled.copy, "wb") as file:
            file.write(data)
        readers(filled.copy)
        with open(filled.copy, "rb") as file:
            assert file.read() == data, "reading changes nothing"


def start_with(farm, state):
    daemon = farm.daemon.start()
    assert daemon.status()["ledger"]["state"] == state, daemon.status()["ledger"]
    os.makedirs(farm.path(".trash"), exist_ok=True)
    made = farm.tmpfs(".trash", "x", "root")
    wait_for(lambda: gone(made), "reaping goes on")
    assert daemon.stop() == 0


@pytest.mark.parametrize("length", [1, 99, 4096, 20480, -4096])
def test_a_daemon_sets_a_cut_ledger_aside_and_goes_on(filled, length):
    daemon = filled.daemon
    with open(daemon.ledger, "rb+") as file:
        file.truncate(length if length > 0 else os.path.getsize(daemon.ledger) + length)
    with open(daemon.ledger, "rb") as file:
        before = file.read()
    start_with(filled, "degraded")  # its history is gone
    aside = [name for name in os.listdir(daemon.state) if "corrupt" in name and not name.endswith(("-wal", "-shm"))]
    assert len(aside) == 1
    with open(os.path.join(daemon.state, aside[0]), "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device", "loop", "nowhere"])
def test_what_is_no_file_in_the_ledgers_place_is_left_alone(filled, kind):
    daemon = filled.daemon
    os.unlink(daemon.ledger)
    make_kind(daemon.ledger, kind)
    before = os.lstat(daemon.ledger)
    start_with(filled, "degraded")
    after = os.lstat(daemon.ledger)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    done = ctl("--db", daemon.ledger, "actions")
    assert done.returncode in (2, 3) and daemon.ledger in done.stderr, done
    shutil.rmtree(daemon.ledger) if kind == "directory" else os.unlink(daemon.ledger)


def test_another_programs_database_is_left_alone(filled):
    daemon = filled.daemon
    os.unlink(daemon.ledger)
    with sqlite3.connect(daemon.ledger) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("PRAGMA application_id = 7")
    other.close()
    with open(daemon.ledger, "rb") as file:
        before = file.read()
    start_with(filled, "degraded")
    with open(daemon.ledger, "rb") as file:
        assert file.read() == before
    assert ctl("--db", daemon.ledger, "actions").returncode == 3
    os.unlink(daemon.ledger)


def test_a_log_without_its_database_is_not_taken_for_the_next_ones(filled):
    daemon = filled.daemon
    daemon.start()
    daemon.kill_both()
    assert os.path.getsize(daemon.ledger + "-wal") > 0
    os.unlink(daemon.ledger)
    start_with(filled, "ok")
    assert ctl("--db", daemon.ledger, "db", "check").returncode == 0
