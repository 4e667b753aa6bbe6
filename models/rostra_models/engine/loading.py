"""From a model's folder to an engine: our forward pass where it is known, transformers' for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import safe_open
from torch import Tensor

from rostra.errors import ModelError

from ..shape import Shape, read
from .compiled import works
from .engine import Engine
from .llama import Llama
from .runner import Lean, Runner

Kind: TypeAlias = Literal["auto", "int8", "float32", "bfloat16"]

MEMORY, SEATS = 1_000_000_000, 32


def load(
    folder: Path,
    *,
    kind: Kind = "auto",
    threads: int = 1,
    window: int = 2048,
    memory: int = MEMORY,
    seats: int = SEATS,
) -> Engine:
    """Return an engine for the model in ``folder``. ``auto`` is ``int8`` where that is ours to do, else ``float32``.

    Raises `ModelError`, or what safetensors and transformers raise for what is wrong with a folder.
    """
    torch.set_num_threads(threads)
    return Engine(runner(folder, kind=kind), window=window, memory=memory, seats=seats)


def runner(folder: Path, *, kind: Kind = "auto") -> Runner:
    """Return the model in ``folder`` without anything around it."""
    shape = read(folder)
    if shape is None:
        from .foreign import Foreign

        if kind == "int8":
            raise ModelError(
                f"dtype 'int8' is for the Llama family; {str(folder)!r} is of another: take 'float32'"
            )
        return Foreign.load(folder, torch.bfloat16 if kind == "bfloat16" else torch.float32)
    return lean(shape, Stored(folder), kind=kind)


def lean(shape: Shape, weights: Mapping[str, Tensor], *, kind: Kind = "auto") -> Lean:
    """Return a model of the Llama family with ``weights`` by their names in transformers: a folder's, or a ``state_dict``.

    It has copies of its own: what becomes of ``weights`` afterwards, in training for example, does not change it. In 8 bits
    it computes with as many threads as PyTorch has now. Raises `ModelError` for ``int8`` where that cannot be.
    """
    if kind == "auto":
        kind = "int8" if works() else "float32"
    if kind != "int8":
        return Llama(shape, weights, torch.bfloat16 if kind == "bfloat16" else torch.float32)
    if not works():
        raise ModelError(
            "dtype 'int8' needs numba and an x86-64 processor with AVX2; take 'auto', 'float32' or 'bfloat16'"
        )
    from .compiled.model import Compiled

    return Compiled(shape, weights, threads=torch.get_num_threads())


class Stored(Mapping[str, Tensor]):
    """The tensors of a folder's safetensors by name, each read when it is asked for and kept by nobody."""

    def __init__(self, folder: Path) -> None:
        opened: list[Any] = [
            safe_open(str(file), framework="pt") for file in sorted(folder.glob("*.safetensors"))
        ]
        self._files = {str(name): file for file in opened for name in file.keys()}  # noqa: SIM118  no mapping

    def __getitem__(self, name: str) -> Tensor:
        tensor: Tensor = self._files[name].get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
