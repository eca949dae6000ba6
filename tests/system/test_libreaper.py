# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example program of libreaper, linked with the installed library in both ways, beside a daemon."""
import os
import subprocess

import pytest

import harness
from harness import gone, ids, wait_for


@pytest.fixture
def source():
    return "auto"


@pytest.fixture(params=["shared", "static"])
def example(cell, request):
    place = os.path.join(cell.directory, "example")
    script = os.path.join(harness.SOURCE_TREE, "tests/unit/test-libreaper.sh")
    environment = {**os.environ, "REAPERD_SOURCE_DIR": harness.SOURCE_TREE}
    environment.setdefault("REAPERD_BUILD_DIR", os.getcwd())
    built = subprocess.run([script, place], capture_output=True, text=True, env=environment, timeout=4 * harness.PATIENCE)
    assert built.returncode == 0, built
    return os.path.join(place, request.param)


def start(farm, example, command, name="c1"):
    return farm.cell.spawn(example, farm.daemon.socket, farm.root, name, command, log="example")


def test_it_does_its_work_and_leaves_no_mount(farm, example):
    farm.start()
    command = "test -d proc/self && test -x usr/bin/env && ! touch usr/x 2>/dev/null && exit 7"
    process = start(farm, example, command)
    assert process.wait(harness.PATIENCE) == 7, open(os.path.join(farm.cell.directory, "example.log")).read()
    assert not ids(farm.path("c1"))
    wait_for(lambda: [e["type"] for e in farm.daemon.events() if e["type"] in ("begin", "end")] == ["begin", "end"], "it was an action")


def test_killed_it_leaves_none_either(farm, example):
    farm.start()
    marker = farm.cell.make("marks")
    process = start(farm, example, f"echo $$ > {marker}/begun; exec sleep 1000")
    wait_for(lambda: os.path.exists(f"{marker}/begun") and open(f"{marker}/begun").read().strip(), "it works")
    made = ids(farm.path("c1"))
    assert len(made) == 2 and farm.daemon.action("c1")["owner"]["lease"]
    # A second one of that name would take them away when it ends.
    second = start(farm, example, f"touch {marker}/second")
    assert second.wait(harness.PATIENCE) == 1 and "held by a lease" in open(os.path.join(farm.cell.directory, "example.log")).read()
    assert not os.path.exists(f"{marker}/second") and not gone(*made)
    process.kill()
    process.wait()
    os.kill(int(open(f"{marker}/begun").read()), 9)
    wait_for(lambda: gone(*made), "the daemon takes them away")


def test_what_the_daemon_refuses_is_said(farm, example):
    farm.start()
    for root, name, says in (("/none", "c1", "NoSuchRoot"), (farm.root, "a/b", "name")):
        done = subprocess.run([example, farm.daemon.socket, root, name, "true"], capture_output=True, text=True, timeout=harness.PATIENCE)
        assert done.returncode == 1 and says in done.stderr, done
