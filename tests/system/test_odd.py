# SPDX-License-Identifier: LGPL-2.1-or-later
"""Odd names, mount points, sources and options, byte for byte: from the kernel through the ledger, tables and JSON to the arguments and back."""
import base64
import json
import os
import re
import subprocess

import pytest

import harness
from harness import gone, wait_for
from odd_names import NAMES, escaped, unescaped


def value(row, key):
    """The bytes at a key of a JSON object; what is shown beside them must be their escaped form."""
    if row[key] is None:
        return None
    if key + "_b64" not in row:
        return row[key].encode()
    data = base64.b64decode(row[key + "_b64"], validate=True)
    assert row[key] == escaped(data)
    return data


def reaperctl(*arguments):
    """In bytes: what comes out is looked at before it is believed to be text."""
    return subprocess.run([harness.reaperctl_program(), *arguments], capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=harness.PATIENCE)


def lines_of(done):
    """Lines of text as a terminal can take it: no control byte, nothing that is not UTF-8."""
    assert done.returncode == 0, done
    text = done.stdout.decode("utf-8")
    for line in text.split("\n"):
        assert escaped(line.encode()).replace("\\\\", "\\") == line, repr(line)
    assert text.endswith("\n")
    return text[:-1].split("\n")


class Odd:
    """A daemon on a root that has an action of each odd name, with a tmpfs on a mount point of the same name, which has it as its source."""

    def __init__(self, farm):
        self.farm = farm
        self.ids = {}
        root = os.fsencode(farm.root)
        for name in NAMES.values():
            place = os.path.join(root, name, b"root", name)
            os.makedirs(place)
            harness.mount(name, place, "tmpfs", 0, b"size=64k")
            self.ids[name] = harness.top_id(place)
        self.daemon = farm.start().daemon
        self.daemon.knows(*self.ids.values())

    def ctl(self, *arguments):
        return reaperctl("--socket", self.daemon.socket, *arguments)

    def db(self, *arguments):
        return reaperctl("--db", self.daemon.ledger, *arguments)

    def generations(self):
        return {value(a, "name"): a["generation"] for a in self.daemon.json("actions")["actions"]}


@pytest.fixture
def farm(cell, source):
    """The state directory is in the file, for an audit to find the ledger; nothing is over by itself too soon."""
    return harness.Farm(cell, source, daemon={"state-dir": os.path.join(cell.directory, "state")})


@pytest.fixture
def odd(farm):
    return Odd(farm)


def test_json_and_the_ledger_have_the_very_bytes(odd):
    root = os.fsencode(odd.farm.root)
    assert set(odd.generations()) ^ set(NAMES.values()) == set()
    mounts = {odd.daemon.as_kernel(m["id"]): m for m in odd.daemon.json("mounts")["mounts"]}
    attached = {odd.daemon.as_kernel(e["id"]): e for e in odd.daemon.events() if e["type"] == "attach"}
    for what, name in NAMES.items():
        mount, event = mounts[odd.ids[name]], attached[odd.ids[name]]
        target = os.path.join(root, name, b"root", name)
        assert value(mount, "action") == value(event, "action") == name, what
        assert value(mount, "target") == value(event, "target") == target, what
        assert value(mount, "source") == name, what
    assert {name for name, in odd.daemon.query("SELECT name FROM actions")} == set(NAMES.values())
    found = odd.daemon.query("SELECT target, source FROM mounts WHERE fstype = CAST('tmpfs' AS BLOB)")
    assert set(found) == {(os.path.join(root, name, b"root", name), name) for name in NAMES.values()}
    offline = {value(m, "action"): value(m, "target") for m in json.loads(odd.db("--json", "mounts").stdout)["mounts"]}
    assert offline == {name: os.path.join(root, name, b"root", name) for name in NAMES.values()}


def test_a_table_is_one_line_a_row_and_nothing_in_it_reaches_the_terminal(odd):
    for way in (odd.ctl, odd.db):
        for options in ((), ("--raw",)):
            assert len(lines_of(way("--noheadings", *options, "actions"))) == len(NAMES), options
            assert len(lines_of(way("--noheadings", *options, "mounts"))) == len(NAMES), options
            assert len(lines_of(way("--noheadings", *options, "events", "--type", "attach"))) == len(NAMES), options
        assert len(lines_of(way("--noheadings", "mounts", "--tree"))) == len(NAMES)
        names = lines_of(way("--noheadings", "--raw", "actions", "-o", "NAME"))
        assert len(names) == len(set(names)) == len(NAMES)
    for line in lines_of(odd.ctl("--noheadings", "--raw", "mounts", "-o", "ID,TARGET,SOURCE,ACTION")):
        assert len(line.split(" ")) == 4


