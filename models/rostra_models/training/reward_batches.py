"""Rankings as micro-batches: a ranking is never cut, each of its answers is read once, similar lengths side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from rostra.chat import Utterance

from ..scorer_engine import batches, common
from .losses import wide
from .ranked import Ranked
from .ranking import Comparison, Pairs, pairs_of
from .trunk import CLOSE, hidden_states

WORTHWHILE = 1.25
"""How many times fewer tokens a question that is read once for all its answers must make: attention costs more then.

On a processor 2.4 times fewer made it 2.1 times faster, 1.6 times 1.4, and 1.2 times slower by a twentieth.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Conversations of similar length: ``ids`` (rows, tokens). Reward ``n`` is read at token ``ends[n]`` of row ``owners[n]``.

    ``places`` are the rewards' numbers in the batch. Where answers share their question, which is then read once, ``parts``
    has 0 for it, the number of the answer from 1 on, and -1 for padding; and ``positions`` go on from the question in each.
    """

    ids: Tensor
    owners: Tensor
    ends: Tensor
    places: Tensor
    positions: Tensor | None = None
    parts: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedBatch:
    """Whole rankings: all their answers, and how these compare. ``count`` is what the rankings weigh together."""

    rows: tuple[Rows, ...]
    answers: int
    pairs: Pairs
    count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A ranking as tokens: one list an answer, with the question before it."""

    tokens: tuple[tuple[int, ...], ...]
    compared: tuple[Comparison, ...]
    weight: float

    def shared(self) -> int:
        """Return how many tokens all answers begin with, where reading them once is worthwhile; else 0."""
        begun = common([list(one) for one in self.tokens])
        plain = sum(map(len, self.tokens))
        return begun if plain >= WORTHWHILE * (plain - begun * (len(self.tokens) - 1)) else 0

    def size(self, *, share: bool) -> int:
        """Return how many tokens are read."""
        saved = self.shared() * (len(self.tokens) - 1) if share else 0
        return sum(map(len, self.tokens)) - saved


def element(ranking: Ranked, layout: Callable[[Sequence[Utterance]], Sequence[int]]) -> Element:
    """Return the ranking as the model reads it: ``layout`` is the one that serves (`RewardLayout.tokens`)."""
    return Element(
        tokens=tuple(
            tuple(layout([*ranking.said, Utterance(role="assistant", text=answer)]))
            for answer in ranking.answers
        ),
        compared=ranking.compared,
        weight=ranking.weight,
    )


