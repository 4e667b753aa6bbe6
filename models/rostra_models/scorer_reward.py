"""A scorer that is a reward model on this machine, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from pydantic import Field

from rostra.chat import Utterance
from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ModelError, ModelMissing

from .memory import MemoryReading, available
from .scorer_process import COMMAND, ScorerProcess, spawn
from .scorer_wire import Dtype, Load
from .weights import read

LIBRARIES = ("torch", "transformers", "safetensors", "tokenizers")

LONGEST_WAIT = 60.0
"""Seconds of back-off that are not exceeded, however often the process died."""

_WIDTHS: dict[Dtype, int] = {"float32": 4, "bfloat16": 2}
"""Bytes a parameter."""

_TRAINED_ON = 2048
"""Tokens that are read of a conversation where nothing else is said: reward models were rarely trained on more."""

log = structlog.get_logger(__name__)


class RewardSettings(ComponentSettings):
    """Which reward model, and what it may use.

    ::

        [scorers.reward]
        kind = "reward"
        folder = "./my-reward-model"

    - ``folder``: a model in the models' folder by its name, or a path (with a slash) to a Hugging Face folder of a
      sequence classifier with one label: ``config.json``, ``*.safetensors`` and a tokenizer.
    - ``dtype``: bfloat16 takes half the memory.
    - ``threads``: by default half of the cores, and 4 at most: the model that answers needs the others.
    - ``window``: tokens that are read of a conversation; by default what the model was made for, and 2048 at most.
    - ``batch``: tokens that are read at once, padding included.
    - ``start_seconds``: how long loading may take.
    - ``nice``: by how much the process is less urgent than others.
    - ``check_memory``: refuse to load what does not fit into the memory that is free.
    """

    folder: Annotated[str, Field(min_length=1)]
    dtype: Literal["float32", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] | None = None
    window: Annotated[int, Field(ge=16)] | None = None
    batch: Annotated[int, Field(ge=16)] = 8192
    start_seconds: Annotated[float, Field(gt=0)] = 120.0
    nice: Annotated[int, Field(ge=0, le=19)] = 5
    check_memory: bool = True


class RewardScorer:
    """A `rostra.protocols.Scorer`: the reward is the value at the last token of the laid-out conversation.

    The process is started with the first answers to score. When it dies, those who wait get a `ModelError`, and the
    next answers start it again: at once after a first death, after more in a row not before 1, 2, 4 … 60 seconds have
    passed; until then there is a `ModelError` that says so.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[], Load],
        *,
        clock: Clock,
        start_seconds: float = 120.0,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """``prepare`` says what to load, or raises `ModelError`."""
        self.name = name
        self._prepare = prepare
        self._clock = clock
        self._start_seconds = start_seconds
        self._command = command
        self._live: ScorerProcess | None = None
        self._starting = asyncio.Lock()
        self._deaths = 0
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The number of the process, while it is ready."""
        return self._live.pid if self._live is not None and not self._live.gone else None

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        if not conversations:
            return []
        live = await self._ready()
        scores = await live.score(conversations)
        self._deaths = 0
        if len(scores) != len(conversations):
            raise ModelError(
                f"scorer {self.name!r} gave {len(scores)} scores for {len(conversations)} answers"
            )
        return scores

    async def close(self) -> None:
        """End the process."""
        if self._live is not None:
            await self._live.close(self._clock)
            self._live = None

    async def _ready(self) -> ScorerProcess:
        async with (
            self._starting
        ):  # who comes while it starts waits for it; who leaves ends the start, and the next goes on
            if self._live is not None and not self._live.gone:
                return self._live
            if self._live is not None:
                self._died(self._live.gone)
                await self.close()
            wait = self._not_before - self._clock.monotonic()
            if wait > 0:
                raise ModelError(
                    f"scorer {self.name!r} died {self._deaths} times in a row; it is started again in {wait:.0f} s"
                )
            self._live = await self._started(await asyncio.to_thread(self._prepare))
            return self._live

    async def _started(self, load: Load) -> ScorerProcess:
        live = await spawn(self.name, threads=load.threads, command=self._command)
        try:
            async with self._clock.timeout(self._start_seconds):
                ready = await live.load(load)
        except BaseException as error:
            await live.close(self._clock, grace=0)
            if isinstance(error, TimeoutError):
                error = ModelError(f"scorer {self.name!r} was not loaded within {self._start_seconds:g} s")
            if isinstance(error, ModelError):
                self._died(str(error))
            raise error from None
        log.info("scorer process is ready", scorer=self.name, seconds=round(ready.seconds, 1))
        return live

    def _died(self, why: str) -> None:
        self._deaths += 1
        wait = min(LONGEST_WAIT, 2.0 ** (self._deaths - 2)) if self._deaths > 1 else 0.0
        self._not_before = self._clock.monotonic() + wait
        log.warning("scorer process died", scorer=self.name, why=why, in_a_row=self._deaths)


@asynccontextmanager
async def open_reward(
    settings: RewardSettings,
    services: Services,
    *,
    command: Sequence[str] = COMMAND,
    memory: MemoryReading = available,
) -> AsyncGenerator[RewardScorer]:
    """Open the scorer: look whether all is there; it is loaded with the first answers. Raises `ModelError`."""

    def prepare() -> Load:
        return prepared(settings, services, memory)

    await asyncio.to_thread(prepare)
    scorer = RewardScorer(
        services.name, prepare, clock=services.clock, start_seconds=settings.start_seconds, command=command
    )
    try:
        yield scorer
    finally:
        await scorer.close()


async def check_reward(settings: RewardSettings, services: Services) -> Sequence[Finding]:
    """Say whether the reward model could be loaded, without loading it."""
    try:
        load = prepared(settings, services, available)
    except ModelError as error:
        return [Finding(ok=False, what=f"scorer {services.name!r} cannot score", advice=str(error))]
    return [
        Finding(ok=True, what=f"scorer {services.name!r}: {load.folder}, {load.dtype}, {load.window} tokens")
    ]


component = Component(name="reward", settings=RewardSettings, open=open_reward, check=check_reward)


def prepared(settings: RewardSettings, services: Services, memory: MemoryReading) -> Load:
    """Return what to load. Raises `ModelError`, and `ModelMissing` where the model or what it needs is not there."""
    absent = [library for library in LIBRARIES if find_spec(library) is None]
    if absent:
        raise ModelMissing(
            f"scorer {services.name!r} needs {absent[0]!r}; `pip install 'rostra[local]'` installs it"
        )
    folder = _folder(settings.folder, services)
    weights = read(folder)
    _check_config(folder / "config.json")
    needed, there = weights.memory(_WIDTHS[settings.dtype]), memory()
    if settings.check_memory and there is not None and there < needed:
        raise ModelMissing(
            f"scorer {services.name!r} needs {needed / 1e6:,.0f} MB of memory and {there / 1e6:,.0f} MB are free"
        )
    return Load(
        folder=str(folder),
        dtype=settings.dtype,
        threads=settings.threads or _threads(),
        window=settings.window or min(weights.window or _TRAINED_ON, _TRAINED_ON),
        batch=settings.batch,
        nice=settings.nice,
    )


def _folder(given: str, services: Services) -> Path:
    kept = "/" not in given and not given.startswith((".", "~"))
    return (services.data.parents[1] / "models" if kept else services.base) / Path(given).expanduser()


def _check_config(file: Path) -> None:
    try:
        config: dict[str, Any] = json.loads(file.read_bytes())
        made: list[str] = config.get("architectures") or []
        fits = any(name.endswith("ForSequenceClassification") for name in made)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{str(file)!r} is not the JSON of a model: {error}") from error
    if not fits:
        raise ModelError(
            f"{str(file.parent)!r} is {', '.join(made) or 'of no known architecture'}; a reward model is a"
            " '…ForSequenceClassification' with one label"
        )


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2))
