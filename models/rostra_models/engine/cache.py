"""Keys and values of one conversation, kept so that no token is read twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, dtype

from ..shape import Shape


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where the keys and values of new tokens go, and what these see with them; one entry a layer.

    Shapes: ``write`` ``[tokens, 2 x kv_heads, head]``, keys before values; ``keys`` and ``values``
    ``[1, kv_heads, length, head]``.
    """

    write: Sequence[Tensor]
    keys: Sequence[Tensor]
    values: Sequence[Tensor]


class Cache:
    """Keys and values of the tokens of one conversation: ``[layers, 2, 1, kv_heads, room, head]``.

    Memory is taken up as tokens come: what no token was written to is not backed by any on systems that give pages
    when they are touched.
    """

    __slots__ = ("_store", "length", "room")

    def __init__(self, shape: Shape, room: int, dtype: dtype) -> None:
        """``room`` is how many tokens fit."""
        self.room = room
        self.length = 0
        self._store = torch.empty((shape.layers, 2, 1, shape.kv_heads, room, shape.head), dtype=dtype)

    @property
    def bytes(self) -> int:
        """The bytes that its tokens take."""
        return int(self._store.nbytes) // self.room * self.length

    def extend(self, tokens: int) -> Stretch:
        """Count ``tokens`` more as there; the caller writes them. Raises `ValueError` if they do not fit."""
        start, end = self.length, self.length + tokens
        if end > self.room:
            raise ValueError(f"{end} tokens do not fit into a cache for {self.room}")
        self.length = end
        seen = self._store[..., :end, :]
        new = self._store[..., start:end, :].flatten(1, 3)
        return Stretch(
            write=new.transpose(1, 2).unbind(0), keys=seen[:, 0].unbind(0), values=seen[:, 1].unbind(0)
        )

    def copied(self, length: int, room: int) -> Cache:
        """Return a cache of its own with the first ``length`` tokens of this one."""
        made = Cache.__new__(Cache)
        made.room, made.length = room, length
        made._store = torch.empty(  # noqa: SLF001  its own kind
            (*self._store.shape[:-2], room, self._store.shape[-1]), dtype=self._store.dtype
        )
        made._store[..., :length, :].copy_(self._store[..., :length, :])  # noqa: SLF001  likewise
        return made
