r"""Anthropic's HH form: whole conversations as text, the better one and the worse one.

``"\n\nHuman: … \n\nAssistant: …"``, as in https://huggingface.co/datasets/Anthropic/hh-rlhf.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .formats import Format, Options
from .made import Choice, Unusable, Verdict, record_of
from .pairs import expanded
from .record import Plain, Record, Said

NAMES = {"user": "Human", "assistant": "Assistant"}
TURN = re.compile(r"\n\n(Human|Assistant):")


def transcript(lines: Sequence[Said]) -> str:
    """Return a conversation as text. Raises `Unusable` for what would be read back as another one."""
    spoken = [one for one in lines if one.role != "system"]
    if any(one.role not in NAMES for one in spoken):
        raise Unusable("a tool's line")
    if len(spoken) < 2:  # noqa: PLR2004  a question and an answer
        raise Unusable("no question")
    text = "".join(f"\n\n{NAMES[one.role]}: {one.text}" for one in spoken)
    if len(TURN.findall(text)) != len(spoken):
        raise Unusable("a text with a turn in it")
    return text


def turns(text: object) -> list[Said]:
    """Return the conversation that a transcript tells. Raises `Unusable`."""
    if not isinstance(text, str) or not TURN.match(text):
        raise Unusable("no transcript")
    pieces = TURN.split(text)[1:]
    return [
        Said(role="user" if who == "Human" else "assistant", text=said.removeprefix(" "))
        for who, said in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield one row a pair; ties are left out."""
    for pair in expanded(group, options.pairs):
        try:
            context = pair.record.context
            yield {
                "chosen": transcript([*context, Said(role="assistant", text=pair.better.text)]),
                "rejected": transcript([*context, Said(role="assistant", text=pair.worse.text)]),
            }
        except Unusable as reason:
            lost[str(reason)] += 1


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a judgment of two answers a row."""
    for number, row in enumerate(found):
        try:
            yield compared(turns(row.get("chosen")), turns(row.get("rejected")), number)
        except Unusable as reason:
            lost[str(reason)] += 1


def compared(chosen: Sequence[Said], rejected: Sequence[Said], number: int) -> Record:
    """Return the judgment that one conversation is better than another, which differs in its last line. Raises `Unusable`."""
    if list(chosen[:-1]) != list(rejected[:-1]):
        raise Unusable("conversations that differ before the answer")
    if not chosen or not rejected or {chosen[-1].role, rejected[-1].role} != {"assistant"}:
        raise Unusable("a conversation that does not end with the assistant")
    choices = (Choice(text=chosen[-1].text, tier=1), Choice(text=rejected[-1].text, tier=2, slot=1))
    return record_of(Verdict(context=chosen[:-1], choices=choices, number=number))


FORMAT = Format(
    name="hh",
    shape={"chosen": str, "rejected": str},
    rows=rows,
    read=read,
    loses="raters, ties, strength, which pairs belong together, models, times, and lines of the system",
    about={"chosen": "the conversation with the better answer", "rejected": "the one with the worse answer"},
)
