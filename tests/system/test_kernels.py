# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where there is less: an older kernel's calls, a user namespace's privilege."""
import json
import os
import subprocess
import sys

import pytest

import harness
from harness import gone, wait_for

# What answers since when, and before that. Asked in a program of its own, which has nothing but these calls.
SINCE = {
    "FAN_REPORT_PIDFD": ((5, 15), "EINVAL"), "MOVE_MOUNT_BENEATH": ((6, 5), "EINVAL"), "AT_HANDLE_FID": ((6, 5), "EINVAL"),
    "fchmodat2": ((6, 6), "ENOSYS"), "statmount": ((6, 8), "ENOSYS"), "listmount": ((6, 8), "ENOSYS"),
    "STATX_MNT_ID_UNIQUE": ((6, 8), "passed over"), "STATMOUNT_MNT_OPTS": ((6, 11), "passed over"),
    "NS_GET_MNTNS_ID": ((6, 11), "ENOTTY"), "PIDFD_GET_MNT_NAMESPACE": ((6, 11), "ENOTTY"), "NS_MNT_GET_INFO": ((6, 12), "ENOTTY"),
    "AT_HANDLE_MNT_ID_UNIQUE": ((6, 12), "EINVAL"), "PIDFD_GET_INFO": ((6, 13), "ENOTTY"),
    "STATMOUNT_SB_SOURCE": ((6, 13), "passed over"), "FAN_REPORT_MNT": ((6, 15), "EINVAL"), "open_tree_attr": ((6, 15), "ENOSYS"),
}
ASK = r"""
import ctypes, errno, json, os, struct
libc, answers = ctypes.CDLL(None, use_errno=True), {}


def call(name, *arguments):
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    answers[name] = "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def ioctl(name, fd, command):
    result = libc.ioctl(fd, ctypes.c_ulong(command), buffer if name.endswith("INFO") or name == "NS_GET_MNTNS_ID" else None)
    answers[name] = "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]


buffer = ctypes.create_string_buffer(8192)
assert libc.statx(-100, b"/", 0x900, 0x4000, buffer) == 0
answers["STATX_MNT_ID_UNIQUE"] = "ok" if struct.unpack_from("=I", buffer)[0] & 0x4000 else "passed over"
assert bool(struct.unpack_from("=I", buffer)[0] & 0x1000) == (answers["STATX_MNT_ID_UNIQUE"] != "ok")
unique = struct.unpack_from("=Q", buffer, 0x90)[0]
request = struct.pack("=IIQQ", 24, 0, unique, 0x282)
asked = ctypes.create_string_buffer(request, 24)
call("statmount", 457, asked, buffer, len(buffer), 0)
if answers["statmount"] == "ok":
    given = struct.unpack_from("=Q", buffer, 8)[0]
    answers["STATMOUNT_MNT_OPTS"] = "ok" if given & 0x80 else "passed over"
    answers["STATMOUNT_SB_SOURCE"] = "ok" if given & 0x200 else "passed over"
assert asked.raw == request, "the question is as it was"
call("listmount", 458, ctypes.create_string_buffer(struct.pack("=IIQQ", 24, 0, 2 ** 64 - 1, 0), 24), buffer, 8, 0)
call("open_tree_attr", 467, -100, b"/proc", 0, None, 0)
call("fchmodat2", 452, os.open("/tmp", os.O_PATH), b"", 0o1777, 0x1000)
call("FAN_REPORT_PIDFD", 300, 0x80, 0)
call("FAN_REPORT_MNT", 300, 0x4000, 0)
for flag, name in ((0x200, "AT_HANDLE_FID"), (1, "AT_HANDLE_MNT_ID_UNIQUE")):
    call(name, 303, -100, b"/tmp", ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136), buffer, flag)
call("MOVE_MOUNT_BENEATH", 429, -1, b"no/such/place", -1, b"no/such/place", 0x200)
namespace, pidfd = os.open("/proc/self/ns/mnt", os.O_RDONLY), os.pidfd_open(os.getpid())
ioctl("NS_GET_MNTNS_ID", namespace, 0x8008B705)
ioctl("NS_MNT_GET_INFO", namespace, 0x8010B70A)
ioctl("PIDFD_GET_MNT_NAMESPACE", pidfd, 0xFF03)
ioctl("PIDFD_GET_INFO", pidfd, 0xC040FF0B)
print(json.dumps(answers))
"""


def numbers(version):
    return tuple(int(number) for number in version.split("."))


@pytest.fixture
def source():
    return "auto"


@pytest.fixture(params=["5.14", "6.1", "6.6", "6.8", "6.12", "6.15"])
def kernel(request):
    if numbers(request.param) > tuple(int(number) for number in os.uname().release.split(".")[:2]):
        pytest.skip("this kernel is older than that")
    return request.param


