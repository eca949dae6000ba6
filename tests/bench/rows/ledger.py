# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long the ledger takes to answer."""
import os
import subprocess
import time

import harness

from .measure import Goal, Row, measures, median


@measures("ledger", limit=200)
def ledger(bench):
    """Events by action in a ledger of a million"""
    events = bench.size(1000000, 1000)
    file = os.path.join(bench.cell.directory, "ledger.db")
    taken = bench.run("ledger", file, events)
    times = []
    for _ in range(bench.size(20, 1)):
        begun = time.monotonic()
        shown = subprocess.run([harness.reaperctl_program(), "--db", file, "--json", "events", "--action", taken["action"]], capture_output=True,
                               check=True)
        times.append((time.monotonic() - begun) * 1000)
        assert len(shown.stdout.splitlines()) == taken["of_action_rows"] > 0
    yield Row("ledger", f"events of an action in a ledger of {events:,}, by reaperctl", "ms", median(times), goal=Goal("ours", "<=", 50))
    yield Row("ledger-query", "the question itself", "ms", taken["of_action_ms"])
    yield Row("ledger-last", "the last 100 events", "ms", taken["last_100_ms"])
    yield Row("ledger-minute", "the events of a minute", "ms", taken["of_a_minute_ms"])
    yield Row("ledger-write", "an event written, in turns of a thousand", "us", taken["write_us"])
    yield Row("ledger-size", "what they take on disk", "MiB", taken["mib"])
