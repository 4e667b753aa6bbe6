"""What a run will need, before it starts: memory and operations, from the shapes."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import LoopSettings

_SCORES = 12
"""Bytes for each score of the output layer: in 32 bits, its gradient and its softmax."""
_WIDTHS, _INNERS = 22, 5
"""Numbers that a block keeps of a token: so many times its width, and its inner width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model's numbers and one micro-batch's: ``embedded`` are parameters that no product is made with."""

    parameters: int
    trained: int
    embedded: int
    layers: int
    width: int
    inner: int
    vocabulary: int
    rows: int
    room: int

    @property
    def tokens(self) -> int:
        """In a micro-batch."""
        return self.rows * self.room


def bytes_needed(size: Size, settings: LoopSettings) -> int:
    """Return about how much memory a step takes at its worst: weights, gradients, optimiser, activations, scores.

    What PyTorch takes for itself, up to 170 MB, comes on top. The count of what a block keeps for the way back was fitted to what
    transformers' Llama took with fused attention on a processor, in three sizes (``docs/why/pretraining.md``).
    """
    copies = 3 if settings.optimiser == "adamw" else 2
    fixed = 4 * size.parameters + 4 * size.trained * copies
    numbers = 4 if settings.precision == "float32" else 2
    active = numbers * size.tokens * size.layers * (_WIDTHS * size.width + _INNERS * size.inner)
    return fixed + active + _SCORES * size.tokens * size.vocabulary


def step_flops(size: Size, micro_batches: int) -> float:
    """Return the operations of a step, there and back: 6 a weight and token, and 12 a layer, width and pair of tokens.

    PaLM's count (https://arxiv.org/abs/2204.02311, appendix B), the half of attention that is masked left out.
    """
    dense = 6 * (size.parameters - size.embedded)
    attention = 6 * size.layers * size.width * size.room
    return float((dense + attention) * size.tokens * micro_batches)
