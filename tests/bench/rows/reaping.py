# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long it takes to take away what is over."""
import os
import subprocess
import time

import harness
from harness import wait_for

from .measure import Goal, Ledger, Row, measures, median, percentile


def all_places(farm, actions):
    return [farm.path(f"a{number}", "root", place) for number in range(actions) for place in ("proc", "sys")]


def make_mounts(farm, actions):
    for number in range(actions):
        farm.action(f"a{number}")


def reap_by_daemon(farm, actions):
    """From the word to begin to the last mount gone and written down. Who ended them had said so while it was paused."""
    daemon = farm.daemon
    make_mounts(farm, actions)
    ledger = Ledger(daemon)
    wait_for(lambda: ledger.count("SELECT count(*) FROM mounts WHERE detached IS NULL") == 2 * actions, "the mounts are known", 60)
    daemon.ctl("pause")
    with harness.Varlink(daemon.socket) as client:
        for number in range(actions):
            client.call("io.reaperd.End", root=farm.root, name=f"a{number}")
        start = time.monotonic()
        client.call("io.reaperd.Resume")
        ledger.wait_for_none("SELECT (SELECT count(*) FROM mounts WHERE detached IS NULL) +"
                             " (SELECT count(*) FROM attempts WHERE outcome IS NULL)", pause=0.003)
    took = time.monotonic() - start
    assert harness.count_under(farm.root) == 0
    return took


def reap_by_bare_calls(bench, farm, actions, busy):
    make_mounts(farm, actions)
    other = bench.cell.spawn("sh", "-c", "while :; do :; done") if busy else None
    took = bench.run("unmount", input="\n".join(all_places(farm, actions)))
    if other:
        other.kill()
        other.wait()
    assert took["mounts"] == 2 * actions
    return took["seconds"]


def reap_by_umount(farm, actions):
    """umount(8), one an action."""
    make_mounts(farm, actions)
    start = time.monotonic()
    for number in range(actions):
        subprocess.run(["umount", farm.path(f"a{number}", "root", "sys"), farm.path(f"a{number}", "root", "proc")], check=True)
    return time.monotonic() - start


CRON = """awk -v root="$1/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -n1 umount -l"""


def reap_by_cron(farm, actions):
    make_mounts(farm, actions)
    start = time.monotonic()
    subprocess.run(["sh", "-c", CRON, "cron", farm.root], check=True)
    took = time.monotonic() - start
    assert harness.count_under(farm.root) == 0
    return took


@measures("reap", limit=600)
def reap(bench):
    """2,000 leftover actions of two mounts: ours, a bare umount2 loop, umount(8), the line from cron"""
    actions = bench.size(2000, 4)
    farm = bench.farm(daemon={"max-reaps-per-minute": "0"})
    ours, busy, idle = [], [], []
    for _ in range(bench.size(5, 1)):
        farm.daemon.start()
        ours.append(reap_by_daemon(farm, actions))
        assert farm.daemon.stop() == 0
        busy.append(reap_by_bare_calls(bench, farm, actions, True))
        idle.append(reap_by_bare_calls(bench, farm, actions, False))
    took, bare = median(ours) * 1000, median(busy) * 1000
    each, cron = reap_by_umount(farm, actions) * 1000, reap_by_cron(farm, actions) * 1000
    what = f"{actions:,} leftover actions of two mounts reaped"
    yield Row("reap", what, "ms", took, bare, "umount2 loop, other core busy", took / bare, "ours over theirs", Goal("ratio", "<=", 2))
    yield Row("reap-idle", what, "ms", took, median(idle) * 1000, "umount2 loop, other core idle", took / median(idle) / 1000,
              "ours over theirs")
    yield Row("reap-umount", what, "ms", took, each, "umount(8), one an action", each / took, "theirs over ours")
    yield Row("reap-cron", what, "ms", took, cron, "awk | sort -r | xargs -n1 umount -l", cron / took, "theirs over ours",
              Goal("ratio", ">=", 150))


class Ending:
    """An action after the other is made, comes to be over, and is timed until its mounts are gone and written down so."""

    def __init__(self, farm, tell):
        self.farm, self.tell, self.number = farm, tell, 0
        self.prefix = tell.__name__
        self.ledger = Ledger(farm.daemon)
        self.client = harness.Varlink(farm.daemon.socket)

    def once(self):
        name = f"{self.prefix}{self.number}"
        self.number += 1
        made = self.farm.action(name)
        self.farm.daemon.knows(*made)
        # Its directory has been learnt, as that of any action that is older than a moment.
        self.ledger.wait_for_none("SELECT count(*) FROM actions WHERE name = CAST(? AS BLOB) AND handle IS NULL", name, patience=10)
        start = time.monotonic()
        self.tell(self, name)
        # There are no others.
        self.ledger.wait_for_none("SELECT count(*) FROM mounts WHERE action IS NOT NULL AND detached IS NULL", patience=10, pause=0.0005)
        took = time.monotonic() - start
        assert harness.gone(*made), "written down before it was so"
        return took * 1000

    def times(self, count):
        return [self.once() for _ in range(count)]


def say_end(ending, name):
    ending.client.call("io.reaperd.End", root=ending.farm.root, name=name)


def move_away(ending, name):
    os.rename(ending.farm.path(name), ending.farm.path(".trash", name))


def evidence_rows(bench, name, what, times):
    yield Row(f"evidence-{name}", f"{what} to mounts gone and recorded, p99, {bench.other_count:,} other mounts", "ms", percentile(times, 99),
              goal=Goal("ours", "<=", 50))
    yield Row(f"evidence-{name}-p50", "the same, median", "ms", median(times))


@measures("evidence", limit=400)
def evidence(bench):
    """From evidence to mounts gone and recorded, grace 0, beside 50,000 other mounts"""
    count = bench.size(200, 2)
    bench.others(bench.size(50000, 10))
    farm = bench.farm(grace="0")
    farm.make_place(".trash")
    farm.start()
    yield from evidence_rows(bench, "ended", "said to be ended", Ending(farm, say_end).times(count))
    yield from evidence_rows(bench, "moved", "moved to the trash", Ending(farm, move_away).times(count))
    assert farm.daemon.stop() == 0

    root = bench.cell.make("fuse")
    # As a worker's: what it takes away it invalidates, and all else is good for long.
    server = harness.Misfuse(bench.cell, root, entry_timeout=3600)

    def forget(_, name):
        server("remove", name)
        server("invalidate", name)
    farm = bench.farm(root=root, grace="0")
    farm.start()
    yield from evidence_rows(bench, "fuse", "FUSE entry invalidated", Ending(farm, forget).times(count))
