# SPDX-License-Identifier: LGPL-2.1-or-later
"""reaperctl: what each command prints and how it exits."""
import json
import os
import re
import subprocess

import pytest

import harness
from harness import gone, wait_for

COMMANDS = ["status", "actions", "mounts", "events", "explain", "audit", "reap", "pause", "resume", "begin", "end", "run", "mount", "umount", "hook", "metrics",
            "config", "db"]


@pytest.fixture
def source():
    return "auto"


def ctl(*arguments, **options):
    return subprocess.run([harness.reaperctl_program(), *arguments], capture_output=True, text=True, timeout=harness.PATIENCE,
                          stdin=subprocess.DEVNULL, **options)


@pytest.fixture
def quiet(farm):
    """A farm whose daemon reaps nothing by itself; an action that is over and one that lives."""
    farm.daemon.configure(farm.config.replace("grace = 200ms", "grace = 1h"))
    daemon = farm.start().daemon
    farm.over, farm.live = farm.action("over"), farm.action("live")
    daemon.knows(*farm.over, *farm.live)
    os.mkdir(farm.path(".trash"))
    os.rename(farm.path("over"), farm.path(".trash/over"))
    wait_for(lambda: any(m["target"].startswith(farm.path(".trash")) for m in daemon.mounts()), "the move is seen")
    wait_for(lambda: sum(r["leftovers"] for r in daemon.status()["roots"]) == 2, "status counts the leftovers")
    return farm


@pytest.mark.parametrize("arguments", [
    ["no-such-command"], ["--no-such-option"], ["status", "--no-such-option"], ["status", "superfluous"],
    ["actions", "--state", "no-such-state"], ["actions", "-o", "NO-SUCH-COLUMN"], ["actions", "superfluous"],
    ["mounts", "one", "two"], ["mounts", "--at", "no-time"], ["events", "--type", "no-such-type"], ["events", "--since", "no-time"],
    ["events", "--after", "minus"], ["explain"], ["explain", "mnt:zero"], ["reap"],
    ["reap", "x", "--leftovers"], ["reap", "\\xZZ"],
    ["pause", "--for", "soon"], ["begin"], ["begin", "x"], ["begin", "x", "--root", "/b", "--pid", "me"],
    ["begin", "x", "--root", "/b", "--max-age", "old"], ["end"], ["end", "x"], ["audit", "--format", "xml"],
    ["audit", "--root", "relative"],
    ["config"], ["config", "check"], ["config", "chekc", "x"], ["db"], ["db", "chekc"], ["--db"], ["--socket"], ["metrics", "superfluous"],
    ["resume", "superfluous"], ["audit", "--config", "/no/such/file"],
])
def test_wrong_arguments_exit_2_and_say_why(cell, arguments):
    done = ctl("--socket", os.path.join(cell.directory, "none"), *arguments)
    assert done.returncode == 2, done
    assert done.stderr.strip() and done.stdout == ""


def test_an_unknown_command_names_the_nearest(cell):
    assert "actions" in ctl("acitons").stderr
    assert "resume" in ctl("resum").stderr
    assert "--leftovers" in ctl("reap", "--leftover").stderr or "--leftovers" in ctl("reap", "--leftovesr").stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cell, command):
    done = ctl(command, "--help")
    assert done.returncode == 0 and command in done.stdout and done.stderr == ""


def test_help_names_every_command(cell):
    done = ctl("--help")
    assert done.returncode == 0
    assert re.findall(r"^  (\w+) ", done.stdout.partition("Commands:\n")[2].partition("\n\n")[0], re.M) == COMMANDS
    assert ctl("--version").returncode == 0


@pytest.mark.parametrize("arguments", [["status"], ["actions"], ["mounts"], ["events"], ["explain", "x"], ["reap", "--leftovers"],
                                       ["pause"],
                                       ["resume"], ["metrics"], ["begin", "x", "--root", "/b"], ["end", "x", "--root", "/b"], []])
