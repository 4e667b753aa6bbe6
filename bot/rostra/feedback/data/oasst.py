"""Message trees as Open-Assistant publishes them: a question with ranked replies.

https://github.com/LAION-AI/Open-Assistant/blob/main/oasst-data/oasst_data/schemas.py. Rankings stand in the ``events`` of the
message that was answered, and ``rank`` of each reply is what they come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .formats import Format, Options
from .made import Choice, Unusable, Verdict, digest, record_of
from .pairs import DIGITS, expanded
from .record import Plain, Record, Said, is_list, is_object

ROLES = {"user": "prompter", "assistant": "assistant"}


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield one tree: the context as a chain of messages, and below the question all answers that somebody was shown."""
    del options
    context = [one for one in group[0].context if one.role != "system"]
    if not context or context[0].role != "user" or any(one.role == "tool" for one in context):
        lost["a context that does not begin with a question, or a tool's line"] += len(group)
        return
    ids = [digest(group[0].batch, "line", at) for at in range(len(context))]
    answers = {one.id: one for record in group for one in record.answers}
    ranks = ranked(group)
    below = [
        _node(one.id, ids[-1], Said(role="assistant", text=one.text, author=one.author))
        | {
            "rank": ranks.get(one.id),
            "synthetic": one.origin == "model",
            "model_name": (one.answerer or one.model) if one.origin == "model" else None,
        }
        for one in sorted(answers.values(), key=lambda one: (one.ordinal, one.id))
    ]
    events = [found for record in group if (found := _event(record, ids)) is not None]
    for at in reversed(range(len(context))):
        node = _node(ids[at], ids[at - 1] if at else None, context[at]) | {"replies": below}
        if at == len(context) - 1:
            node["events"] = {"ranking": events}
        below = [node]
    yield {
        "message_tree_id": ids[0],
        "tree_state": "ready_for_export",
        "prompt": below[0],
        "origin": "rostra",
    }


def ranked(group: Sequence[Record]) -> Mapping[str, int]:
    """Return the rank of each answer that was compared, 0 for the best: by its share of wins, a tie being half of one.

    Answers with the same share have the same rank.
    """
    points: dict[str, list[float]] = {}
    for pair in expanded(group, ties=True):
        points.setdefault(pair.better.id, []).append(1.0 if pair.gap else 0.5)
        points.setdefault(pair.worse.id, []).append(0.0 if pair.gap else 0.5)
    shares = {id_: round(sum(each) / len(each), DIGITS) for id_, each in points.items()}
    places = sorted(set(shares.values()), reverse=True)
    return {id_: places.index(share) for id_, share in shares.items()}


def _node(id_: str, parent: str | None, line: Said) -> Plain:
    return {
        "message_id": id_,
        "parent_id": parent,
        "user_id": line.author or None,
        "text": line.text,
        "role": ROLES[line.role],
        "lang": None,
        "review_count": None,
        "review_result": None,
        "deleted": False,
        "rank": None,
        "synthetic": line.role == "assistant",
        "model_name": None,
        "emojis": {},
        "replies": [],
        "labels": {},
        "events": {},
        "tree_state": None,
    }


