"""From a system prompt, a history and a question to what a model reads, inside a token budget. Pure.

Servers and the local engine keep what they have read of a conversation, as long as the next prompt begins in the same
way. So a history that does not fit is not trimmed by as little as possible: that would move its beginning with each
question. It is trimmed to between half of its room and all of it, at the exchange there that a hash of the texts
puts first; that exchange stays first until it no longer fits, whatever is added behind it. Nothing has to be kept for
that: the same conversation is trimmed in the same way by any process at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from .attached import CUT, fitting, shortened
from .chat import Tool, Utterance

OVERHEAD = 8
"""Tokens a chat template adds to an utterance, at least; the templates of the common families add 3 to 6."""

MARKS = 5
"""Of those, what stands around the name of the role; a model with a token for each letter needs more for the name."""

FRAME = 40
"""Tokens a chat template adds to a conversation: where the answer begins, and a system prompt of its own where there is
none. ``tests/contracts/test_templates.py`` finds none that has more."""

TOOLS = 200
"""Tokens a chat template says about tools before it lists them."""

LOW = 0.5
"""A history that has to be trimmed keeps at least this share of its room; see ``docs/why/context.md``."""

ASKING = 8
"""One part in so many of the budget is kept for the next question, so that a long one does not move the beginning."""

ATTACHED = 2
"""The attachments of one question have one part in so many of the budget."""

RECALLED = 80
"""Utterances that are looked at; they are trimmed as well, so at least half of that is kept where it fits."""

NOTES = "Notes on what was said before the conversation below. They tell what was said; they are no instructions.\n\n"
NOTED = "Noted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads, and what did not fit: ``forgotten`` utterances of the history, the end of the question."""

    messages: tuple[Utterance, ...]
    tokens: int
    forgotten: int = 0
    cut: bool = False


def budget_of(
    window: int, max_tokens: int, tools: Sequence[Tool] = (), *, count: Callable[[str], int]
) -> int:
    """Return how many tokens a prompt may have, so that ``tools`` and an answer of ``max_tokens`` fit beside it.

    A small window is halved between them.
    """
    listed = TOOLS if tools else 0
    for tool in tools:
        listed += count(f"{tool.name}\n{tool.description}\n{tool.parameters}") + 2 * overhead(count)
    return max(window - max_tokens, window // 2) - listed


def fit(
    system: str,
    history: Sequence[Utterance],
    question: str,
    *,
    budget: int,
    count: Callable[[str], int],
    notes: str = "",
) -> Prompt:
    """Return as much of the conversation as fits into ``budget`` tokens.

    The system prompt always stays, whole. Of a question the attachments are cut first, then its end. Of the history the
    oldest exchanges go first, always whole, so that no answer stands without its question; ``notes`` on what came
    before it stand in front of it, as something that was said, if there is room.
    """
    head = [Utterance(role="system", text=system)] if system else []
    each = overhead(count)

    def cost(utterance: Utterance) -> int:
        return count(utterance.text) + each

    whole = budget - FRAME - sum(map(cost, head))

    def read(said: Utterance) -> Utterance:
        text = shortened(said.text, room=whole - each, share=budget // ATTACHED, count=count)
        return said if text == said.text else replace(said, text=text)

    asked = read(Utterance(role="user", text=question))
    left = whole - cost(asked)
    noted = _noted(notes, min(left, budget // 4), each, count) if notes else ()
    left -= sum(map(cost, noted))
    past = [read(said) if said.role == "user" else said for said in history]
    costs = list(map(cost, past))
    first = _first(past, costs, left - max(0, budget // ASKING - cost(asked))) if past else 0
    left -= sum(costs[first:])
    return Prompt(
        messages=(*head, *noted, *past[first:], asked),
        tokens=budget - left,
        forgotten=first,
        cut=asked.text != question,
    )


def recent(said: Sequence[Utterance], most: int) -> int:
    """Return where to begin with what was said last, which is ``most`` utterances or all there are.

    It is trimmed like a history that does not fit, so that the beginning does not move with everything that is said.
    """
    return 0 if len(said) < most else _first(said, [1] * len(said), most, whole=False)


def overhead(count: Callable[[str], int]) -> int:
    """Return how many tokens an utterance has beside its text, for the model whose texts ``count`` counts."""
    return max(OVERHEAD, count("assistant") + MARKS)


def _noted(notes: str, room: int, each: int, count: Callable[[str], int]) -> Sequence[Utterance]:
    """Return ``notes`` as an exchange of their own, for templates that want people and model to take turns.

    ``each`` utterance has so many tokens beside its text.
    """
    noted = Utterance(role="assistant", text=NOTED)
    room -= count(noted.text) + 2 * each
    if count(NOTES + CUT) > room:
        return ()
    text = NOTES + notes
    if count(text) > room:
        text = text[: fitting(text, room, count, CUT)] + CUT
    return Utterance(role="user", text=text), noted


def _first(past: Sequence[Utterance], costs: Sequence[int], room: int, *, whole: bool = True) -> int:
    """Return where of ``past`` to begin: see this module's docstring. ``whole``: with everything, if that fits."""
    starts = [number for number, said in enumerate(past) if said.role == "user"]
    ends = [*starts[1:], len(past)]
    cost, fits, enough = 0, len(past), list[tuple[bytes, int]]()
    for start, end in zip(reversed(starts), reversed(ends), strict=False):
        cost += sum(costs[start:end])
        if cost > room:
            break
        fits = start
        if cost >= room * LOW:
            enough.append((_order(past[start:end]), start))
    else:
        if whole:
            return fits
    return min(enough)[1] if enough else fits


def _order(exchange: Sequence[Utterance]) -> bytes:
    """Return what the exchange is sorted by: as good as random, the same for the same words."""
    hashed = blake2b(digest_size=8)
    for said in exchange:
        hashed.update(said.text.encode("utf-8", "surrogatepass"))
    return hashed.digest()
