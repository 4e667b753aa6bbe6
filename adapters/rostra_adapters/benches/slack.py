"""What the Slack adapter costs: events a second and acknowledgements, through the whole bot and through bare slack_bolt.

Both answer each mention with one message in its thread, over Socket Mode, from a Slack in another process. The bot has a
canned model, rules moderation, history and limits; bare slack_bolt echoes. Rates are by processor time of the contender's
process, in which nothing else runs, except with durability on, where waiting for the disk is the point: see
``docs/why/adapters.md``.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from rostra.benches.report import percentile

from .told import told
from .whole import whole_bot

EVENTS, QUICK = 1_000, 150
ANSWER = "One more than you said."
WINDOW = 50
"""Questions at once."""
WARM = 200
"""Questions before the measuring begins: roles, channels and code are known from there on."""
ROUNDS = 5

Where: TypeAlias = Mapping[str, str]
Contender: TypeAlias = Callable[[Where], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Events a second by processor and by clock, the seconds until each was acknowledged, and MB at most."""

    by_processor: float
    by_clock: float
    acknowledged: tuple[float, ...]
    memory: float


async def measure(quick: bool) -> Mapping[str, float]:  # noqa: FBT001  what the bench of all adapters calls
    """Return figures by name: ``…_per_second``, ``…_ms``, ``…_mb``, and ratios ``…_vs_…``.

    Raises `ModuleNotFoundError` without slack_bolt.
    """
    import_module("slack_bolt")
    events, rounds = (QUICK, 1) if quick else (EVENTS, ROUNDS)
    measured = [await _round(events, number) for number in range(rounds)]
    figures = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    burst = await run("durable", events, events)
    return figures | {
        "slack_burst_ack_p50_ms": _ms(burst, 50),
        "slack_burst_ack_p99_ms": _ms(burst, 99),
    }


async def _round(events: int, number: int) -> Mapping[str, float]:
    """Measure each once, one right after the other: what slows the machine down slows all of them."""
    names = list(CONTENDERS)
    first = number % len(names)  # nobody is always the one to follow another
    runs = {name: await run(name, events, WINDOW) for name in names[first:] + names[:first]}
    theirs, pooled = runs["bare"], runs["bare_with_session"]
    ours, streamed, kept = runs["in_memory"], runs["streaming"], runs["durable"]
    return {
        "slack_per_second": ours.by_processor,
        "slack_streamed_per_second": streamed.by_processor,
        "slack_durable_per_second": kept.by_clock,
        "bare_bolt_per_second": theirs.by_processor,
        "bare_bolt_with_session_per_second": pooled.by_processor,
        "slack_ack_p50_ms": _ms(kept, 50),
        "slack_ack_p99_ms": _ms(kept, 99),
        "slack_memory_ack_p50_ms": _ms(ours, 50),
        "slack_memory_ack_p99_ms": _ms(ours, 99),
        "bare_bolt_ack_p50_ms": _ms(theirs, 50),
        "bare_bolt_ack_p99_ms": _ms(theirs, 99),
        "slack_peak_memory_mb": max(ours.memory, kept.memory),
        "slack_vs_bare_bolt": ours.by_processor / theirs.by_processor,
        "slack_vs_bare_bolt_with_session": ours.by_processor / pooled.by_processor,
        "slack_vs_bare_bolt_by_clock": ours.by_clock / theirs.by_clock,
    }


def _ms(of: Run, percent: int) -> float:
    return percentile(of.acknowledged, percent) * 1000


async def run(name: str, events: int, window: int) -> Run:
    """Let the contender of this name answer ``events`` questions, ``window`` at once."""
    async with (
        told("slack_load") as load,
        told("contender", "slack", name, json.dumps(load.first)) as contender,
    ):
        await load.tell(f"{WINDOW} {WARM}")
        before = await contender.tell("taken")
        done = await load.tell(f"{window} {events}")
        after = await contender.tell("taken")
    return Run(
        by_processor=events / (after["processor"] - before["processor"]),
        by_clock=events / done["seconds"],
        acknowledged=tuple(done["acknowledged"]),
        memory=after["memory"],
    )


@asynccontextmanager
async def bare(where: Where) -> AsyncGenerator[None]:
    """Run slack_bolt as its own examples do."""
    from slack_sdk.web.async_client import AsyncWebClient

    async with _bolt(where, AsyncWebClient(where["bot_token"], base_url=where["api"])):
        yield


@asynccontextmanager
async def bare_with_session(where: Where) -> AsyncGenerator[None]:
    """Run slack_bolt with connections that are kept open between calls, as our adapter does."""
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(where["bot_token"], base_url=where["api"], session=session)
        async with _bolt(where, client):
            yield


@asynccontextmanager
async def _bolt(where: Where, client: Any) -> AsyncGenerator[None]:
    from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
    from slack_bolt.async_app import AsyncApp

    app: Any = AsyncApp(client=client)

    async def echo(event: dict[str, Any], say: Callable[..., Awaitable[Any]]) -> None:
        await say(ANSWER, thread_ts=event["ts"])

    app.event("app_mention")(echo)
    handler: Any = AsyncSocketModeHandler(app, where["app_token"])
    await handler.connect_async()
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def in_memory(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot; nothing is kept, answers arrive whole."""
    async with whole_bot(_adapter(where, stream="off"), ANSWER):
        yield


@asynccontextmanager
async def streaming(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot with native streams: two calls for each answer, and a status."""
    async with whole_bot(_adapter(where, stream="native"), ANSWER):
        yield


@asynccontextmanager
async def durable(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot on SQLite: everything is on disk before it is acknowledged."""
    async with whole_bot(_adapter(where, stream="off"), ANSWER, durable=True):
        yield


def _adapter(where: Where, *, stream: str) -> Mapping[str, object]:
    return {"kind": "slack", **where, "stream": stream}


CONTENDERS: Mapping[str, Contender] = {
    "bare": bare,
    "in_memory": in_memory,
    "bare_with_session": bare_with_session,
    "streaming": streaming,
    "durable": durable,
}
"""In this order, so that the two that are compared follow one another."""
