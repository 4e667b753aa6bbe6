"""The processes of one run, as ``torchrun`` starts them: joined for as long as a stage lasts, and what they tell each other."""

from __future__ import annotations

import ctypes
import gc
import math
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache, wraps
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .errors import TrainError

if TYPE_CHECKING:
    from .loop import Run
    from .settings import LoopSettings

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE = timedelta(hours=1)
"""How long a process waits for the others: the first may have text to tokenise. One that is killed is noticed at once."""

_MEETINGS = count()
_LOST = ("closed by peer", "Connection reset", "Broken pipe", "NCCL", "timed out", "Timed out", "recv failed")


def processes() -> int:
    """Return how many processes this run has; 1 without ``torchrun``."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def rank() -> int:
    """Return this process's number, from 0. The first one writes and speaks for all."""
    return int(os.environ["RANK"]) if processes() > 1 else 0


def place() -> int:
    """Return this process's number on its machine, which is the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0")) if processes() > 1 else 0


def gathered(value: T) -> list[T]:
    """Return the ``value`` of each process, in their order. All must ask."""
    if processes() == 1:
        return [value]
    found: list[Any] = [None] * processes()
    _group().all_gather_object(found, value)
    return found


def in_turn(work: Callable[[], T]) -> T:
    """Do ``work`` in the first process, and in the others once it is done: they find the files that it made."""
    if rank() == 0:
        done = work()
        gathered(0)
        return done
    gathered(0)
    return work()


def at_first(work: Callable[[], T]) -> T:
    """Do ``work`` in the first process alone, and return to all what came of it."""
    return gathered(work() if rank() == 0 else None)[0]  # type: ignore[return-value]  # the first one's is no None


def portion(most: int, sizes: Sequence[int]) -> int:
    """Return how much a micro-batch may hold, at most ``most``, so that there is one of a step's ``sizes`` for each process."""
    if processes() == 1:
        return most
    return min(most, math.ceil(sum(sizes) / processes()) + max(sizes, default=0))


@contextmanager
def joined(settings: LoopSettings) -> Generator[None]:
    """Join the processes of the run, if there are several and they are not joined yet.

    Raises `TrainError` in each of them if one is lost.
    """
    if processes() == 1 or _group().is_initialized():
        yield
        return
    import torch

    from .machine import device_of

    device = device_of(settings)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    group = _group()
    group.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        # Each time under another name: a script may run several stages, and would find what the last one left.
        store=group.PrefixStore(f"rostra/{next(_MEETINGS)}", _meeting_point()),
        rank=rank(),
        world_size=processes(),
        timeout=PATIENCE,
    )
    try:
        yield
        gc.collect()  # a model that still hears of gradients when the group goes aborts the process
        group.barrier()
    except BaseException as error:
        _never_freed(group.group.WORLD)
        if not isinstance(error, RuntimeError) or not any(word in str(error) for word in _LOST):
            raise
        raise TrainError(
            f"process {rank()} of {processes()} lost another one: what that said, or a kill, is the cause;"
            " --resume goes on from the newest checkpoint, with any number of processes"
        ) from error
    finally:
        group.destroy_process_group()


def together(stage: Callable[P, Run]) -> Callable[P, Run]:
    """Have a stage run in all processes of ``torchrun`` as one: they are joined in it, and only the first one speaks.

    ``stage(settings, *, resume, means)``, where ``settings`` has a ``loop``.
    """

    @wraps(stage)
    def whole(*given: P.args, **named: P.kwargs) -> Run:
        settings: Any = named["settings"] if "settings" in named else given[0]
        if rank():
            from .loop import Means

            means: Any = named.get("means") or Means()
            named["means"] = replace(means, say=_silent)
        with joined(settings.loop):
            return stage(*given, **named)

    return whole


@cache
def _meeting_point() -> Any:
    """Return the store that ``torchrun`` lends, or the first process's: where they find each other."""
    return next(import_module("torch.distributed.rendezvous").rendezvous("env://"))[0]


def _never_freed(group: Any) -> None:
    """Keep ``group`` until the process ends.

    DDP's reducer has the last hold on it after an error, and is freed with Python's lock held: gloo then waits for its own
    thread, which waits for that lock to free a reduction that failed, and the process hangs instead of telling.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(group))


def _silent(_line: str) -> None:
    """Say nothing."""


def _group() -> Any:
    return import_module("torch.distributed")
