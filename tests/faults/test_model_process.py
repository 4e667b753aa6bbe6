"""What may happen to the process of a local model while it answers; here it is a real one, with a tiny model."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.chat import Piece, Sampling, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra_models.local import LocalModel, LocalSettings, open_local
from rostra_models.process import COMMAND
from rostra_models.testing import tiny_llama
from rostra_models.wire import Load, encode

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny", window=8192)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(folder: Path) -> AsyncGenerator[LocalModel]:
    async with open_local(LocalSettings(folder="tiny"), services(folder)) as opened:
        yield opened


def services(folder: Path) -> Services:
    return Services(name="tiny", data=folder, base=folder.parent)


def asking(model: LocalModel, tokens: int) -> AsyncGenerator[Piece]:
    said = (Utterance(role="user", text="Go on."),)
    return model.stream(said, Sampling(temperature=0, max_tokens=tokens))


async def answer(model: LocalModel, tokens: int = 8) -> str:
    async with asyncio.timeout(PATIENCE), aclosing(asking(model, tokens)) as pieces:
        return "".join([piece.text async for piece in pieces])


async def read(pieces: AsyncIterator[Piece]) -> list[Piece]:
    async with asyncio.timeout(PATIENCE):
        return [piece async for piece in pieces]


async def pause(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE):
        while "State:\tT" not in Path(f"/proc/{pid}/status").read_text():  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0)


async def test_a_process_killed_mid_answer_is_an_error_to_all_who_wait_and_the_next_is_answered(
    model: LocalModel,
) -> None:
    expected = await answer(model)
    killed = model.pid
    assert killed is not None
    async with aclosing(asking(model, 8000)) as pieces:
        await anext(pieces)
        await pause(killed)  # else an answer as short as the next may be over before the process is killed
        waiting = asyncio.create_task(read(asking(model, 8)))
        await asyncio.sleep(0)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(ModelError, match=r"^the process of model 'tiny' was killed by SIGKILL"):
            await read(pieces)
    with pytest.raises(ModelError, match="SIGKILL"):
        await waiting
    assert model.state == "idle"
    assert await answer(model) == expected
    assert model.pid not in {None, killed}


async def test_leaving_mid_answer_frees_the_process_for_the_next(model: LocalModel) -> None:
    await answer(model)
    assert model.pid is not None
    begun = worked(model.pid)
    await answer(model, 1000)
    a_thousand = worked(model.pid) - begun
    begun = worked(model.pid)
    async with aclosing(asking(model, 8000)) as pieces:
        await anext(pieces)
    await answer(model)
    # All of it would be eight times a thousand tokens, and more, as tokens cost more the more there are.
    assert worked(model.pid) - begun < 4 * a_thousand


def worked(pid: int) -> int:
    """Return what the process took of the processor, in ticks; the clock would count what others took, too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_the_loop_goes_on_while_pieces_come(model: LocalModel) -> None:
    await answer(model)
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    seen = [0, *[rounds async for _ in asking(model, 200)]]
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
    # A loop that is held up goes round once or twice for each piece. One that is free goes round often while it waits for
    # one of them; for which depends on what else the machine does, as several pieces may come together.
    assert max(after - before for before, after in pairwise(seen)) > 10


async def test_a_dead_parent_takes_an_answering_process_along(folder: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(folder), stdout=DEVNULL, stderr=PIPE
    )
    assert parent.stderr is not None
    async with asyncio.timeout(PATIENCE):
        worker = int(await parent.stderr.readline())
    watch = os.pidfd_open(worker)
    parent.kill()
    await parent.wait()
    ended, _, _ = await asyncio.to_thread(select.select, [watch], [], [], PATIENCE)
    os.close(watch)
    assert ended


PARENT = """
import asyncio, pathlib, sys
from rostra.chat import Sampling, Utterance
from rostra.components import Services
from rostra_models.local import LocalSettings, open_local

async def main():
    folder = pathlib.Path(sys.argv[1])
    services = Services(name="tiny", data=folder, base=folder)
    async with open_local(LocalSettings(folder="tiny"), services) as model:
        async for _ in model.stream((Utterance(role="user", text="Go on."),), Sampling(max_tokens=8000)):
            print(model.pid, file=sys.stderr, flush=True)

asyncio.run(main())
"""


async def test_a_dead_parent_takes_a_loading_process_along(folder: Path) -> None:
    worker = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(
        encode(Load(folder=str(folder), dtype="float32", threads=1, window=64, nice=0, memory=10**7, seats=4))
    )
    worker.stdin.close()
    async with asyncio.timeout(PATIENCE):
        assert await worker.stdout.read() == b""
        assert await worker.wait() == 0
