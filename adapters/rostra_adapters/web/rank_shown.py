"""What the ranking page shows: campaigns with how far they have come, and ballots, as templates draw them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rostra.feedback import drafts, points
from rostra.feedback.ballots import Sheet, read_back, said_of
from rostra.feedback.ranking import LETTERS, Ranking, Tiers, written
from rostra.feedback.values import Campaign, Judgment, Mode, Progress

from .markdown import html

BEFORE = 20
"""Lines of what was said before the question that are shown."""
SNIPPET = 90
ASKS: Mapping[Mode, str] = {
    "rank": "put answers in order",
    "best_worst": "say which answers are best and worst",
    "pair": "say which of two answers is better",
    "rate": "give answers points",
    "write": "write answers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A campaign in the queue: how far it and the rater are, and the ballot they have in hand, if any."""

    id: str
    name: str
    asks: str
    own: int
    done: int
    tasks: int
    ballot: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A ballot that was answered, and what was said."""

    ballot: str
    question: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An answer in the slot ``slot``, as safe HTML; ``tied`` with the card before it. ``given`` are its points by axis."""

    slot: int
    letter: str
    html: str
    tied: bool = False
    given: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A ballot on its page.

    ``moved``: something was chosen already. ``said`` is what was stored of it last, as it may be written again, and
    ``read`` the same in words; both are empty where nothing was. ``held``: it waits for an answer, and drafts are kept.
    """

    id: str
    campaign: str
    name: str
    mode: Mode
    question: str
    before: Sequence[tuple[str, str]]
    guideline: str
    cards: Sequence[Card]
    axes: Sequence[tuple[str, int]]
    moved: bool
    held: bool
    written: str
    said: str
    read: str


def row(plan: Campaign, progress: Progress, own: int, ballot: str, refused: str) -> Row:
    """Return a campaign as it is listed."""
    return Row(
        id=plan.id,
        name=plan.name,
        asks=ASKS[plan.mode],
        own=own,
        done=progress.done,
        tasks=progress.tasks - progress.void,
        ballot=ballot,
        refused=refused,
    )


def answered(sheet: Sheet, said: Judgment) -> Answered:
    """Return a ballot in the list of those that may be changed."""
    question = " ".join(sheet.shown.batch.question.split())
    cut = question if len(question) <= SNIPPET else f"{question[: SNIPPET - 1]}…"
    return Answered(ballot=sheet.assignment.id, question=cut, said=in_words(sheet, said))


def in_words(sheet: Sheet, said: Judgment) -> str:
    """Return what was stored, as it is read back."""
    return said_of(read_back(sheet, said.ranking, said.ratings))


def ballot_of(sheet: Sheet, last: Judgment | None) -> Ballot:
    """Return a ballot as it is now; ``last`` is what was stored of it last."""
    held = sheet.assignment.state == "leased"
    given = points.given_in(last) if last is not None and not held else sheet.points.given
    tiers = _tiers(sheet, None if held else last)
    said = "" if last is None else read_back(sheet, last.ranking, last.ratings)
    plain = written(Ranking(tiers=tiers)) if sheet.k > 1 else ""
    return Ballot(
        id=sheet.assignment.id,
        campaign=sheet.campaign.id,
        name=sheet.campaign.name,
        mode=sheet.campaign.mode,
        question=html(sheet.shown.batch.question),
        before=[(one.role, html(one.text)) for one in sheet.shown.batch.context[:-1][-BEFORE:] if one.text],
        guideline=html(sheet.campaign.guideline),
        cards=_cards(sheet, tiers, given),
        axes=[(axis.name, axis.maximum) for axis in sheet.axes] if sheet.campaign.mode == "rate" else [],
        moved=bool(sheet.draft.taps) if held else last is not None and last.outcome == "ranked",
        held=held,
        written=points.written(given, sheet.axes) if sheet.campaign.mode == "rate" else plain,
        said=said,
        read="" if last is None else said_of(said),
    )


def _tiers(sheet: Sheet, last: Judgment | None) -> Tiers:
    """Return all answers in tiers, as they were ranked last, else as the draft has them: those that have no place come last."""
    if last is None or last.outcome != "ranked" or not last.tiers:
        return drafts.arrangement(sheet.draft)
    tiers = last.ranking.tiers
    placed = {slot for tier in tiers for slot in tier}
    loose = last.ranking.loose
    apart: list[tuple[int, ...]] = []
    for number, tier in enumerate(tiers):
        apart.extend([(slot,) for slot in tier] if number == loose else [tier])
    return (*apart, *((slot,) for slot in range(sheet.k) if slot not in placed))


def _cards(sheet: Sheet, tiers: Tiers, given: points.Given) -> Sequence[Card]:
    own = {
        slot: {axis: given[slot, axis] for _, axis in keys}
        for slot, keys in groupby(sorted(given), key=lambda key: key[0])
    }
    return [
        Card(
            slot=slot,
            letter=LETTERS[slot],
            html=html(sheet.answers[slot].text),
            tied=number > 0,
            given=own.get(slot, {}),
        )
        for tier in tiers
        for number, slot in enumerate(tier)
    ]
