# SPDX-License-Identifier: LGPL-2.1-or-later
"""The control socket: the protocol, its bounds, who may what, and a client that is not ours."""
import grp
import json
import os
import socket
import stat
import subprocess

import pytest

import harness
from harness import Varlink, VarlinkError, gone, wait_for


@pytest.fixture
def source():
    return "auto"


def raw(daemon):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(harness.PATIENCE)
    connection.connect(daemon.socket)
    return connection


def ends(connection):
    """The peer closes, whatever it says before."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def test_it_describes_itself(farm):
    daemon = farm.start().daemon
    info = daemon.call("org.varlink.service.GetInfo")
    assert {"vendor", "product", "version", "url", "interfaces"} <= set(info)
    assert set(info["interfaces"]) == {"org.varlink.service", "io.reaperd"}
    served = daemon.call("org.varlink.service.GetInterfaceDescription", interface="io.reaperd")["description"]
    with open(os.path.join(harness.SOURCE_TREE, "schema/io.reaperd.varlink")) as file:
        assert served.strip() == file.read().strip()
    assert "method GetInfo" in daemon.call("org.varlink.service.GetInterfaceDescription", interface="org.varlink.service")["description"]


@pytest.mark.parametrize("method, parameters, error", [
    ("io.reaperd.NoSuchMethod", {}, "org.varlink.service.MethodNotFound"),
    ("io.nobody.GetStatus", {}, "org.varlink.service.InterfaceNotFound"),
    ("io.reaperd.End", {}, "org.varlink.service.InvalidParameter"),
    ("io.reaperd.End", {"root": 7, "name": "x"}, "org.varlink.service.InvalidParameter"),
    ("io.reaperd.Begin", {"root": "/b", "name": "x", "extra": 1}, "org.varlink.service.InvalidParameter"),
    ("io.reaperd.Begin", {"root": "/no/such", "name": "x"}, "io.reaperd.NoSuchRoot"),
    ("io.reaperd.ListMounts", {"at": "whenever"}, "io.reaperd.InvalidTime"),
    ("io.reaperd.Explain", {"what": "nobody"}, "io.reaperd.NoSuchAction"),
    ("io.reaperd.Explain", {"what": "mnt:1"}, "io.reaperd.NoSuchMount"),
    ("org.varlink.service.GetInterfaceDescription", {"interface": "io.nobody"}, "org.varlink.service.InterfaceNotFound"),
])
def test_errors_have_their_names(farm, method, parameters, error):
    daemon = farm.start().daemon
    with Varlink(daemon.socket) as client, pytest.raises(VarlinkError) as caught:
        client.call(method, **parameters)
    assert caught.value.name == error
    daemon.status()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "x\\x00y", "\\xZZ", ".hidden", "x" * 5000])
def test_a_name_that_no_action_can_have_is_refused(farm, name):
    daemon = farm.start().daemon
    with Varlink(daemon.socket) as client, pytest.raises(VarlinkError):
        client.call("io.reaperd.Begin", root=farm.root, name=name)
    assert daemon.actions(all=True) == []


@pytest.mark.parametrize("data", [
    b"\0", b"nonsense\0", b"{}\0", b"[]\0", b'{"method":7}\0', b'{"method":"\xff"}\0', b'{"method":"io.reaperd.GetStatus"',
    b'{"method":"io.reaperd.GetStatus","parameters":[]}\0', b"{" * 60000 + b"\0", b'{"method":"' + b"a" * 70000 + b'"}\0', b"x" * 70000,
], ids=range(11))
def test_a_malformed_request_ends_that_connection_and_nothing_else(farm, data):
    daemon = farm.start().daemon
    engine = daemon.engine()
    with Varlink(daemon.socket) as bystander:
        connection = raw(daemon)
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert ends(connection)
        assert bystander.call("io.reaperd.GetStatus")["status"]
    assert daemon.engine() == engine


def test_requests_in_one_write_are_answered_in_order(farm):
    daemon = farm.start().daemon
    with Varlink(daemon.socket) as client:
        client.socket.sendall(b"".join(json.dumps({"method": method, "parameters": {}}).encode() + b"\0" for method in
                                       ["io.reaperd.GetStatus", "io.reaperd.ListActions", "org.varlink.service.GetInfo"] * 20))
        for _ in range(20):
            assert "status" in client.receive()["parameters"]
            assert "actions" in client.receive()["parameters"]
            assert "vendor" in client.receive()["parameters"]


def test_oneway_is_not_answered(farm):
    daemon = farm.start().daemon
    with Varlink(daemon.socket) as client:
        client.send("io.reaperd.Pause", {}, oneway=True)
        assert client.call("io.reaperd.GetStatus")["status"]["paused"] is True


def test_a_slow_reader_loses_its_connection_and_holds_nobody_up(farm):
    daemon = farm.start().daemon
    connection = raw(daemon)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(json.dumps({"method": "io.reaperd.Events", "parameters": {"follow": True}, "more": True}).encode() + b"\0")
    request = b"".join(json.dumps({"method": "io.reaperd.Metrics", "parameters": {}}).encode() + b"\0" for _ in range(2000))
    connection.setblocking(False)
    try:
        connection.send(request)
    except BlockingIOError:
        pass
    made = [farm.tmpfs(f"a{number}", "root") for number in range(50)]
    daemon.knows(*made)
    assert daemon.status()


def test_connections_are_bounded(farm):
    daemon = farm.start().daemon
    held = []
    refused = False
    for _ in range(2000):
        connection = raw(daemon)
        # One too many may be closed before, while or after it is written to.
        try:
            connection.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
            refused = not connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            refused = True
        if refused:
            break
        held.append(connection)
    assert refused
    for connection in held:
        connection.close()
    wait_for(lambda: answers(daemon), "there is room again")


def answers(daemon):
    try:
        return daemon.status()
    except (EOFError, OSError):
        return None


def test_lists_stream_with_more_and_come_at_once_without(farm):
    daemon = farm.start().daemon
    made = [farm.tmpfs(f"a{number}", "root") for number in range(300)]
    daemon.knows(*made)
    assert {m["id"] for m in daemon.mounts()} >= set(made)
    with Varlink(daemon.socket) as client:
        client.send("io.reaperd.ListMounts", {})
        only = client.receive()
        assert not only.get("continues")
        assert len(only["parameters"]["mounts"]) >= 300


def test_the_socket_is_for_root_and_its_group(farm):
    daemon = farm.start().daemon
    status = os.stat(daemon.socket)
    assert stat.S_IMODE(status.st_mode) == 0o660
    try:
        assert status.st_gid == grp.getgrnam("reaperd").gr_gid
    except KeyError:
        assert status.st_gid == 0


CALL_AS_SOMEBODY = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\\0")
data = b""
while b"\\0" not in data:
    data += s.recv(65536) or sys.exit("closed")
print(data.split(b"\\0")[0].decode())
"""


