"""``rostra usage``: what was used, in messages, tokens and money."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ..spending import Spent


class Since(StrEnum):
    """A window of the calendar, in UTC."""

    hour = "hour"
    day = "day"
    week = "week"
    month = "month"


class By(StrEnum):
    """What is added up by."""

    person = "person"
    model = "model"
    channel = "channel"
    answerer = "answerer"


def usage(
    window: Annotated[
        Since, typer.Option("--window", help="Since this hour, day, week or month began.")
    ] = Since.month,
    by: Annotated[By, typer.Option("--by", help="What to add up by.")] = By.model,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what was used in all workspaces: messages, tokens and money. People appear by the ids of their platforms.

    Example: rostra usage --window day --by person --json
    """
    from .printing import table

    since, found = run(_spent(config, window, by))
    if as_json:
        rows = [
            {
                by.value: one.name,
                "messages": one.messages,
                "prompt_tokens": one.prompt,
                "completion_tokens": one.completion,
                "cost": one.cost / 1e6,
            }
            for one in found
        ]
        typer.echo(json.dumps({"since": since.isoformat(), "usage": rows}, indent=2))
        return
    from ..commands.usage import row, together

    header = [by.value.capitalize(), "Messages", "Tokens read", "Tokens written", "Money"]
    table(header, [*(row(one) for one in found), ("Together", *row(together(found))[1:])])


async def _spent(config: Path | None, window: Since, by: By) -> tuple[datetime, Sequence[Spent]]:
    from ..clock import SystemClock
    from ..commands.usage import dimension
    from ..windows import begin_of, end_of, window_called

    now = SystemClock().now()
    chosen = window_called(window.value)
    since = begin_of(chosen, now)
    async with store_of(config) as store:
        return since, await store.spent(since, end_of(chosen, now), dimension(by.value), None)
