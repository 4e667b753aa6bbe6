"""The canonical record of a dataset: one judgment with everything a figure or a training run needs, and its plain form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeAlias, TypeGuard, cast, get_args

from ...chat import Role
from ...errors import RostraError
from ..ranking import MOST, Outcome, Ranking, RankingError, from_numbers
from ..values import Origin, Split

Plain: TypeAlias = dict[str, Any]


def is_object(value: object) -> TypeGuard[Plain]:
    """Whether what was read as JSON is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether what was read as JSON is a list."""
    return isinstance(value, list)


ROLES: tuple[str, ...] = get_args(Role)
ORIGINS: tuple[str, ...] = get_args(Origin)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
SPLITS: tuple[Split, ...] = get_args(Split)


class DatasetError(RostraError):
    """A dataset, or a file of one, is not what it should be. Names the value and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One utterance of the context. ``author`` is a pseudonym of this file, empty for what no person wrote."""

    role: Role
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One candidate. ``ordinal`` counts in the order made; ``tier`` is 1 for the best, None for what was not compared.

    ``model`` is the name of the version with the id ``model_version``; ``sampling`` is how it was drawn, as the JSON text
    of `rostra.versions.canonical`; ``seed`` is in decimal, as some have 64 bits.
    """

    id: str
    text: str
    tier: int | None = None
    ordinal: int = 0
    origin: Origin = "model"
    answerer: str = ""
    model: str = ""
    model_version: str = ""
    sampling: str = ""
    seed: str = ""
    finish: str = ""
    tokens: int = 0
    author: str = ""
    edited_from: str = ""
    decision: str = "allow"
    policy: str = ""
    latency_ms: int = 0
    logprob: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One candidate on one axis, from 1 to ``maximum``."""

    candidate: str
    axis: str
    value: int
    maximum: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One judgment. ``answers`` stand in the order in which this rater was shown them.

    Ids are pseudonyms of this file: the same rater has another one in the next export. ``batch`` is one question with its
    context and candidates, ``prompt`` the question wherever it was asked. ``loose`` is the number of the tier whose answers
    were not compared with one another (`rostra.feedback.ranking.Ranking`). ``propensity`` is the probability with which active
    selection picked the task, None where it was drawn uniformly. ``dataset`` is ``name@version``.
    """

    id: str
    batch: str
    prompt: str
    context: tuple[Said, ...]
    answers: tuple[Answer, ...]
    at: datetime
    outcome: Outcome = "ranked"
    loose: int | None = None
    task: str = ""
    campaign: str = ""
    workspace: str = ""
    adapter: str = ""
    surface: str = ""
    rater: str = ""
    is_author: bool = False
    duration_ms: int = 0
    revision: int = 1
    reason: str = ""
    comment: str = ""
    guideline_version: str = ""
    propensity: float | None = None
    decision: str = "allow"
    policy: str = ""
    ratings: tuple[Mark, ...] = ()
    split: Split = "train"
    weight: float = 1.0
    dataset: str = ""

    @property
    def ranking(self) -> Ranking:
        """The ranking by slots, in the order shown. Raises `RankingError`."""
        return from_numbers(self.outcome, [answer.tier for answer in self.answers], self.loose)


def key_of(record: Record) -> tuple[str, str, str]:
    """Return what records are sorted by: all that belongs to one question comes together."""
    return record.prompt, record.batch, record.id


def moment(at: datetime) -> str:
    """Return a time as it stands in files: UTC, to the second (a finer one would help to tell who it was)."""
    return at.astimezone(UTC).isoformat()[:19] + "Z"


def shared(answer: Answer) -> tuple[Any, ...]:
    """Return all of an answer but its tier: what is the same whoever ranked it."""
    found: tuple[Any, ...] = _SHARED(answer)
    return found


