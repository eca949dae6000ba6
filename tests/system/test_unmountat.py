# SPDX-License-Identifier: LGPL-2.1-or-later
"""`reaperctl umount`: the one mount that is meant, below a build root, and nothing else."""
import os
import signal
import subprocess
import threading

import pytest

import harness
from harness import gone, ids, top_id, wait_for


@pytest.fixture
def source():
    return "auto"


@pytest.fixture
def place(cell):
    """A root without a daemon; its configuration file is written."""
    return harness.Farm(cell)


def umount(farm, *arguments, daemon=False):
    where = [] if daemon else ["--config", farm.daemon.config_file]
    return subprocess.run([harness.reaperctl_program(), "--socket", farm.daemon.socket, "umount", *where, *arguments], capture_output=True, text=True,
                          timeout=harness.PATIENCE, stdin=subprocess.DEVNULL)


def test_the_end_of_its_path_is_enough(place):
    proc, sys = place.action("f3fb7c74c3b342a0")
    other = place.action("c0ffee254729296a")
    done = umount(place, "f3fb7c74c3b342a0/root/proc")
    assert (done.returncode, done.stdout, done.stderr) == (0, place.path("f3fb7c74c3b342a0/root/proc") + "\n", ""), done
    assert gone(proc) and not gone(sys, *other)
    assert umount(place, "f3fb7c74c3b342a0/*/sys").returncode == 0
    assert gone(sys) and ids(place.root) == set(other)


def test_with_a_daemon_its_roots_are_those(cell):
    farm = harness.Farm(cell).start()
    proc, sys = farm.action("c1")
    farm.daemon.knows(proc, sys)
    done = umount(farm, "c1/root/proc", daemon=True)
    assert done.returncode == 0, done
    wait_for(lambda: [e for e in farm.daemon.events() if e["type"] == "detach" and e["id"] == proc], "it is journalled")
    assert not gone(sys) and farm.daemon.action("c1")["state"] == "active"


def test_without_a_daemon_and_a_file_there_are_no_roots(place):
    if os.path.exists("/etc/reaperd.conf"):
        pytest.skip("this machine has a configuration")
    made = place.action("c1")
    done = umount(place, "c1/root/proc", daemon=True)
    assert done.returncode == 4 and "--config" in done.stderr, done
    assert umount(place, "--config", "/none/such", "proc").returncode == 2
    assert not gone(*made)


def test_several_are_listed_and_left(place):
    made = place.action("1") + place.action("10")
    done = umount(place, "*/root/proc")
    assert done.returncode == 2 and done.stdout == "", done
    assert place.path("1/root/proc") + " (proc, mnt:" in done.stderr and place.path("10/root/proc") in done.stderr and "sys" not in done.stderr
    assert not gone(*made)
    done = umount(place, "1/root/proc")
    assert done.returncode == 0 and place.path("1/root/proc") in done.stdout, done
    assert ids(place.root) == set(made[1:])


def test_of_several_those_below_a_directory_are_meant(place):
    made = place.action("c1") + place.action("c2")
    done = umount(place, "--under", place.path("c2"), "root/proc")
    assert (done.returncode, done.stdout) == (0, place.path("c2/root/proc") + "\n"), done
    assert ids(place.root) == {made[0], made[1], made[3]}
    for outside in (os.path.dirname(place.root), place.root + "x", "/"):
        done = umount(place, "--under", outside, "root/sys")
        assert done.returncode == 2 and "--under" in done.stderr, done
    assert ids(place.root) == {made[0], made[1], made[3]}


def test_none_is_said_with_those_that_are_no_business_of_it(place):
    made = place.action("c1")
    outside = place.cell.make("outside", "here")
    harness.mount("tmpfs", outside, "tmpfs")
    root = top_id(place.cell.memory)
    done = umount(place, "outside/here")
    assert done.returncode == 5 and outside in done.stderr, done
    assert umount(place, "c1/root/nothing").returncode == 5
    assert umount(place, "mem").returncode == 5
    assert not gone(top_id(outside), root, *made)


