"""What lies in a model's folder, read without loading it: its window, its size, its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, cast

from rostra.errors import ModelError, ModelMissing

RUNTIME = 400_000_000
"""Bytes that Python, torch and transformers take beside the weights: 345 MB measured, and room for one conversation."""

NEEDED = "it needs 'config.json' and '*.safetensors'"
"""What is said of a folder without a model."""

INDEX = "model.safetensors.index.json"
"""Says which file has which weights, where there are several."""

_HEADER_LIMIT = 100_000_000
"""Bytes; the safetensors format allows no longer header."""

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of the common types."""

_WINDOWS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
"""What configurations of transformers call the longest text a model was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model on disk.

    ``window`` is in tokens, None where the model's configuration names none; ``size`` is in bytes; ``dtype`` is the
    one of most parameters.
    """

    folder: Path
    window: int | None
    parameters: int
    size: int
    dtype: str

    def memory(self, width: int) -> int:
        """Return how many bytes a process needs to answer with ``width`` bytes a parameter."""
        return self.parameters * width + RUNTIME


def read(folder: Path, *, advice: str = NEEDED) -> Weights:
    """Return what lies in ``folder``.

    Raises `ModelMissing`, with ``advice`` on how to get it, if there is no model, and `ModelError` if it is
    one that is not used here: only safetensors are, as other formats may run code when they are read.
    """
    try:
        return _read(folder, advice)
    except OSError as error:
        raise ModelError(f"{str(error.filename or folder)!r} cannot be read: {error.strerror}") from error


def _read(folder: Path, advice: str) -> Weights:
    config, files = folder / "config.json", weight_files(folder)
    if not config.is_file() or not files:
        others = sorted(file.name for pattern in ("*.bin", "*.pt", "*.gguf") for file in folder.glob(pattern))
        if others:
            raise ModelError(
                f"{str(folder)!r} has {others[0]!r} but no '*.safetensors', the only format loaded"
            )
        raise ModelMissing(f"no model in {str(folder)!r}; {advice}")
    _check_complete(folder, files)
    counts: dict[str, int] = {}
    for file in files:
        for dtype, count in _parameters(file):
            counts[dtype] = counts.get(dtype, 0) + count
    return Weights(
        folder=folder,
        window=_window(config),
        parameters=sum(counts.values()),
        size=sum(file.stat().st_size for file in files),
        dtype=max(counts, key=lambda dtype: counts[dtype], default="F32"),
    )


def weight_files(folder: Path) -> Sequence[Path]:
    """Return the weight files of a folder, in order."""
    return sorted(folder.glob("*.safetensors"))


def _check_complete(folder: Path, files: Sequence[Path]) -> None:
    """Raise a `ModelError` if the index of a model in several files names one that is not there."""
    index = folder / INDEX
    if not index.is_file():
        return
    try:
        named = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{str(index)!r} is not the index of a model: {error!r}") from error
    absent = sorted(named - {file.name for file in files})
    if absent:
        raise ModelError(f"{str(folder)!r} is not whole: {absent[0]!r} is missing")


def _window(config: Path) -> int | None:
    try:
        found: dict[str, Any] = json.loads(config.read_bytes())
        inner: dict[str, Any] = found.get("text_config", {})
        sizes = (scope.get(name) for scope in (found, inner) for name in _WINDOWS)
        return next((size for size in sizes if isinstance(size, int) and size > 0), None)
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{str(config)!r} is not the JSON of a model: {error}") from error


def _parameters(file: Path) -> Sequence[tuple[str, int]]:
    return [(str(one["dtype"]), prod(one["shape"])) for one in header(file)[1].values()]


def header(file: Path) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
    """Return where the data of a safetensors file starts, and its tensors (``dtype``, ``shape``, ``data_offsets``).

    The format: https://github.com/huggingface/safetensors. Raises `ModelError` if the file is damaged or cut off.
    """
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if not 0 < size <= _HEADER_LIMIT:
            raise ModelError(f"{str(file)!r} is not a safetensors file, or is only a pointer to one")
        try:
            read: Mapping[str, Any] = json.loads(opened.read(size))
            found = {
                name: cast("Mapping[str, Any]", one) for name, one in read.items() if name != "__metadata__"
            }
            for one in found.values():
                _check_entry(one)
            end = 8 + size + max((one["data_offsets"][1] for one in found.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ModelError(f"the header of {str(file)!r} is damaged: {error!r}") from error
    if file.stat().st_size < end:
        raise ModelError(f"{str(file)!r} has {file.stat().st_size} bytes where {end} are announced: cut off")
    return 8 + size, found


def _check_entry(one: Mapping[str, Any]) -> None:
    """Raise a `ValueError` or its like unless a tensor is described by whole numbers that agree."""
    start, end = one["data_offsets"]
    sizes: list[int] = [*one["shape"], start, end]
    if not isinstance(one["dtype"], str) or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"a tensor is {dict(one)!r}")
    width = _WIDTHS.get(one["dtype"])
    if width is not None and end - start != width * prod(one["shape"]):
        raise ValueError(f"a tensor of {prod(one['shape'])} {one['dtype']} has {end - start} bytes")