def test_without_a_daemon_the_exit_status_is_4(cell, arguments):
    done = ctl("--socket", os.path.join(cell.directory, "none"), *arguments)
    assert done.returncode == 4, done
    assert os.path.join(cell.directory, "none") in done.stderr


def test_status(quiet):
    daemon = quiet.daemon
    assert daemon.ctl().stdout.splitlines()[0].split()[0] == daemon.ctl("status").stdout.splitlines()[0].split()[0]
    table = daemon.ctl("status").stdout
    assert quiet.root in table
    status = daemon.json("status")
    assert {"version", "source", "identity", "namespaces", "mode", "roots", "events", "lost", "rescans", "ledger", "broker", "started"} <= set(status)
    root = status["roots"][0]
    assert root["path"] == quiet.root and root["health"] == "ok" and root["mode"] == "enforce"
    assert (root["mounts"], root["leftovers"], root["stuck"]) == (4, 2, 0)
    assert status["source"] in ("fanotify", "listmount", "mountinfo") and status["source"] in table
    assert daemon.ctl("status", "--check", check=False).returncode == 1
    daemon.ctl("reap", "--leftovers", "--wait")
    wait_for(lambda: daemon.ctl("status", "--check", check=False).returncode == 0, "all is clean")


def test_actions(quiet):
    daemon = quiet.daemon
    shown = daemon.json("actions")["actions"]
    live = next(a for a in shown if a["name"] == "live")
    assert {"root", "name", "generation", "state", "evidence", "mounts", "owner", "first_seen", "ended"} <= set(live)
    assert live["root"] == quiet.root and live["state"] == "active" and live["mounts"] == 2 and live["ended"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", live["first_seen"])
    over = daemon.json("actions", "--state", "over")["actions"]
    assert len(over) == 1 and "moved" in [e["kind"] for e in over[0]["evidence"]]
    lines = daemon.ctl("--noheadings", "actions", "-o", "NAME,STATE,MOUNTS").stdout.splitlines()
    assert ["live", "active", "2"] in [line.split() for line in lines]
    daemon.ctl("reap", "--leftovers", "--wait")
    wait_for(lambda: len(daemon.json("actions")["actions"]) == 1, "what is past is not shown")
    assert len(daemon.json("actions", "--all")["actions"]) >= 2


def test_mounts(quiet):
    daemon = quiet.daemon
    shown = daemon.shown_mounts()
    assert set(quiet.over + quiet.live) <= set(shown)
    real = harness.mounts(quiet.root)
    for number in quiet.over + quiet.live:
        entry = shown[number]
        assert {"id", "parent", "namespace", "root", "action", "generation", "target", "fstype", "source", "options", "state", "attached",
                "attached_by", "detached", "detached_by"} <= set(entry)
        assert (entry["target"], entry["fstype"]) == (real[number].target, real[number].fstype)
        assert entry["state"] == "attached"
        assert "nosuid" in entry["options"] and entry["attached_by"]["attested"] is (daemon.status()["source"] == "fanotify")
        if not daemon.has_own_ids():
            assert entry["parent"] == real[number].parent
        assert entry["namespace"] == os.stat("/proc/self/ns/mnt").st_ino
    assert set(daemon.shown_mounts("live")) == set(daemon.shown_mounts("live@1")) == set(quiet.live)
    tree = daemon.ctl("mounts", "--tree").stdout
    assert quiet.path("live/root/proc") in tree
    daemon.ctl("reap", "--leftovers", "--wait")
    wait_for(lambda: not set(daemon.shown_mounts()) & set(quiet.over), "what went is not shown")
    past = daemon.shown_mounts("--all")
    assert {past[number]["state"] for number in quiet.over} == {"reaped"}
    when = next(e["time"] for e in daemon.events() if e["type"] == "move")
    assert quiet.over[0] in daemon.shown_mounts("--at", when)
    now = daemon.events()[-1]["time"]
    assert not set(daemon.shown_mounts("--at", now)) & set(quiet.over)


def test_events(quiet):
    daemon = quiet.daemon
    lines = [json.loads(line) for line in daemon.ctl("events", options=("--json",)).stdout.splitlines()]
    assert [e["seq"] for e in lines] == sorted(e["seq"] for e in lines)
    for event in lines:
        assert {"seq", "time", "type", "id", "root", "action", "target", "pid", "comm", "detail"} <= set(event)
    assert {"start", "attach", "move", "evidence"} <= {e["type"] for e in lines}
    assert {daemon.as_kernel(e["id"]) for e in lines if e["type"] == "attach"} >= set(quiet.over + quiet.live)
    last = lines[-1]["seq"]
    assert daemon.ctl("events", "--after", str(last), options=("--json",), check=False).stdout == ""
    only = daemon.ctl("events", "--type", "move", options=("--json",)).stdout.splitlines()
    assert {json.loads(line)["type"] for line in only} == {"move"}
    assert quiet.path("live/root/proc") in daemon.ctl("events", "--action", "live").stdout


def test_events_follow(quiet):
    daemon = quiet.daemon
    follower = subprocess.Popen([harness.reaperctl_program(), "--socket", daemon.socket, "--json", "events", "-f", "--type", "attach"],
                                stdout=subprocess.PIPE, text=True)
    quiet.cell.processes.append(follower)
    quiet.tmpfs("late", "root")
    for line in follower.stdout:
        if json.loads(line)["target"] == quiet.path("late/root"):
            break
    follower.terminate()
    assert follower.wait(harness.PATIENCE) is not None


def test_events_with_a_reader_that_resumes(quiet):
    daemon = quiet.daemon
    seq = daemon.events()[-1]["seq"]
    made = quiet.tmpfs("late", "root")
    daemon.knows(made)
    wait_for(lambda: [e for e in daemon.events(after=seq) if e["type"] == "attach" and e["id"] == made], "the event is there")
    assert all(e["seq"] > seq for e in daemon.events(after=seq))


def test_explain(quiet):
    daemon = quiet.daemon
    live = daemon.ctl("explain", "live").stdout
    assert "active" in live and quiet.root in live
    over = daemon.ctl("explain", f"mnt:{daemon.as_daemon(quiet.over[0])}").stdout
    assert "moved" in over
    by_path = daemon.json("explain", quiet.path("live/root/proc"))
    assert by_path["explanations"][0]["action"]["name"] == "live"
    assert daemon.ctl("explain", "no-such-action", check=False).returncode == 5
    assert daemon.ctl("explain", "mnt:1", check=False).returncode == 5


def test_reap(quiet):
    daemon = quiet.daemon
    before = harness.mounts()
    dry = daemon.ctl("reap", "--leftovers", "--dry-run")
    assert quiet.path(".trash/over/root/proc") in dry.stdout
    assert harness.mounts() == before
    refused = daemon.ctl("reap", "live", check=False)
    assert refused.returncode in (2, 4) and "active" in refused.stderr
    assert daemon.ctl("reap", "no-such-action", check=False).returncode == 5
    assert harness.mounts() == before
    assert daemon.ctl("reap", "--leftovers", "--wait").returncode == 0
    assert gone(*quiet.over)
    assert daemon.ctl("reap", "--leftovers", check=False).returncode in (0, 5)
    daemon.ctl("reap", "live", "--active", "--wait")
    assert gone(*quiet.live)


def test_reap_wait_says_what_stays(cell, source):
    farm = harness.Farm(cell, source, ladder="umount", grace="1h")
    daemon = farm.start().daemon
    made = farm.tmpfs("a1", "root")
    cell.runner(farm.path("a1/root"))
    daemon.knows(made)
    done = daemon.ctl("reap", "a1", "--active", "--wait", check=False)
    assert done.returncode == 1, done
    assert not gone(made)


def test_begin_and_end(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root)
    assert daemon.action("a1")["owner"]["kind"] == "registered"
    daemon.ctl("end", "a1", "--root", farm.root)
    daemon.ctl("end", "a1", "--root", farm.root)
    for arguments, why in ((("a2", "--pid", "4194303"), "no such process"), ((".hidden",), "layout and match"), (("a/b",), "layout and match")):
        refused = daemon.ctl("begin", "--root", farm.root, *arguments, check=False)
        assert refused.returncode == 2 and why in refused.stderr, refused
    assert daemon.ctl("begin", "a1", "--root", "/no/such/root", check=False).returncode == 5
    assert daemon.ctl("end", "never-begun", "--root", farm.root, check=False).returncode == 5


def test_a_bare_number_is_a_name(farm):
    daemon = farm.start().daemon
    made = farm.action("4711")
    daemon.knows(*made)
    assert set(daemon.shown_mounts("4711")) == set(made)


def test_an_ambiguous_name_lists_the_roots(cell):
    one, two = cell.make("one"), cell.make("two")
    daemon = harness.Daemon(cell, harness.config_text(harness.root_section(one), harness.root_section(two))).start()
    for root in (one, two):
        os.makedirs(root + "/same/root")
        harness.mount("tmpfs", root + "/same/root", "tmpfs")
        daemon.knows(harness.top_id(root + "/same/root"))
    done = daemon.ctl("reap", "same", "--active", check=False)
    assert done.returncode in (2, 4) and one in done.stderr and two in done.stderr
    assert len(harness.ids(one)) == len(harness.ids(two)) == 1
    assert daemon.ctl("mounts", "same", "--root", one, options=("--json",)).stdout.count('"target"') == 1


def test_metrics(quiet):
    text = quiet.daemon.ctl("metrics").stdout
    metrics = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[a-z_]+(\{[^}]*\})? [-+0-9.eE]+(Inf)?|[a-z_]+(\{[^}]*\})? NaN", line), line
            name, _, value = line.rpartition(" ")
            assert name not in metrics, "twice: " + name
            assert value == f"{float(value):.15g}" or "e" in value, line
            metrics[name] = float(value)
    for family in ("mounts", "actions", "root_health", "events_total", "lost_events_total", "reap_duration_seconds_bucket", "event_latency_seconds_bucket",
                   "stuck_mounts", "hung_operations", "oldest_leftover_seconds", "paused", "ledger_bytes", "ledger_degraded",
                   "mount_table_ratio", "build_info"):
        assert any(name.startswith("reaperd_" + family) for name in metrics), family
    assert metrics["reaperd_stuck_mounts"] == 0 and metrics["reaperd_paused"] == 0
    assert metrics[f'reaperd_actions{{root="{quiet.root}",state="active"}}'] == 1
    assert [name for name in metrics if name.startswith("reaperd_root_health") and metrics[name]] == [f'reaperd_root_health{{root="{quiet.root}",state="ok"}}']
    assert '"live"' not in text, "a label is never an action's name"
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    assert {re.sub(r"_(bucket|sum|count)$", "", re.match(r"[a-z_]+", name)[0]) for name in metrics} <= \
        families | {re.sub(r"_(bucket|sum|count)$", "", family) for family in families}


