# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measurements: each function marked `measures` takes a Bench and yields rows (measure.py)."""
from . import ledger, reaping, resting, starting, watching
from .measure import MEASUREMENTS, Bench

__all__ = ["MEASUREMENTS", "Bench", "ledger", "reaping", "resting", "starting", "watching"]
