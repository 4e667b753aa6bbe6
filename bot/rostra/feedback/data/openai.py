"""The preference form of OpenAI's fine-tuning: an input, and one preferred and one non-preferred message.

https://platform.openai.com/docs/guides/direct-preference-optimization; others read it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .formats import Format, Options
from .made import MESSAGES, Choice, Unusable, Verdict, as_messages, messages, one_answer, record_of
from .pairs import expanded
from .record import Plain, Record, is_object


def rows(group: Sequence[Record], options: Options, lost: Counter[str]) -> Iterator[Plain]:
    """Yield one row a pair; ties are left out."""
    for pair in expanded(group, options.pairs):
        if any(one.role == "tool" for one in pair.record.context):
            lost["a tool's line"] += 1
            continue
        yield {
            "input": {
                "messages": as_messages(pair.record.context),
                "tools": [],
                "parallel_tool_calls": True,
            },
            "preferred_output": [{"role": "assistant", "content": pair.better.text}],
            "non_preferred_output": [{"role": "assistant", "content": pair.worse.text}],
        }


def read(found: Iterable[Plain], lost: Counter[str]) -> Iterator[Record]:
    """Yield a judgment of two answers a row."""
    for number, row in enumerate(found):
        try:
            asked = row.get("input")
            better, worse = (
                one_answer(row.get("preferred_output")),
                one_answer(row.get("non_preferred_output")),
            )
            choices = (Choice(text=better, tier=1), Choice(text=worse, tier=2, slot=1))
            context = messages(asked.get("messages") if is_object(asked) else None)
            yield record_of(Verdict(context=context, choices=choices, number=number))
        except Unusable as reason:
            lost[str(reason)] += 1


FORMAT = Format(
    name="openai",
    shape={
        "input": {"messages": MESSAGES, "tools": [str], "parallel_tool_calls": bool},
        "preferred_output": MESSAGES,
        "non_preferred_output": MESSAGES,
    },
    rows=rows,
    read=read,
    loses="raters, ties, strength, which pairs belong together, models and times",
    about={
        "input": "the messages before the answer",
        "preferred_output": "the better answer",
        "non_preferred_output": "the worse answer",
    },
    kinds=("jsonl",),
)
