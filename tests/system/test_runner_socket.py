# SPDX-License-Identifier: LGPL-2.1-or-later
"""The socket for runners in containers: what it is for, who may use it, and that it outlives what happens to the daemon."""
import os
import signal
import socket
import stat
import subprocess
import traceback

import pytest

import harness
from harness import Varlink, VarlinkError, container, gone, wait_for
from harness.table import LIBC

CLONE_NEWUSER, MAPPED = 0x10000000, 100000
STRANGERS = 65533, 65534


@pytest.fixture
def source():
    return "auto"


class Served:
    """A farm whose daemon has a runners' socket in a directory of its own, which others may enter."""

    def __init__(self, cell, **keys):
        os.chmod(cell.directory, 0o755)
        self.place = os.path.join(cell.directory, "runners")
        self.socket = os.path.join(self.place, "io.reaperd")
        self.farm = harness.Farm(cell, daemon={"runner-socket": self.socket}, **keys)
        self.daemon, self.root = self.farm.daemon, self.farm.root

    def begin(self, client, name, method="Begin", **parameters):
        return client.call(f"io.reaperd.{method}", root=self.root, name=name, **parameters)


def in_child(work):
    """Runs it in a process of its own: the exit status, 0 where all went well."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def as_root_of_a_user_namespace(work):
    """As uid 0 of a user namespace, which is uid 100000 here: the exit status, 0 where all went well."""
    if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    ready, mapped = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert LIBC.unshare(CLONE_NEWUSER) == 0
            os.write(ready[1], b"x")
            os.read(mapped[0], 1)
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            assert os.getuid() == 0
            work()
            status = 0
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
        os._exit(status)
    os.close(ready[1])
    if os.read(ready[0], 1):
        for table in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{table}", "w", encoding="ascii") as file:
                file.write(f"0 {MAPPED} 1")
    os.write(mapped[1], b"x")
    for end in (ready[0], *mapped):
        os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refused(socket_path, method, reason, **parameters):
    with Varlink(socket_path) as client, pytest.raises(VarlinkError) as caught:
        client.call(method, **parameters)
    assert caught.value.name == "io.reaperd.NotAllowed"
    assert reason in caught.value.parameters["reason"]


def test_it_registers_actions_and_does_nothing_else(cell):
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    made = served.farm.action("a1")
    daemon.knows(*made)
    with Varlink(served.socket) as client:
        served.begin(client, "a1")
        assert daemon.action("a1")["owner"]["kind"] == "registered"
    for method, parameters in (("GetStatus", {}), ("ListActions", {}), ("Events", {}), ("Metrics", {}), ("Reload", {}), ("Pause", {}),
                               ("Reap", {"actions": ["a1"], "active": True}), ("GetConfiguration", {})):
        refused(served.socket, f"io.reaperd.{method}", "Begin, End and Lease alone", **parameters)
    refused(served.socket, "io.reaperd.Begin", "hold a lease instead", root=served.root, name="a1", pid=os.getpid())
    daemon.is_probed()
    assert not any(gone(number) for number in made)
    with Varlink(served.socket) as client:
        assert "io.reaperd" in client.call("org.varlink.service.GetInfo")["interfaces"]
        served.begin(client, "a1", "End")
    wait_for(lambda: all(gone(number) for number in made), "what was ended is reaped")


def test_run_needs_no_more_than_this_socket(cell):
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    place = served.farm.path("a1")
    done = daemon.ctl("run", "--root", served.root, "--name", "a1", "--mount", "tmpfs::here", "--", "sh", "-c", f"test -d {place}/here && exit 7",
                      options=("--socket", served.socket), check=False)
    assert done.returncode == 7, done
    assert harness.count_under(served.root) == 0 and not os.path.exists(place)
    wait_for(lambda: daemon.action("a1") is None, "the action is past")


def test_root_is_nobody_there_unless_it_is_named(cell):
    served = Served(cell)
    daemon = served.farm.start().daemon
    refused(served.socket, "io.reaperd.Begin", "root only where it is named", root=served.root, name="a1")
    assert "nobody may begin actions there" in daemon.said()
    assert daemon.ctl("begin", "a1", "--root", served.root).returncode == 0, "the control socket is as it was"
    done = daemon.ctl("end", "a1", "--root", served.root, options=("--socket", served.socket), check=False)
    assert done.returncode == 4 and "root only where it is named" in done.stderr, done
    daemon.configure(served.farm.config + "register = root\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.ctl("end", "a1", "--root", served.root, options=("--socket", served.socket), check=False).returncode == 0,
             "the new configuration names it")


def test_root_of_a_user_namespace_is_whom_it_is_mapped_to(cell):
    served = Served(cell, register=f"{MAPPED}")
    second = cell.make("second")
    served.daemon.configure(served.farm.config + harness.root_section(second, register="root"))
    served.farm.start()

    def work():
        with Varlink(served.socket) as client:
            assert served.begin(client, "a1")["generation"] >= 1
        refused(served.socket, "io.reaperd.Begin", "root only where it is named", root=second, name="a1")
        refused(served.socket, "io.reaperd.Reap", "Begin, End and Lease alone", leftovers=True)

    assert as_root_of_a_user_namespace(work) == 0
    assert served.daemon.action("a1")["owner"]["uid"] == MAPPED


def test_a_lease_from_a_container_ends_with_it(cell):
    lack = container.missing()
    if lack:
        pytest.skip(lack)
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    box = container.Container(cell, "runner", {"/run/runners": (served.place, "slave")})
    made = served.farm.action("a1")
    daemon.knows(*made)

    def enter():
        for kind in ("pid", "mnt"):
            with open(f"/proc/{box.pid}/ns/{kind}", encoding="ascii") as namespace:
                assert LIBC.setns(namespace.fileno(), 0) == 0

    def hold():
        with Varlink("/run/runners/io.reaperd") as client:
            assert not os.path.exists("/usr"), "this is the container's filesystem"
            client.send("io.reaperd.Lease", {"root": served.root, "name": "a1"}, more=True)
            assert client.receive()["continues"]
            refused("/run/runners/io.reaperd", "io.reaperd.Begin", "hold a lease instead", root=served.root, name="a2", pid=1)
            signal.pause()

    keeper = os.fork()
    if keeper == 0:
        try:
            enter()
            in_child(hold)
        finally:
            os._exit(1)
    try:
        wait_for(lambda: (daemon.action("a1") or {"owner": {}})["owner"].get("lease"), "the container holds a lease")
        daemon.is_probed(4)
        assert not any(gone(number) for number in made)
        box.kill()
    finally:
        os.waitpid(keeper, 0)
    wait_for(lambda: all(gone(number) for number in made), "the lease ended with the container")
    assert daemon.evidence("a1", all=True) >= {"owner-exited"}


def test_the_socket_is_everybodys_stays_at_sighup_and_comes_again_with_the_daemon(cell):
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    first = os.stat(served.socket)
    assert stat.S_ISSOCK(first.st_mode) and stat.S_IMODE(first.st_mode) == 0o666
    with Varlink(served.socket) as held:
        daemon.configure(served.farm.config.replace(served.socket, served.socket + ".other"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "changed only by a new start" in daemon.said(), "it says that it stays")
        assert os.stat(served.socket).st_ino == first.st_ino and not os.path.exists(served.socket + ".other")
        served.begin(held, "a1")
    daemon.configure(served.farm.config)
    daemon.kill_engine()
    daemon.wait_ready()
    with Varlink(served.socket) as client:
        served.begin(client, "a2")
    daemon.kill_both()
    assert os.path.exists(served.socket)
    daemon.start()
    with Varlink(served.socket) as client:
        served.begin(client, "a3")
    assert daemon.stop() == 0
    assert not os.path.exists(served.socket)


def test_a_file_in_its_place_and_a_directory_of_others_are_left_alone(cell):
    served = Served(cell)
    os.mkdir(served.place)
    with open(served.socket, "w", encoding="ascii") as file:
        file.write("somebody's")
    assert served.daemon.once().returncode == 3
    with open(served.socket, encoding="ascii") as file:
        assert file.read() == "somebody's"
    os.unlink(served.socket)
    os.chmod(served.place, 0o1777)
    done = served.daemon.once()
    assert done.returncode == 3 and "others can write there" in done.stderr, done
    assert os.listdir(served.place) == []


def test_strangers_who_hold_every_connection_do_not_touch_the_control_socket(cell):
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    held = []
    for _ in range(600):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(served.socket)
        held.append(connection)
    assert daemon.status()
    for connection in held:
        connection.close()

    def works():
        try:
            with Varlink(served.socket) as client:
                return served.begin(client, "a1")
        except (EOFError, OSError):
            return None

    wait_for(works, "there is room again")


def test_strangers_take_no_runners_place(cell):
    served = Served(cell, register="root")
    daemon = served.farm.start().daemon
    held = []

    def connect(uid):
        """Waits while the daemon's backlog is full."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.append(connection)
        os.seteuid(uid)
        try:
            connection.connect(served.socket)
        finally:
            os.seteuid(0)
        connection.settimeout(harness.PATIENCE)
        return connection

    def asked(connection):
        try:
            connection.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        except BrokenPipeError:
            pass
        return connection.recv(1 << 16)

    def said(connection):
        """All of it; the daemon closes the connection."""
        try:
            return connection.recv(1 << 16) + connection.recv(1)
        except ConnectionResetError:
            return b""

    try:
        for number in range(600):
            connect(STRANGERS[number % 2])
        daemon.ctl("begin", "a1", "--root", served.root, options=("--socket", served.socket))
        for connection in held:
            text = said(connection)
            assert b"NotAllowed" in text and b"`register` names" in text
        daemon.configure(served.farm.config.replace("register = root", f"register = {STRANGERS[0]}"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: b"interfaces" in asked(connect(STRANGERS[0])), "the new configuration lets one of them in")
        assert b"NotAllowed" in said(connect(STRANGERS[1]))
    finally:
        for connection in held:
            connection.close()
