"""Examples as micro-batches: those of similar length together, no more tokens in one than it may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..scorer_engine import batches
from .chats import Example
from .processes import portion


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatBatch:
    """A micro-batch, (rows, tokens): ``wanted[r, t]`` says whether ``ids[r, t]`` is learnt. ``count`` tokens are.

    Padding stands behind: no token attends to what comes after it, so it needs no mask.
    """

    ids: Tensor
    wanted: Tensor
    count: float


def padded(examples: Sequence[Example]) -> ChatBatch:
    """Return the examples side by side."""
    longest = max(len(one.tokens) for one in examples)
    library: Any = torch  # torch says nothing of what from_numpy takes
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    wanted = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, one in enumerate(examples):
        ids[row, : len(one.tokens)] = library.from_numpy(one.tokens)
        wanted[row, : len(one.tokens)] = library.from_numpy(one.wanted)
    wanted[:, 0] = False  # nothing stands before the first token to tell it from
    return ChatBatch(ids=ids, wanted=wanted, count=float(wanted.sum()))


def micro_batches(examples: Sequence[Example], tokens: int) -> list[ChatBatch]:
    """Return micro-batches of at most ``tokens`` tokens, padding included; a longer example is alone in its own."""
    lengths = [len(one.tokens) for one in examples]
    return [padded([examples[at] for at in numbers]) for numbers in batches(lengths, tokens)]


def steps_of(
    examples: Sequence[Example], *, order: Callable[[int], Sequence[int]], tokens: int
) -> Callable[[int], list[ChatBatch]]:
    """Return the function from a step to its micro-batches, ``order`` being the one to the numbers of its examples."""

    def made(step: int) -> list[ChatBatch]:
        those = [examples[at] for at in order(step)]
        return micro_batches(those, portion(tokens, [len(one.tokens) for one in those]))

    return made
