# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs to watch while mounts come and go, beside many others that stay; findmnt --poll does the same in the same run."""
import time

import harness
from harness import wait_for

from .measure import Goal, Row, measures, median

FINDMNT = "findmnt --poll"


def cost_of_changes(bench, meter, place, changes, rate):
    """CPU of each change in microseconds, with all that follows from it."""
    meter.settle()
    before = meter.cpu()
    bench.run("pairs", place, changes // 2, rate)
    meter.settle()
    return (meter.cpu() - before) / changes / 1000


def both_costs(bench, changes, rate):
    """Ours and findmnt's, beside the mounts that there are."""
    farm = bench.farm()
    place = bench.live_place(farm)
    ours = cost_of_changes(bench, bench.start_cost(farm), place, changes, rate)
    assert farm.daemon.stop() == 0
    findmnt = bench.start_findmnt()
    theirs = cost_of_changes(bench, findmnt, place, changes, rate)
    findmnt.stop()
    clear(farm)
    return ours, theirs


def clear(farm):
    for place in ("proc", "sys"):
        harness.umount(farm.path("live", "root", place))


@measures("event", limit=400)
def event(bench):
    """CPU of a change, from 100 to 90,000 other mounts"""
    sizes = bench.size([100, 1000, 10000, 50000, 90000], [10, 20])
    first = None
    for others in sizes:
        bench.others(others)
        ours, theirs = both_costs(bench, bench.size(400, 10), 100)
        first = first or ours
        yield Row(f"event-{others}", f"CPU of a change, 100 a second, {others:,} other mounts", "us", ours, theirs, FINDMNT,
                  ours / first, f"over that with {sizes[0]}", Goal("ratio", "<=", 1.25) if others == 50000 else None)


@measures("paced", limit=200)
def paced(bench):
    """CPU at 20 changes a second beside 10,000 other mounts"""
    bench.others(bench.size(10000, 10))
    ours, theirs = both_costs(bench, bench.size(600, 10), 20)
    # Of a core: microseconds a change, 20 changes a second.
    yield Row("paced", f"CPU at 20 changes a second, {bench.other_count:,} other mounts", "% of a core", ours * 20 / 1e4, theirs * 20 / 1e4, FINDMNT,
              theirs / ours, "theirs over ours", Goal("ratio", ">=", 500))


def recorded(daemon):
    """Changes on record; a `flash` is a mount that came and went."""
    counts = dict(daemon.query("SELECT type, count(*) FROM events GROUP BY type"))
    return counts.get(b"attach", 0) + counts.get(b"detach", 0) + 2 * counts.get(b"flash", 0)


@measures("storm", limit=300)
def storm(bench):
    """Changes recorded of 20,000 pairs in a tight loop beside 50,000 other mounts"""
    pairs = bench.size(20000, 20)
    bench.others(bench.size(50000, 10))
    farm = bench.farm()
    place = bench.live_place(farm)
    cost = bench.start_cost(farm)
    cost.settle()
    before, cpu = recorded(farm.daemon), cost.cpu()
    taken = bench.run("pairs", place, pairs)
    cost.settle()
    ours, spent = recorded(farm.daemon) - before - 2, cost.cpu() - cpu
    lost = farm.daemon.status()["lost"]
    assert farm.daemon.stop() == 0
    findmnt = bench.start_findmnt()
    bench.run("pairs", place, pairs)
    findmnt.settle()
    theirs = findmnt.said(place)
    findmnt.stop()
    yield Row("storm", f"changes recorded of {pairs:,} pairs in a tight loop, {bench.other_count:,} other mounts", "changes", ours, theirs, FINDMNT,
              goal=Goal("ours", "=", 2 * pairs))
    yield Row("storm-lost", "readings that it knows to have failed", "readings", lost)
    yield Row("storm-cpu", "CPU of a change in that storm", "us", spent / (2 * pairs) / 1000)
    yield Row("storm-rate", "changes that the mounter made a second meanwhile", "1/s", 2 * pairs / taken["seconds"])


class Slowing:
    """A mount and its unmount, without and with somebody who watches, in turn."""

    def __init__(self, bench, farm, place):
        self.bench, self.farm, self.place = bench, farm, place
        self.times = {}

    def take(self, who, rate, pairs):
        took = self.bench.run("pairs", self.place, pairs, rate)["pair_us"]
        self.times.setdefault((who, rate), []).append(took)

    def round(self, paces):
        for rate, pairs in paces:
            self.take("nobody", rate, pairs)
        self.farm.daemon.start()
        cost = self.bench.start_cost(self.farm)
        cost.settle()
        for rate, pairs in paces:
            self.take("ours", rate, pairs)
            cost.settle()
        assert self.farm.daemon.stop() == 0
        findmnt = self.bench.start_findmnt()
        for rate, pairs in paces:
            self.take("findmnt", rate, pairs)
        findmnt.stop()

    def median(self, who, rate):
        return median(self.times[who, rate])


@measures("slowing", limit=500)
def slowing(bench):
    """A mount/umount pair while it watches, over the same without"""
    bench.others(bench.size(50000, 10))
    farm = bench.farm()
    farm.action("live")
    slow = Slowing(bench, farm, farm.make_place("live", "root", "tmp"))
    paces = bench.size([(0, 4000), (200, 200)], [(0, 10), (200, 5)])
    for _ in range(bench.size(7, 1)):
        slow.round(paces)
    for (rate, _), name, how, goal in zip(paces, ("slowing", "slowing-paced"), ("in a tight loop", "200 changes a second"),
                                          (Goal("ratio", "<=", 1.10), None)):
        alone, ours, theirs = (slow.median(who, rate) for who in ("nobody", "ours", "findmnt"))
        yield Row(name, f"a mount/umount pair {how}, {bench.other_count:,} other mounts, over {alone:.1f} us without", "us", ours, theirs, FINDMNT,
                  ours / alone, "over that without", goal)
        yield Row(f"{name}-peer", "the same while findmnt --poll watches", "us", theirs, alone, "nobody watches", theirs / alone,
                  "over that without")


@measures("rate", limit=200)
def rate(bench):
    """1,000 changes a second beside 10,000 other mounts"""
    bench.others(bench.size(10000, 10))
    farm = bench.farm()
    place = bench.live_place(farm)
    last = farm.make_place("live", "root", "last")
    cost = bench.start_cost(farm)
    cost.settle()
    cpu, started = cost.cpu(), time.monotonic()
    bench.run("pairs", place, bench.size(2500, 20), 1000)
    share = (cost.cpu() - cpu) / 1e7 / (time.monotonic() - started)
    done = time.monotonic()
    harness.mount("tmpfs", last, "tmpfs")
    wait_for(lambda: last in {mount["target"] for mount in farm.daemon.mounts()}, "the last change is shown")
    yield Row("rate-cpu", f"CPU at 1,000 changes a second, {bench.other_count:,} other mounts", "% of a core", share, goal=Goal("ours", "<=", 20))
    yield Row("rate-lag", "the last of them known", "ms", (time.monotonic() - done) * 1000, goal=Goal("ours", "<=", 250))
