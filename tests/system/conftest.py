# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each test, with all its fixtures, runs as process 2 of a mount and pid namespace of its own; its reports come back through a pipe.

Whatever a test leaves (mounts, servers, daemons, stopped processes) ends with the namespace. A test that exceeds its time is
killed with everything it started, and counts as failed. At the end the host's mount table must be what it was.
"""
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, os.path.dirname(__file__))
import harness  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWPID, PR_SET_PDEATHSIG = 0x00020000, 0x20000000, 1
LIMIT = 60 * harness.SLOWNESS


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): this test may take longer than the others")
    config.cells_made = []


def host_mounts():
    with open("/proc/self/mountinfo", "rb") as table:
        return table.read()


def pytest_sessionstart(session):
    session.config.mounts_before = host_mounts()


def pytest_sessionfinish(session):
    if host_mounts() != session.config.mounts_before:
        sys.stderr.write("\nthe host's mount table changed during the tests\n")
        session.exitstatus = 1


def serve_as_init(work):
    """Process 1 of the namespace: starts `work` as process 2, buries the orphans, and ends (with all others) when that ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter_cell(work):
    """Never returns. A second process is needed, for a pid namespace begins with the next child."""
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        os._exit(77)
    init = os.fork()
    if init == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        harness.mount("none", "/", None, harness.MS_REC | harness.MS_PRIVATE)
        harness.mount("proc", "/proc", "proc", 0)
        serve_as_init(work)
    _, status = os.waitpid(init, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def read_until(fd, deadline):
    data = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return None
        piece = os.read(fd, 1 << 16)
        if not piece:
            return data
        data += piece


def last_lines(directory):
    text = ""
    for entry in sorted(os.listdir(directory)):
        if entry.endswith(".log"):
            with open(os.path.join(directory, entry), errors="replace") as log:
                text += f"--- {entry}\n" + "".join(log.readlines()[-40:])
    return text


def run_in_cell(item, directory, limit):
    """The reports of one test; None where it did not come to an end."""
    os.environ["REAPERD_CELL"] = directory
    reader, writer = os.pipe()

    def work():
        os.close(reader)
        reports = runtestprotocol(item, nextitem=None, log=False)
        data = [item.config.hook.pytest_report_to_serializable(config=item.config, report=report) for report in reports]
        with os.fdopen(writer, "w") as pipe:
            json.dump(data, pipe)

    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        enter_cell(work)
    os.close(writer)
    data = read_until(reader, time.monotonic() + limit)
    if data is None:
        os.kill(child, signal.SIGKILL)
        # The namespace's process 1 has the pipe, too: its end is the end of them all.
        read_until(reader, time.monotonic() + 10)
    os.close(reader)
    os.waitpid(child, 0)
    if not data:
        return None, "took longer than its time" if data is None else "ended without a report"
    hook = item.config.hook.pytest_report_from_serializable
    return [hook(config=item.config, data=report) for report in json.loads(data)], None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    marker = item.get_closest_marker("limit")
    limit = marker.args[0] * harness.SLOWNESS if marker else LIMIT
    directory = tempfile.mkdtemp(prefix="rpd-", dir="/tmp")
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports, problem = run_in_cell(item, directory, limit)
    if reports is None:
        reports = [pytest.TestReport(item.nodeid, item.location, {}, "failed", f"the test {problem}\n" + last_lines(directory),
                                     "call", duration=limit)]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    # The namespace is gone and with it every mount below; the host never had one here.
    if f" {directory}".encode() not in host_mounts():
        shutil.rmtree(directory, ignore_errors=True)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and "REAPERD_CELL" in os.environ:
        report.sections.append(("logs", last_lines(os.environ["REAPERD_CELL"])))


@pytest.fixture
def cell():
    with harness.Cell(os.environ["REAPERD_CELL"]) as made:
        yield made


@pytest.fixture(params=["listmount", "mountinfo"])
def source(request):
    if request.param == "listmount" and not harness.has_listmount():
        pytest.skip("this kernel has no listmount")
    return request.param


@pytest.fixture
def farm(cell, source):
    """A daemon on a build root of local directories, once with each source."""
    return harness.Farm(cell, source=source)