def test_config_check_and_show(farm):
    daemon = farm.start().daemon
    assert daemon.ctl("config", "check", daemon.config_file).returncode == 0
    shown = daemon.ctl("config", "show").stdout
    assert f"[root {farm.root}]" in shown and "grace = 200ms" in shown
    copy = os.path.join(farm.cell.disk, "copy.conf")
    with open(copy, "w") as file:
        file.write(shown)
    assert daemon.ctl("config", "check", copy).returncode == 0


def test_db_check_and_reading_without_a_daemon(quiet):
    daemon = quiet.daemon
    live = daemon.json("mounts", "live")
    assert daemon.stop() == 0
    assert ctl("--db", daemon.ledger, "db", "check").returncode == 0
    read = json.loads(ctl("--db", daemon.ledger, "--json", "mounts", "live").stdout)
    assert [m["id"] for m in read["mounts"]] == [m["id"] for m in live["mounts"]]
    assert {a["name"] for a in json.loads(ctl("--db", daemon.ledger, "--json", "actions").stdout)["actions"]} >= {"live"}
    assert "attach" in ctl("--db", daemon.ledger, "events").stdout
    assert ctl("--db", daemon.ledger, "explain", "live").returncode == 0
    assert ctl("--db", "/no/such/file", "actions").returncode in (2, 4)
    garbage = os.path.join(quiet.cell.disk, "garbage")
    with open(garbage, "w") as file:
        file.write("x" * 5000)
    done = ctl("--db", garbage, "actions")
    assert done.returncode not in (0, 1) and garbage in done.stderr


