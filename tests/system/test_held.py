# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whose name it is: while who registered an action lives, nobody else has it, and the end of nobody else takes its mounts."""
import os
import subprocess

import harness
import pytest
from harness import gone, wait_for


@pytest.fixture
def source():
    return "auto"


def line(farm, *arguments):
    return [harness.reaperctl_program(), "--socket", farm.daemon.socket, *arguments]


def refused(farm, *arguments, status=4, says="held by"):
    done = subprocess.run(line(farm, *arguments), capture_output=True, text=True, timeout=harness.PATIENCE)
    assert done.returncode == status and says in done.stderr and done.stderr.count("\n") == 1, done


def run_refused(farm, name="a1", says="held by"):
    marker = os.path.join(farm.cell.disk, "marker")
    refused(farm, "run", "--root", farm.root, "--name", name, "--", "touch", marker, status=125, says=says)
    assert not os.path.exists(marker)


def everybody_is_refused(farm, says):
    """What would take it from its owner, or end it with another."""
    run_refused(farm, says=says)
    refused(farm, "begin", "a1", "--root", farm.root, "--pid", str(os.getpid()), says=says)
    with harness.Varlink(farm.daemon.socket) as client:
        client.send("io.reaperd.Lease", {"root": farm.root, "name": "a1"}, more=True)
        with pytest.raises(harness.VarlinkError) as caught:
            client.receive()
    assert caught.value.name == "io.reaperd.ActionIsHeld" and says in caught.value.parameters["reason"]
    assert caught.value.parameters["held"]["name"] == "a1"


def is_untouched(farm, made):
    farm.daemon.is_probed(6)
    assert not any(gone(number) for number in made)
    assert not farm.daemon.evidence("a1")


def start_run(farm, *options, name="a1"):
    process = farm.cell.spawn(*line(farm, "run", "--root", farm.root, "--name", name, *options, "--", "sleep", "1000"), log="run")
    wait_for(lambda: (farm.daemon.action(name) or {"owner": {}})["owner"].get("lease"), "it is registered")
    return process


def test_a_second_run_of_one_name_is_refused_and_the_first_keeps_its_mounts(farm):
    farm.start()
    process = start_run(farm, "--mount", "tmpfs::m")
    wait_for(lambda: harness.ids(farm.path("a1")), "it has its mount")
    made = harness.ids(farm.path("a1"))
    with open(farm.path("a1/m/data"), "w") as file:
        file.write("here")
    everybody_is_refused(farm, "held by a lease of uid 0, which is open")
    is_untouched(farm, made)
    assert open(farm.path("a1/m/data")).read() == "here"
    process.terminate()
    process.wait(harness.PATIENCE)
    wait_for(lambda: gone(*made), "it ends as ever")
    done = subprocess.run(line(farm, "run", "--root", farm.root, "--name", "a1", "--", "true"), timeout=harness.PATIENCE, check=False)
    assert done.returncode == 0, "the next one of that name"


def test_what_a_living_process_owns_is_nobody_elses(farm):
    daemon = farm.start().daemon
    owner = farm.cell.runner()
    daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(owner.pid))
    made = farm.action("a1")
    daemon.knows(*made)
    everybody_is_refused(farm, f"held by process {owner.pid} (")
    is_untouched(farm, made)
    # Its own runner renews it, with the process or without.
    for more in (("--pid", str(owner.pid)), ()):
        assert daemon.ctl("begin", "a1", "--root", farm.root, *more).stdout == "a1@1\n"
        assert daemon.action("a1")["owner"]["pid"] == owner.pid
    owner.kill()
    owner.wait()
    wait_for(lambda: gone(*made), "it goes with its process")
    assert daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(os.getpid())).returncode == 0


def test_what_is_registered_until_an_age_is_nobody_elses_before(farm):
    daemon = farm.start().daemon
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", "1h")
    made = farm.action("a1")
    daemon.knows(*made)
    everybody_is_refused(farm, "until it is ended or its age is over")
    is_untouched(farm, made)
    daemon.ctl("begin", "a1", "--root", farm.root, "--max-age", "300ms")
    wait_for(lambda: gone(*made), "it expires")
    assert daemon.ctl("begin", "a1", "--root", farm.root, "--pid", str(os.getpid())).returncode == 0


def test_what_has_ended_is_begun_again_though_its_lease_is_open(farm):
    farm.start()
    with harness.Varlink(farm.daemon.socket) as client:
        client.send("io.reaperd.Lease", {"root": farm.root, "name": "a1"}, more=True)
        assert client.receive()["continues"]
        assert farm.daemon.ctl("end", "a1", "--root", farm.root).returncode == 0
        done = subprocess.run(line(farm, "run", "--root", farm.root, "--name", "a1", "--", "true"), timeout=harness.PATIENCE, check=False)
        assert done.returncode == 0


def test_a_lease_that_was_lost_by_a_new_start_is_waited_for(cell, source):
    farm = harness.Farm(cell, source, grace="1h").start()
    with harness.Varlink(farm.daemon.socket) as client:
        client.send("io.reaperd.Lease", {"root": farm.root, "name": "a1"}, more=True)
        assert client.receive()["parameters"]["generation"] == 1
        made = farm.action("a1")
        farm.daemon.knows(*made)
        # By its directory it is known again.
        farm.daemon.is_probed(4)
        farm.daemon.kill_both()
    farm.daemon.start()
    farm.daemon.knows(*made)
    run_refused(farm, says="held for uid 0, whose lease was lost")
    refused(farm, "begin", "a1", "--root", farm.root, "--pid", str(os.getpid()), says="held for uid 0")
    with harness.Varlink(farm.daemon.socket) as client:
        client.send("io.reaperd.Lease", {"root": farm.root, "name": "a1", "generation": 1}, more=True)
        assert client.receive()["parameters"]["generation"] == 1
        run_refused(farm, says="held by a lease")
        is_untouched(farm, made)
        # Its runner may be here anew before it is seen that its old connection has ended.
        with harness.Varlink(farm.daemon.socket) as again:
            again.send("io.reaperd.Lease", {"root": farm.root, "name": "a1", "generation": 1}, more=True)
            assert again.receive()["parameters"]["generation"] == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_what_one_user_registered_is_no_others_whoever_that_is(cell, source):
    farm = harness.Farm(cell, source, register="1234 1235").start()
    os.chmod(cell.directory, 0o755)
    os.chmod(farm.daemon.socket, 0o666)

    def begin(uid, *more):
        return subprocess.run(line(farm, "begin", "a1", "--root", farm.root, *more), user=uid, capture_output=True, text=True, timeout=harness.PATIENCE)

    assert begin(1234).stdout == "a1@1\n"
    made = farm.action("a1")
    farm.daemon.knows(*made)
    for uid in (1235, 0):
        done = begin(uid)
        assert done.returncode == 4 and "held by uid 1234 until it is ended" in done.stderr, done
    run_refused(farm, says="held by uid 1234")
    is_untouched(farm, made)
    assert begin(1234).stdout == "a1@1\n"
