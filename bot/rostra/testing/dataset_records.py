"""Canonical records, drawn and written by hand, for tests of datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ..chat import Role
from ..feedback.data.formats import Format, Options
from ..feedback.data.made import digest
from ..feedback.data.record import Answer, Mark, Plain, Record, Said
from ..feedback.ranking import LETTERS, Outcome, Ranking, numbered, pairs, parse

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OUTCOMES: tuple[Outcome, ...] = ("ranked", "ranked", "ranked", "all_bad", "skipped")
SPEAKERS: tuple[Role, ...] = ("user", "assistant")

NAMED = st.sampled_from(["", "one", "two"])


def record(text: str = "A > B > C", k: int = 3, **fields: Any) -> Record:
    """Return what somebody said of ``k`` answers, each of which is its letter."""
    return ranked(parse(text, k), [f"answer {letter}" for letter in LETTERS[:k]], **fields)


def ranked(ranking: Ranking, texts: Sequence[str], **fields: Any) -> Record:
    """Return the record of a ranking of these texts."""
    k = len(texts)
    usual: dict[str, Any] = {
        "id": digest("judgment", fields.get("rater", "")),
        "batch": digest("batch"),
        "prompt": digest("prompt"),
        "context": (Said(role="user", text="why?", author="asker"),),
        "rater": "rater",
        "at": NOON,
    }
    answers = tuple(
        Answer(id=digest("answer", text), text=text, tier=tier, ordinal=at, answerer=f"model {at}")
        for at, (text, tier) in enumerate(zip(texts, numbered(ranking, k), strict=True))
    )
    loose = None if ranking.loose is None else ranking.loose + 1
    usual |= {"answers": answers, "outcome": ranking.outcome, "loose": loose, **fields}
    return Record(**usual)


@st.composite
def rankings(draw: st.DrawFn, k: int) -> Ranking:
    """Draw any ranking of ``k`` answers: ties, a tier that was not compared, answers in no tier, other outcomes."""
    outcome = draw(st.sampled_from(OUTCOMES))
    if outcome != "ranked":
        return Ranking(outcome=outcome)
    places = draw(st.lists(st.none() | st.integers(1, k), min_size=k, max_size=k))
    used = sorted({place for place in places if place is not None})
    tiers = tuple(tuple(at for at, place in enumerate(places) if place == one) for one in used)
    if sum(map(len, tiers)) < 2:
        return Ranking()
    many = [at for at, tier in enumerate(tiers) if len(tier) > 1] if len(tiers) > 1 else []
    return Ranking(tiers=tiers, loose=draw(st.none() | st.sampled_from(many)) if many else None)


@st.composite
def records(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS, rater: str = "rater") -> Record:
    """Draw any record with different answers."""
    k = draw(st.integers(2, 6))
    answers = draw(st.lists(texts, min_size=k, max_size=k, unique=True))
    roles = draw(st.lists(st.sampled_from(SPEAKERS), max_size=3))
    context = [Said(role=role, text=draw(texts)) for role in roles]
    question = draw(texts.filter(lambda text: bool(text.strip())))
    one = ranked(draw(rankings(k)), answers, rater=rater, surface=draw(NAMED), reason=draw(NAMED))
    mark = Mark(candidate=one.answers[0].id, axis="kind", value=2)
    return replace(
        one,
        context=(*context, Said(role="user", text=question)),
        comment=draw(texts),
        propensity=draw(st.none() | st.floats(0.01, 1)),
        weight=draw(st.sampled_from([1.0, 0.5])),
        ratings=draw(st.sampled_from([(), (mark,)])),
    )


def there(
    form: Format, group: Sequence[Record], options: Options | None = None
) -> tuple[list[Plain], Counter[str]]:
    """Return the rows of one batch, and what the format cannot say."""
    lost: Counter[str] = Counter()
    return list(form.rows(group, options or Options(), lost)), lost


def back(form: Format, rows: Iterable[Plain]) -> tuple[list[Record], Counter[str]]:
    """Return the records of rows, and what cannot be used."""
    lost: Counter[str] = Counter()
    return list(form.read(rows, lost)), lost


def order_of(one: Record) -> set[tuple[str, str, bool]]:
    """Return the partial order that a record says: who is better than whom, and who is tied, by texts."""
    found = set[tuple[str, str, bool]]()
    for better, worse, gap in pairs(one.ranking):
        names = (one.answers[better].text, one.answers[worse].text)
        found.add((*names, True) if gap else (min(names), max(names), False))
    return found


def strict(one: Record) -> set[tuple[str, str]]:
    """Return who is better than whom."""
    return {(better, worse) for better, worse, is_strict in order_of(one) if is_strict}
