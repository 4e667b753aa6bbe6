"""A reward model's process: real ones, and ones that misbehave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rostra.chat import Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle
from rostra_models.scorer_reward import RewardScorer, RewardSettings, open_reward
from rostra_models.scorer_wire import Load
from rostra_models.testing_reward import tiny_reward

LOAD = Load(folder="nowhere", dtype="float32", threads=1, window=64, batch=64, nice=0)
TALK = (Utterance(role="user", text="Why?"), Utterance(role="assistant", text="Because."))

pytestmark = pytest.mark.slow


def fake(body: str) -> Sequence[str]:
    """Return the command of a process that reads a line and does ``body`` for each ``line``, with ``say``."""
    program = (
        "import json, sys, os, signal\n"
        "def say(**said): sys.stdout.write(json.dumps(said) + chr(10)); sys.stdout.flush()\n"
        "for line in map(json.loads, sys.stdin):\n"
        "    kind = line['is']\n" + "".join(f"    {one}\n" for one in body.splitlines())
    )
    return (sys.executable, "-S", "-c", program)


READY = "if kind == 'Load': say(**{'is': 'Ready', 'seconds': 0.1}); continue\n"
GOOD = (
    READY
    + "if kind == 'Score': say(**{'is': 'Scores', 'id': line['id'], 'scores': [1.0] * len(line['conversations'])})"
)


@asynccontextmanager
async def scorer(
    body: str, clock: ManualClock | None = None, start_seconds: float = 60
) -> AsyncGenerator[RewardScorer]:
    made = RewardScorer(
        "reward", lambda: LOAD, clock=clock or ManualClock(), start_seconds=start_seconds, command=fake(body)
    )
    try:
        yield made
    finally:
        closing = asyncio.ensure_future(made.close())
        while not closing.done() and clock is not None:
            await clock.advance(1)
        await closing


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_a_real_one_scores_in_its_own_process_which_ends_with_it(tmp_path: Path) -> None:
    tiny_reward(tmp_path / "reward")
    services = Services(name="reward", data=tmp_path / "scorers" / "reward", base=tmp_path)
    settings = RewardSettings(folder="./reward", check_memory=False)
    async with open_reward(settings, services) as model:
        assert model.pid is None
        other = (*TALK[:1], Utterance(role="assistant", text="No."))
        scores = await model.score([TALK, other, TALK])
        assert scores[0] == pytest.approx(scores[2], abs=1e-5)
        assert scores[0] != pytest.approx(scores[1], abs=1e-3)
        with pytest.raises(ModelError, match="scorer 'reward': an empty conversation"):
            await model.score([()])
        pid = model.pid
        assert pid not in {None, os.getpid()}
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


async def test_one_that_was_killed_is_started_again() -> None:
    async with scorer(GOOD) as model:
        await model.score([TALK])
        pid = model.pid
        os.kill(pid or 0, signal.SIGKILL)
        await until(lambda: model.pid is None)
        assert await model.score([TALK]) == (1.0,)
        assert model.pid not in {None, pid}


async def test_several_ask_at_the_same_time_and_one_starts_it() -> None:
    async with scorer(GOOD) as model:
        scores = await asyncio.gather(*(model.score([TALK] * count) for count in (1, 2, 3)))
        assert scores == [(1.0,), (1.0, 1.0), (1.0, 1.0, 1.0)]
        assert await model.score([]) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("say(**{'is': 'Broken', 'why': 'no head'})", "cannot be loaded: no head"),
        ("sys.exit(3)", "ended with status 3"),
        (
            READY + "say(**{'is': 'Refused', 'id': line['id'], 'why': 'too long'})",
            "scorer 'reward': too long",
        ),
        (READY + "os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL, perhaps for want of memory"),
        (READY + "print('hello')", "says what nobody understands .*and was ended"),
        (READY + "print(5)", "says what nobody understands .*and was ended"),
        (READY + "say(**{'is': 'Scores', 'id': line['id'], 'scores': []})", "gave 0 scores for 1 answers"),
        (READY + "say(**{'is': 'Scores', 'id': line['id'], 'scores': ['x']})", "nobody understands"),
        (READY + "print('x' * 2_000_000)", "nobody understands"),
    ],
    ids=[
        "broken",
        "ended",
        "refused",
        "killed",
        "no JSON",
        "no object",
        "too few",
        "no numbers",
        "endless line",
    ],
)
async def test_whatever_it_does_is_an_error_of_one_line(body: str, why: str) -> None:
    async with scorer(body) as model:
        with pytest.raises(ModelError, match=why) as error:
            await model.score([TALK])
        assert "\n" not in str(error.value)


async def test_one_that_does_not_load_in_time_is_ended() -> None:
    clock = ManualClock()
    async with scorer("pass", clock, start_seconds=5) as model:
        task = asyncio.create_task(model.score([TALK]))
        while not task.done():
            await clock.advance(1)
            await asyncio.sleep(0.01)
        with pytest.raises(ModelError, match="was not loaded within 5 s"):
            await task
        assert model.pid is None


async def test_one_that_dies_again_and_again_is_started_less_and_less_often() -> None:
    clock = ManualClock()
    async with scorer("sys.exit(1)", clock) as model:
        for _ in range(2):
            with pytest.raises(ModelError, match="ended with status 1"):
                await model.score([TALK])
        with pytest.raises(ModelError, match="died 2 times in a row; it is started again in 1 s"):
            await model.score([TALK])
        await clock.advance(1.5)
        with pytest.raises(ModelError, match="ended with status 1"):
            await model.score([TALK])


async def test_who_leaves_says_so_and_the_next_one_is_answered() -> None:
    dropping = (
        READY
        + "if kind == 'Drop': drops = line['id']\nelif line['id'] > 1: say(**{'is': 'Scores', 'id': line['id'], 'scores': [drops]})"
    )
    async with scorer(dropping) as model:
        task = asyncio.create_task(model.score([TALK]))
        await until(lambda: model.pid is not None)
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await model.score([TALK]) == (1.0,)


async def test_who_leaves_while_it_starts_does_not_stop_the_others() -> None:
    async with scorer(GOOD) as model:
        first, second = [asyncio.create_task(model.score([TALK])) for _ in range(2)]
        await settle()
        first.cancel()
        assert await second == (1.0,)


async def test_a_program_that_is_not_there_is_an_error() -> None:
    model = RewardScorer("reward", lambda: LOAD, clock=ManualClock(), command=("./no/such/program",))
    with pytest.raises(ModelError, match="cannot be started: No such file"):
        await model.score([TALK])
