# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each test, with all its fixtures, runs as process 2 of a mount and pid namespace of its own; its reports come back through a pipe.

Whatever a test leaves (mounts, servers, daemons, stopped processes) ends with the namespace. A test that exceeds its time is
killed with everything it started, and counts as failed. At the end the host's mount table must be what it was.
"""
import gc
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import time

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, os.path.dirname(__file__))
pytest.register_assert_rewrite("harness")
import harness  # noqa: E402

LIMIT = 60 * harness.SLOWNESS
# A test waits more than it works.
JOBS = int(os.environ.get("REAPERD_TEST_JOBS", 4 * (os.cpu_count() or 1)))
# With a number, what would run once with each source runs with one of them: the tests have them in turn, and with the next number the next one.
TURN = int(os.environ.get("REAPERD_TEST_TURN", -1))
# So many failed tests, at most, are run once more; where more fail it is not for want of time.
AGAIN = int(os.environ.get("REAPERD_TEST_AGAIN", 0))


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): this test may take longer than the others")


def pytest_sessionstart(session):
    session.config.mounts_before = harness.host_mounts()
    session.config.unsteady = []


def pytest_sessionfinish(session):
    if harness.host_mounts() != session.config.mounts_before:
        sys.stderr.write("\nthe host's mount table changed during the tests\n")
        session.exitstatus = 1


def pytest_collection_modifyitems(items):
    if TURN < 0:
        return
    alike = {}  # but for the source
    for item in items:
        case = item.callspec.id.split("-") if hasattr(item, "callspec") else []
        alike.setdefault((item.fspath, item.originalname, *(word for word in case if word not in SOURCES)), []).append(item)
    items[:] = [group[(number + TURN) % len(group)] for number, group in enumerate(alike.values())]


def last_lines(directory):
    text = ""
    for entry in sorted(os.listdir(directory)):
        if entry.endswith(".log"):
            with open(os.path.join(directory, entry), errors="replace") as log:
                text += f"--- {entry}\n" + "".join(log.readlines()[-40:])
    return text


def limit(item):
    marker = item.get_closest_marker("limit")
    return marker.args[0] * harness.SLOWNESS if marker else LIMIT


class Running:
    """A test in its cell, seen from outside."""

    def __init__(self, item):
        self.item, self.data = item, b""
        self.limit = limit(item)
        self.directory = tempfile.mkdtemp(prefix="rpd-", dir="/tmp")
        self.end = time.monotonic() + self.limit
        self.overdue = False
        sys.stdout.flush()
        sys.stderr.flush()
        self.reader, writer = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.reader)
            os.environ["REAPERD_CELL"] = self.directory
            harness.enter_cell(lambda: self.work(writer))
        os.close(writer)

    def work(self, writer):
        # Files of its own for what the test prints: the parent's are shared with other cells.
        capture = self.item.config.pluginmanager.getplugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        config = self.item.config
        reports = runtestprotocol(self.item, nextitem=None, log=False)
        data = [config.hook.pytest_report_to_serializable(config=config, report=report) for report in reports]
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(data, pipe)

    def read(self):
        """True at the end: the namespace's process 1 holds the pipe, too, so its end is the end of all in there."""
        piece = os.read(self.reader, 1 << 16)
        self.data += piece
        return not piece

    def check_time(self):
        if time.monotonic() > self.end and not self.overdue:
            self.overdue = True
            os.kill(self.process, signal.SIGKILL)

    def reports(self):
        os.close(self.reader)
        os.waitpid(self.process, 0)
        if self.data and not self.overdue:
            hook = self.item.config.hook.pytest_report_from_serializable
            return [hook(config=self.item.config, data=report) for report in pickle.loads(self.data)]
        problem = "took longer than its time" if self.overdue else "ended without a report"
        return [pytest.TestReport(self.item.nodeid, self.item.location, {}, "failed",
                                  f"the test {problem}\n" + last_lines(self.directory), "call", duration=self.limit)]

    def clean_up(self):
        # The namespace is gone and with it every mount below; the host never had one here.
        if f" {self.directory}".encode() not in harness.host_mounts():
            shutil.rmtree(self.directory, ignore_errors=True)
        harness.remove_cgroups_of(self.directory)


def report(item, reports):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for one in reports:
        item.ihook.pytest_runtest_logreport(report=one)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def has_failed(reports):
    return any(one.failed for one in reports)


def run(session, items, jobs, take):
    """So many cells at once, in the order of `items`; `take` gets each with its reports."""
    waiting, running = list(items), []
    while (waiting or running) and not (session.shouldstop or session.shouldfail):
        while waiting and len(running) < jobs:
            running.append(Running(waiting.pop(0)))
        for reader in select.select([test.reader for test in running], [], [], 1)[0]:
            test = next(test for test in running if test.reader == reader)
            if test.read():
                running.remove(test)
                take(test.item, test.reports())
                test.clean_up()
        for test in running:
            test.check_time()
    for test in running:
        os.kill(test.process, signal.SIGKILL)
        take(test.item, test.reports())
        test.clean_up()


def pytest_runtestloop(session):
    """
    What may take longest begins first, lest all wait for it in the end. What failed has a second time, alone, where that is wanted: what
    passes then is said, for it is to be mended.
    """
    if session.config.option.collectonly:
        return True
    failed = []

    def take(item, reports):
        if AGAIN and has_failed(reports):
            failed.append((item, reports))
        else:
            report(item, reports)

    def take_again(item, reports):
        first = next(before for one, before in failed if one is item)
        if not has_failed(reports):
            session.config.unsteady += [one for one in first if one.failed]
        report(item, reports)
    # A cell is a fork: what a collection would look at, and so copy, are the parent's own objects.
    gc.collect()
    gc.freeze()
    gc.disable()
    run(session, sorted(session.items, key=limit, reverse=True), JOBS, take)
    if len(failed) <= AGAIN:
        run(session, [item for item, _ in failed], 1, take_again)
    else:
        for item, reports in failed:
            report(item, reports)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and "REAPERD_CELL" in os.environ:
        report.sections.append(("logs", last_lines(os.environ["REAPERD_CELL"])))


def pytest_terminal_summary(terminalreporter, config):
    """Each skip in the form that tests/count-results counts."""
    for one in config.unsteady:
        terminalreporter.section(f"unsteady: {one.nodeid}")
        one.toterminal(terminalreporter._tw)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        terminalreporter.write_line(f"skipped: {report.nodeid.rpartition('/')[2]}: {reason}")


@pytest.fixture
def cell():
    with harness.Cell(os.environ["REAPERD_CELL"]) as made:
        yield made


SOURCES = [name for name, since in (("fanotify", (6, 15)), ("listmount", (6, 8)), ("mountinfo", (5, 14))) if not harness.kernel_is_before(*since)]


@pytest.fixture(params=SOURCES)
def source(request):
    return request.param


@pytest.fixture
def farm(cell, source):
    """A daemon on a build root of local directories, once with each source."""
    return harness.Farm(cell, source=source)
