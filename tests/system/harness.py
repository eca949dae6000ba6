# SPDX-License-Identifier: LGPL-2.1-or-later
"""What system tests are made of: mounts by unique id as the kernel tells them, a cell to mount in, filesystems, a daemon and its clients.

Nothing here shares code with the programs under test. Every wait is for a condition, with a deadline.
"""
import ctypes
import functools
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time
from collections import namedtuple

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC = 32, 4096, 8192, 16384
MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 18, 1 << 19, 1 << 20
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
CLONE_NEWNS = 0x00020000

SLOWNESS = float(os.environ.get("REAPERD_TEST_SLOWNESS", "1"))
BUILD = os.path.abspath(os.environ.get("REAPERD_BUILD_DIR", os.getcwd()))
SOURCE_TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PATIENCE = 10 * SLOWNESS
PROBE_INTERVAL = 0.1
# "5.14": the programs under test run as on that kernel (tests/lib/oldkernel.c); what a test asks itself, the real one answers.
KERNEL = os.environ.get("REAPERD_TEST_KERNEL")


def program(*candidates):
    for candidate in candidates:
        path = os.path.join(BUILD, candidate)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"none of {', '.join(candidates)} below {BUILD}: build first, or set REAPERD_BUILD_DIR")


def kernel_is_before(major, minor):
    """Whether the programs under test find an older kernel than that."""
    return tuple(int(number) for number in (KERNEL or os.uname().release).split(".")[:2]) < (major, minor)


def as_on(kernel, path):
    """A program in the cell that runs this one as on that kernel."""
    wrapper = os.path.join(os.environ["REAPERD_CELL"], f"{os.path.basename(path)}-on-{kernel}")
    if not os.path.exists(wrapper):
        with open(wrapper, "w") as file:
            file.write(f'#!/bin/sh\nexec "{program("tests/lib/oldkernel")}" {kernel} -- "{path}" "$@"\n')
        os.chmod(wrapper, 0o755)
    return wrapper


def reaperd_program(kernel=KERNEL):
    path = program("reaperd/broker/reaperd", "reaperd/reaperd", "reaperd-daemon")
    return as_on(kernel, path) if kernel else path


def reaperctl_program(kernel=KERNEL):
    path = program("cli/reaperctl", "reaperctl")
    return as_on(kernel, path) if kernel else path


# ---- waiting ----

def wait_for(condition, what="the condition", patience=None):
    """The condition's first true value; an AssertionError with its last value past the deadline."""
    deadline = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience or PATIENCE:g} s; last: {value!r}")
        time.sleep(0.005)


# ---- the kernel's mount table ----

def mount(source, target, fstype, flags=0, data=None):
    def encode(text):
        return None if text is None else os.fsencode(text)
    if LIBC.mount(encode(source), encode(target), encode(fstype), ctypes.c_ulong(flags), encode(data)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} {fstype}: {os.strerror(error)}", target)


def umount(target, flags=UMOUNT_NOFOLLOW):
    if LIBC.umount2(os.fsencode(target), flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def bind(source, target, recursive=False):
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))


Mount = namedtuple("Mount", "id parent id32 target root fstype")

NR_STATMOUNT, NR_LISTMOUNT = 457, 458
LSMT_ROOT = 0xFFFFFFFFFFFFFFFF
STATMOUNT_SB_BASIC, STATMOUNT_MNT_BASIC, STATMOUNT_MNT_ROOT, STATMOUNT_MNT_POINT, STATMOUNT_FS_TYPE = 1, 2, 8, 16, 32


def syscall(*arguments):
    result = LIBC.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@functools.cache
def has_listmount():
    try:
        listmount(1)
        return True
    except OSError:
        return False


def listmount(room=4096):
    ids, after = [], 0
    while True:
        request = struct.pack("=IIQQ", 24, 0, LSMT_ROOT, after)
        array = (ctypes.c_uint64 * room)()
        count = syscall(NR_LISTMOUNT, ctypes.create_string_buffer(request, 24), array, room, 0)
        ids += array[:count]
        if count < room or room == 1:
            return ids
        after = ids[-1]


def statmount(number):
    """None where the mount has gone."""
    wanted = STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT | STATMOUNT_FS_TYPE
    request = ctypes.create_string_buffer(struct.pack("=IIQQ", 24, 0, number, wanted), 24)
    answer = ctypes.create_string_buffer(20480)
    try:
        syscall(NR_STATMOUNT, request, answer, len(answer), 0)
    except OSError as error:
        if error.errno == 2:
            return None
        raise

    # struct statmount: the strings are offsets from byte 512 on.
    def text(offset):
        start = 512 + struct.unpack_from("=I", answer, offset)[0]
        return os.fsdecode(answer.raw[start:answer.raw.index(b"\0", start)])
    unique, parent, id32 = struct.unpack_from("=QQI", answer, 40)
    return Mount(unique, parent, id32, text(108), text(104), text(36))


