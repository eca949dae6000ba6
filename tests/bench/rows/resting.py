# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs to be there: wake-ups while nothing happens, memory, and answers while unmounts hang."""
import os
import time

import harness
from harness import wait_for

from .measure import Cost, Goal, Row, measures, percentile, settle


def status_of(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))


def wakeups(pids):
    return sum(status_of(pid, "voluntary_ctxt_switches") for pid in pids)


def resident_mib(*pids):
    return sum(status_of(pid, "VmRSS") for pid in pids) / 1024


def is_asleep(pids):
    first = wakeups(pids)
    time.sleep(2)
    return wakeups(pids) == first


def wakeups_a_second(farm, seconds):
    cost = Cost(farm.daemon)
    first, start = wakeups(cost.pids()), time.monotonic()
    time.sleep(seconds)
    return (wakeups(cost.pids()) - first) / (time.monotonic() - start)


@measures("idle", limit=200)
def idle(bench):
    """Wake-ups a second while nothing happens, with 1,000 active actions"""
    actions, seconds = bench.size(1000, 3), bench.size(20, 1)
    farm = bench.farm(probe_interval="1h")
    for number in range(actions):
        farm.action(f"a{number}")
    farm.start()
    wait_for(lambda: is_asleep(Cost(farm.daemon).pids()), "all that the start brought is done", 60)
    rate = wakeups_a_second(farm, seconds)
    findmnt = bench.start_findmnt()
    before = wakeups([findmnt.process.pid])
    time.sleep(bench.size(5, 1))
    theirs = (wakeups([findmnt.process.pid]) - before) / bench.size(5, 1)
    findmnt.stop()
    yield Row("idle", f"wake-ups a second of both processes, {actions:,} active actions, no probe due", "1/s", rate, theirs, "findmnt --poll",
              goal=Goal("ours", "=", 0))
    assert farm.daemon.stop() == 0
    farm = bench.farm().start()
    farm.daemon.is_probed(bench.size(30, 1))
    yield Row("idle-probing", "the same with the probe interval that is the default, 2 s", "1/s", wakeups_a_second(farm, seconds))
    cost = Cost(farm.daemon)
    cpu, start = cost.cpu(), time.monotonic()
    time.sleep(seconds)
    yield Row("idle-cpu", "the CPU that those probes take", "% of a core", (cost.cpu() - cpu) / 1e7 / (time.monotonic() - start))


@measures("memory", limit=200)
def memory(bench):
    """Resident memory of both processes, with 100 and with 90,000 mounts below the root"""
    for mounts, most in zip(bench.size([100, 90000], [4, 8]), (10, 80)):
        root = os.path.join(bench.cell.memory, f"build{mounts}")
        os.mkdir(root)
        farm = bench.farm(root=root, probe_interval="1h")
        for number in range(mounts // 2):
            for place in ("proc", "sys"):
                directory = farm.make_place(f"a{number}", "root", place)
                harness.mount("sysfs", directory, "sysfs")
        farm.start()
        cost = Cost(farm.daemon)
        settle(cost)
        ours = resident_mib(*cost.pids())
        findmnt = bench.start_findmnt()
        theirs = resident_mib(findmnt.process.pid)
        findmnt.stop()
        yield Row(f"memory-{mounts}", f"resident memory of both processes, {mounts:,} mounts below the root", "MiB", ours, theirs,
                  "findmnt --poll", goal=Goal("ours", "<=", most))
        assert farm.daemon.stop() == 0


def unmounts_under_way(daemon):
    return daemon.query("SELECT count(*) FROM attempts WHERE outcome IS NULL")[0][0]


@measures("hung", limit=120)
def hung(bench):
    """`status` answered while 64 unmounts hang in a FUSE whose server has stopped"""
    actions = bench.size(64, 2)
    root = bench.cell.make("fuse")
    server = harness.Misfuse(bench.cell, root)
    farm = bench.farm(root=root, step_timeout="60s")
    made = [mount for number in range(actions) for mount in farm.action(f"a{number}", "tmpfs")]
    farm.start()
    farm.daemon.knows(*made)
    settle(Cost(farm.daemon))
    server("stop")
    times = []
    with harness.Varlink(farm.daemon.socket) as client:
        client.call("io.reaperd.Pause")
        for number in range(actions):
            client.call("io.reaperd.End", root=root, name=f"a{number}")
        client.call("io.reaperd.Resume")
        wait_for(lambda: unmounts_under_way(farm.daemon) == actions, "all unmounts are under way")
        for _ in range(bench.size(1000, 10)):
            start = time.monotonic()
            client.call("io.reaperd.GetStatus")
            times.append((time.monotonic() - start) * 1000)
            time.sleep(bench.size(0.01, 0))
    assert unmounts_under_way(farm.daemon) == actions and len(harness.mounts(root)) == actions + 1, "they hang"
    server("go")
    wait_for(lambda: harness.gone(*made), "all is taken away once the server goes on", 60)
    yield Row("hung", f"status answered while {actions} unmounts hang in a stopped FUSE, p99", "ms", percentile(times, 99),
              goal=Goal("ours", "<=", 100))