def shown_names(odd):
    """As the table gives them: the last column is not filled up with blanks, and the heading is left out."""
    return lines_of(odd.ctl("--noheadings", "actions", "-o", "NAME"))


@pytest.mark.limit(180)
def test_a_name_is_an_argument_as_it_is_shown(odd):
    found = []
    for shown in shown_names(odd):
        explained = json.loads(odd.ctl("--json", "explain", "--", shown).stdout)["explanations"]
        assert len(explained) == 1, shown
        found.append(value(explained[0]["action"], "name"))
        if re.search(r"@|^mnt:|^-|x20$", shown):
            mounts = json.loads(odd.db("--json", "mounts", "--", shown).stdout)["mounts"]
            assert [value(m, "action") for m in mounts] == found[-1:], shown
            events = odd.ctl("--json", "events", f"--action={shown}", "--type", "attach").stdout.splitlines()
            assert [value(json.loads(event), "action") for event in events] == found[-1:], shown
            assert found[-1] in unescaped("".join(lines_of(odd.db("explain", "--", shown)))), shown
    assert sorted(found) == sorted(NAMES.values())
    wanted = json.loads(odd.ctl("--json", "reap", "--active", "--dry-run", "--", *shown_names(odd)).stdout)["items"]
    assert sorted(value(item, "action") for item in wanted) == sorted(NAMES.values())


def audited(odd, *options):
    return reaperctl("audit", "--config", odd.daemon.config_file, *options)


def test_after_a_crash_it_is_the_same_action_and_it_goes_when_it_is_over(odd):
    names = list(NAMES.values())
    moved, ended, asked = names[0::3], names[1::3], names[2::3]
    root, daemon = os.fsencode(odd.farm.root), odd.daemon
    for name in ended:
        assert unescaped(odd.ctl("begin", "--root", odd.farm.root, "--", escaped(name)).stdout.decode()) == name + b"@1\n"
    before = odd.generations()
    daemon.kill_both()
    assert audited(odd).returncode == 0
    os.mkdir(os.path.join(root, b".trash"))
    for name in moved:
        os.rename(os.path.join(root, name), os.path.join(root, b".trash", name))
    leftovers = json.loads(audited(odd, "--json").stdout)["leftovers"]
    # An audit reads by unique ids; to those, what the other source recorded and was then moved is a stranger with the whole path as its name.
    assert {value(leftover, "action").removeprefix(b".trash/") for leftover in leftovers} == set(moved)
    assert {value(m, "source") for leftover in leftovers for m in leftover["mounts"]} == set(moved)
    for format in ("text", "nagios", "prometheus"):
        done = audited(odd, "--format", format)
        assert done.returncode == 1
        done.returncode = 0
        assert len(lines_of(done)) == {"nagios": 1, "text": len(moved) + 4}.get(format, len(lines_of(done)))
    daemon.start()
    wait_for(lambda: gone(*(odd.ids[name] for name in moved)), "what was moved goes")
    wait_for(lambda: odd.generations() == {name: before[name] for name in ended + asked}, "the others are who they were")
    for name in ended:
        assert odd.ctl("end", "--root", odd.farm.root, "--", escaped(name)).returncode == 0, name
    wait_for(lambda: gone(*(odd.ids[name] for name in ended)), "what has ended goes")
    done = odd.ctl("reap", "--active", "--wait", "--", *(escaped(name) + "@1" for name in asked))
    assert done.returncode == 0, done
    assert gone(*odd.ids.values())
    history = daemon.json("actions", "--all")["actions"]
    assert {(value(a, "name"), a["generation"]) for a in history} >= set(before.items())


@pytest.fixture
def shallow(cell, source):
    """On a filesystem that goes with the cell: nobody has to remove the directories one by one."""
    root = os.path.join(cell.memory, "build")
    os.mkdir(root)
    return harness.Farm(cell, source, root=root)