def batch_of(elements: Sequence[Element], *, share: bool = False, one: bool = False) -> RankedBatch:
    """Return the rankings as one micro-batch; with ``share`` a long question is read once for all its answers.

    With ``one`` (and not ``share``) all answers are in one table, however long: the model is called once.
    """
    apart: list[tuple[int, Sequence[int]]] = []
    trees: list[tuple[int, int, Element]] = []
    start = 0
    for each in elements:
        begun = each.shared() if share else 0
        if begun:
            trees.append((start, begun, each))
        else:
            apart += enumerate(each.tokens, start)
        start += len(each.tokens)
    groups = [list(range(len(apart)))] if one else _alike([len(tokens) for _, tokens in apart])
    rows = [_rows([apart[at] for at in group]) for group in groups]
    rows += [_tree_rows([trees[at] for at in group]) for group in _alike([_room(*one) for one in trees])]
    return RankedBatch(
        rows=tuple(rows),
        answers=start,
        pairs=pairs_of([(len(one.tokens), one.compared) for one in elements]),
        count=sum(one.weight for one in elements),
    )


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the numbers of those that are of similar length."""
    return batches(lengths, sum(lengths) * len(lengths))


def _room(_start: int, begun: int, one: Element) -> int:
    return begun + sum(len(tokens) - begun for tokens in one.tokens)


def _rows(given: Sequence[tuple[int, Sequence[int]]]) -> Rows:
    lengths = [len(tokens) for _, tokens in given]
    return Rows(
        ids=_table([tokens for _, tokens in given], 0),
        owners=torch.arange(len(given)),
        ends=torch.tensor(lengths) - 1,
        places=torch.tensor([place for place, _ in given]),
    )


def _tree_rows(given: Sequence[tuple[int, int, Element]]) -> Rows:
    ids: list[list[int]] = []
    positions: list[list[int]] = []
    parts: list[list[int]] = []
    found: list[tuple[int, int, int]] = []  # owner, end and place of each reward
    for row, (start, begun, one) in enumerate(given):
        ids.append(list(one.tokens[0][:begun]))
        positions.append(list(range(begun)))
        parts.append([0] * begun)
        for number, tokens in enumerate(one.tokens):
            ids[row] += tokens[begun:]
            positions[row] += range(begun, len(tokens))
            parts[row] += [number + 1] * (len(tokens) - begun)
            found.append((row, len(ids[row]) - 1, start + number))
    owners, ends, places = (torch.tensor(one) for one in zip(*found, strict=True))
    return Rows(
        ids=_table(ids, 0),
        owners=owners,
        ends=ends,
        places=places,
        positions=_table(positions, 0),
        parts=_table(parts, -1),
    )


def _table(lists: Sequence[Sequence[int]], padding: int) -> Tensor:
    table = torch.full((len(lists), max(map(len, lists))), padding, dtype=torch.long)
    for row, one in enumerate(lists):
        table[row, : len(one)] = torch.tensor(one, dtype=torch.long)
    return table


def tree_mask(parts: Tensor) -> Tensor:
    """Return who may look at whom, (rows, 1, tokens, tokens): at what stands before in the question or the same answer."""
    tokens = parts.shape[1]
    before = torch.ones(tokens, tokens, dtype=torch.bool, device=parts.device).tril()
    seen = (parts[:, :, None] == parts[:, None, :]) | (parts[:, None, :] == 0)
    return (before & seen)[:, None]


def micro_batches(
    elements: Sequence[Element], tokens: int, *, share: bool = False, one: bool = False
) -> list[RankedBatch]:
    """Return micro-batches of at most ``tokens`` tokens; a ranking that is longer is alone in its own."""
    found: list[list[Element]] = []
    room = 0
    for each in elements:
        size = each.size(share=share)
        if size > room:
            found.append([])
            room = tokens
        found[-1].append(each)
        room -= size
    return [batch_of(group, share=share, one=one) for group in found]


def rewards_of(model: Module, batch: RankedBatch, device: torch.device) -> Tensor:
    """Return the reward of each answer: the head's value at its last token, (answers) in the order of the rankings."""
    whole: Any = model
    parts: list[Tensor] = []
    for rows in batch.rows:
        tree = {}
        if rows.parts is not None and rows.positions is not None:
            tree = {"positions": rows.positions.to(device), "mask": tree_mask(rows.parts.to(device))}
        states = hidden_states(model, rows.ids.to(device), **tree)
        ends = states[rows.owners.to(device), rows.ends.to(device)]
        with torch.autocast(device.type, enabled=False):  # eight bits are too few to tell rewards apart
            parts.append(whole.score(wide(ends))[:, 0])
    order = torch.cat([rows.places for rows in batch.rows]).argsort()
    return torch.cat(parts)[order.to(device)]


def shares(model: Module, device: torch.device) -> bool:
    """Whether ``model`` reads answers behind one question as it reads them one by one: not where attention has a window."""
    whole: Any = model
    if getattr(whole.config, "sliding_window", None):
        return False
    most = min(40, whole.config.vocab_size)
    tokens = tuple((*range(most // 2), *(at % most for at in range(n, n + 3))) for n in (3, 11, 20))
    probe = [Element(tokens=tokens, compared=(), weight=1.0)]
    training = model.training
    model.eval()
    with torch.no_grad():
        one, other = (rewards_of(model, batch_of(probe, share=share), device) for share in (False, True))
    model.train(training)
    return bool((one - other).abs().max() <= CLOSE * one.abs().max().clamp(min=1.0))
