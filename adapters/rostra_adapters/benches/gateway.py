"""What the gateway costs: requests a second, and the time it adds to an answer's first text.

In front of the same canned model, which answers at once, stand in turn nobody, `rostra serve` with rules only, with rules
and the classifier, with rules and everything in SQLite, and LiteLLM's proxy. Model, server and clients have a process each.
Every contender gets the same clients, and in every round all have their turn, one right after the other.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass

from rostra.benches.report import Figure, Report, figure, machine, percentile

from . import gateway_served as served
from .gateway_load import Task
from .gateway_served import Server
from .gateway_upstream import MODEL
from .told import Told, told

STREAMS: Mapping[int, int] = {1: 40, 32: 96, 256: 256}
"""How many streams are measured in a round, by how many run at once."""
REQUESTS, AT_ONCE = 320, 32
"""Requests without a stream, and how many at once."""
ROUNDS = 3
WARM = 64
QUICK = 4
"""What a quick run divides by, but for the 256 streams at once."""

DIRECT, LITELLM = "direct", "litellm"
OURS: Mapping[str, tuple[Sequence[str], bool]] = {
    "rules": (("rules",), False),
    "classifier": (("rules", "classifier"), False),
    "rules_durable": (("rules",), True),
}
"""Our contenders: their moderators, and whether all is kept on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: ``streams`` by how many run at once."""

    streams: Mapping[int, int]
    requests: int
    rounds: int


async def bench(*, quick: bool = False) -> Report:
    """Run it all. ``quick`` measures a quarter of it, once.

    Raises `RuntimeError` if a server does not come up, or answers something else than the model did.
    """
    full = Size(streams=STREAMS, requests=REQUESTS, rounds=ROUNDS)
    fewer = {at_once: max(at_once, number // QUICK) for at_once, number in STREAMS.items()}
    size = Size(streams=fewer, requests=REQUESTS // QUICK, rounds=1) if quick else full
    missing: list[str] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(served.ended_in_order())
        upstream = await stack.enter_async_context(told("gateway_upstream"))
        load = await stack.enter_async_context(told("gateway_load"))
        where: int = upstream.first["port"]
        servers = {DIRECT: Server(port=where, pid=upstream.first["pid"], model=MODEL)}
        for name, opened in contenders(where, missing).items():
            servers[name] = await stack.enter_async_context(opened)
        rounds = await _rounds(load, servers, size)
        memory = {name: served.cost(server.pid) for name, server in servers.items()}
    if None in memory.values():
        missing.append("memory and processor time: this system has no /proc")
    middle = _medians(rounds)
    figures = dict(_figures(middle))
    figures |= {
        f"peak_memory_mb_{name}": figure(one.memory, "MB") for name, one in memory.items() if one is not None
    }
    return Report(
        bench="gateway",
        machine=machine(),
        figures=figures,
        ratios={name: round(value, 2) for name, value in _ratios(rounds).items()},
        missing=missing,
    )


def contenders(upstream: int, missing: list[str]) -> Mapping[str, AbstractAsyncContextManager[Server]]:
    """Return who stands in front of the model, not opened yet; a peer that is not here is named in ``missing``."""
    found: dict[str, AbstractAsyncContextManager[Server]] = {
        name: served.rostra(upstream, moderators=moderators, durable=durable)
        for name, (moderators, durable) in OURS.items()
    }
    python = served.peer()
    if python is None:
        missing.append("litellm[proxy]")
    else:
        found[LITELLM] = served.litellm(upstream, python)
    return found


async def _rounds(load: Told, servers: Mapping[str, Server], size: Size) -> Sequence[Mapping[str, float]]:
    """Measure each as often as ``size`` says; nobody is always the one to follow another."""
    for server in servers.values():
        await _asked(load, server, WARM, AT_ONCE, streamed=True)
        await _asked(load, server, WARM, AT_ONCE, streamed=False)
    names = list(servers)
    rounds: list[Mapping[str, float]] = []
    for number in range(size.rounds):
        first = number % len(names)
        got: dict[str, float] = {}
        for name in names[first:] + names[:first]:
            measured = await measure(load, servers[name], size)
            got |= {f"{figure_}_{name}": value for figure_, value in measured.items()}
        for name in names:
            if name != DIRECT:
                got |= _added(got, name, size)
        rounds.append(got)
    return rounds


async def measure(load: Told, server: Server, size: Size) -> Mapping[str, float]:
    """Measure one server once: figures by name, without its own."""
    asked = await _asked(load, server, size.requests, AT_ONCE, streamed=False)
    got = {"requests_per_second": asked.right / asked.seconds}
    if asked.processor:
        got["requests_per_processor_second"] = asked.right / asked.processor
    for at_once, number in size.streams.items():
        asked = await _asked(load, server, number, at_once, streamed=True)
        got[f"stalled_streams_{at_once}"] = float(asked.stalled)
        got[f"streams_per_second_{at_once}"] = asked.right / asked.seconds
        if len(asked.first) > 1:
            got |= {f"ttft_p{p}_ms_{at_once}": percentile(asked.first, p) * 1000 for p in (50, 99)}
    await served.at_rest(server.pid)
    return got


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What some questions took: seconds by the clock and of the server's processor, and those to each first text."""

    seconds: float
    processor: float
    first: Sequence[float]
    right: int
    stalled: int