def _event(record: Record, ids: Sequence[str]) -> Plain | None:
    """Return a ranking as an event; ``ranking`` counts in the order shown. Ties become an order, what was not compared is left out."""
    if record.outcome not in {"ranked", "all_bad"}:
        return None
    compared = [slot for slot, one in enumerate(record.answers) if one.tier is not None]
    order = sorted(compared, key=lambda slot: (record.answers[slot].tier or 0, slot))
    if record.outcome == "all_bad":
        order = list(range(len(record.answers)))
    elif len({record.answers[slot].tier for slot in order}) < 2:  # noqa: PLR2004  one better than the other
        return None
    return {
        "type": "ranking",
        "user_id": record.rater or None,
        "ranking": order,
        "ranked_message_ids": [record.answers[slot].id for slot in order],
        "ranking_parent_id": ids[-1],
        "message_tree_id": ids[0],
        "not_rankable": record.outcome == "all_bad",
    }


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a judgment for each ranking in the events, or, where there is none, for the ranks that replies have."""
    for number, row in enumerate(found):
        prompt = row.get("prompt")
        if not is_object(prompt):
            lost["a tree without a prompt"] += 1
            continue
        before = sum(lost.values())
        count = 0
        for record in _walked(prompt, (), number, lost):
            count += 1
            yield record
        if not count and sum(lost.values()) == before:
            lost["a tree without a ranking"] += 1


def _walked(node: Plain, above: tuple[Said, ...], number: int, lost: Counter[str]) -> Iterator[Record]:
    """Yield the judgments at and below a message; as deep as it goes, without recursion."""
    waiting: list[tuple[Plain, tuple[Said, ...]]] = [(node, above)]
    while waiting:
        here, before = waiting.pop()
        try:
            context = (*before, _said(here))
            replies = _replies(here)
            yield from _judgments(here, context, replies, number)
        except Unusable as reason:
            lost[str(reason)] += 1
            continue
        waiting += [(one, context) for one in reversed(replies)]


def _said(node: Plain) -> Said:
    role = {"prompter": "user", "assistant": "assistant"}.get(str(node.get("role")))
    text = node.get("text")
    if role is None or not isinstance(text, str):
        raise Unusable("a message without a role or a text")
    return Said(role="user" if role == "user" else "assistant", text=text, author=_text(node, "user_id"))


def _replies(node: Plain) -> list[Plain]:
    replies = node.get("replies")
    listed = replies if is_list(replies) else []
    return [one for one in listed if is_object(one) and one.get("deleted") is not True]


def _judgments(
    node: Plain, context: tuple[Said, ...], replies: Sequence[Plain], number: int
) -> Iterator[Record]:
    answers = {_text(one, "message_id"): one for one in replies if one.get("role") == "assistant"}
    events = node.get("events")
    rankings = events.get("ranking") if is_object(events) else None
    told = [one for one in (rankings if is_list(rankings) else []) if is_object(one)]
    for at, event in enumerate(told):
        ids = event.get("ranked_message_ids")
        if not is_list(ids) or len(ids) < 2 or not answers.keys() >= set(map(str, ids)):  # noqa: PLR2004
            raise Unusable("a ranking of messages that are not there")
        slots = _slots(event.get("ranking"), len(ids))
        bad = event.get("not_rankable") is True
        choices = [
            _choice(answers[str(id_)], None if bad else tier, slot)
            for tier, (id_, slot) in enumerate(zip(ids, slots, strict=True), start=1)
        ]
        yield _record(node, context, choices, (number, at), bad=bad, rater=_text(event, "user_id"))
    ranks = {id_: one["rank"] for id_, one in answers.items() if isinstance(one.get("rank"), int)}
    if not told and len(set(ranks.values())) > 1:
        choices = [_choice(answers[id_], rank + 1, at) for at, (id_, rank) in enumerate(ranks.items())]
        yield _record(node, context, choices, (number, 0), bad=False, rater="")


def _slots(order: object, count: int) -> list[int]:
    """Return where each was shown, as far as the event tells."""
    if is_list(order) and len(order) == count and all(type(slot) is int for slot in order):
        return [int(slot) for slot in order]
    return list(range(count))


def _record(
    node: Plain, context: Sequence[Said], choices: Sequence[Choice], at: tuple[int, int], **what: Any
) -> Record:
    if len(choices) > 9:  # noqa: PLR2004  rostra.feedback.ranking.MOST
        raise Unusable("more than nine answers")
    message = _text(node, "message_id")
    verdict = Verdict(
        context=context,
        choices=choices,
        number=at[0],
        id=digest(message, *at),
        batch=message,
        rater=what["rater"],
        outcome="all_bad" if what["bad"] else "ranked",
    )
    return record_of(verdict)


def _choice(node: Plain, tier: int | None, slot: int) -> Choice:
    return Choice(
        text=_said(node).text,
        tier=tier,
        id=_text(node, "message_id"),
        model=_text(node, "model_name"),
        slot=slot,
        origin="model" if node.get("synthetic") is True else "human",
    )


def _text(row: Plain, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


FORMAT = Format(
    name="oasst",
    shape={"message_tree_id": str, "tree_state": str, "prompt": {}, "origin": str},
    rows=rows,
    read=read,
    loses="ties, answers that a rater did not compare, strength, ratings, times, lines of the system, and how answers were drawn",
    about={
        "prompt": "the first message; `replies` go on below it, `rank` 0 is the best answer",
        "events": "in the message that was answered: each rater's ranking",
    },
    kinds=("jsonl",),
)