def test_the_root_itself_is_not_below_it(place):
    harness.mount("tmpfs", place.root, "tmpfs")
    number = top_id(place.root)
    for options in ((), ("--lazy",), ("--force",)):
        assert umount(place, *options, os.path.basename(place.root)).returncode == 5
    assert not gone(number)


WRONG = ["", "/", "/c1", "c1/", "c1//m", ".", "..", "c1/../c2", "c1\\x2fm", "\\xZZ", "\\x2e\\x2e"]


@pytest.mark.parametrize("segments", WRONG)
def test_what_is_no_end_of_a_path_is_wrong(place, segments):
    number = place.tmpfs("c1", "m")
    done = umount(place, segments)
    assert done.returncode == 2 and done.stderr, done
    assert not gone(number)


def test_names_are_bytes(place):
    made = []
    for name in (b"\xff a\\", b"-m", b"*"):
        path = os.path.join(os.fsencode(place.path("c1")), name)
        os.makedirs(path)
        harness.mount("tmpfs", os.fsdecode(path), "tmpfs")
        made.append(top_id(os.fsdecode(path)))
    done = umount(place, "c1/\\xff a\\\\")
    assert done.returncode == 0 and done.stdout == place.path("c1/\\xff a\\\\") + "\n", done
    assert umount(place, "-m").returncode == 2
    assert ids(place.root) == set(made[1:])
    assert umount(place, "--", "-m").returncode == 0
    assert umount(place, "c1/\\x2a").returncode == 0
    assert not ids(place.root)


def test_of_a_stack_the_topmost_goes(place):
    lower = place.tmpfs("c1", "m")
    upper = place.tmpfs("c1", "m")
    assert umount(place, "c1/m").returncode == 0
    assert gone(upper) and not gone(lower)
    assert umount(place, "c1/m").returncode == 0 and gone(lower)


def test_what_is_covered_is_left(place):
    """Another mount lies over the directory in which it is."""
    number = place.tmpfs("c1", "m")
    place.tmpfs("c1")
    os.mkdir(place.path("c1/m"))
    done = umount(place, "c1/m")
    assert done.returncode == 3 and "covered" in done.stderr, done
    assert not gone(number)


def test_who_holds_it_is_said_and_a_lazy_one_takes_it_all_the_same(place):
    number = place.tmpfs("c1", "m")
    process = place.cell.runner(place.path("c1/m"))
    done = umount(place, "c1/m")
    assert done.returncode == 3 and "busy" in done.stderr and f"sleep[{process.pid}]: cwd" in done.stderr, done
    assert not gone(number)
    assert umount(place, "--lazy", "c1/m").returncode == 0
    assert gone(number)


def test_a_lazy_one_takes_what_is_below_it(place):
    number = place.tmpfs("c1", "m")
    below = place.tmpfs("c1", "m", "m")
    assert umount(place, "m").returncode == 2, "both end so"
    done = umount(place, "--under", place.path("c1/m/m"), "m")
    assert done.returncode == 0 and gone(below)
    below = place.tmpfs("c1", "m", "n")
    assert umount(place, "c1/m").returncode == 3 and not gone(number, below)
    assert umount(place, "--lazy", "c1/m").returncode == 0
    assert gone(number) and gone(below)


def test_nothing_travels_out_of_the_roots(place):
    """An action's bind of a tree like the host's /dev: what is unmounted in it would go there, too."""
    host = place.cell.make("host")
    harness.mount("tmpfs", host, "tmpfs")
    harness.mount("none", host, None, harness.MS_SHARED)
    os.mkdir(os.path.join(host, "pts"))
    harness.mount("tmpfs", os.path.join(host, "pts"), "tmpfs")
    harness.bind(host, place.make_place("c1", "dev"), recursive=True)
    hosts = {top_id(host), top_id(os.path.join(host, "pts"))}
    for options, segments in (((), "dev/pts"), (("--lazy",), "dev/pts"), (("--lazy",), "c1/dev")):
        done = umount(place, *options, segments)
        assert done.returncode == 3 and "propagation" in done.stderr and os.path.join(host, "pts") in done.stderr, done
    assert ids(host) >= hosts and len(ids(place.root)) == 2
    harness.mount("none", place.path("c1/dev"), None, harness.MS_PRIVATE)
    assert umount(place, "--lazy", "c1/dev").returncode == 0
    assert ids(host) >= hosts and not ids(place.root)


