"""Keeps the process of one local model: starts it when it is needed, and again when it died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal, TypeAlias, assert_never

import structlog

from rostra.chat import Sampling, Utterance
from rostra.clock import Clock
from rostra.errors import ModelError, ModelMissing

from .process import COMMAND, Gone, ModelProcess, spawn
from .wire import Load, Refused, Text

LONGEST_WAIT = 60.0
"""Seconds of back-off that are not exceeded, however often the process died."""

State: TypeAlias = Literal["idle", "loading", "ready"]

log = structlog.get_logger(__name__)


class Keeper:
    """The process of one model, shared by everybody who asks it; they are answered in the order they came.

    It is started with the first question. When it dies, those who wait get a `ModelError`, and the next question
    starts it again: at once after a first death, and after more in a row, without an answer in between, not before 1,
    2, 4 … 60 seconds have passed; questions in the meantime get a `ModelError` that says so.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[], Load],
        *,
        clock: Clock,
        start: float,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """``prepare`` says what to load, or raises `ModelMissing`; ``start``: seconds that loading may take."""
        self._name = name
        self._prepare = prepare
        self._clock = clock
        self._start = start
        self._command = command
        self._live: ModelProcess | None = None
        self._starting: asyncio.Task[ModelProcess | ModelError] | None = None
        self._deaths = 0
        self._not_before = 0.0
        self._why = ""

    @property
    def state(self) -> State:
        if self._starting is not None:
            return "loading"
        return "ready" if self.pid is not None else "idle"

    @property
    def pid(self) -> int | None:
        """The number of the process, once it is ready and as long as it lives."""
        return self._live.pid if self._live is not None and self._live.alive else None

    async def ready(self) -> None:
        """Start the process unless it runs. Raises `ModelError`."""
        await self._process()

    def start(self) -> None:
        """Begin to start the process unless it runs or is about to; what goes wrong is told to who asks next."""
        if self.state == "idle":
            self._starting = asyncio.create_task(self._started())

    async def answer(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Text]:
        """Yield what the process says. Raises `ModelError`."""
        live = await self._process()
        unfinished = max(1, sampling.n)
        number, replies = live.ask(messages, sampling)
        try:
            while unfinished:
                reply = await replies.get()
                match reply:
                    case Text():
                        unfinished -= reply.finish is not None
                        if not unfinished:
                            self._deaths = 0
                        yield reply
                    case Refused(why=why):
                        unfinished = 0
                        raise ModelError(f"model {self._name!r}: {why}")
                    case Gone(why=why):
                        raise ModelError(why)
                    case _:
                        assert_never(reply)
        finally:
            live.forget(number, cancel=unfinished > 0)

    async def close(self) -> None:
        """End the process, whatever it is at."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._live is not None:
            await self._live.close(self._clock)
            self._live = None

    async def _process(self) -> ModelProcess:
        if self._starting is None:
            if self._live is not None and self._live.alive:
                return self._live
            self._check_back_off()
            self._starting = asyncio.create_task(self._started())
        # Whoever asked first may leave; the others still want the model. `close` awaits what nobody waits for.
        outcome = await asyncio.shield(self._starting)
        if isinstance(outcome, ModelError):
            raise type(outcome)(str(outcome))
        return outcome

    def _check_back_off(self) -> None:
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            raise ModelError(
                f"{self._why}: {self._deaths} times in a row; it is started again in {wait:.0f} s"
            )

    async def _started(self) -> ModelProcess | ModelError:
        try:
            if self._live is not None:
                await self._live.close(self._clock)
            self._live = await self._spawned(self._prepare())
        except ModelMissing as error:
            return error  # nothing was started, and the next one may find that somebody helped
        except ModelError as error:
            self._died(str(error))
            return error
        finally:
            self._starting = None
        return self._live

    async def _spawned(self, load: Load) -> ModelProcess:
        log.info("model process starts", model=self._name, threads=load.threads, dtype=load.dtype)
        live = await spawn(self._name, died=self._died, threads=load.threads, command=self._command)
        try:
            live.send(load)
            async with self._clock.timeout(self._start):
                ready = await live.loaded()
        except BaseException as error:
            await live.close(self._clock, grace=0)
            if isinstance(error, TimeoutError):
                raise ModelError(f"model {self._name!r} was not loaded within {self._start:g} s") from error
            raise
        log.info(
            "model process is ready",
            model=self._name,
            seconds=round(ready.seconds, 1),
            megabytes=ready.memory // 1_000_000,
        )
        return live

    def _died(self, why: str) -> None:
        self._deaths += 1
        self._why = why
        wait = min(LONGEST_WAIT, 2.0 ** (self._deaths - 2)) if self._deaths > 1 else 0.0
        self._not_before = self._clock.monotonic() + wait
        log.warning("model process died", model=self._name, why=why, in_a_row=self._deaths)
