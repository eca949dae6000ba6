# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is tested, on which machine, and how long anything may take there."""
import functools
import os
import time

SLOWNESS = float(os.environ.get("REAPERD_TEST_SLOWNESS", "1"))
BUILD = os.path.abspath(os.environ.get("REAPERD_BUILD_DIR", os.getcwd()))
SOURCE_TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PATIENCE = 10 * SLOWNESS
PROBE_INTERVAL = 0.1
# "5.14": the programs under test run as on that kernel (tests/lib/oldkernel.c); what a test asks itself, the real one answers.
KERNEL = os.environ.get("REAPERD_TEST_KERNEL")
# A system call that the sandbox does not know ends the process: answered ENOSYS it could go unnoticed.
os.environ.setdefault("REAPERD_SANDBOX", "kill")


def program(*candidates):
    for candidate in candidates:
        path = os.path.join(BUILD, candidate)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"none of {', '.join(candidates)} below {BUILD}: build first, or set REAPERD_BUILD_DIR")


def kernel_is_before(major, minor):
    """Whether the programs under test find an older kernel than that."""
    return tuple(int(number) for number in (KERNEL or os.uname().release).split(".")[:2]) < (major, minor)


@functools.cache
def is_sanitized():
    with open(program("reaperd/engine/reaperd-engine"), "rb") as file:
        return b"__asan_init" in file.read()


def as_on(kernel, path):
    """A program in the cell that runs this one as on that kernel."""
    if is_sanitized():
        import pytest  # the measurements do without
        # The engine gets no environment, so nobody can ask its LeakSanitizer to stay away.
        pytest.skip("LeakSanitizer does not work below a tracer")
    wrapper = os.path.join(os.environ["REAPERD_CELL"], f"{os.path.basename(path)}-on-{kernel}")
    if not os.path.exists(wrapper):
        with open(wrapper, "w") as file:
            file.write(f'#!/bin/sh\nexec "{program("tests/lib/oldkernel")}" {kernel} -- "{path}" "$@"\n')
        os.chmod(wrapper, 0o755)
    return wrapper


def wait_for(condition, what="the condition", patience=None):
    """The condition's first true value; an AssertionError with its last value past the deadline."""
    deadline = time.monotonic() + (patience or PATIENCE)
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience or PATIENCE:g} s; last: {value!r}")
        time.sleep(pause)
        pause = min(1.4 * pause, 0.025)  # who waits must not keep those from their work whom it waits for
