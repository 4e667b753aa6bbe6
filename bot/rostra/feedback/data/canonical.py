"""The canonical form: one judgment a row, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .formats import Format, Options
from .lines import encoded
from .record import (
    SHAPE,
    Answer,
    DatasetError,
    Plain,
    Record,
    from_plain,
    moment,
    plain_answer,
    shared,
    to_plain,
)


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield the records as they are."""
    del options, lost
    yield from map(to_plain, group)


def lines(group: Sequence[Record]) -> Iterator[bytes]:
    """Yield the same as lines of JSON; texts that several judgments share are written out once."""
    context, said = None, ""
    answers: dict[tuple[Any, ...], tuple[str, str]] = {}
    written: dict[int, str] = {}  # by identity: the records keep the answers as long as this is used
    for record in group:
        if record.context is not context:
            context = record.context
            said = encoded([{"role": one.role, "text": one.text, "author": one.author} for one in context])
        for one in record.answers:
            if id(one) not in written:
                written[id(one)] = _answer(one, answers)
        listed = ",".join([written[id(one)] for one in record.answers])
        plain: Plain = {name: getattr(record, name) for name in _BEHIND}
        plain["at"] = moment(record.at)
        if record.ratings:
            plain["ratings"] = to_plain(record)["ratings"]
        names = f'"id":{encoded(record.id)},"batch":{encoded(record.batch)},"prompt":{encoded(record.prompt)}'
        text = f'{{{names},"context":{said},"answers":[{listed}],{encoded(plain)[1:]}\n'
        yield text.encode("utf-8", "replace")


def _answer(one: Answer, known: dict[tuple[Any, ...], tuple[str, str]]) -> str:
    key = shared(one)
    if key not in known:
        # Within a text there is a backslash before each quotation mark: this is the column.
        head, tier, tail = encoded({**plain_answer(one), "tier": None}).partition('"tier":null')
        known[key] = (f"{head}{tier[:-4]}", tail)
    head, tail = known[key]
    return f"{head}{'null' if one.tier is None else one.tier}{tail}"


_BEHIND = tuple(name for name in SHAPE if name not in {"id", "batch", "prompt", "context", "answers"})


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield the records. Rows that are none are counted."""
    for row in found:
        try:
            yield from_plain(row)
        except DatasetError:
            lost["no canonical record"] += 1


FORMAT = Format(
    name="canonical",
    shape=SHAPE,
    rows=rows,
    lines=lines,
    read=read,
    loses="nothing",
    about={
        "context": "what was said before the answers; its last line is the question",
        "answers": "the answers in the order in which this rater saw them; `tier` 1 is the best, equal tiers are a tie, none was not compared",
        "loose": "the tier whose answers were not compared with one another",
        "outcome": "`ranked`, `all_bad`, `skipped` or `flagged`",
        "rater": "a pseudonym of this export alone",
        "propensity": "the probability with which the question was picked; none where it was drawn uniformly",
        "weight": "what the judgment weighs",
    },
)
