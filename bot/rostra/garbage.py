"""Garbage collection for a process that serves: seldom, and not of what stays.

A turn makes some two thousand objects that reference counting frees at once. The default thresholds look for cycles
among them every few turns, and go through all that the process ever keeps every few hundred: a sixth of the pipeline's
time when measured.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 100)


def collect_seldom() -> None:
    """Set the whole process up so: for those who own it, which is the command line, and never a library."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
