"""What ranked feedback costs: ballots stored a second, a dataset frozen and exported, a leaderboard of many models.

Ballots are stored durably in SQLite, `AT_ONCE` at a time, each handed out before. Those that are there only to be exported are
put there a thousand tasks at a time, past the queue. Freezing and exporting run in a process of their own, so that the peak
of memory is theirs alone; by how much a row costs more among many is told by processor time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from ..clock import SystemClock
from ..feedback.values import (
    Assignment,
    Batch,
    Campaign,
    Candidate,
    ConsentEvent,
    ConsentScope,
    Judgment,
    Line,
    Permit,
    Stored,
    Task,
    new_id,
)
from ..garbage import collect_seldom
from ..places import Person, Place
from ..storage import batches, open_store
from ..storage.feedback import SqlFeedback
from ..storage.feedback_tables import assignment
from ..storage.judgments import judge
from ..storage.people import Scope
from ..storage.tasks import add_tasks
from ..stores import Store
from .report import Figure, Report, figure, machine, peak_mb

T = TypeVar("T")

PLACE = Place(adapter="console", workspace="bench", channel="bench")
RATERS = 16
OVERLAP = 3
K = 4
AT_ONCE = 64
PORTION = 3_000
SENT = datetime(2026, 1, 1, tzinfo=UTC)
MODELS = 50
WORDS = ("river", "castle", "number", "garden", "winter", "engine", "letter", "planet", "silver", "market")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: judgments, the first ``few`` of which are timed and exported alone, and ballots of the leaderboard."""

    judgments: int = 1_000_000
    few: int = 10_000
    ballots: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A campaign in a store with raters who agreed to everything."""

    store: Store
    campaign: Campaign
    raters: tuple[str, ...]

    async def handed_out(self, first: int, tasks: int) -> list[Assignment]:
        """Add ``tasks`` tasks, numbered from ``first``, and put each into the hands of `OVERLAP` raters."""
        found: list[Assignment] = []

        async def one(number: int) -> None:
            task = await self._asked(number)
            for turn in range(OVERLAP):
                rater = self.raters[(number + turn) % RATERS]
                held = await self.store.lease(self.campaign.id, rater, task=task, seed=number)
                if held is None:
                    raise RuntimeError(f"task {task!r} was not handed out")
                found.append(held)

        await _all(one, range(first, first + tasks))
        return found

    async def judge(self, held: Iterable[Assignment]) -> None:
        """Store what raters say about ballots in their hands."""

        async def one(ballot: Assignment) -> None:
            await self.store.judge(said(ballot))

        await _all(one, held)

    async def _asked(self, number: int) -> str:
        batch, candidates, task = self.made(number)
        await self.store.add_batch(batch, candidates, [task])
        return task.id

    def made(self, number: int) -> tuple[Batch, Sequence[Candidate], Task]:
        """Return a question, answers to it and the task to rank them; the same for the same number, but for their ids."""
        chance = Random(number)  # noqa: S311  no secret

        def text(words: int) -> str:
            return " ".join(f"{chance.choice(WORDS)}{chance.randrange(10_000)}" for _ in range(words))

        batch = Batch(
            id=new_id(), place=PLACE, asker="", context=(Line(role="user", text=f"{text(8)}?"),), at=SENT
        )
        candidates = [
            Candidate(id=new_id(), batch=batch.id, ordinal=slot, text=text(20), answerer=f"model-{slot}")
            for slot in range(K)
        ]
        task = Task(
            id=new_id(),
            campaign=self.campaign.id,
            batch=batch.id,
            candidates=tuple(one.id for one in candidates),
            required=OVERLAP,
        )
        return batch, candidates, task


def said(ballot: Assignment) -> Judgment:
    """Return a ranking in an order of chance."""
    order = list(ballot.shown_order)
    Random(ballot.id).shuffle(order)  # noqa: S311  no secret
    return Judgment(
        id=new_id(),
        assignment=ballot.id,
        task=ballot.task,
        person=ballot.person,
        outcome="ranked",
        shown_order=ballot.shown_order,
        at=SENT,
        tiers=tuple((candidate,) for candidate in order),
        duration_ms=20_000,
        surface="bench",
    )


async def _all(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do ``work`` on all items, `AT_ONCE` of them at a time."""
    waiting = iter(items)

    async def go_on() -> None:
        for item in waiting:
            await work(item)

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