def test_an_older_kernel_answers_as_it_did(cell, kernel):
    """The wrapper that all of these tests depend on, against the list above."""
    command = [harness.program("tests/lib/oldkernel"), kernel, "--", sys.executable, "-c", ASK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.PATIENCE)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name, (since, before) in SINCE.items():
        if name.startswith("STATMOUNT") and numbers(kernel) < SINCE["statmount"][0]:
            assert name not in answers
        elif name in ("MOVE_MOUNT_BENEATH", "open_tree_attr") and numbers(kernel) >= since:
            assert answers[name] != before, "it is known, and finds fault with the other arguments"
        else:
            assert answers[name] == ("ok" if numbers(kernel) >= since else before), name


def test_what_it_runs_keeps_its_pid_its_stops_and_its_status(cell):
    script = "kill -STOP $$; exit 7"
    process = cell.spawn(harness.program("tests/lib/oldkernel"), "5.14", "--", "sh", "-c", script)
    wait_for(lambda: stopped(process.pid), "it stops itself")
    assert harness.comm(process.pid) == "sh" and harness.children(process.pid) == []
    process.send_signal(18)  # SIGCONT
    assert process.wait(harness.PATIENCE) == 7


def stopped(pid):
    """By a signal, as its parent hears it: /proc says that of a tracer's stops as well."""
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)


def test_the_source_is_the_best_that_the_kernel_has(farm, kernel):
    farm.daemon.kernel = kernel
    daemon = farm.start().daemon
    unique = numbers(kernel) >= (6, 8)
    status = daemon.status()
    best = next(name for name, since in (("fanotify", (6, 15)), ("listmount", (6, 8)), ("mountinfo", (5, 14))) if numbers(kernel) >= since)
    assert (status["source"], status["identity"]) == (best, "unique-id" if unique else "number")
    assert ("fanotify: this kernel has no mount events (Linux 6.15 has)" in status["source_note"]) == (best != "fanotify")
    assert ("numbers come again" in daemon.ctl("status").stdout) == (not unique)
    assert ("mounts are known by number" in daemon.said()) == (not unique)
    live = farm.action("live")
    daemon.ctl("begin", "over", "--root", farm.root)
    over = farm.action("over")
    daemon.knows(*live, *over)
    daemon.ctl("end", "over", "--root", farm.root)
    wait_for(lambda: gone(*over), "what is over is reaped")
    daemon.is_probed(4)
    assert not any(gone(number) for number in live)


@pytest.mark.parametrize("wanted, lack", [("listmount", "Linux 6.8 has"), ("fanotify", "Linux 6.15 has")])
def test_a_source_that_the_kernel_has_not_got_is_an_error_that_says_what_is_missing(farm, wanted, lack):
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root), source=wanted))
    farm.daemon.kernel = "5.14"
    done = subprocess.run(farm.daemon.command(), capture_output=True, text=True, timeout=harness.PATIENCE)
    assert done.returncode not in (0, -9) and wanted in done.stderr and lack in done.stderr
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root), source="mountinfo"))
    asked = subprocess.run(farm.daemon.command("--source", wanted), capture_output=True, text=True, timeout=harness.PATIENCE)
    assert asked.returncode == done.returncode and wanted in asked.stderr and lack in asked.stderr


@pytest.fixture
def contained(farm):
    """A farm whose daemon is root in a user namespace, with a mount namespace of its own."""
    os.chmod(farm.cell.directory, 0o755)
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no user namespace can be made here")
    farm.daemon.prefix = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
    return farm


def test_an_inherited_mount_is_locked_and_not_tried_again(contained):
    made = contained.tmpfs(".trash", "a1", "root")
    daemon = contained.start().daemon
    daemon.records("SELECT outcome FROM attempts ORDER BY id DESC LIMIT 1", [(b"locked",)])
    tried = daemon.query("SELECT count(*) FROM attempts")
    daemon.is_probed(12)
    assert daemon.query("SELECT count(*) FROM attempts") == tried
    assert "locked" in daemon.ctl("events").stdout
    assert not gone(made)


def test_a_daemon_in_a_user_namespace_reaps_what_is_its_own(contained):
    daemon = contained.start().daemon
    place = contained.make_place(".trash", "a1", "root")
    inside = ["nsenter", "--user", "--mount", "--preserve-credentials", f"--target={daemon.process.pid}"]
    subprocess.run([*inside, "mount", "-n", "-t", "tmpfs", "tmpfs", place], check=True)
    wait_for(lambda: daemon.query("SELECT count(*) FROM mounts WHERE state = 'reaped'") == [(1,)], "it is reaped")
    assert not [m for m in harness.mountinfo(daemon.process.pid) if m.target == place]
