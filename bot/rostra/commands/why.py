"""``/why``: the decisions behind an answer."""

from __future__ import annotations

from ..command import Call, Option, command
from ..stores import Explanation
from ..turns import Step
from ..views import Table, Text, View, text


@command(
    "why",
    help="Show why the last answer here is what it is",
    options=[
        Option(name="trace", help="the id that a refusal names; by default, the last answer here"),
        Option(name="message", help="the platform's id of a message that shows an answer"),
    ],
)
async def why(call: Call) -> View | str:
    """Show each decision about a reply: stage, rule, score, threshold, model."""
    trace, message = call.options.get("trace"), call.options.get("message")
    if message and not trace:
        trace = await call.desk.reply_shown(call.place, message)
        if trace is None:
            return text("That is no answer of mine that I still know about.", private=True)
    found = await call.desk.explanation(call.place, trace)
    if found is None:
        return text("I have answered nothing here that I could explain.", private=True)
    return View(
        parts=(Text(text=f"Trace `{found.reply}`, {found.at:%Y-%m-%d %H:%M} UTC"), _table(found)),
        private=True,
    )


def _table(found: Explanation) -> Table:
    rows = ((step.stage, step.what, _facts(step)) for step in found.steps)
    return Table(header=("Stage", "Decision", "Because"), rows=tuple(rows))


def _facts(step: Step) -> str:
    return ", ".join(f"{name} {_fact(value)}" for name, value in step.facts if value != "")


def _fact(value: str | float | bool) -> str:  # noqa: FBT001  a fact to print, not a switch
    return f"{value:.2f}" if isinstance(value, float) else str(value)