async def begun(store: Store) -> Poll:
    """Begin a campaign whose raters agreed to everything."""
    campaign = Campaign(id=new_id(), name="bench", place=PLACE, k=K, overlap=OVERLAP)
    await store.save_campaign(campaign)
    raters = [await store.pseudonym(PLACE.adapter, Person(id=f"rater-{at}")) for at in range(RATERS)]
    await store.permit(
        Permit(id=new_id(), kind="workspace", place=PLACE, granted=True, evidence="bench", at=SENT)
    )
    scopes: tuple[ConsentScope, ...] = ("rate", "train")
    for person in raters:
        for scope in scopes:
            await store.consent(
                ConsentEvent(
                    id=new_id(),
                    person=person,
                    place=PLACE,
                    scope=scope,
                    granted=True,
                    notice_version="1",
                    evidence="bench",
                    at=SENT,
                )
            )
    return Poll(store=store, campaign=campaign, raters=tuple(raters))


async def bench(*, quick: bool = False) -> Report:
    """Run it all; ``quick``: 9,000 judgments and a leaderboard of 10,000 ballots, without saying anything of larger ones."""
    size = Size(judgments=9_000, few=3_000, ballots=10_000) if quick else Size()
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        async with opened(folder) as store:
            poll = await begun(store)
            seconds = await filled(poll, 0, size.few)
            figures["ballots_per_second"] = figure(size.few / seconds, "1/s")
        few = exported_apart(folder, "few")
        async with opened(folder) as store:
            await stocked(replace(poll, store=store), size.few, size.judgments)
        many = exported_apart(folder, "many")
    seconds = many["freeze_seconds"] + many["export_seconds"]
    growth = (many["processor_seconds"] / many["rows"]) / (few["processor_seconds"] / few["rows"])
    figures["export_rows"] = figure(many["rows"], "")
    figures["freeze_seconds"] = figure(many["freeze_seconds"], "s")
    figures["export_seconds"] = figure(many["export_seconds"], "s")
    figures["export_rows_per_second"] = figure(many["rows"] / seconds, "1/s")
    figures["export_processor_seconds"] = figure(many["processor_seconds"], "s")
    figures["export_cost_growth"] = figure(growth, "")
    figures["export_peak_mb"] = figure(many["peak_mb"], "MB")
    measure_leaderboard(size.ballots, figures)
    return Report(bench="feedback", machine=machine(), figures=figures, ratios={}, missing=[])


