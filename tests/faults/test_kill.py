"""``kill -9`` anywhere: every accepted question is answered; once where the platform honours a nonce, else visibly again."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from victim import PLATFORMS, answer

from rostra.testing.platform import FakePlatform
from rostra.testing.wire import WireServer

QUESTIONS = 200
KILLS = 50
FRAMES = 100
"""The longest life: an answer is some ten frames, so that 50 lives see most of the 200 questions through."""


@dataclass(slots=True)
class Victims:
    """Starts bots and kills them."""

    process: Process
    url: str
    folder: Path

    async def tell(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        return (await self.process.stdout.readline()).decode().strip()

    @asynccontextmanager
    async def one(self, port: int) -> AsyncGenerator[None]:
        assert (await self.tell(f"{port} {self.url} {self.folder}")).isdigit()
        try:
            yield
        finally:
            assert await self.tell("kill") == "dead"


@asynccontextmanager
async def victims(url: str, folder: Path) -> AsyncGenerator[Victims]:
    script = Path(__file__).with_name("victim.py")
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdin=PIPE, stdout=PIPE)
    try:
        yield Victims(process, url, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_accepted_question_is_lost_and_none_is_silently_answered_twice(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    server = WireServer({name: FakePlatform(name=name, capabilities=can) for name, can in PLATFORMS.items()})
    async with server.listening() as port, victims(f"sqlite:///{tmp_path}/rostra.db", tmp_path) as bots:
        asked = {
            server.say(name, f"question {number}", channel=f"c{number % 7}", times=1 + number % 3).id: (
                name,
                number,
            )
            for number in range(QUESTIONS)
            for name in [list(PLATFORMS)[number % len(PLATFORMS)]]
        }
        for _ in range(KILLS):
            await killed_at_random(server, bots, dice)
        async with bots.one(port):
            await all_answered(server, asked)
    for ident, (name, number) in asked.items():
        check(server.platforms[name], ident, answer(f"question {number}"))


async def killed_at_random(server: WireServer, bots: Victims, dice: random.Random) -> None:
    """Let the bot live until so many frames went over the wire, and a blink longer."""
    left = dice.randrange(1, FRAMES)
    reached = asyncio.Event()

    def count(frame: str) -> None:
        nonlocal left
        left -= frame != "event"
        if left == 0:
            reached.set()

    server.on_frame = count
    async with bots.one(server.port):
        await asyncio.wait_for(reached.wait(), 60)
        until = time.perf_counter() + dice.choice([0, 0, 0.0005, 0.002, 0.005])
        while time.perf_counter() < until:  # noqa: ASYNC110  a moment is waited for, not an event
            await asyncio.sleep(0)
    server.on_frame = lambda _: None


async def all_answered(server: WireServer, asked: dict[str, tuple[str, int]]) -> None:
    def done() -> bool:
        return all(
            any(answer(f"question {number}") in text for text in server.platforms[name].answers_to(ident))
            for ident, (name, number) in asked.items()
        )

    changed = asyncio.Event()
    server.on_frame = lambda _: changed.set()
    async with asyncio.timeout(180):
        while not done():
            await changed.wait()
            changed.clear()


def check(platform: FakePlatform, ident: str, expected: str) -> None:
    texts = platform.answers_to(ident)
    plain = [text for text in texts if expected.startswith(text)]
    marked = [text for text in texts if not expected.startswith(text)]
    assert any(text.endswith(expected) for text in texts), texts
    if platform.capabilities.nonce:
        assert texts == [expected]
    assert len(plain) <= 1, texts
    assert all("restart" in text for text in marked), texts
