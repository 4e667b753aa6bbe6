"""The machine that a run computes on: where, how precisely, how much of it is used, and what helps when memory runs out."""

from __future__ import annotations

import gc
import resource
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from .errors import TrainError
from .processes import place
from .settings import LoopSettings

_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "A10": 125e12}
"""Dense bf16 operations a second, by the makers' data sheets."""


def device_of(settings: LoopSettings) -> torch.device:
    """Return where this process of a run computes. Raises `TrainError` if there is no such device."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if settings.device == "cuda" and not there:
        raise TrainError("device is 'cuda', and PyTorch finds no GPU; 'auto' takes what there is")
    if not there or settings.device == "cpu":
        return torch.device("cpu")
    if place() >= there:
        raise TrainError(f"{place() + 1} processes on a machine with {there} GPUs: each needs its own")
    return torch.device("cuda", place())


def numbers(settings: LoopSettings) -> AbstractContextManager[Any]:
    """Return what computes in the precision that was asked for."""
    if settings.precision == "float32":
        return nullcontext()
    made: AbstractContextManager[Any] = torch.autocast(device_of(settings).type, torch.bfloat16)
    return made


def share_of_peak(device: torch.device, operations: float) -> float:
    """Return which share ``operations`` a second are of what a GPU is sold for; 0 where that is not known."""
    if device.type != "cuda":
        return 0.0
    name = torch.cuda.get_device_name(device)
    peak = next((peak for key, peak in _PEAKS.items() if key in name), 0.0)
    return operations / peak if peak else 0.0


def peak_mb(device: torch.device) -> float:
    """Return the most memory that was used so far, in MB: the GPU's, else the process's."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextmanager
def advice() -> Generator[None]:
    """Say what helps where memory ran out. PyTorch's processor allocator has no error of its own."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        gc.collect()
        raise TrainError(
            "out of memory: halve the rows of a micro-batch and double how many there are (the result is the same),"
            " set precision to 'bfloat16', take shorter rows, or share the model out: several processes of torchrun"
            " with parallel 'fsdp'"
        ) from error