async def filled(poll: Poll, first: int, last: int) -> float:
    """Store judgments of number ``first`` up to ``last``, and return the seconds that storing them took, once handed out."""
    took = 0.0
    tasks = range(-(-first // OVERLAP), -(-last // OVERLAP))
    portion = PORTION // OVERLAP
    for start in range(tasks.start, tasks.stop, portion):
        held = await poll.handed_out(start, min(portion, tasks.stop - start))
        began = time.perf_counter()
        await poll.judge(held)
        took += time.perf_counter() - began
    return took


async def stocked(poll: Poll, first: int, last: int) -> None:
    """Put judgments of number ``first`` up to ``last`` into the database, handed out to nobody."""
    store = poll.store
    if not isinstance(store, SqlFeedback):
        raise TypeError(f"{type(store).__name__} is no database")
    tasks = range(-(-first // OVERLAP), -(-last // OVERLAP))
    for start in range(tasks.start, tasks.stop, PORTION // OVERLAP):
        numbers = range(start, min(start + PORTION // OVERLAP, tasks.stop))
        await store.write(partial(_stock, poll, numbers))


def _stock(poll: Poll, numbers: Sequence[int], scope: Scope) -> None:
    found = [poll.made(number) for number in numbers]
    for asked, _, _ in found:
        batches.add_batch(scope, asked)
    batches.add_candidates(scope, [one for _, candidates, _ in found for one in candidates])
    add_tasks(scope, [task for _, _, task in found])
    held = [
        Assignment(
            id=new_id(),
            task=task.id,
            campaign=task.campaign,
            batch=task.batch,
            person=poll.raters[(number + turn) % RATERS],
            state="leased",
            lease_until=SENT,
            shown_order=task.candidates,
            at=SENT,
            surface="bench",
            is_author=False,
        )
        for number, (_, _, task) in zip(numbers, found, strict=True)
        for turn in range(OVERLAP)
    ]
    scope.run(sa.insert(assignment), [_row(one) for one in held])
    for answer in judge(scope, [said(one) for one in held]):
        if not isinstance(answer, Stored):
            raise TypeError(f"a judgment was not stored: {answer}")


def _row(one: Assignment) -> dict[str, object]:
    return {
        "id": UUID(one.id),
        "task_id": UUID(one.task),
        "campaign_id": UUID(one.campaign),
        "batch_id": UUID(one.batch),
        "person_id": UUID(one.person),
        "state": one.state,
        "lease_until": one.lease_until,
        "shown": list(one.shown_order),
        "surface": one.surface,
        "draft": None,
        "is_author": one.is_author,
        "at": one.at,
    }


def exported_apart(folder: Path, name: str) -> dict[str, float]:
    """Freeze and export all that is stored in ``folder``, in a process of its own."""
    done = subprocess.run(  # noqa: S603  ourselves
        [sys.executable, "-m", "rostra.benches.feedback", str(folder), name],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the export failed: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def exported(folder: Path, name: str) -> dict[str, float]:
    """Freeze and export all that is stored in ``folder``; return rows, seconds and the most memory this process had."""
    from ..feedback.data.export import Order, export
    from ..feedback.data.freeze import Selection, Setting, freeze

    collect_seldom()
    async with opened(folder) as store:
        setting = Setting(work=folder / "work")
        start, busy = time.perf_counter(), time.process_time()
        frozen = await freeze(store, name, Selection(), setting)
        middle = time.perf_counter()
        order = Order(splits=("train", "validation", "test"))
        done = await export(store, frozen.dataset, order, folder / name, setting=setting, scrubber=None)
        end = time.perf_counter()
        busy = time.process_time() - busy
    return {
        "processor_seconds": busy,
        "rows": sum(file.rows for file in done.files),
        "freeze_seconds": middle - start,
        "export_seconds": end - middle,
        "peak_mb": _peak_mb(),
    }


def measure_leaderboard(ballots: int, figures: dict[str, Figure]) -> None:
    """Add what a leaderboard of `MODELS` models takes over ``ballots`` ballots of four answers."""
    from ..feedback.statistics.leaderboard import leaderboard
    from ..feedback.statistics.simulate import Study, crowd, simulated

    strengths = {f"model-{at}": at / MODELS for at in range(MODELS)}
    study = Study(strengths=strengths, raters=crowd(200), prompts=ballots, k=K, overlap=1)
    judged = list(islice(simulated(study), ballots))
    start = time.perf_counter()
    leaderboard(judged)
    figures["leaderboard_seconds"] = figure(time.perf_counter() - start, "s")
    figures["leaderboard_ballots"] = figure(ballots, "")


def _peak_mb() -> float:
    """Return the most memory of this program: what its parent had before does not count, where the system tells them apart."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return peak_mb()


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Store]:
    """Open the database of the bench."""
    url = f"sqlite:///{folder / 'bench.db'}"
    async with open_store(url, data=folder, clock=SystemClock()) as store:
        yield store


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(exported(Path(sys.argv[1]), sys.argv[2]))))