async def _asked(load: Told, server: Server, questions: int, at_once: int, *, streamed: bool) -> _Asked:
    task = Task(port=server.port, model=server.model, questions=questions, at_once=at_once, streamed=streamed)
    before = served.cost(server.pid)
    taken = await load.tell(json.dumps(asdict(task)))
    after = served.cost(server.pid)
    if taken["wrong"] or not taken["right"]:
        raise RuntimeError(
            f"{server.model!r} at port {server.port} did not say what the model said: "
            f"{taken['wrong'] or taken['stalled']} of {questions} questions"
        )
    processor = 0.0 if before is None or after is None else after.processor - before.processor
    return _Asked(
        seconds=taken["seconds"],
        processor=processor,
        first=taken["first"],
        right=taken["right"],
        stalled=sum(taken["stalled"].values()),
    )


def _added(got: Mapping[str, float], name: str, size: Size) -> Mapping[str, float]:
    """Return what a server adds to the model's own time to the first text, in the same round."""
    return {
        f"added_ttft_p{p}_ms_{at_once}_{name}": got[theirs] - got[f"ttft_p{p}_ms_{at_once}_{DIRECT}"]
        for at_once in size.streams
        for p in (50, 99)
        if (theirs := f"ttft_p{p}_ms_{at_once}_{name}") in got
    }


def _medians(rounds: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Return the median of every figure over its rounds, but the most stalled streams of all."""
    names = dict.fromkeys(name for one in rounds for name in one)
    return {
        name: (max if name.startswith("stalled_") else statistics.median)(
            [one[name] for one in rounds if name in one]
        )
        for name in names
    }


def _ratios(rounds: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Return our rates against the peer's in the same round: by the clock, and by the server's processor time alone."""
    named = {
        "requests_vs_litellm": ("requests_per_second", "rules"),
        "requests_vs_litellm_by_processor": ("requests_per_processor_second", "rules"),
        "streams_vs_litellm": (f"streams_per_second_{AT_ONCE}", "rules"),
        "requests_vs_litellm_classifier": ("requests_per_second", "classifier"),
        "requests_vs_litellm_rules_durable": ("requests_per_second", "rules_durable"),
    }
    return {
        name: statistics.median(one[f"{rate}_{ours}"] / one[f"{rate}_{LITELLM}"] for one in rounds)
        for name, (rate, ours) in named.items()
        if {f"{rate}_{ours}", f"{rate}_{LITELLM}"} <= rounds[0].keys()
    }


def _figures(middle: Mapping[str, float]) -> Mapping[str, Figure]:
    """Give each its unit, and those that a reader looks for first a name without how many at once."""
    shown = dict(middle)
    for name in (LITELLM, *OURS):
        for percent in (50, 99):
            if (one := f"added_ttft_p{percent}_ms_1_{name}") in middle:
                shown[f"added_ttft_p{percent}_ms_{name}"] = middle[one]
    shown["stalled_streams_256"] = max(middle[f"stalled_streams_256_{name}"] for name in OURS)
    return {name: figure(value, _unit(name)) for name, value in sorted(shown.items())}


def _unit(name: str) -> str:
    if "_ms_" in name:
        return "ms"
    return "" if name.startswith("stalled_") else "1/s"