def mountinfo(pid="self"):
    def unescape(field):
        out, at = bytearray(), 0
        while at < len(field):
            if field[at:at + 1] == b"\\" and field[at + 1:at + 4].isdigit():
                out.append(int(field[at + 1:at + 4], 8))
                at += 4
            else:
                out.append(field[at])
                at += 1
        return os.fsdecode(bytes(out))
    found = []
    with open(f"/proc/{pid}/mountinfo", "rb") as table:
        for line in table.read().splitlines():
            fields = line.split(b" ")
            kind = fields[fields.index(b"-", 6) + 1].decode()
            found.append(Mount(int(fields[0]), int(fields[1]), int(fields[0]), unescape(fields[4]), unescape(fields[3]), kind))
    return found


def mounts(under=None):
    """{id: Mount} of our namespace, with unique ids where the kernel has them; `under`: at or below that path only."""
    if has_listmount():
        found = [m for m in map(statmount, listmount()) if m]
    else:
        found = mountinfo()
    return {m.id: m for m in found if under is None or is_at_or_below(m.target, under)}


def is_at_or_below(path, directory):
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def ids(under=None):
    return set(mounts(under))


def count_under(directory):
    """Mounts at or below a directory by mountinfo alone: quick enough to be asked again and again."""
    return sum(1 for m in mountinfo() if is_at_or_below(m.target, directory))


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


# ---- processes ----