def test_audit_without_a_daemon(cell):
    root = cell.make("build")
    farm = harness.Farm(cell, root=root)
    none = ("--socket", os.path.join(cell.directory, "none"))
    kept = farm.action("a1")
    clean = ctl(*none, "audit", "--root", root)
    assert clean.returncode == 0, clean
    assert ctl(*none, "audit", "--root", root, "--quiet").stdout == ""
    made = farm.tmpfs(".trash", "a2", "root")
    os.makedirs(farm.path("gone/x"))
    os.makedirs(farm.path("a1/input"))
    harness.bind(farm.path("gone/x"), farm.path("a1/input"))
    bound = harness.top_id(farm.path("a1/input"))
    os.rmdir(farm.path("gone/x"))
    before = harness.mounts()
    found = ctl(*none, "audit", "--root", root)
    assert found.returncode == 1 and farm.path(".trash/a2/root") in found.stdout
    assert ctl(*none, "audit", "--root", root, "--quiet").stdout != ""
    audit = json.loads(ctl(*none, "audit", "--root", root, "--format", "json").stdout)
    assert audit["clean"] is False
    assert {"clean", "leftovers", "stuck", "unowned", "unknown", "mounts_total", "mount_max"} <= set(audit)
    assert {m["target"] if isinstance(m, dict) else m for entry in audit["leftovers"] for m in entry["mounts"]} == \
        {farm.path(".trash/a2/root"), farm.path("a1/input")}
    assert audit["mounts_total"] == len(harness.mounts())
    nagios = ctl(*none, "audit", "--root", root, "--format", "nagios")
    assert nagios.returncode == 1 and len(nagios.stdout.splitlines()) == 1
    assert "reaperd" in ctl(*none, "audit", "--root", root, "--format", "prometheus").stdout
    with open(os.path.join(cell.directory, "reaperd.conf")) as file:
        assert root in file.read()
    assert ctl(*none, "audit", "--config", os.path.join(cell.directory, "reaperd.conf")).returncode == 1
    assert harness.mounts() == before, "an audit changes nothing"
    assert not gone(made, bound) and not any(gone(number) for number in kept)


