"""Rankings as a policy reads them: each answer once, with those of its tokens that the policy would have had to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from rostra.chat import Utterance

from .chats import Example, Unusable
from .heads import linear_log_probabilities
from .losses import log_probabilities
from .ranked import Ranked
from .reward_batches import Element, RankedBatch, Rows, batch_of, tree_mask
from .trunk import CLOSE, hidden_states


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A ranking as tokens. ``said[n]`` are the places of those that make up answer ``n``; the others come before it.

    ``reference`` has the log-probability of each answer in nats under what training began with, where that is known.
    """

    element: Element
    said: tuple[tuple[int, ...], ...]
    reference: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidBatch:
    """Whole rankings. Of all tokens that make up answers: after which token of ``ranked.rows`` it is said, what it is, and in which answer.

    These three are as many as there are rows in ``ranked.rows``, and flat within them.
    """

    ranked: RankedBatch
    sources: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    answers: tuple[Tensor, ...]
    reference: Tensor


def said_of(
    rankings: Iterable[Ranked], encode: Callable[[Sequence[Utterance]], Example]
) -> tuple[list[Said], list[Ranked], Counter[str]]:
    """Return the rankings as tokens, as they are left, and how many answers were left out by reason.

    An answer that cannot be encoded takes its comparisons with it; a ranking without any is none.
    """
    found: list[Said] = []
    kept: list[Ranked] = []
    lost: Counter[str] = Counter()
    for one in rankings:
        examples: dict[int, Example] = {}
        for slot, answer in enumerate(one.answers):
            try:
                examples[slot] = encode([*one.said, Utterance(role="assistant", text=answer)])
            except Unusable as reason:
                lost[str(reason)] += 1
        if left := _left(one, list(examples)):
            found.append(_said(left, [examples[one.answers.index(text)] for text in left.answers]))
            kept.append(left)
    return found, kept, lost


def _left(ranking: Ranked, slots: Sequence[int]) -> Ranked | None:
    """Return the ranking of the answers in ``slots``, None where these were not compared."""
    if len(slots) == len(ranking.answers):
        return ranking
    places = {slot: at for at, slot in enumerate(slots)}
    compared = tuple(
        replace(one, first=places[one.first], second=places[one.second])
        for one in ranking.compared
        if one.first in places and one.second in places
    )
    answers = tuple(ranking.answers[slot] for slot in slots)
    return replace(ranking, answers=answers, compared=compared) if compared else None


def _said(ranking: Ranked, examples: Sequence[Example]) -> Said:
    tokens: list[tuple[int, ...]] = []
    said: list[tuple[int, ...]] = []
    for one in examples:
        places: list[int] = [at for at in one.wanted.nonzero()[0].tolist() if at]
        tokens.append(tuple(one.tokens[: places[-1] + 1].tolist()))  # a template may go on behind the answer
        said.append(tuple(places))
    element = Element(tokens=tuple(tokens), compared=ranking.compared, weight=ranking.weight)
    return Said(element=element, said=tuple(said))


def micro_batches(
    rankings: Sequence[Said], tokens: int, *, share: bool = False, one: bool = False
) -> list[SaidBatch]:
    """Return micro-batches of at most ``tokens`` tokens; a ranking that is longer is alone in its own."""
    groups: list[list[Said]] = []
    room = 0
    for each in rankings:
        size = each.element.size(share=share)
        if size > room:
            groups.append([])
            room = tokens
        groups[-1].append(each)
        room -= size
    return [batch_with(group, share=share, one=one) for group in groups]


def batch_with(rankings: Sequence[Said], *, share: bool = False, one: bool = False) -> SaidBatch:
    """Return the rankings as one micro-batch; with ``share`` a long question is read once for all its answers.

    With ``one`` (and not ``share``) the model is called once for all answers, however long.
    """
    ranked = batch_of([each.element for each in rankings], share=share, one=one)
    tokens = [answer for each in rankings for answer in each.element.tokens]
    said = [places for each in rankings for places in each.said]
    found = [_placed(rows, tokens, said) for rows in ranked.rows]
    sources, targets, answers = zip(*found, strict=True)
    return SaidBatch(
        ranked=ranked,
        sources=sources,
        targets=targets,
        answers=answers,
        reference=torch.tensor([value for each in rankings for value in each.reference]),
    )


def _placed(
    rows: Rows, tokens: Sequence[Sequence[int]], said: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor, Tensor]:
    sources: list[Tensor] = []
    targets: list[int] = []
    answers: list[int] = []
    width = rows.ids.shape[1]
    places: Any = rows.places
    numbers: list[int] = places.tolist()
    for at, answer in enumerate(numbers):
        path = rows.owners[at] * width + _path(rows, at, len(tokens[answer]))
        wanted = torch.tensor(said[answer], dtype=torch.long)
        sources.append(path[wanted - 1])  # each is said by the token before it
        targets += [tokens[answer][place] for place in said[answer]]
        answers += [answer] * len(wanted)
    return torch.cat(sources), torch.tensor(targets), torch.tensor(answers)


def _path(rows: Rows, at: int, length: int) -> Tensor:
    """Return where in its row the tokens of a conversation stand: the question may be there once for several."""
    if rows.parts is None:
        return torch.arange(length)
    parts = rows.parts[rows.owners[at]]
    own = parts[rows.ends[at]]
    return ((parts == 0) | (parts == own)).nonzero()[:, 0]


def answers_log_probabilities(
    model: Module, batch: SaidBatch, device: torch.device, *, plain: bool
) -> Tensor:
    """Return log p of each answer in nats, (answers): the sum over its tokens, the one that ends it included.

    ``plain`` is `rostra_models.training.trunk.plain_head`.
    """
    whole: Any = model
    total = torch.zeros(batch.ranked.answers, device=device)
    for number, rows in enumerate(batch.ranked.rows):
        sources, targets = batch.sources[number].to(device), batch.targets[number].to(device)
        ids = rows.ids.to(device)
        positions = None if rows.positions is None else rows.positions.to(device)
        mask = None if rows.parts is None else tree_mask(rows.parts.to(device))
        if plain:
            states = hidden_states(model, ids, positions=positions, mask=mask).flatten(0, 1)
            each = linear_log_probabilities(states[sources], whole.get_output_embeddings().weight, targets)
        else:
            logits: Tensor = whole(
                input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False
            ).logits
            each = log_probabilities(logits.flatten(0, 1)[sources], targets)
        total = total.index_add(0, batch.answers[number].to(device), each)
    return total


def shares(model: Module, device: torch.device, *, plain: bool) -> bool:
    """Whether ``model`` reads answers behind one question as it reads them one by one: not where attention has a window."""
    whole: Any = model
    if getattr(whole.config, "sliding_window", None):
        return False
    most = min(40, whole.config.vocab_size)
    tokens = tuple((*range(most // 2), *(at % most for at in range(n, n + 3))) for n in (3, 11, 20))
    said = tuple(tuple(range(most // 2, len(one))) for one in tokens)
    probe = [Said(element=Element(tokens=tokens, compared=(), weight=1.0), said=said)]
    training = model.training
    model.eval()
    with torch.no_grad():
        one, other = (
            answers_log_probabilities(model, batch_with(probe, share=share), device, plain=plain)
            for share in (False, True)
        )
    model.train(training)
    return bool((one - other).abs().max() <= CLOSE * one.abs().max().clamp(min=1.0))
