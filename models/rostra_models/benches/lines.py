"""The loop of a contender: one job a line on standard input, one result a line on standard output.

It uses the standard library alone, since contenders run in environments of their own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LIMIT = 300
"""Seconds after which a job that still runs ends its process."""

LONG = 900
"""The same for steps of training."""


def serve(load: Callable[[], Mapping[str, Callable[..., Any]]]) -> None:
    """Load a contender and do jobs until standard input ends.

    ``load`` returns what can be asked, by name. A job is ``{"do": name, …arguments}``; its result has what was made
    under ``made``, the seconds of processor (``cpu``) and of the clock (``wall``) that it took, and the process's
    peak memory during the job in MB (``peak_mb``).
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not end up among the results
    offers: Mapping[str, Callable[..., Any]] = {}

    def opened() -> None:
        nonlocal offers
        offers = load()

    _answer(out, opened)
    for line in sys.stdin:
        job = json.loads(line)
        _answer(out, offers[job.pop("do")], **job)


class Paced:
    """A loop that goes on for as many steps as it is told to on standard input, and says what they took.

    It waits within its own step, so that contenders can run in turn with all that they have set up.
    """

    def __init__(self) -> None:
        """Nothing but results goes to standard output from now on."""
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._left = 0
        self._made = 0.0
        self._wall = self._cpu = 0.0

    def wait(self) -> None:
        """Tell what was done since the last job, and wait for the next one, ``{"do": "steps", "count": n}``.

        Ends the process where standard input ends.
        """
        signal.alarm(0)
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        result = {"made": self._made, "cpu": cpu, "wall": wall, "peak_mb": _peak_mb()}
        print(json.dumps(result), file=self._out, flush=True)
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # the loop around this would take it for a failure, and write its model
        self._left, self._made = json.loads(line)["count"], 0.0
        signal.alarm(LONG)
        _forget_peak()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def step(self, made: float) -> None:
        """Count a step, in which so much was ``made``."""
        self._made += made
        self._left -= 1
        if self._left <= 0:
            self.wait()


def _answer(out: Any, work: Callable[..., Any], **arguments: Any) -> None:
    signal.alarm(LIMIT)
    _forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    made = work(**arguments)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    signal.alarm(0)
    print(json.dumps({"made": made, "cpu": cpu, "wall": wall, "peak_mb": _peak_mb()}), file=out, flush=True)


def _forget_peak() -> None:
    """Start measuring the peak of the memory anew, where the system can (Linux, ``man 5 proc``)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
