"""One running process of a local model, as its parent sees it: what is asked of it and what it says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias, assert_never, cast

import structlog

from rostra.chat import Sampling, Utterance
from rostra.clock import Clock
from rostra.errors import ModelError

from .wire import Broken, Cancel, Generate, Order, Ready, Refused, Report, Text, encode, report

COMMAND = (sys.executable, "-P", "-m", "rostra_models.worker")
"""What runs the process; ``-P`` keeps files of the working directory from passing for libraries."""

GRACE = 2.0
"""Seconds that the process gets to end of itself."""

log = structlog.get_logger(__name__)

_FAULT = re.compile(r'Fatal Python error: [\w ]+|  File "[^"]+", line \d+ in \S+|(Current t|T)hread 0x\w+ .*')
"""Lines of `faulthandler`: names and places, nothing that anybody wrote."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The process ended before the answer did."""

    why: str


Reply: TypeAlias = Text | Refused | Gone


class ModelProcess:
    """Made with `spawn`. Its methods that are not async never wait."""

    def __init__(self, name: str, process: Process, died: Callable[[str], None]) -> None:
        """``died`` is told why, when the process ends after it was `loaded` and before it is closed."""
        self._name = name
        self._process = process
        self._died = died
        self._replies: dict[int, asyncio.Queue[Reply]] = {}
        self._asked = 0
        self._closing = False
        self._ready: asyncio.Future[Ready | Broken | Gone] = asyncio.get_running_loop().create_future()
        self._gone: Gone | None = None
        self._tasks = (asyncio.create_task(self._listen()), asyncio.create_task(self._overhear()))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._gone is None

    async def loaded(self) -> Ready:
        """Wait for the model. Raises `ModelError`."""
        outcome = await asyncio.shield(self._ready)
        if isinstance(outcome, Ready):
            return outcome
        if isinstance(outcome, Broken):
            raise ModelError(f"model {self._name!r} cannot be loaded: {outcome.why}")
        raise ModelError(outcome.why)

    def send(self, order: Order) -> None:
        """Tell the process something; if it is gone, whoever waits for it is told that anyway."""
        if self.alive and not self._stdin.is_closing():
            self._stdin.write(encode(order))

    def ask(self, messages: Sequence[Utterance], sampling: Sampling) -> tuple[int, asyncio.Queue[Reply]]:
        """Ask for an answer. Return its number, for `forget`, and where its pieces arrive."""
        self._asked += 1
        replies: asyncio.Queue[Reply] = asyncio.Queue()
        self._replies[self._asked] = replies
        if self._gone is not None:
            replies.put_nowait(self._gone)
        place = "" if sampling.place is None else sampling.place.key
        self.send(Generate(id=self._asked, messages=tuple(messages), sampling=sampling, place=place))
        return self._asked, replies

    def forget(self, number: int, *, cancel: bool) -> None:
        """Take no more replies for an answer; ``cancel`` it where it is not finished."""
        del self._replies[number]
        if cancel:
            self.send(Cancel(id=number))

    async def close(self, clock: Clock, *, grace: float = GRACE) -> None:
        """End the process: of itself within ``grace`` seconds, else by force."""
        self._closing = True
        self._stdin.close()
        if grace:
            with suppress(TimeoutError):
                async with clock.timeout(grace):
                    await self._process.wait()
        self._kill()
        await asyncio.gather(*self._tasks)

    def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    @property
    def _stdin(self) -> StreamWriter:
        return cast("StreamWriter", self._process.stdin)

    async def _listen(self) -> None:
        why = ""
        try:
            async for line in cast("StreamReader", self._process.stdout):
                self._take(report(line))
        except (ValueError, KeyError, TypeError) as error:
            why = f"says what nobody understands ({type(error).__name__}) and was ended"
            self._kill()
        status = await self._process.wait()
        self._end(why or _ending(status))

    def _take(self, said: Report) -> None:
        match said:
            case Ready() | Broken():
                self._ready.set_result(said)
            case Text(id=number) | Refused(id=number):
                if number in self._replies:  # else nobody reads it any more
                    self._replies[number].put_nowait(said)
            case _:
                assert_never(said)

    def _end(self, what: str) -> None:
        self._gone = Gone(f"the process of model {self._name!r} {what}")
        for replies in self._replies.values():
            replies.put_nowait(self._gone)
        if not self._ready.done():
            self._ready.set_result(self._gone)
        elif not self._closing and isinstance(self._ready.result(), Ready):
            self._died(self._gone.why)

    async def _overhear(self) -> None:
        """Log what the process writes to its standard error, as long as it cannot have heard of any conversation."""
        left_out = 0
        async for line in cast("StreamReader", self._process.stderr):
            wrote = line.decode(errors="replace").rstrip()
            if not self._asked or _FAULT.fullmatch(wrote):
                log.info("model process wrote", model=self._name, wrote=wrote[:500])
            else:
                left_out += 1
        if left_out:
            log.info(
                "model process wrote lines that may quote conversations", model=self._name, lines=left_out
            )


async def spawn(
    name: str,
    *,
    died: Callable[[str], None],
    threads: int,
    command: Sequence[str] = COMMAND,
) -> ModelProcess:
    """Start the process of model ``name``. Raises `ModelError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment(os.environ, threads),
            start_new_session=True,  # Ctrl-C at the terminal is for the parent
        )
    except OSError as error:
        raise ModelError(f"the process of model {name!r} cannot be started: {error.strerror}") from error
    return ModelProcess(name, process, died)


def environment(env: Mapping[str, str], threads: int) -> Mapping[str, str]:
    """Return the environment of the process: nothing of our configuration, no network, few threads."""
    kept = {name: value for name, value in env.items() if not name.startswith("ROSTRA_")}
    return {
        **kept,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(threads),
        # What conversations and layers take goes back to the system at once: by itself glibc would keep half as much again.
        "MALLOC_MMAP_THRESHOLD_": "4000000",
        "MALLOC_TRIM_THRESHOLD_": "256000000",
    }


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
    return f"was killed by {name}" + (", perhaps for want of memory" if -status == signal.SIGKILL else "")
