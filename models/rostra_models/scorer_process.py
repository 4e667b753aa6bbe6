"""One running process of a reward model, as its parent sees it: what is asked of it and what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import assert_never, cast

import structlog

from rostra.chat import Utterance
from rostra.clock import Clock
from rostra.errors import ModelError

from .process import environment
from .scorer_wire import Broken, Drop, Load, Ready, Refused, Report, Score, Scores, encode, report

COMMAND = (sys.executable, "-P", "-m", "rostra_models.scorer_worker")
"""What runs the process; ``-P`` keeps files of the working directory from passing for libraries."""

GRACE = 2.0
"""Seconds that the process gets to end of itself."""

_LINE = 1_000_000
"""Bytes of a line; 40,000 scores have fewer."""

log = structlog.get_logger(__name__)


class ScorerProcess:
    """Made with `spawn`. Its methods that are not async never wait."""

    def __init__(self, name: str, process: Process) -> None:
        self._name = name
        self._process = process
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Scores | Refused | None]] = {}
        self._ready: asyncio.Future[Ready | Broken | None] = asyncio.get_running_loop().create_future()
        self._gone = ""
        self._tasks = (asyncio.create_task(self._listen()), asyncio.create_task(self._overhear()))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> str:
        """Why the process ended, or an empty text as long as it lives."""
        return self._gone

    async def load(self, load: Load) -> Ready:
        """Load the model. Raises `ModelError`."""
        self._write(encode(load))
        outcome = await asyncio.shield(self._ready)
        if isinstance(outcome, Broken):
            raise ModelError(f"scorer {self._name!r} cannot be loaded: {outcome.why}")
        if outcome is None:
            raise ModelError(self._gone)
        return outcome

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        """Return a score for each. Raises `ModelError`."""
        if self._gone:
            raise ModelError(self._gone)
        self._asked += 1
        number = self._asked
        waiting: asyncio.Future[Scores | Refused | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            self._write(encode(Score(id=number, conversations=tuple(map(tuple, conversations)))))
            said = await waiting
        except asyncio.CancelledError:
            self._write(encode(Drop(id=number)))
            raise
        finally:
            del self._waiting[number]
        if said is None:
            raise ModelError(self._gone)
        if isinstance(said, Refused):
            raise ModelError(f"scorer {self._name!r}: {said.why}")
        return said.scores

    async def close(self, clock: Clock, *, grace: float = GRACE) -> None:
        """End the process: of itself within ``grace`` seconds, else by force."""
        self._stdin.close()
        if grace:
            with suppress(TimeoutError):
                async with clock.timeout(grace):
                    await self._process.wait()
        self._kill()
        await asyncio.gather(*self._tasks)

    @property
    def _stdin(self) -> StreamWriter:
        return cast("StreamWriter", self._process.stdin)

    def _write(self, line: bytes) -> None:
        # If the process is gone, whoever waits for it is told that anyway.
        if not self._gone and not self._stdin.is_closing():
            self._stdin.write(line)

    def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _listen(self) -> None:
        why = ""
        try:
            async for line in cast("StreamReader", self._process.stdout):
                self._take(report(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"says what nobody understands ({type(error).__name__}) and was ended"
            self._kill()
        status = await self._process.wait()
        self._gone = f"the process of scorer {self._name!r} {why or _ending(status)}"
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)
        if not self._ready.done():
            self._ready.set_result(None)

    def _take(self, said: Report) -> None:
        match said:
            case Ready() | Broken():
                if self._ready.done():
                    raise ValueError("it was ready before")
                self._ready.set_result(said)
            case Scores(id=number) | Refused(id=number):
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():  # else nobody waits any more
                    waiting.set_result(said)
            case _:
                assert_never(said)

    async def _overhear(self) -> None:
        """Log what the process writes to its standard error, as long as it cannot have heard of any conversation."""
        left_out = 0
        async for line in cast("StreamReader", self._process.stderr):
            if self._asked:
                left_out += 1
            else:
                wrote = line.decode(errors="replace").rstrip()[:500]
                log.info("scorer process wrote", scorer=self._name, wrote=wrote)
        if left_out:
            log.info("scorer process wrote lines that may quote answers", scorer=self._name, lines=left_out)


async def spawn(name: str, *, threads: int, command: Sequence[str] = COMMAND) -> ScorerProcess:
    """Start the process of scorer ``name``. Raises `ModelError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LINE,
            env=environment(os.environ, threads),
            start_new_session=True,  # Ctrl-C at the terminal is for the parent
        )
    except OSError as error:
        raise ModelError(f"the process of scorer {name!r} cannot be started: {error.strerror}") from error
    return ScorerProcess(name, process)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
    return f"was killed by {name}" + (", perhaps for want of memory" if -status == signal.SIGKILL else "")