def make_deep(farm, action, segments):
    """Mounts a tmpfs below segments that together may be longer than any call takes."""
    os.mkdir(farm.path(action))
    fd = os.open(farm.path(action), os.O_PATH | os.O_DIRECTORY)
    for segment in segments:
        os.mkdir(segment, dir_fd=fd)
        below = os.open(segment, os.O_PATH | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    harness.mount("deep", f"/proc/self/fd/{fd}", "tmpfs")
    os.close(fd)


def segments_for(farm, action, length, segment):
    """Such segments that the whole path is of this length."""
    left = length - len(farm.path(action))
    count = (left - 2) // (len(segment) + 1)
    return [segment] * count + [segment[:1] * (left - count * (len(segment) + 1) - 1)]


def test_a_mount_point_as_long_or_deep_as_a_path_can_be_goes(shallow):
    farm, daemon = shallow, shallow.start().daemon
    deep = {
        "longest": segments_for(farm, "longest", 4095, b"d" * 255),
        "escaped": segments_for(farm, "escaped", 4095, b"\n" * 255),
        "no-text": segments_for(farm, "no-text", 4000, b"\xff" * 255),
        "levels": [b"l"] * 200,
        "more-levels": [b"l"] * 1500,
    }
    for action, segments in deep.items():
        make_deep(farm, action, segments)
    wanted = {action: os.path.join(os.fsencode(farm.path(action)), *segments) for action, segments in deep.items()}

    def seen():
        return {m["action"]: value(m, "target") for m in daemon.json("mounts")["mounts"]}
    wait_for(lambda: seen() == wanted, "they are seen")
    assert len(wanted["longest"]) == 4095
    for shown in daemon.ctl("mounts", "--noheadings", "--raw", "-o", "TARGET").stdout.splitlines():
        assert len(daemon.json("explain", shown)["explanations"]) == 1
    daemon.ctl("reap", "--active", "--wait", *deep)
    assert harness.count_under(farm.root) == 0
    assert set(daemon.query("SELECT target FROM reap_attempts")) == {(target,) for target in wanted.values()}


def test_a_mount_point_too_long_for_any_call_is_stuck_until_it_comes_nearer(shallow):
    farm, daemon = shallow, shallow.start().daemon
    segments = segments_for(farm, "far", 7800, b"d" * 255)
    make_deep(farm, "far", segments)
    wait_for(lambda: daemon.mounts(), "it is seen")
    # So that it is known which directory it is: without that, and without unique ids, what comes nearer is another action's.
    daemon.is_probed(4)
    done = daemon.ctl("reap", "--active", "--wait", "far", check=False)
    assert done.returncode == 1 and "stuck" in done.stderr
    assert "too long for any call" in daemon.said()
    assert [e["detail"]["reason"] for e in daemon.events() if e["type"] == "stuck"] == ["the path is too long for any call"]
    assert daemon.action("far")["state"] == "stuck" and daemon.mounts()[0]["state"] == "stuck"
    assert daemon.status()["roots"][0]["stuck"] == 1
    far = os.open(os.path.join(os.fsencode(farm.path("far")), *segments[:14]), os.O_PATH | os.O_DIRECTORY)
    os.rename(segments[14], farm.path("far", "near"), src_dir_fd=far)
    os.close(far)
    daemon.ctl("reap", "far")
    wait_for(lambda: harness.count_under(farm.root) == 0, "it goes")


def test_a_mount_point_of_more_than_a_mebibyte_hides_no_other_mount(shallow):
    farm, daemon = shallow, shallow.start().daemon
    made = farm.action("beside")
    make_deep(farm, "far", segments_for(farm, "far", 1200000, b"d" * 255))
    wait_for(lambda: daemon.status()["roots"][0]["mounts"] == 3, "all are seen")
    daemon.knows(*made)
    assert {m["action"] for m in daemon.json("mounts")["mounts"]} == {"beside", "far"}
    events = [json.loads(line) for line in daemon.ctl("events", options=("--json",)).stdout.splitlines()]
    assert {e["action"] for e in events if e["type"] == "attach"} == {"beside", "far"}


def written(path):
    """A path as a section's name, or an item of a list, in the configuration."""
    return escaped(path).replace(" ", "\\x20")


def samples(text):
    """{(name, label's bytes): number} of Prometheus' text, by its own rules: only \\, " and newline are escaped, each by a backslash."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r'([a-z_]+)\{root="((?:[^"\\]|\\[\\"n])*)"[^}]*\} (\S+)', line)
        if match:
            label = re.sub(r'\\([\\"])', r"\1", match[2])
            found[match[1], unescaped(label)] = float(match[3])
        else:
            assert line.startswith("#") or re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? \S+', line), line
    return found


def test_a_root_of_any_name_is_written_escaped(cell, source):
    base = os.fsencode(cell.make("roots"))
    roots = {os.path.join(base, name): None for name in NAMES.values()}
    for root in roots:
        place = os.path.join(root, b"a1", b"root")
        os.makedirs(place)
        harness.mount("tmpfs", place, "tmpfs")
        roots[root] = harness.top_id(place)
    sections = [harness.root_section(written(root)) for root in roots]
    state = os.path.join(cell.directory, "state")
    daemon = harness.Daemon(cell, harness.config_text(*sections, source=source, state_dir=state)).start()
    daemon.knows(*roots.values())
    assert {value(root, "path") for root in daemon.json("status")["roots"]} == set(roots)
    shown = lines_of(reaperctl("--socket", daemon.socket, "--noheadings", "--raw", "status", "-o", "ROOT"))
    assert sorted(unescaped(root) for root in shown) == sorted(roots)
    for root in list(roots)[::6]:
        found = json.loads(reaperctl("--socket", daemon.socket, "--json", "actions", "--root", escaped(root)).stdout)["actions"]
        assert [(value(a, "root"), a["name"]) for a in found] == [(root, "a1")]
    copy = os.path.join(cell.directory, "copy.conf")
    with open(copy, "wb") as file:
        file.write(reaperctl("--socket", daemon.socket, "config", "show").stdout)
    assert reaperctl("config", "check", copy).returncode == 0
    metrics = samples(daemon.ctl("metrics").stdout)
    assert {label for name, label in metrics if name == "reaperd_mounts"} == set(roots)
    os.mkdir(os.path.join(list(roots)[0], b".trash"))
    daemon.ctl("pause")
    os.rename(os.path.join(list(roots)[0], b"a1"), os.path.join(list(roots)[0], b".trash", b"a1"))
    audit = reaperctl("audit", "--config", copy, "--format", "prometheus")
    assert audit.returncode == 1
    left = samples(audit.stdout.decode())
    assert {label: count for (name, label), count in left.items() if name == "reaperd_audit_leftover_mounts"} == \
        {root: float(root == list(roots)[0]) for root in roots}
    daemon.ctl("resume")
    wait_for(lambda: gone(roots[list(roots)[0]]), "it is reaped")


@pytest.mark.parametrize("name", ["a newline", "a trailing space", "an escape of ours, by letters", "Latin-1", "a leading dash"])
def test_a_root_on_the_command_line_is_taken_as_it_is(cell, name):
    root = os.path.join(os.fsencode(cell.disk), NAMES[name])
    os.makedirs(os.path.join(root, b".trash", b"a1"))
    harness.mount("tmpfs", os.path.join(root, b".trash", b"a1"), "tmpfs")
    done = subprocess.run([harness.reaperd_program(), "--root", root, "--once", "--state-dir", cell.make("state"), "--runtime-dir",
                           cell.make("run")], capture_output=True, timeout=harness.PATIENCE)
    assert done.returncode == 0 and b"1 mounts reaped" in done.stderr, done


def test_patterns_have_any_bytes(cell, source):
    farm = harness.Farm(cell, source, match=r"new\x0aline* \xff* a\x20b", protect=r"*/kept\xfe\x20\x09*")
    for action in (b"new\nline1", b"\xff\xfe", b"a b"):
        for place in (b"kept\xfe \tx", b"given"):
            path = os.path.join(os.fsencode(farm.root), action, place)
            os.makedirs(path)
            harness.mount("tmpfs", path, "tmpfs")
    farm.tmpfs("other", "given")
    daemon = farm.start().daemon
    wait_for(lambda: len(daemon.actions()) == 3 and daemon.status()["unowned"] == 1, "what does not match is no action")
    for action in daemon.json("actions")["actions"]:
        daemon.ctl("reap", "--active", "--", escaped(value(action, "name")))

    def left():
        return sorted(os.fsencode(m.target).rpartition(b"/")[2] for m in harness.mounts(farm.root).values())
    wait_for(lambda: left() == [b"given", *[b"kept\xfe \tx"] * 3], "the protected ones stay, and the one of no action")
