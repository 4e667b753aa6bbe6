"""Records made of other people's rows, which know texts and who won, and little else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ...chat import Role
from ..ranking import Outcome, RankingError
from .near import plain
from .record import ROLES, Answer, Plain, Record, Said, is_list, is_object

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of what tells none."""


class Unusable(ValueError):
    """A row that makes no record; the text is the reason, for a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer in somebody's row. ``slot`` is where it was shown, where the row tells."""

    text: str
    tier: int | None
    id: str = ""
    model: str = ""
    slot: int = 0
    origin: str = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a row, or several of one judgment, say about answers to one context."""

    context: Sequence[Said]
    choices: Sequence[Choice]
    number: int
    id: str = ""
    batch: str = ""
    prompt: str = ""
    rater: str = ""
    at: datetime = LONG_AGO
    outcome: Outcome = "ranked"
    loose: int | None = None
    weight: float = 1.0


def digest(*parts: object) -> str:
    """Return an id made of what it stands for: thirty-two hexadecimal digits."""
    return sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:32]


def record_of(verdict: Verdict) -> Record:
    """Return the record. Ids that the rows do not tell are made of their content. Raises `Unusable`."""
    if not verdict.context or not verdict.context[-1].text.strip():
        raise Unusable("no question")
    if (
        len({choice.text for choice in verdict.choices}) < len(verdict.choices)
        and verdict.outcome == "ranked"
    ):
        raise Unusable("the same answer twice")
    context = tuple(verdict.context)
    batch = verdict.batch or digest([[one.role, one.text] for one in context])
    answers = [
        Answer(
            id=choice.id or digest(batch, choice.text),
            text=choice.text,
            tier=choice.tier,
            ordinal=at,
            origin="human" if choice.origin == "human" else "model",
            answerer=choice.model,
            model=choice.model,
        )
        for at, choice in enumerate(sorted(verdict.choices, key=lambda one: one.slot))
    ]
    record = Record(
        id=verdict.id or digest(batch, verdict.number, [answer.text for answer in answers]),
        batch=batch,
        prompt=verdict.prompt or digest(plain(context[-1].text)),
        context=context,
        answers=tuple(answers),
        at=verdict.at,
        outcome=verdict.outcome,
        loose=verdict.loose,
        rater=verdict.rater,
        weight=verdict.weight,
    )
    try:
        _ = record.ranking
    except RankingError as error:
        raise Unusable("a ranking that contradicts itself") from error
    return record


def said(message: object) -> Said:
    """Return one message of a chat as others write it: a role, and a text or a list of parts. Raises `Unusable`."""
    if not is_object(message):
        raise Unusable("a message that is no object")
    role: Any = message.get("role")
    role = {"developer": "system", "human": "user", "gpt": "assistant", "function": "tool"}.get(role, role)
    if role not in ROLES:
        raise Unusable("a message with another role")
    known: Role = role
    return Said(role=known, text=_content(message.get("content")))


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    if is_list(content) and all(is_object(part) and isinstance(part.get("text"), str) for part in content):
        return "".join(part["text"] for part in content)
    raise Unusable("a message that is not only text")


def messages(found: object) -> list[Said]:
    """Return the messages of a chat. Raises `Unusable`."""
    if not is_list(found):
        raise Unusable("messages that are no list")
    return [said(one) for one in found]


def one_answer(found: object) -> str:
    """Return the text of the only message, an assistant's. Raises `Unusable`."""
    listed = messages(found)
    if len(listed) != 1 or listed[0].role != "assistant":
        raise Unusable("an answer that is not one message of the assistant")
    return listed[0].text


def as_messages(context: Sequence[Said]) -> list[Plain]:
    """Return a context as most write it."""
    return [{"role": one.role, "content": one.text} for one in context]


MESSAGES = [{"role": str, "content": str}]
"""The shape of `as_messages`."""
