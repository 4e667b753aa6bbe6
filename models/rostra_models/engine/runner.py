"""A model as the engine sees it: something that reads tokens into memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The next tokens of one conversation, for a memory that the same runner made.

    ``wanted``: whether logits are, after the last of them.
    """

    memory: Any
    tokens: Sequence[int]
    wanted: bool = True


class Runner(Protocol):
    """A model that reads tokens into memories (`rostra_models.engine.prefixes.Memory`)."""

    @property
    def token_bytes(self) -> int:
        """What a token takes in a memory, or 0 if nobody knows."""
        ...

    def memory(self, room: int) -> Any:
        """Return an empty memory for ``room`` tokens."""
        ...

    def forward(self, parts: Sequence[Part]) -> Tensor:
        """Read the parts in order. Return logits in 32 bits for those that want some, ``[wanted, vocabulary]``."""
        ...


class Lean(Runner, Protocol):
    """A model whose forward pass is our own."""

    def forward(self, parts: Sequence[Part], *, every: bool = False) -> Tensor:
        """Likewise; with ``every``, logits after each token of each part, ``[tokens, vocabulary]``."""
        ...