def start_time(pid):
    """None where there is no such process, or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(pid):
    return start_time(pid) is not None


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split() if is_alive(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


# ---- the place of a test ----

class Cell:
    """A directory on disk, `disk`, and one in memory, `memory`; what was started here is ended with it."""

    def __init__(self, directory):
        self.directory = directory
        self.disk = os.path.join(directory, "disk")
        self.memory = os.path.join(directory, "mem")
        self.processes = []
        self.at_end = []

    def __enter__(self):
        os.mkdir(self.disk)
        os.mkdir(self.memory)
        mount("memory", self.memory, "tmpfs")
        return self

    def __exit__(self, *exception):
        """After a test that passed, what it registered is checked: daemons must have behaved to the end."""
        problem = None
        for function in reversed(self.at_end):
            try:
                function()
            except AssertionError as error:
                problem = problem or error
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        if problem and exception[0] is None:
            raise problem

    def make(self, *parts):
        """A directory (with its parents) below `disk`."""
        path = os.path.join(self.disk, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def spawn(self, *command, log=None, **options):
        if log:
            options["stdout"] = options["stderr"] = open(os.path.join(self.directory, log + ".log"), "ab")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def runner(self, directory=None):
        """A process that stands for an action's runner: it waits until it is killed."""
        return self.spawn("sleep", "1000000", cwd=directory)

    def bindfs(self, source, target, *options):
        """A FUSE mirror of `source` on `target`; removals in `source` are removals on the server's side."""
        process = self.spawn("bindfs", "-f", *options, source, target, log="bindfs")
        wait_for(lambda: any(m.target == target and m.fstype == "fuse" for m in mountinfo()) or
                 any(m.target == target for m in mountinfo()), "bindfs mounts")
        return process

    def other_namespace(self, slave=False):
        """A process in a mount namespace of its own, a copy of ours."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            if LIBC.unshare(CLONE_NEWNS) != 0:
                os._exit(1)
            if slave:
                mount("none", "/", None, MS_REC | MS_SLAVE)
            os.write(writer, b"x")
            os.close(writer)
            while True:
                signal.pause()
        os.close(writer)
        assert os.read(reader, 1) == b"x"
        os.close(reader)
        self.at_end.append(lambda: (os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)) and None)
        return pid


class Misfuse:
    """A FUSE server that misbehaves on command (tests/lib/misfuse.c)."""

    def __init__(self, cell, target, entry_timeout=1.0, name="misfuse"):
        self.cell, self.target = cell, target
        self.path = os.path.join(cell.directory, name + ".sock")
        self.process = cell.spawn(misfuse_program(cell), "--control", self.path, "--entry-timeout", str(entry_timeout),
                                  target, log=name)
        wait_for(lambda: "ready" in open(os.path.join(cell.directory, name + ".log")).read(), "misfuse mounts")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(self.path)
        self.stream = self.socket.makefile("rw")

    def __call__(self, command, *argument):
        self.stream.write(" ".join([command, *map(str, argument)]) + "\n")
        self.stream.flush()
        answer = self.stream.readline().split(None, 1)
        assert answer and answer[0] == "ok", f"misfuse {command} {argument}: {answer}"
        return answer[1].strip() if len(answer) > 1 else None


def misfuse_program(cell):
    """The one that make built, else compiled here."""
    try:
        return program("tests/lib/misfuse")
    except FileNotFoundError:
        target = os.path.join(cell.directory, "misfuse")
        if not os.path.exists(target):
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True,
                                   check=True)
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-o", target,
                            os.path.join(SOURCE_TREE, "tests/lib/misfuse.c"), *flags.stdout.split(), "-lpthread"], check=True)
        return target


# ---- the programs under test ----

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
        return [*self.prefix, reaperd_program(self.kernel), "--config", self.config_file, "--state-dir", self.state, "--runtime-dir", self.run,
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
        for sign in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "Assertion", "malformed"):
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
        """True once the ledger has a row for each of these mounts; they must be attached."""
        rows = dict(self.query("SELECT id32, mount_id FROM mounts WHERE detached IS NULL ORDER BY id"))
        for number in numbers:
            found = statmount(number)
            if not found or found.id32 not in rows:
                return False
            self.kernel_ids[rows[found.id32]] = number
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


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name, self.parameters = name, parameters


class Varlink:
    """The few lines that a varlink client needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, method, parameters, **flags):
        self.socket.sendall(json.dumps({"method": method, "parameters": parameters, **flags}).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.data:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise EOFError("the daemon closed the connection")
            self.data += piece
        message, _, self.data = self.data.partition(b"\0")
        reply = json.loads(message)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters"))
        return reply

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive().get("parameters", {})

    def stream(self, method, **parameters):
        self.send(method, parameters, more=True)
        while True:
            reply = self.receive()
            yield reply.get("parameters", {})
            if not reply.get("continues"):
                return


# ---- build roots ----

QUICK = {"grace": "200ms", "grace.hollow": "400ms", "probe-interval": f"{PROBE_INTERVAL * 1000:.0f}ms", "step-timeout": "2s"}


def root_section(path, **keys):
    merged = dict(QUICK)
    for key, value in keys.items():
        merged[key.replace("__", ".").replace("_", "-")] = value
    return f"[root {path}]\n" + "".join(f"{key} = {value}\n" for key, value in merged.items() if value is not None)


def config_text(*roots, **daemon):
    merged = {"user": ""}
    merged.update({key.replace("_", "-"): value for key, value in daemon.items()})
    return "[daemon]\n" + "".join(f"{key} = {value}\n" for key, value in merged.items()) + "\n" + "\n".join(roots)


class Farm:
    """One build root with actions laid out as Buildbarn's, and a daemon that watches it."""

    def __init__(self, cell, source="auto", root=None, server=None, daemon=(), **keys):
        self.cell = cell
        self.root = root or cell.make("build")
        # Where a FUSE mirrors another directory, what is made and removed there never meets the kernel's own checks.
        self.server = server or self.root
        self.source = source
        self.config = config_text(root_section(self.root, **keys), source=source, **dict(daemon))
        self.daemon = Daemon(cell, self.config)

    def start(self, *arguments):
        self.daemon.start(*arguments)
        return self

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def make_place(self, *parts):
        os.makedirs(os.path.join(self.server, *parts), exist_ok=True)
        return self.path(*parts)

    def action(self, name, *fstypes):
        """An action's directory with root/proc and root/sys mounted; the ids of its mounts."""
        made = []
        for place, fstype in (("proc", "proc"), ("sys", "sysfs")) if not fstypes else [(t, t) for t in fstypes]:
            os.makedirs(os.path.join(self.server, name, "root", place), exist_ok=True)
            mount(fstype, self.path(name, "root", place), fstype, MS_NOSUID | MS_NODEV | MS_NOEXEC)
            made.append(top_id(self.path(name, "root", place)))
        return made

    def tmpfs(self, *parts):
        """A tmpfs at a path below the root, made as needed; its id."""
        place = self.make_place(*parts)
        mount("tmpfs", place, "tmpfs")
        return top_id(place)

    def vanish(self, name):
        """Removes an action's directory on the server's side."""
        assert self.server != self.root
        shutil.rmtree(os.path.join(self.server, name))


def top_id(path):
    """The id of the topmost mount at a path that is well: this looks the path up."""
    status = ctypes.create_string_buffer(256)
    # statx: AT_FDCWD, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT; STATX_MNT_ID_UNIQUE, or the 32-bit id.
    if LIBC.statx(-100, os.fsencode(path), 0x900, 0x4000 if has_listmount() else 0x1000, status) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return struct.unpack_from("=Q", status, 0x90)[0]


def gone(*numbers):
    """True once none of the mounts is in the table."""
    return not set(numbers) & (set(listmount()) if has_listmount() else ids())
