"""What Discord says of its limits with every response: heard by a trace of aiohttp's, as discord.py keeps it to itself.

Source: https://docs.discord.com/developers/topics/rate-limits#header-format
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import aiohttp

from ..budget import Budget

_MESSAGES = re.compile(r"/channels/([0-9]{1,20})/messages(/[0-9]{1,20})?$")

LONGEST = 300.0
"""Seconds of a limit that are believed."""


def heard_by(budget: Budget) -> aiohttp.TraceConfig:
    """Return a trace that lets ``budget`` cool off where Discord says that a limit is used up, or was passed."""

    async def ended(
        session: aiohttp.ClientSession, context: SimpleNamespace, given: aiohttp.TraceRequestEndParams
    ) -> None:
        del session, context
        found = _MESSAGES.search(given.url.path)
        wait = _wait(given.response)
        if wait is not None and given.response.headers.get("X-RateLimit-Scope") == "global":
            budget.cool_off_everywhere(wait)
        elif found is not None and wait is not None:
            budget.cool_off(purse(found[1], sends=given.method == "POST"), wait)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    return trace


def purse(channel: str, *, sends: bool) -> str:
    """Return what sending to a channel, or changing and deleting in it, counts for: Discord limits them apart."""
    return f"{channel}+" if sends else channel


def _wait(response: aiohttp.ClientResponse) -> float | None:
    if response.status == 429:  # noqa: PLR2004  too many requests
        return _seconds(response.headers.get("Retry-After", ""))
    if response.headers.get("X-RateLimit-Remaining") == "0":
        return _seconds(response.headers.get("X-RateLimit-Reset-After", ""))
    return None


def _seconds(text: str) -> float | None:
    try:
        return min(max(float(text), 0.0), LONGEST)
    except ValueError:
        return None