def to_plain(record: Record) -> Plain:
    """Return what `json` takes; `from_plain` makes the record of it again, with its time to the second."""
    plain: Plain = {name: getattr(record, name) for name in _FIELDS}
    plain["at"] = moment(record.at)
    plain["context"] = [{"role": one.role, "text": one.text, "author": one.author} for one in record.context]
    plain["answers"] = [plain_answer(one) for one in record.answers]
    plain["ratings"] = [{name: getattr(one, name) for name in _MARK} for one in record.ratings]
    return plain


def plain_answer(one: Answer) -> Plain:
    """Return one answer as it stands in `to_plain`."""
    return {name: getattr(one, name) for name in _ANSWER}


def from_plain(plain: Mapping[str, Any]) -> Record:
    """Return the record. Fields it does not know are passed over, those missing have their defaults. Raises `DatasetError`."""
    try:
        record = Record(**_read(plain))
        ranking = record.ranking
    except (RankingError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"no canonical record: {type(error).__name__}: {error}") from error
    if not record.context or not 1 <= len(record.answers) <= MOST:
        raise DatasetError(f"record {record.id!r} needs a question and 1 to {MOST} answers")
    if ranking.outcome == "ranked" and len({one.id for one in record.answers}) < len(record.answers):
        raise DatasetError(f"record {record.id!r} has an answer twice")
    return record


def _read(plain: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: plain[name] for name in _FIELDS if name in plain}
    found["at"] = datetime.fromisoformat(plain["at"])
    found["context"] = tuple(_said(one) for one in plain["context"])
    found["answers"] = tuple(_answer(one) for one in plain["answers"])
    found["ratings"] = tuple(
        Mark(**{name: one[name] for name in _MARK if name in one}) for one in plain.get("ratings") or ()
    )
    _among("outcome", found.get("outcome", "ranked"), OUTCOMES)
    _among("split", found.get("split", "train"), SPLITS)
    for name in ("id", "batch", "prompt"):
        _text(name, found[name])
    return found


def _said(one: Mapping[str, Any]) -> Said:
    _among("role", one["role"], ROLES)
    return Said(
        role=cast("Role", one["role"]), text=_text("text", one["text"]), author=one.get("author") or ""
    )


def _answer(one: Mapping[str, Any]) -> Answer:
    found = {name: one[name] for name in _ANSWER if name in one}
    _among("origin", found.get("origin", "model"), ORIGINS)
    _text("text", found["text"])
    return Answer(**found)


def _among(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}; {', '.join(known)} are known")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is of {type(value).__name__}, not a text")
    return value


_FIELDS = tuple(Record.__dataclass_fields__)
_ANSWER = tuple(Answer.__dataclass_fields__)
_SHARED = attrgetter(*(name for name in _ANSWER if name != "tier"))
_MARK = tuple(Mark.__dataclass_fields__)

SHAPE: Plain = {
    "id": str,
    "batch": str,
    "prompt": str,
    "context": [{"role": str, "text": str, "author": str}],
    "answers": [
        {
            "id": str,
            "text": str,
            "tier": int,
            "ordinal": int,
            "origin": str,
            "answerer": str,
            "model": str,
            "model_version": str,
            "sampling": str,
            "seed": str,
            "finish": str,
            "tokens": int,
            "author": str,
            "edited_from": str,
            "decision": str,
            "policy": str,
            "latency_ms": int,
            "logprob": float,
        }
    ],
    "at": str,
    "outcome": str,
    "loose": int,
    "task": str,
    "campaign": str,
    "workspace": str,
    "adapter": str,
    "surface": str,
    "rater": str,
    "is_author": bool,
    "duration_ms": int,
    "revision": int,
    "reason": str,
    "comment": str,
    "guideline_version": str,
    "propensity": float,
    "decision": str,
    "policy": str,
    "ratings": [{"candidate": str, "axis": str, "value": int, "maximum": int}],
    "split": str,
    "weight": float,
    "dataset": str,
}
"""Columns of the canonical form and their types; a list has one shape of its elements."""
