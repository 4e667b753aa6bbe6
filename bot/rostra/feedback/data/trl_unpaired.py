"""TRL's unpaired form: answers that were found good or bad, as KTOTrainer takes them.

https://huggingface.co/docs/trl/dataset_formats#unpaired-preference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..ranking import Outcome
from .columns import ABOUT, SHAPE, answer, answer_shape, beside, choice, distinct, together, told
from .formats import Format, Options
from .made import MESSAGES, Unusable, Verdict, as_messages, messages, one_answer, record_of
from .pairs import DIGITS
from .record import Answer, Plain, Record, Said


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield the best tier of each ranking as good, the worst as bad, and all answers of an all-bad ballot as bad.

    What lies between says neither. Nobody labels the same text twice: the last word counts.
    """
    del options
    said: set[tuple[str, str]] = set()
    kept: dict[str, list[tuple[Answer, bool]]] = {}
    for record in sorted(group, key=lambda one: (one.at, one.revision, one.id), reverse=True):
        for one, label in labelled(record):
            about = (record.rater or record.id, one.text)
            if about not in said:
                said.add(about)
                kept.setdefault(record.id, []).append((one, label))
    for record in group:
        found = kept.get(record.id, [])
        if not found:
            lost["says of no answer that it is good or bad"] += 1
        for one, label in found:
            yield {
                "prompt": as_messages(record.context),
                "completion": [{"role": "assistant", "content": one.text}],
                "label": label,
                **answer("completion", record, one),
                "all_bad": record.outcome == "all_bad",
                **beside(record, len(found), round(record.weight / len(found), DIGITS)),
            }


def labelled(record: Record) -> Iterator[tuple[Answer, bool]]:
    """Yield the answers that a judgment says are good or bad."""
    if record.outcome == "all_bad":
        yield from ((one, False) for one in record.answers)
        return
    used = sorted({one.tier for one in record.answers if one.tier is not None})
    if len(used) > 1:
        for one in record.answers:
            if one.tier in (used[0], used[-1]) and one.tier != record.loose:
                yield one, one.tier == used[0]


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a ranking, good before bad, for the rows that name the same judgment.

    Rows that name none are one answer alone, which is no comparison: they are counted, and left out.
    """
    for number, group in together(found):
        try:
            yield _record(group, number)
        except Unusable as reason:
            lost[str(reason)] += len(group)


def _record(group: Sequence[Plain], number: int) -> Record:
    if any(not isinstance(row.get("label"), bool) for row in group):
        raise Unusable("a label that is neither true nor false")
    contexts = [_context(row) for row in group]
    if any(other != contexts[0] for other in contexts):
        raise Unusable("rows of one judgment with several questions")
    choices = distinct(
        choice("completion", row, _text(row.get("completion")), 1 if row["label"] else 2) for row in group
    )
    bad = all(row.get("all_bad") is True for row in group)
    if len({one.tier for one in choices}) < 2 and not bad:  # noqa: PLR2004  one better than the other
        raise Unusable("answers that are compared with none")
    if bad:
        choices = [replace(one, tier=None) for one in choices]
    facts = told(group[0])
    facts["loose"] = None
    outcome: Outcome = "all_bad" if bad else "ranked"
    return record_of(Verdict(context=contexts[0], choices=choices, number=number, outcome=outcome, **facts))


def _context(row: Plain) -> list[Said]:
    prompt = row.get("prompt")
    return [Said(role="user", text=prompt)] if isinstance(prompt, str) else messages(prompt)


def _text(completion: object) -> str:
    return completion if isinstance(completion, str) else one_answer(completion)


FORMAT = Format(
    name="trl-unpaired",
    shape={
        "prompt": MESSAGES,
        "completion": MESSAGES,
        "label": bool,
        **answer_shape("completion"),
        "all_bad": bool,
        **SHAPE,
    },
    rows=rows,
    read=read,
    loses="comparisons with and among the answers between the best and the worst tier, ratings, surfaces, and how answers were drawn",
    about={
        "prompt": "the messages before the answer",
        "completion": "the answer",
        "label": "whether it was in the best tier (true) or in the worst (false)",
        "all_bad": "the rater found all answers bad",
        **ABOUT,
        "n_pairs": "how many answers that judgment labels",
    },
)