def test_a_root_that_is_not_there_is_not_called_clean(cell, source):
    root = os.path.join(cell.disk, "mistyped")
    farm = harness.Farm(cell, source, root=root)
    config = farm.daemon.config_file
    os.symlink(cell.make("real"), os.path.join(cell.disk, "link"))
    for audit in (("--config", config), ("--root", root)):
        done = ctl("--socket", "/none", "audit", *audit)
        assert done.returncode == 3 and root in done.stdout and "clean" not in done.stdout, done
    assert ctl("--socket", "/none", "audit", "--quiet", "--config", config).stdout != ""
    audit = json.loads(ctl("--socket", "/none", "audit", "--root", root, "--json").stdout)
    assert audit["clean"] is False and audit["roots"] == [{"path": root, "health": "absent"}]
    nagios = ctl("--socket", "/none", "audit", "--root", root, "--format", "nagios")
    assert nagios.returncode == 3 and "UNKNOWN" in nagios.stdout
    assert "reaperd_audit_silent_roots 1\n" in ctl("--socket", "/none", "audit", "--root", root, "--format", "prometheus").stdout
    link = ctl("--socket", "/none", "audit", "--root", os.path.join(cell.disk, "link"))
    assert link.returncode == 3 and "symbolic link" in link.stdout
    once = farm.daemon.once()
    assert once.returncode == 3 and root in once.stderr, once
    daemon = farm.start().daemon
    wait_for(lambda: daemon.status()["roots"][0]["health"] == "absent", "it is waited for")
    assert daemon.ctl("status", "--check", check=False).returncode == 3
    os.mkdir(root)
    wait_for(lambda: daemon.ctl("status", "--check", check=False).returncode == 0, "it is clean once it is there")
    assert ctl("--socket", "/none", "audit", "--root", root).returncode == 0


