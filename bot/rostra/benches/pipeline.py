"""What the pipeline costs: messages a second on one core, added latency, memory, and what durability costs.

The load is 10,000 short messages over 500 places, each place asking its next question once its last was answered:
canned model, rules moderation, limits, in-memory history. Rates are by processor time, so that neighbours on the
machine do not count, except with durability on, where waiting for the disk is the point.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..actions import Action, Address, Capabilities, Finish, Receipt
from ..app import App, open_app
from ..config import Settings, load
from ..events import Message
from ..garbage import collect_seldom
from ..places import Person, Place
from ..protocols import Accept
from .commits import raw_commits
from .report import Report, figure, machine, peak_mb, peer_python, percentile

PLACES = 500
MESSAGES = 10_000
SENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Null:
    """An adapter whose platform does nothing at once."""

    name: str = "null"
    capabilities: Capabilities = field(default_factory=Capabilities)
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict[str, asyncio.Future[None]])
    answers: int = 0

    async def run(self, accept: Accept) -> None:  # noqa: ARG002  the bench calls it directly
        await asyncio.Event().wait()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Finish):
            self.answers += action.ending == "stop"
            answered = self.waiting.pop(address.question)
            if not answered.done():  # nobody waits any more once the measuring is over
                answered.set_result(None)
        return Receipt(shown=(key,))

    async def ask(self, accept: Accept, place: int, number: int) -> None:
        """Ask a question and return once it is answered."""
        message = Message(
            id=f"{place}-{number}",
            place=Place(adapter=self.name, workspace="bench", channel=str(place)),
            author=Person(id=str(place)),
            text=f"What is {number} plus one?",
            sent_at=SENT,
        )
        answered = self.waiting[message.id] = asyncio.get_running_loop().create_future()
        await accept(message)
        await answered


async def bench(*, quick: bool = False) -> Report:
    """Run it all. ``quick`` measures a tenth of the messages, once."""
    collect_seldom()
    messages, rounds = (MESSAGES // 10, 1) if quick else (MESSAGES, 5)
    missing: list[str] = []
    peer = peer_python("nonebot")
    if peer is None:
        missing.append("nonebot2")
    await _rate(messages // 10, "memory:")  # warm up
    measured = [await _round(messages, peer) for _ in range(rounds)]
    middle = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    latencies = await _latencies(messages // 5)
    figures = {
        f"added_p{percent}_ms": figure(percentile(latencies, percent) * 1000, "ms")
        for percent in (50, 95, 99)
    }
    figures |= {name: figure(value, "1/s") for name, value in middle.items() if not name.startswith("ratio:")}
    figures["peak_memory_mb"] = figure(peak_mb(), "MB")
    ratios = {
        name.removeprefix("ratio:"): round(value, 2)
        for name, value in middle.items()
        if name.startswith("ratio:")
    }
    lag = await _loop_lag(2.0 if quick else 15.0)
    if lag is None:
        missing.append("the embedded model (rostra model pull embedded)")
    else:
        figures["loop_lag_p99_ms"] = figure(percentile(lag, 99) * 1000, "ms")
    return Report(bench="pipeline", machine=machine(), figures=figures, ratios=ratios, missing=missing)


async def _round(messages: int, peer: Path | None) -> dict[str, float]:
    """Measure each thing once, one right after the other: what slows the machine down slows all of them."""
    ours = await _rate(messages, "memory:")
    got = {"messages_per_second": ours}
    if peer is not None:
        theirs = _nonebot(peer, messages)
        got |= {
            "nonebot2_messages_per_second": theirs,
            "ratio:messages_per_second_vs_nonebot2": ours / theirs,
        }
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        raw = raw_commits(Path(folder) / "raw.db", messages // 10)
        durable = await _rate(messages, f"sqlite:///{folder}/rostra.db", by_wall=True)
    return got | {
        "durable_messages_per_second": durable,
        "raw_full_commits_per_second": raw,
        "ratio:durable_vs_raw_commits": durable / raw,
    }


@asynccontextmanager
async def _open(url: str, data: Path, null: Null, model: dict[str, Any]) -> AsyncGenerator[App]:
    settings = Settings.model_validate(
        {
            "data": data,
            "models": {"model": model},
            "moderators": {"rules": {"kind": "rules"}},
            "storage": {"url": url},
            "limits": {"per_person_per_minute": 10**9, "per_place_per_minute": 10**9, "burst": 10**9},
        }
    )
    async with open_app(settings, adapters={null.name: null}) as app, AsyncExitStack() as stack:
        running = asyncio.ensure_future(app.run())
        stack.push_async_callback(_stopped, app, running)
        yield app


async def _stopped(app: App, running: asyncio.Future[None]) -> None:
    app.stop()
    await running


CANNED = {"kind": "canned", "otherwise": "One more than you said.", "piece": 100}


async def _rate(messages: int, url: str, *, by_wall: bool = False) -> float:
    null = Null()
    clock = time.perf_counter if by_wall else time.process_time

    async def place(app: App, number: int) -> None:
        for question in range(messages // PLACES):
            await null.ask(app.reception.accept, number, question)

    with tempfile.TemporaryDirectory() as folder:
        async with _open(url, Path(folder), null, CANNED) as app:
            start = clock()
            await asyncio.gather(*(place(app, number) for number in range(PLACES)))
            await app.reception.drain()
            seconds = clock() - start
    asked = messages // PLACES * PLACES
    if null.answers != asked:
        raise RuntimeError(f"{null.answers} of {asked} questions were answered")
    return asked / seconds


async def _latencies(messages: int) -> list[float]:
    """Return the seconds from an event to its answer, of questions asked one after another."""
    null = Null()
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with _open("memory:", Path(folder), null, CANNED) as app:
            for number in range(messages):
                start = time.perf_counter()
                await null.ask(app.reception.accept, number % PLACES, number)
                took.append(time.perf_counter() - start)
    return took


def _nonebot(python: Path, messages: int) -> float:
    script = Path(__file__).parent / "peers" / "nonebot_echo.py"
    done = subprocess.run(  # noqa: S603  the operator's own interpreter and our own script
        [python, script, str(messages), str(PLACES)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


async def _loop_lag(seconds: float) -> list[float] | None:
    """Return how late the loop woke up, every 5 ms, while the embedded model answered one question after another."""
    data = load().data
    if not (data / "models" / "embedded").is_dir():
        return None
    null = Null()
    late: list[float] = []
    async with _open("memory:", data, null, {"kind": "local"}) as app:
        await null.ask(app.reception.accept, 0, 0)  # loads the model
        busy = asyncio.ensure_future(_ask_forever(null, app))
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            late.append(max(0.0, time.perf_counter() - due))
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    return late


async def _ask_forever(null: Null, app: App) -> None:
    for number in itertools.count(1):
        await null.ask(app.reception.accept, 0, number)
