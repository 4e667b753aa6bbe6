"""Battles as in Chatbot Arena: two conversations, and which model won, or a tie.

https://huggingface.co/datasets/lmsys/chatbot_arena_conversations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

from ..ranking import Outcome
from .columns import ABOUT, SHAPE, answer, answer_shape, beside, choice, distinct, of_pair, together, told
from .formats import Format, Options
from .made import LONG_AGO, MESSAGES, Choice, Unusable, Verdict, as_messages, messages, record_of
from .pairs import DIGITS, expanded
from .record import Answer, Plain, Record, Said

BAD = "tie (bothbad)"
TIERS: Mapping[str, tuple[int | None, int | None]] = {
    "model_a": (1, 2),
    "model_b": (2, 1),
    "tie": (1, 1),
    BAD: (None, None),
}
PERSON = "human"
"""The name of a model that was none."""


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield one battle a pair, with ties; ``model_a`` is the one shown first. Of an all-bad ballot all pairs are bad."""
    for record in group:
        if any(one.role == "tool" for one in record.context):
            lost["a tool's line"] += 1
    able = [one for one in group if all(line.role != "tool" for line in one.context)]
    for pair in expanded(able, options.pairs, ties=True):
        record = pair.record
        first, second = sorted((pair.better, pair.worse), key=record.answers.index)
        winner = "tie" if not pair.gap else "model_a" if first is pair.better else "model_b"
        yield _battle(record, first, second, winner) | of_pair(pair)
    for record in able:
        if record.outcome == "all_bad":
            both = list(combinations(record.answers, 2))
            for first, second in both:
                weight = round(record.weight / len(both), DIGITS)
                yield _battle(record, first, second, BAD) | beside(record, len(both), weight)


def _battle(record: Record, first: Answer, second: Answer, winner: str) -> Plain:
    context = [one for one in record.context if one.role != "system"]
    return {
        "question_id": record.batch,
        "model_a": _model(first),
        "model_b": _model(second),
        "winner": winner,
        "judge": record.rater,
        "conversation_a": as_messages([*context, Said(role="assistant", text=first.text)]),
        "conversation_b": as_messages([*context, Said(role="assistant", text=second.text)]),
        "turn": sum(one.role == "user" for one in context),
        "anony": True,
        "language": "unknown",
        "tstamp": record.at.replace(microsecond=0).timestamp(),
        **answer("a", record, first),
        **answer("b", record, second),
    }


def _model(one: Answer) -> str:
    return one.answerer or one.model or (PERSON if one.origin != "model" else "unknown")


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a judgment for the battles that name the same one, and for each that names none.

    Battles that took more than one turn compare conversations, not answers, unless all but the last answer are the same.
    """
    for number, group in together(found):
        try:
            yield _record(group, number)
        except Unusable as reason:
            lost[str(reason)] += len(group)


def _record(group: Sequence[Plain], number: int) -> Record:
    found = [_choices(row) for row in group]
    context = found[0][0]
    if any(other != context for other, _ in found):
        raise Unusable("rows of one judgment with several questions")
    facts = told(group[0])
    facts["at"] = facts["at"] if facts["at"] != LONG_AGO else _at(group[0].get("tstamp"))
    facts["rater"] = facts["rater"] or _text(group[0], "judge")
    facts["batch"] = facts["batch"] or _text(group[0], "question_id")
    bad = all(row.get("winner") == BAD for row in group)
    choices = distinct(one for _, pair in found for one in pair)
    if bad:
        choices = [replace(one, tier=None) for one in choices]
    facts["loose"] = facts["loose"] if [one.tier for one in choices].count(facts["loose"]) > 1 else None
    outcome: Outcome = "all_bad" if bad else "ranked"
    return record_of(Verdict(context=context, choices=choices, number=number, outcome=outcome, **facts))


def _choices(row: Plain) -> tuple[list[Said], tuple[Choice, Choice]]:
    winner = row.get("winner")
    if not isinstance(winner, str) or winner not in TIERS:
        raise Unusable("a winner that is none")
    one, other = messages(row.get("conversation_a")), messages(row.get("conversation_b"))
    if not one or one[:-1] != other[:-1]:
        raise Unusable("conversations that differ before the answer")
    if {one[-1].role, other[-1].role} != {"assistant"}:
        raise Unusable("a conversation that does not end with the assistant")
    first = choice("a", row, one[-1].text, TIERS[winner][0])
    second = choice("b", row, other[-1].text, TIERS[winner][1])
    second = second if "b_slot" in row else replace(second, slot=1)
    if winner in {"model_a", "model_b"} and ((first.tier or 0) < (second.tier or 0)) != (winner == "model_a"):
        raise Unusable("tiers that contradict who won")
    return one[:-1], (_named(first, row, "model_a"), _named(second, row, "model_b"))


def _named(one: Choice, row: Plain, name: str) -> Choice:
    model = _text(row, name)
    return replace(one, model=one.model or ("" if model == PERSON else model))


def _text(row: Plain, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _at(stamp: object) -> datetime:
    if not isinstance(stamp, int | float):
        return LONG_AGO
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (OverflowError, ValueError, OSError):
        return LONG_AGO


FORMAT = Format(
    name="arena",
    shape={
        "question_id": str,
        "model_a": str,
        "model_b": str,
        "winner": str,
        "judge": str,
        "conversation_a": MESSAGES,
        "conversation_b": MESSAGES,
        "turn": int,
        "anony": bool,
        "language": str,
        "tstamp": float,
        **answer_shape("a"),
        **answer_shape("b"),
        **SHAPE,
    },
    rows=rows,
    read=read,
    loses="answers that stand in no pair, ratings, surfaces, lines of the system, and how answers were drawn",
    about={
        "model_a": "who wrote the answer that was shown first",
        "model_b": "who wrote the other",
        "winner": "`model_a`, `model_b`, `tie` or `tie (bothbad)`",
        "judge": "the rater: a pseudonym of this export alone",
        **ABOUT,
    },
)