def test_what_the_configuration_protects_stays(cell):
    farm = harness.Farm(cell, protect="*/kept")
    number = farm.tmpfs("c1", "kept")
    above = farm.tmpfs("c2")
    below = farm.tmpfs("c2", "kept")
    assert umount(farm, "c1/kept").returncode == 3
    done = umount(farm, "--lazy", "c2")
    assert done.returncode == 3 and "protects" in done.stderr, done
    assert not gone(number, above, below)


def test_no_symlink_leads_to_another(place):
    number = place.tmpfs("c2", "m")
    mine = place.tmpfs("c1", "m")
    os.rename(place.path("c1"), place.path("c3"))
    os.symlink("c2", place.path("c1"))
    assert umount(place, "c1/m").returncode == 5
    assert not gone(number, mine)
    assert umount(place, "c3/m").returncode == 0 and gone(mine) and not gone(number)


def test_directories_that_change_places_meanwhile_cost_no_other(place):
    kept = {place.tmpfs("keep", "m"), place.tmpfs("keep2", "m")}
    over = threading.Event()
    swaps = [0]

    def swap():
        """`a` is now the one with the mount that is meant, now another's."""
        while not over.is_set():
            for one, other in (("a", "spare"), ("keep", "a"), ("a", "keep"), ("keep2", "a"), ("a", "keep2"), ("spare", "a")):
                os.rename(place.path(one), place.path(other))
            swaps[0] += 1

    place.make_place("a", "m")
    wanted = place.tmpfs("a", "m")
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        # By a name that two others have for moments, the search finds one, and the call must not take another.
        for _ in range(40):
            done = umount(place, "spare/m")
            assert done.returncode in (0, 3, 5), done
            if done.returncode == 0:
                break
    finally:
        over.set()
        thread.join()
    assert swaps[0] > 10 and not gone(*kept)
    assert ids(place.root) - {wanted} == kept


def test_a_filesystem_that_does_not_answer_does_not_hold_it(place):
    server = harness.Misfuse(place.cell, place.make_place("c1"), entry_timeout=0)
    server("mkdir", "/m")
    number = place.tmpfs("c1", "m")
    fuse = top_id(place.path("c1"))
    server.process.send_signal(signal.SIGSTOP)
    try:
        done = umount(place, "--timeout", "1s", "c1/m")
        assert done.returncode == 3 and "no answer in time" in done.stderr, done
        # The filesystem itself can go all the same, without asking it.
        assert umount(place, "--lazy", "--timeout", "5s", "c1").returncode == 0
        assert gone(fuse) and gone(number)
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_force_is_for_a_filesystem_that_nobody_else_has(place):
    local = place.tmpfs("c2", "m")
    done = umount(place, "--force", "c2/m")
    assert done.returncode == 3 and "no forced unmount" in done.stderr and not gone(local), done
    harness.Misfuse(place.cell, place.make_place("c1"))
    number = top_id(place.path("c1"))
    elsewhere = place.cell.make("elsewhere")
    harness.bind(place.path("c1"), elsewhere)
    done = umount(place, "--force", "c1")
    assert done.returncode == 3 and elsewhere in done.stderr and not gone(number), done
    os.listdir(elsewhere)
    harness.umount(elsewhere)
    # In here not every process of the machine can be seen, and one might have it.
    done = umount(place, "--force", "c1")
    assert done.returncode == 3 and "pid namespace" in done.stderr and not gone(number), done
    os.listdir(place.path("c1"))
    assert umount(place, "c1").returncode == 0 and gone(number)