def call_as(daemon, uid, method, gid=None, groups=(), **parameters):
    message = json.dumps({"method": method, "parameters": parameters})
    # Not sys.executable, which may lie where only root can read.
    done = subprocess.run(["/usr/bin/python3", "-c", CALL_AS_SOMEBODY, daemon.socket, message], capture_output=True, text=True, user=uid,
                          group=uid if gid is None else gid, extra_groups=groups, timeout=harness.PATIENCE)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_who_may_what(cell, source):
    farm = harness.Farm(cell, source, register="nobody")
    os.chmod(cell.directory, 0o755)
    second = cell.make("second")
    farm.daemon.configure(farm.config + harness.root_section(second))
    daemon = farm.start().daemon
    os.chmod(daemon.run, 0o755)
    os.chmod(daemon.socket, 0o666)
    assert "parameters" in call_as(daemon, 65534, "io.reaperd.GetStatus")
    for method, parameters in (("Reap", {"leftovers": True}), ("Reload", {}), ("Pause", {}), ("Resume", {})):
        assert call_as(daemon, 65534, "io.reaperd." + method, **parameters).get("error") == "io.reaperd.NotAllowed", method
    assert "error" not in call_as(daemon, 65534, "io.reaperd.Begin", root=farm.root, name="a1")
    assert "error" not in call_as(daemon, 65534, "io.reaperd.End", root=farm.root, name="a1")
    assert call_as(daemon, 65534, "io.reaperd.Begin", root=second, name="a1").get("error") == "io.reaperd.NotAllowed"
    assert call_as(daemon, 12345, "io.reaperd.Begin", root=farm.root, name="a2").get("error") == "io.reaperd.NotAllowed"


def test_who_is_in_a_group_that_register_names_may_begin(cell):
    farm = harness.Farm(cell, register="@daemon @54321 @no-such-group")
    os.chmod(cell.directory, 0o755)
    daemon = farm.start().daemon
    os.chmod(daemon.run, 0o755)
    os.chmod(daemon.socket, 0o666)
    group = grp.getgrnam("daemon").gr_gid
    begin = {"method": "io.reaperd.Begin", "root": farm.root}
    assert "error" not in call_as(daemon, 12345, **begin, gid=group, name="a1"), "by its own group"
    assert "error" not in call_as(daemon, 12345, **begin, groups=[7, group], name="a2"), "by one of its other groups"
    assert "error" not in call_as(daemon, 12345, **begin, groups=[54321], name="a3"), "by number"
    assert call_as(daemon, 12345, **begin, groups=[7], name="a4").get("error") == "io.reaperd.NotAllowed"
    # A name that is not there stands for nobody, not for group 0.
    assert call_as(daemon, 12345, **begin, gid=0, name="a5").get("error") == "io.reaperd.NotAllowed"
    assert "no-such-group" in daemon.said()


def test_a_registrant_cannot_make_a_live_strangers_pid_end_an_action(farm):
    """A pid that does not exist cannot be registered: it would make the action over at once."""
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    done = daemon.ctl("begin", "a1", "--root", farm.root, "--pid", "999999", check=False)
    assert done.returncode != 0
    daemon.is_probed(4)
    assert not any(gone(number) for number in made)


def test_a_client_in_go_that_is_not_ours(farm):
    """Debian's varlink library for Go speaks to the daemon: tests/varlink-go."""
    try:
        client = harness.program("tests/varlink-go/client", "tests/varlink-go/varlink-go", "tests/varlink-client")
    except FileNotFoundError:
        pytest.skip("the client in Go was not built (golang-go and golang-github-varlink-go-dev)")
    daemon = farm.start().daemon
    made = farm.action("a1")
    daemon.knows(*made)
    done = subprocess.run([client, "unix:" + daemon.socket], capture_output=True, text=True, timeout=harness.PATIENCE)
    assert done.returncode == 0, done
    assert "a1" in done.stdout
