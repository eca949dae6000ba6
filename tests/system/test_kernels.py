# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where there is less: an older kernel's calls, a user namespace's privilege."""
import ctypes
import os
import struct
import subprocess

import pytest

import harness
from harness import gone, wait_for

BPF_LD_W_ABS, BPF_JEQ_K, BPF_RET_K = 0x20, 0x15, 0x06
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, ENOSYS = 0x7FFF0000, 0x00050000, 38
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def without_calls(*numbers):
    """For preexec_fn: these system calls answer ENOSYS, as on a kernel that has not got them."""
    code = [struct.pack("=HBBI", BPF_LD_W_ABS, 0, 0, 0)]
    for left, number in enumerate(reversed(numbers)):
        code.insert(1, struct.pack("=HBBI", BPF_JEQ_K, left + 1, 0, number))
    code += [struct.pack("=HBBI", BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW), struct.pack("=HBBI", BPF_RET_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS)]
    text = ctypes.create_string_buffer(b"".join(code))
    program = struct.pack("=H6xQ", len(code), ctypes.addressof(text))

    def install():
        keep = text  # the kernel reads it during the call
        if harness.LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or harness.LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
            os._exit(99)
        del keep
    return install


@pytest.fixture
def source():
    return "auto"


def test_without_listmount_the_table_is_read_as_text(farm):
    """Linux before 6.8."""
    farm.daemon.spawn_options["preexec_fn"] = without_calls(harness.NR_STATMOUNT, harness.NR_LISTMOUNT)
    daemon = farm.start().daemon
    assert daemon.status()["source"] == "mountinfo"
    live = farm.action("live")
    daemon.ctl("begin", "over", "--root", farm.root)
    over = farm.action("over")
    daemon.knows(*live, *over)
    daemon.ctl("end", "over", "--root", farm.root)
    wait_for(lambda: gone(*over), "what is over is reaped")
    daemon.is_probed(4)
    assert not any(gone(number) for number in live)


def test_listmount_that_the_kernel_has_not_got_is_said(farm):
    farm.daemon.configure(harness.config_text(harness.root_section(farm.root), source="listmount"))
    farm.daemon.spawn_options["preexec_fn"] = without_calls(harness.NR_STATMOUNT, harness.NR_LISTMOUNT)
    done = subprocess.run(farm.daemon.command(), preexec_fn=farm.daemon.spawn_options["preexec_fn"], capture_output=True, text=True,
                          timeout=harness.PATIENCE)
    assert done.returncode not in (0, -9) and "listmount" in done.stderr


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
