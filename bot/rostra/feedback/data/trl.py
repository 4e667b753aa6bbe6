"""TRL's preference form, with messages: what RewardTrainer, DPOTrainer and most others train on.

https://huggingface.co/docs/trl/dataset_formats#preference. RewardTrainer takes ``margin`` into account; no trainer of TRL
takes ``weight`` (so there is ``--pairs``), and further columns are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .columns import ABOUT, SHAPE, answer, answer_shape, choice, distinct, of_pair, of_soft, together, told
from .formats import Format, Options
from .hh import turns
from .made import MESSAGES, Unusable, Verdict, as_messages, messages, one_answer, record_of
from .pairs import expanded, softened
from .record import Answer, Plain, Record, Said


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield one row a pair: of each rater, or of all together. Ties are left out."""
    if options.labels == "soft":
        yield from _soft(group, options, lost)
        return
    for pair in expanded(group, options.pairs):
        row = _row(pair.record, pair.better, pair.worse)
        yield row | {"margin": float(pair.gap), "p": 1.0, "votes": 1} | of_pair(pair)


def _soft(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    for soft in softened(group, options.pairs):
        if soft.share == 0.5:  # noqa: PLR2004  as many for one as for the other
            lost["raters are undecided"] += 1
            continue
        row = _row(soft.record, soft.better, soft.worse)
        yield row | {"margin": max(soft.gap, 0.0), "p": soft.share, "votes": soft.votes} | of_soft(soft)


def _row(record: Record, better: Answer, worse: Answer) -> Plain:
    return {
        "prompt": as_messages(record.context),
        "chosen": [{"role": "assistant", "content": better.text}],
        "rejected": [{"role": "assistant", "content": worse.text}],
        **answer("chosen", record, better),
        **answer("rejected", record, worse),
    }


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a judgment for the rows that name the same one, and for each row that names none.

    Rows may also hold texts (``chosen`` then has the answer, or a whole transcript in the HH form), or whole conversations
    without ``prompt``.
    """
    for number, group in together(found):
        try:
            yield _record(group, number)
        except Unusable as reason:
            lost[str(reason)] += len(group)


def _record(group: Sequence[Plain], number: int) -> Record:
    parts = [_parts(row) for row in group]
    context = parts[0][0]
    if any(other != context for other, _, _ in parts):
        raise Unusable("rows of one judgment with several questions")
    choices = distinct(
        choice(name, row, text, tier)
        for row, (_, better, worse) in zip(group, parts, strict=True)
        for name, text, tier in (("chosen", better, 1), ("rejected", worse, 2))
    )
    places = {one.id or one.text: one.tier or 0 for one in choices}
    for row, (_, better, worse) in zip(group, parts, strict=True):
        named = choice("chosen", row, better, 1), choice("rejected", row, worse, 2)
        if places[named[0].id or better] >= places[named[1].id or worse]:
            raise Unusable("tiers that contradict which answer was chosen")
    facts = told(group[0])
    tiers = [one.tier for one in choices]
    facts["loose"] = facts["loose"] if tiers.count(facts["loose"]) > 1 else None
    return record_of(Verdict(context=context, choices=choices, number=number, **facts))


def _parts(row: Plain) -> tuple[list[Said], str, str]:
    """Return the context and the two answers of a row. Raises `Unusable`."""
    prompt, better, worse = row.get("prompt"), row.get("chosen"), row.get("rejected")
    if isinstance(better, str) and isinstance(worse, str):
        if isinstance(prompt, str):
            return [Said(role="user", text=prompt)], better.removeprefix(prompt), worse.removeprefix(prompt)
        return _split(turns(better), turns(worse))
    if prompt is None:
        return _split(messages(better), messages(worse))
    context = [Said(role="user", text=prompt)] if isinstance(prompt, str) else messages(prompt)
    return context, one_answer(better), one_answer(worse)


def _split(better: Sequence[Said], worse: Sequence[Said]) -> tuple[list[Said], str, str]:
    if not better or better[:-1] != worse[:-1]:
        raise Unusable("conversations that differ before the answer")
    if {better[-1].role, worse[-1].role} != {"assistant"}:
        raise Unusable("a conversation that does not end with the assistant")
    return list(better[:-1]), better[-1].text, worse[-1].text


FORMAT = Format(
    name="trl",
    shape={
        "prompt": MESSAGES,
        "chosen": MESSAGES,
        "rejected": MESSAGES,
        **answer_shape("chosen"),
        **answer_shape("rejected"),
        "margin": float,
        "p": float,
        "votes": int,
        **SHAPE,
    },
    rows=rows,
    read=read,
    loses="answers that stand in no pair, rankings that are one tie, all-bad ballots, ratings, surfaces, and how answers were drawn",
    about={
        "prompt": "the messages before the answer",
        "chosen": "the better answer",
        "rejected": "the worse answer",
        "margin": "how many tiers lie between the two",
        "p": "the share of raters who found `chosen` better, a tie being half a vote; 1 in rows of one rater",
        "votes": "how many raters compared the two, in this row",
        **ABOUT,
    },
    soft=True,
)
