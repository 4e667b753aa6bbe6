"""Where the threads of a step wait for one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .native import ADDRESS, LONG, NOTHING, compiled, ir, kinds, known, operation

PATIENCE = 2000
"""How often a thread looks whether the others are there before it lets other programs have its processor."""


class Share(NamedTuple):
    """Which of how many threads this is, and the address of the count of those who arrived."""

    thread: int
    threads: int
    meeting: int


@operation(ADDRESS, ADDRESS)
def _arrive(builder: Any, address: Any) -> Any:
    return builder.atomic_rmw("add", builder.inttoptr(address, LONG.as_pointer()), LONG(1), "seq_cst")


@operation(ADDRESS, ADDRESS)
def _arrived(builder: Any, address: Any) -> Any:
    return builder.load_atomic(builder.inttoptr(address, LONG.as_pointer()), "seq_cst", 8)


@operation(NOTHING)
def _rest(builder: Any) -> None:
    known(builder, "llvm.x86.sse2.pause", ir.VoidType())


_give_way: Callable[[], int] = kinds.ExternalFunction("sched_yield", kinds.int32())


@compiled
def meet(share: Share, turn: int) -> int:
    """Wait until all threads have come here for the ``turn``-th time, from 1. Return the next turn."""
    if share.threads > 1:
        _arrive(share.meeting)
        looked = 0
        while _arrived(share.meeting) < turn * share.threads:
            looked += 1
            if looked < PATIENCE:
                _rest()
            else:
                _give_way()
    return turn + 1
