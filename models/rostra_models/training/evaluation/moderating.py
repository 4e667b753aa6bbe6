"""What the configured moderation says of answers: the core opens it, whichever package it comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rostra.config import Settings
    from rostra.protocols import Moderation
    from rostra.verdicts import Passage, Verdict

AT_ONCE = 8
"""Answers that are judged together: few enough that none waits longer than a moderator may take, on a busy machine too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderated:
    """What became of an answer, each 1 or 0: not shown, shown and looked at later, not judged (which is not shown either)."""

    blocked: float
    flagged: float
    unjudged: float


async def judged_answers(
    settings: Settings, asked: Sequence[str], sides: Sequence[Sequence[Sequence[str]]]
) -> list[list[list[Moderated]]]:
    """Return what the moderation of ``settings`` says of each of ``sides``: the answers to each question ``asked``.

    Raises `ConfigError`.
    """
    from rostra.cli.judging import moderation_of
    from rostra.places import Person, Place
    from rostra.verdicts import Passage as Judged

    place, nobody = Place(adapter="evaluation", channel="answers"), Person(id="")
    passages = [
        Judged(text=text, direction="answer", place=place, author=nobody, question=question)
        for side in sides
        for question, texts in zip(asked, side, strict=True)
        for text in texts
    ]
    async with moderation_of(settings) as moderation:
        verdicts = iter(await verdicts_on(moderation, passages))
    return [[[moderated(next(verdicts)) for _ in texts] for texts in side] for side in sides]


async def verdicts_on(moderation: Moderation, passages: Sequence[Passage]) -> list[Verdict]:
    """Return the verdict on each passage; what could not be judged is asked about once more."""
    found: list[Verdict] = []
    for at in range(0, len(passages), AT_ONCE):
        found += await asyncio.gather(*map(moderation.judge, passages[at : at + AT_ONCE]))
    for at, verdict in enumerate(found):  # once more, alone: the first question has to load what judges
        if verdict.kind != "judged":
            found[at] = await moderation.judge(passages[at])
    return found


def moderated(verdict: Verdict) -> Moderated:
    """Return what a verdict means for an answer."""
    from rostra.verdicts import Decision

    judged = verdict.kind == "judged"
    return Moderated(
        blocked=float(judged and verdict.decision is Decision.BLOCK),
        flagged=float(judged and verdict.decision is Decision.FLAG),
        unjudged=float(not judged),
    )
