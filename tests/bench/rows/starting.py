# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a start takes beside a large table."""
import os
import time

import harness

from .measure import Goal, Row, measures, median


@measures("start", limit=300)
def start(bench):
    """A start with 90,000 mounts below the root, over listmount and statmount of each alone"""
    mounts, rounds = bench.size(90000, 10), bench.size(5, 1)
    root = os.path.join(bench.cell.memory, "build")
    os.mkdir(root)
    farm = bench.farm(root=root)
    for number in range(mounts // 2):
        for place in ("proc", "sys"):
            harness.mount("sysfs", farm.make_place(f"a{number}", "root", place), "sysfs")
    scan = bench.run("scan", bench.source, root, rounds)
    assert scan["below"] == mounts
    bare = scan["bare_ms"]
    name = "listmount + statmount of each"
    yield Row("start", f"one scan into the model, {mounts:,} mounts below the root", "ms", scan["ours_ms"], bare, name,
              bare and scan["ours_ms"] / bare, "ours over theirs", bare and Goal("ratio", "<=", 1.3))
    times = []
    for _ in range(bench.size(3, 1)):
        began = time.monotonic()
        farm.start()
        times.append((time.monotonic() - began) * 1000)
        assert len(farm.daemon.query("SELECT 1 FROM mounts WHERE detached IS NULL")) == mounts
        assert farm.daemon.stop(60) == 0
        for left in os.listdir(farm.daemon.state):
            os.unlink(os.path.join(farm.daemon.state, left))
    took = median(times)
    yield Row("start-ledger", "the whole start of the daemon, until all is in the ledger and it answers", "ms", took, bare, name,
              bare and took / bare, "ours over theirs", bare and Goal("ratio", "<=", 2.5))
