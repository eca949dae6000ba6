# SPDX-License-Identifier: LGPL-2.1-or-later
"""What measurements are made of: rows, sizes, other mounts, and what a process or a daemon has cost so far."""
import dataclasses
import json
import os
import sqlite3
import statistics
import subprocess
import time

import harness
from harness import wait_for

MEASUREMENTS = {}


@dataclasses.dataclass
class Measurement:
    name: str
    summary: str
    limit: float
    take: object


def measures(name, limit):
    """For a generator of rows. Past `limit` seconds it is killed with all that it started."""
    def register(function):
        MEASUREMENTS[name] = Measurement(name, function.__doc__.strip().splitlines()[0], limit, function)
        return function
    return register


@dataclasses.dataclass
class Goal:
    of: str  # "ratio" or "ours"
    sign: str
    bound: float

    def __str__(self):
        return f"{self.of} {self.sign} {self.bound:,g}"

    def is_reached(self, value):
        return {"<=": value <= self.bound, ">=": value >= self.bound, "=": value == self.bound}[self.sign]


@dataclasses.dataclass
class Row:
    name: str
    what: str
    unit: str
    ours: float
    peer: float = None
    peer_name: str = None
    ratio: float = None
    ratio_of: str = None
    goal: Goal = None

    def as_json(self):
        row = dataclasses.asdict(self)
        row["goal"] = str(self.goal) if self.goal else None
        row["reached"] = self.goal.is_reached(getattr(self, self.goal.of)) if self.goal else None
        return row


class Bench:
    """What a measurement has: a cell, the source to take, and how large all is to be."""

    def __init__(self, cell, source, quick):
        self.cell, self.source, self.quick = cell, source, quick
        self.other_count = 0

    def size(self, full, quick):
        return quick if self.quick else full

    def others(self, count):
        """Sees to it that so many mounts lie outside every root."""
        outside = os.path.join(self.cell.memory, "other")
        os.makedirs(outside, exist_ok=True)
        while self.other_count < count:
            place = f"{outside}/{self.other_count}"
            os.mkdir(place)
            harness.mount("tmpfs", place, "tmpfs")
            self.other_count += 1

    def farm(self, daemon=(), **keys):
        """A daemon on a build root, with the intervals that it has by itself, but for `keys`."""
        quick = dict.fromkeys(("grace", "grace__hollow", "probe_interval", "step_timeout"))
        return harness.Farm(self.cell, self.source, daemon=daemon, **{**quick, **keys})

    def run(self, name, *arguments, input=None):
        """One of the programs beside this, to its end: what it printed, as JSON."""
        done = subprocess.run([harness.program(f"tests/bench/{name}"), *map(str, arguments)], capture_output=True, text=True,
                              input=input, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return json.loads(done.stdout)

    def live_place(self, farm):
        """A place to mount on in an action that lives, with its daemon started and at rest."""
        made = farm.action("live")
        farm.daemon.start()
        farm.daemon.knows(*made)
        return farm.make_place("live", "root", "tmp")

    def start_cost(self, farm):
        return Cost(farm.daemon, farm.make_place("live", "root", "marker"))

    def start_findmnt(self):
        return Findmnt(self.cell)


class Ledger:
    """A connection of its own, kept open: asked often, it costs the daemon next to nothing."""

    def __init__(self, daemon):
        self.database = sqlite3.connect(f"file:{daemon.ledger}?mode=ro", uri=True, isolation_level=None)

    def count(self, sql, *parameters):
        return self.database.execute(sql, parameters).fetchone()[0]

    def wait_for_none(self, sql, *parameters, patience=60, pause=0.001):
        end = time.monotonic() + patience
        while self.count(sql, *parameters):
            assert time.monotonic() < end, f"{sql}: not within {patience} s"
            time.sleep(pause)


def cpu_ns(*pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def ended_children_ns(pid):
    """Of those that it has waited for; in steps of ten milliseconds."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Cost:
    """What broker, engine and the children that they had have cost so far."""

    def __init__(self, daemon, marker=None):
        self.broker, self.engine = daemon.process.pid, daemon.engine()
        self.marker, self.ledger = marker, Ledger(daemon)

    def settle(self):
        """At rest, but not before it reads: two changes at the marker have been recorded."""
        if self.marker:
            harness.mount("tmpfs", self.marker, "tmpfs")
            self.wait_for_marker(True)
            harness.umount(self.marker)
            self.wait_for_marker(False)
        settle(self)

    def wait_for_marker(self, there):
        self.ledger.wait_for_none("SELECT (SELECT count(*) FROM mounts WHERE detached IS NULL AND target = CAST(? AS BLOB)) <> ?",
                                  self.marker, there, pause=0.01)

    def cpu(self):
        return cpu_ns(self.broker, self.engine) + ended_children_ns(self.broker)

    def pids(self):
        return self.broker, self.engine


class Findmnt:
    """findmnt --poll, what it has cost and what it has said."""

    def __init__(self, cell):
        self.file = os.path.join(cell.directory, "findmnt.out")
        with open(self.file, "wb") as output:
            self.process = cell.spawn("stdbuf", "-oL", "findmnt", "--poll", "-n", "-o", "ACTION,TARGET", stdout=output)
        wait_for(lambda: harness.comm(self.process.pid) == "findmnt", "findmnt runs")
        settle(self)

    def settle(self):
        """For a minute: with a large table it may have a whole core's work for longer."""
        rests_within(self, 60)

    def cpu(self):
        return cpu_ns(self.process.pid)

    def said(self, place):
        with open(self.file, encoding="utf-8", errors="surrogateescape") as output:
            return sum(1 for line in output if line.split()[-1] == place)

    def stop(self):
        self.process.kill()
        self.process.wait()


def rests_within(meter, patience):
    """Whether it comes to rest: less than a two-hundredth of a core in a fifth of a second."""
    end = time.monotonic() + patience
    used = None
    while used is None or used >= 1_000_000:
        if time.monotonic() > end:
            return False
        before = meter.cpu()
        time.sleep(0.2)
        used = meter.cpu() - before
    return True


def settle(meter):
    assert rests_within(meter, 120), "what it was told is not done after two minutes"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


median = statistics.median