def test_audit_of_one_root_uses_the_ledger_of_the_daemon(farm):
    daemon = farm.start().daemon
    daemon.ctl("pause")
    daemon.ctl("begin", "a1", "--root", farm.root)
    daemon.knows(*farm.action("a1"))
    daemon.ctl("end", "a1", "--root", farm.root)
    found = wait_for(lambda: json.loads(daemon.ctl("audit", "--root", farm.root, "--json", check=False).stdout)["leftovers"], "it ended")
    assert [(a["action"], [e["kind"] for e in a["evidence"]]) for a in found] == [("a1", ["ended"])]


def test_audit_with_a_daemon(quiet):
    done = quiet.daemon.ctl("audit", "--format", "json", check=False)
    assert done.returncode == 1
    assert len(json.loads(done.stdout)["leftovers"]) >= 1
    assert not any(gone(number) for number in quiet.over)


def test_a_table_has_no_colours_in_a_pipe_and_no_raw_control_bytes(farm):
    daemon = farm.start().daemon
    made = farm.action("a\x1b[31mred\n")
    daemon.knows(*made)
    for command in (["actions"], ["mounts"], ["mounts", "--tree"], ["events"], ["status"], ["explain", "a\\x1b[31mred\\x0a"]):
        text = daemon.ctl(*command).stdout
        assert "\x1b" not in text
    assert "\\x1b[31mred\\x0a" in daemon.ctl("actions").stdout
    assert "\x1b" not in daemon.said()


def test_a_closed_pipe_is_no_accident(quiet):
    done = subprocess.run(f"{harness.reaperctl_program()} --socket {quiet.daemon.socket} events | head -n 1; echo ${{PIPESTATUS[0]}}",
                          shell=True, executable="/bin/bash", capture_output=True, text=True)
    assert "Assertion" not in done.stderr and done.stdout.splitlines()[-1] in ("0", "141", "1")


def test_output_to_a_full_disk_is_an_error(quiet):
    with open("/dev/full", "w") as full:
        done = subprocess.run([harness.reaperctl_program(), "--socket", quiet.daemon.socket, "actions"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0 and done.stderr


def test_the_views_of_the_ledger(quiet):
    daemon = quiet.daemon
    over, live = ([(daemon.as_daemon(number),) for number in numbers] for numbers in (quiet.over, quiet.live))
    assert daemon.query("SELECT id FROM active_mounts WHERE action = 'live' ORDER BY id") == sorted(live)
    assert daemon.query("SELECT id FROM leftovers ORDER BY id") == sorted(over)
    daemon.ctl("reap", "--leftovers", "--wait")
    wait_for(lambda: daemon.query("SELECT id FROM leftovers") == [], "no leftover is left")
    daemon.records("SELECT id FROM reap_attempts WHERE outcome = 'gone' ORDER BY id", sorted(over))
    assert daemon.query("SELECT mounts FROM action_history WHERE action = 'live'") == [(2,)]
