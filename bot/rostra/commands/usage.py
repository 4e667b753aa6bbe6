"""``/usage``: what was used, by whom, where, or of what."""

from __future__ import annotations

from collections.abc import Sequence

from ..command import Call, Option, command
from ..places import Permission
from ..quotas import money
from ..spending import DIMENSIONS, Dimension, Spent
from ..views import Table, Text, View, text
from ..windows import WINDOWS, begin_of, end_of, window_called
from .choosing import one_of

LISTED = 50


@command(
    "usage",
    help="Show what was used here: messages, tokens and money",
    options=[
        Option(
            name="window",
            help="this hour, day, week or month; by default, this month",
            choices=one_of(*WINDOWS),
        ),
        Option(
            name="by",
            help="person, model, channel or answerer; by default, model",
            choices=one_of(*DIMENSIONS),
        ),
    ],
    permission=Permission.OPERATOR,
)
async def usage(call: Call) -> View | str:
    """List what was used in this workspace since the window began."""
    try:
        window = window_called(call.options.get("window", "month"))
        by = dimension(call.options.get("by", "model"))
    except ValueError as error:
        return f"That does not work: {error}."
    quotas = call.desk.quotas
    now = quotas.clock.now()
    since = begin_of(window, now)
    found = await quotas.spendings.spent(since, end_of(window, now), by, call.place)
    if not found:
        return text(f"Nothing was used here in this {window}.", private=True)
    rows = tuple(row(one) for one in found[:LISTED])
    header = (by.capitalize(), "Messages", "Tokens read", "Tokens written", "Money")
    total = row(together(found))[1:]
    table = Table(header=header, rows=(*rows, ("Together", *total)))
    return View(parts=(Text(text=f"Since {since:%Y-%m-%d %H:%M} UTC"), table), private=True)


def dimension(text_: str) -> Dimension:
    """Return what to add up by. Raises `ValueError`."""
    for one in DIMENSIONS:
        if one == text_:
            return one
    raise ValueError(f"{text_[:40]!r} is nothing to add up by; there are: {', '.join(DIMENSIONS)}")


def row(one: Spent) -> tuple[str, ...]:
    """Return ``one`` as a row of a table."""
    return (
        one.name or "gone",
        f"{one.messages:,}",
        f"{one.prompt:,}",
        f"{one.completion:,}",
        money(one.cost),
    )


def together(found: Sequence[Spent]) -> Spent:
    """Return all of it added up."""
    return Spent(
        name="",
        messages=sum(one.messages for one in found),
        prompt=sum(one.prompt for one in found),
        completion=sum(one.completion for one in found),
        cost=sum(one.cost for one in found),
    )
