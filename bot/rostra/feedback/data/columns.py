"""The columns beside a pair that trainers pass over, and that bring rankings back together when a file is read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from .made import LONG_AGO, Choice, Unusable
from .pairs import Pair, Soft
from .record import Answer, Plain, Record, moment

SHAPE: Plain = {
    "judgment_id": str,
    "batch_id": str,
    "prompt_id": str,
    "rater": str,
    "at": str,
    "loose": int,
    "n_pairs": int,
    "weight": float,
}

ABOUT: Mapping[str, str] = {
    "judgment_id": "rows with the same one are pairs of one ranking",
    "prompt_id": "the question, wherever it was asked; cluster by it",
    "rater": "a pseudonym of this export alone",
    "n_pairs": "how many pairs that ranking gave",
    "weight": "what the pair weighs: its judgment's weight through `n_pairs`",
}


def beside(record: Record, count: int, weight: float) -> Plain:
    """Return the columns of `SHAPE`."""
    return {
        "judgment_id": record.id,
        "batch_id": record.batch,
        "prompt_id": record.prompt,
        "rater": record.rater,
        "at": moment(record.at),
        "loose": record.loose,
        "n_pairs": count,
        "weight": weight,
    }


def of_pair(pair: Pair) -> Plain:
    """Return the columns of a pair."""
    return beside(pair.record, pair.count, pair.weight)


def of_soft(soft: Soft) -> Plain:
    """Return the columns of what all raters say together: nobody's judgment."""
    plain = beside(soft.record, 1, 1.0)
    return plain | {"judgment_id": "", "rater": "", "loose": None}


def answer_shape(name: str) -> Plain:
    """Return the columns that say of one answer of a pair which it was."""
    return {
        f"{name}_id": str,
        f"{name}_tier": int,
        f"{name}_slot": int,
        f"{name}_model": str,
        f"{name}_origin": str,
    }


def answer(name: str, record: Record, one: Answer) -> Plain:
    """Return those columns."""
    slot = next(at for at, each in enumerate(record.answers) if each.id == one.id)
    return {
        f"{name}_id": one.id,
        f"{name}_tier": one.tier,
        f"{name}_slot": slot,
        f"{name}_model": one.answerer or one.model,
        f"{name}_origin": one.origin,
    }


def choice(name: str, row: Plain, text: str, tier: int | None) -> Choice:
    """Return the answer that a row tells of; ``tier`` is what it has without the columns."""
    return Choice(
        text=text,
        tier=_number(row.get(f"{name}_tier"), tier),
        id=_said(row, f"{name}_id"),
        model=_said(row, f"{name}_model"),
        slot=_number(row.get(f"{name}_slot"), None) or 0,
        origin=_said(row, f"{name}_origin"),
    )


def _number(value: Any, other: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else other


def _said(row: Plain, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def told(row: Plain) -> dict[str, Any]:
    """Return what the columns of a row tell of its judgment, by the names of `Verdict`."""
    weight = row.get("weight")
    count = _number(row.get("n_pairs"), 1) or 1
    return {
        "id": _said(row, "judgment_id"),
        "batch": _said(row, "batch_id"),
        "prompt": _said(row, "prompt_id"),
        "rater": _said(row, "rater"),
        "at": _at(row.get("at")),
        "loose": _number(row.get("loose"), None),
        "weight": round(weight * count, 6) if isinstance(weight, float | int) else 1.0,
    }


def _at(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else LONG_AGO
    except ValueError:
        return LONG_AGO
    return at if at.tzinfo else LONG_AGO


def together(rows: Iterable[Plain]) -> Iterator[tuple[int, Sequence[Plain]]]:
    """Yield the rows of one judgment, which follow one another, with the number of the first; rows that name none alone."""

    def judgment(numbered: tuple[int, Plain]) -> tuple[str, int]:
        number, row = numbered
        id_ = _said(row, "judgment_id")
        return id_, 0 if id_ else number

    for _, group in groupby(enumerate(rows), key=judgment):
        listed = list(group)
        yield listed[0][0], [row for _, row in listed]


def distinct(choices: Iterable[Choice]) -> Sequence[Choice]:
    """Return each answer once, by its id or text. Raises `Unusable` where one stands on two tiers."""
    found: dict[str, Choice] = {}
    for one in choices:
        before = found.setdefault(one.id or one.text, one)
        if before != one:
            raise Unusable("rows of one judgment that contradict one another")
    return list(found.values())
