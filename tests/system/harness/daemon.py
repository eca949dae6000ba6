# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs under test, from the build tree, and what tests ask of them."""
import json
import os
import signal
import sqlite3
import subprocess
import time

from .processes import children, comm, is_alive
from .settings import KERNEL, PATIENCE, PROBE_INTERVAL, SLOWNESS, as_on, program, wait_for
from .table import statmount
from .varlink import Varlink, VarlinkError


def reaperd_program(kernel=KERNEL):
    path = program("reaperd/broker/reaperd", "reaperd/reaperd", "reaperd-daemon")
    return as_on(kernel, path) if kernel else path


def reaperctl_program(kernel=KERNEL):
    path = program("cli/reaperctl", "reaperctl")
    return as_on(kernel, path) if kernel else path


class Daemon:
    """reaperd with its engine, from the build tree; state and sockets in the cell."""
    count = 0

    def __init__(self, cell, config, *arguments, name=None):
        Daemon.count += 1
        self.cell = cell
        self.name = name or f"reaperd{Daemon.count}"
        self.state = os.path.join(cell.directory, "state")
        self.run = os.path.join(cell.directory, "run")
        self.socket = os.path.join(self.run, "io.reaperd")
        self.ledger = os.path.join(self.state, "ledger.db")
        self.config_file = os.path.join(cell.directory, "reaperd.conf")
        self.arguments = arguments
        self.process = None
        self.killed = False
        self.kernel_ids = {}
        self.prefix = []
        self.program = None  # instead of the real one
        self.kernel = KERNEL
        os.makedirs(self.state, exist_ok=True)
        os.makedirs(self.run, exist_ok=True)
        self.configure(config)
        cell.at_end.append(self.finish)

    def configure(self, text):
        with open(self.config_file, "w") as file:
            file.write(text)

    @property
    def log(self):
        return os.path.join(self.cell.directory, self.name + ".log")

    def said(self):
        try:
            with open(self.log, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def command(self, *more):
        return [*self.prefix, self.program or reaperd_program(self.kernel), "--config", self.config_file, "--state-dir", self.state, "--runtime-dir", self.run,
                *self.arguments, *more]

    def spawn(self, *more):
        self.killed = False
        self.process = self.cell.spawn(*self.command(*more), log=self.name)
        return self

    def start(self, *more):
        self.spawn(*more)
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"reaperd ended with {self.process.returncode}:\n{self.said()}")
            try:
                return self.call("io.reaperd.GetStatus")["status"]["broker"]["state"]
            except (OSError, EOFError, VarlinkError, KeyError):
                return None
        return wait_for(ready, "reaperd is ready")

    def once(self, *more):
        """--once to its end: the exit status and what it printed."""
        return subprocess.run(self.command("--once", *more), capture_output=True, text=True, timeout=30 * SLOWNESS)

    def engine(self):
        """The engine's pid; None where none runs."""
        for pid in children(self.process.pid):
            if (comm(pid) or "").startswith("reaperd-engine"[:15]):
                return pid
        return None

    def kill_engine(self):
        pid = wait_for(self.engine, "the engine runs")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not is_alive(pid), "the engine ends")
        return pid

    def kill_broker(self):
        engine = self.engine()
        self.killed = True
        self.process.kill()
        self.process.wait()
        if engine:
            wait_for(lambda: not is_alive(engine), "the engine ends with its broker")

    def kill_both(self):
        engine = self.engine()
        self.killed = True
        os.kill(self.process.pid, signal.SIGSTOP)  # or it would start another
        if engine:
            os.kill(engine, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if engine:
            wait_for(lambda: not is_alive(engine), "the engine ends")

    def stop(self, patience=None):
        """SIGTERM; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(patience or PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"reaperd did not end on SIGTERM:\n{self.said()}") from None

    def finish(self):
        """At the end of each test: it still runs or was ended on purpose, ends as it should, and no sanitizer complained."""
        if self.process and not self.killed:
            if self.process.returncode is None:
                assert self.process.poll() is None, f"reaperd ended by itself with {self.process.returncode}:\n{self.said()}"
                assert self.stop() == 0, f"SIGTERM: exit {self.process.returncode}\n{self.said()}"
        for sign in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion", "malformed", "system call that it never makes"):
            assert sign not in self.said(), self.said()
        if self.process and os.path.exists(self.ledger):
            checked = subprocess.run([reaperctl_program(), "--db", self.ledger, "db", "check"], capture_output=True, text=True,
                                     timeout=PATIENCE)
            assert checked.returncode == 0, f"db check: {checked}"

    # clients

    def ctl(self, *arguments, check=True, options=(), **kinds):
        kinds.setdefault("text", True)
        done = subprocess.run([reaperctl_program(), "--socket", self.socket, *options, *arguments], capture_output=True,
                              timeout=30 * SLOWNESS, stdin=subprocess.DEVNULL, **kinds)
        if check:
            assert done.returncode == 0, f"reaperctl {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}"
        return done

    def offline(self, *arguments):
        """What reaperctl reads in the ledger alone."""
        return subprocess.run([reaperctl_program(), "--db", self.ledger, *arguments], capture_output=True, text=True, check=True,
                              timeout=30 * SLOWNESS, stdin=subprocess.DEVNULL)

    def json(self, *arguments, check=True):
        return json.loads(self.ctl(*arguments, options=("--json",), check=check).stdout)

    def call(self, method, **parameters):
        with Varlink(self.socket) as client:
            return client.call(method, **parameters)

    def status(self):
        return self.call("io.reaperd.GetStatus")["status"]

    def actions(self, **filters):
        with Varlink(self.socket) as client:
            return [a for reply in client.stream("io.reaperd.ListActions", **filters) for a in reply["actions"]]

    def action(self, name, **filters):
        """The newest generation of an action, or None."""
        found = [a for a in self.actions(**filters) if a["name"] == name]
        return max(found, key=lambda a: a["generation"], default=None)

    # A source without unique ids gives numbers of its own; here every id is the kernel's unique one, as soon as knows() has met the mount.

    def has_own_ids(self):
        return self.status()["source"] == "mountinfo"

    def as_kernel(self, number):
        return self.kernel_ids.get(number, number)

    def as_daemon(self, number):
        return next((own for own, unique in self.kernel_ids.items() if unique == number), number)

    def learn_ids(self, numbers):
        """
        True once the ledger has a row for each of these mounts; they must be attached. A row of one that has gone may not be closed
        yet, and its number be used again.
        """
        rows = {row[:2]: row[2] for row in self.query("SELECT id32, dev, mount_id FROM mounts WHERE detached IS NULL ORDER BY id")}
        for number in numbers:
            found = statmount(number)
            if not found or (found.id32, found.dev) not in rows:
                return False
            self.kernel_ids[rows[found.id32, found.dev]] = number
        return True

    def mounts(self, **filters):
        with Varlink(self.socket) as client:
            found = [m for reply in client.stream("io.reaperd.ListMounts", **filters) for m in reply["mounts"]]
        return [dict(m, id=self.as_kernel(m["id"])) for m in found]

    def shown_mounts(self, *arguments):
        """{id: mount} as `reaperctl mounts` shows them."""
        return {self.as_kernel(m["id"]): m for m in self.json("mounts", *arguments)["mounts"]}

    def mount(self, number):
        """What the daemon knows of a mount, past or present."""
        return next((m for m in self.mounts(all=True) if m["id"] == number), None)

    def events(self, **filters):
        with Varlink(self.socket) as client:
            found = [e for reply in client.stream("io.reaperd.Events", **filters) for e in reply["events"]]
        return [dict(e, id=self.as_kernel(e["id"])) for e in found]

    def query(self, sql, *parameters):
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as database:
            database.text_factory = bytes
            return database.execute(sql, parameters).fetchall()

    def records(self, sql, expected):
        """Waits until the ledger answers so: it is written after what it tells of."""
        try:
            wait_for(lambda: self.query(sql) == expected, sql)
        except AssertionError:
            assert self.query(sql) == expected, sql

    # what tests wait for

    def knows(self, *numbers):
        """Waits until these mounts are in the daemon's table."""
        wanted = set(numbers)
        if self.has_own_ids():
            wait_for(lambda: self.learn_ids(wanted), "the ledger has the mounts")
        wait_for(lambda: wanted <= {m["id"] for m in self.mounts()}, "the daemon knows the mounts")

    def evidence(self, name, **filters):
        found = self.action(name, **filters)
        return {e["kind"] for e in found["evidence"]} if found else set()

    def is_probed(self, rounds=2):
        """Lets so many rounds of probes pass, twice over, for a wrong decision to show. Fails where the daemon does not go on."""
        end = time.monotonic() + 2 * rounds * PROBE_INTERVAL * SLOWNESS
        while time.monotonic() < end:
            self.status()
            time.sleep(PROBE_INTERVAL / 2)
