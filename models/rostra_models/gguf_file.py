"""A GGUF file, opened: its fields by name, its tensors, and what of it is understood.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from rostra.errors import ModelError, ModelMissing

_PLAIN = frozenset({"F32", "F16", "F64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """What `opened` read. ``tensors`` are the library's own: the data stay in the file until they are asked for."""

    file: Path
    fields: Mapping[str, Any]
    tensors: Sequence[Any]

    @property
    def architecture(self) -> str:
        return str(self.of("general.architecture"))

    @property
    def parameters(self) -> int:
        return sum(prod(int(size) for size in one.shape) for one in self.tensors)

    @property
    def largest(self) -> int:
        """Numbers in the largest tensor."""
        return max((prod(int(size) for size in one.shape) for one in self.tensors), default=0)

    def of(self, name: str) -> Any:
        """Return a field. Raises `ModelError` if the file does not have it."""
        try:
            return self.fields[name]
        except KeyError:
            raise ModelError(f"{self.file.name!r} has no {name!r}: it is not a whole model") from None

    def its(self, name: str, default: Any = None) -> Any:
        """Return a field of the architecture; without a ``default`` it has to be there."""
        full = f"{self.architecture}.{name}"
        return self.of(full) if default is None else self.fields.get(full, default)


def opened(file: Path) -> GgufFile:
    """Open a file; with a vocabulary of 100,000 tokens that takes seconds.

    Raises `ModelMissing` if the library is not installed, and `ModelError` if the file is damaged or its weights are
    packed in a way that is not understood.
    """
    if find_spec("gguf") is None:
        raise ModelMissing("reading a GGUF file needs 'gguf'; `pip install 'rostra[local]'` installs it")
    from gguf import GGUFReader

    try:
        with file.open("rb") as begun:
            if begun.read(4) != b"GGUF":
                raise ModelError(f"{str(file)!r} is not a GGUF file, or is only a pointer to one")
        reader: Any = GGUFReader(file)
        fields: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
    except OSError as error:
        raise ModelError(f"{str(file)!r} cannot be read: {error.strerror or error}") from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, struct.error) as error:
        raise ModelError(
            f"{str(file)!r} is damaged, cut off or of a newer kind: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error
    for one in reader.tensors:
        if not _understood(one.tensor_type):
            raise ModelError(
                f"{file.name!r} has {one.name!r} packed as {one.tensor_type.name}, which is not understood;"
                " take a file with Q8_0, Q4_K, F16 or the like"
            )
    return GgufFile(file=file, fields=fields, tensors=reader.tensors)


def unpacked(tensor: Any) -> Any:
    """Return the values of one of `GgufFile.tensors` as float32, in its shape (the library lists sizes backwards)."""
    from gguf import dequantize

    return dequantize(tensor.data, tensor.tensor_type).reshape(shape_of(tensor))


def shape_of(tensor: Any) -> tuple[int, ...]:
    """Return the sizes of one of `GgufFile.tensors`, in the order of numpy."""
    return tuple(int(size) for size in reversed(tensor.shape))


def _understood(packing: Any) -> bool:
    """Try it on one block: the library has no list of what it can unpack."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, dequantize

    if packing.name in _PLAIN:
        return True
    try:
        dequantize(np.zeros((1, GGML_QUANT_SIZES[packing][1]), dtype=np.uint8), packing)
    except NotImplementedError:
        return False
    return True
