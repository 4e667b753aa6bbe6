"""Safetensors files read and written tensor by tensor, without torch (https://github.com/huggingface/safetensors)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from rostra.errors import ModelError

from .weights import header, weight_files

Kept: TypeAlias = Literal["float32", "bfloat16"]
"""What the weights of a model are kept as."""

WIDTHS: Mapping[Kept, int] = MappingProxyType({"float32": 4, "bfloat16": 2})
"""Bytes a parameter."""

_NAMES: Mapping[Kept, str] = MappingProxyType({"float32": "F32", "bfloat16": "BF16"})
_READ = MappingProxyType({"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"})
"""The floating-point types of the format that are understood, as numpy calls them (it has no bfloat16)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor to be written: ``values`` makes it (a numpy array of float32) when its turn comes."""

    name: str
    shape: tuple[int, ...]
    values: Callable[[], Any]


def tensors(folder: Path) -> Sequence[Tensor]:
    """Return the tensors of the model in ``folder``, in the order of their files; each is read when it is asked for.

    Raises `ModelError` if one is of a type that is not a floating-point number of 16 to 64 bits.
    """
    found: list[Tensor] = []
    for file in weight_files(folder):
        start, entries = header(file)
        for name, entry in entries.items():
            if entry["dtype"] not in _READ:
                raise ModelError(
                    f"{name!r} of {str(file)!r} is of type {entry['dtype']!r}; one of {', '.join(_READ)} is needed"
                )
            found.append(_stored(file, start, name, entry))
    return found


def _stored(file: Path, start: int, name: str, entry: Mapping[str, Any]) -> Tensor:
    shape = tuple(int(size) for size in entry["shape"])
    offset = start + int(entry["data_offsets"][0])
    dtype = str(entry["dtype"])

    def values() -> Any:
        import numpy as np

        raw: Any = np.fromfile(file, dtype=_READ[dtype], count=prod(shape), offset=offset)
        if dtype == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32, copy=False).reshape(shape)

    return Tensor(name=name, shape=shape, values=values)


def save(
    file: Path,
    tensors: Sequence[Tensor],
    *,
    dtype: Kept = "float32",
    progress: Callable[[float], None] = lambda _: None,
) -> str:
    """Write a safetensors file with no more than one tensor in memory. Return its SHA-256."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + WIDTHS[dtype] * prod(tensor.shape)
        head[tensor.name] = {
            "dtype": _NAMES[dtype],
            "shape": tensor.shape,
            "data_offsets": [start, end],
        }
    packed = json.dumps(head, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)
    digest = hashlib.sha256()
    with file.open("wb") as opened:
        for chunk in (len(packed).to_bytes(8, "little"), packed):
            digest.update(chunk)
            opened.write(chunk)
        for tensor in tensors:
            values = tensor.values().astype("<f4", copy=False)
            chunk = (_halved(values) if dtype == "bfloat16" else values).tobytes()
            digest.update(chunk)
            opened.write(chunk)
            progress(head[tensor.name]["data_offsets"][1] / end)
    return digest.hexdigest()


def _halved(values: Any) -> Any:
    """Return float32 as bfloat16 (in uint16), rounded to the nearest, ties to even, as torch does."""
    import numpy as np

    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)
