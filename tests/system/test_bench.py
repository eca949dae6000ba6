# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measurements of tests/bench can be taken: a few of everything, and no number is judged."""
import json
import os
import subprocess
import sys

import pytest

from harness import SOURCE_TREE

BENCH = os.path.join(SOURCE_TREE, "tests", "bench")
sys.path.append(BENCH)
from rows import MEASUREMENTS  # noqa: E402


def take(cell, *arguments):
    """Exit status, what went to the JSON file, what was printed."""
    file = os.path.join(cell.directory, "bench.json")
    done = subprocess.run([sys.executable, os.path.join(BENCH, "run"), "--quick", "--json", file, *arguments], capture_output=True, text=True,
                          check=False)
    with open(file) as written:
        return done.returncode, json.load(written), done.stdout + done.stderr


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_can_be_taken(cell, name):
    status, written, said = take(cell, name)
    assert status == 0, said
    assert written["rows"] and not written["failed"] and written["quick"]
    for row in written["rows"]:
        assert row["ours"] >= 0 and row["what"] in said and row["unit"] in said
        assert (row["goal"] is None) == (row["reached"] is None)


def test_a_measurement_that_cannot_be_taken_is_said(cell):
    status, written, said = take(cell, "--source", "nonsense", "rate")
    assert status == 1 and written["failed"] == ["rate"] and not written["rows"]
    assert "could not be taken" in said and "nonsense" in said
