"""A model on this machine, in a process of its own: any folder that transformers loads, by default the embedded one.

The embedded model is SmolLM2-135M-Instruct (Apache-2.0): 538 MB on disk and about 0.6 GB of memory; see
`rostra_models.embedded`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ModelError, ModelMissing
from rostra.versions import ModelVersion

from . import shape
from .embedded import NAME
from .keeper import Keeper, State
from .memory import MemoryReading, available
from .process import COMMAND
from .tokens import TokenCounter
from .versions import version_of
from .weights import NEEDED, Weights, read
from .wire import Dtype, Load

LIBRARIES = ("torch", "transformers", "safetensors", "tokenizers")

_WIDTHS: Mapping[Dtype, int] = {"int8": 1, "float32": 4, "bfloat16": 2}
"""Bytes a parameter."""

CONVERSATIONS = 1_000_000_000
"""Bytes that conversations may take where there is enough: ten of the embedded model's of 2,000 tokens."""


class LocalSettings(ComponentSettings):
    """Which model, and what it may use.

    ::

        [models.mine]
        kind = "local"
        folder = "./my-model"

    - ``folder``: what ``rostra model pull`` made, by its name, or a path (with a slash) to a Hugging Face folder with
      ``config.json``, ``*.safetensors`` and a tokenizer.
    - ``dtype``: ``auto`` is int8 for Llama, SmolLM2, Mistral, Qwen2 and Qwen3 on x86-64 processors with AVX2, a quarter
      of the memory and several times the speed; else float32. What it costs is in docs/why.
    - ``threads``: by default one for each core but one, so that the rest of the program has air, and 8 at most.
    - ``window``: tokens; by default what the model was made for.
    - ``repetition_penalty``: above 1 keeps small models from repeating themselves; by default the model's own (1.1
      for the embedded one).
    - ``seats``: answers that are made at once; others wait, and places take turns.
    - ``memory``: megabytes for conversations, beside the model; by default half of what is free, and 1,000 at most.
    - ``preload``: load when the program starts, not with the first question.
    - ``start_seconds``: how long loading may take.
    - ``nice``: by how much the process is less urgent than others.
    - ``check_memory``: refuse to load what does not fit into the memory that is free.
    """

    folder: Annotated[str, Field(min_length=1)] = NAME
    dtype: Dtype = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    window: Annotated[int, Field(ge=16)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    seats: Annotated[int, Field(ge=1)] = 32
    memory: Annotated[int, Field(ge=1)] | None = None
    preload: bool = False
    start_seconds: Annotated[float, Field(gt=0)] = 120.0
    nice: Annotated[int, Field(ge=0, le=19)] = 5
    check_memory: bool = True


class LocalModel:
    """A `rostra.protocols.Model`. Nothing it does waits for the model in the thread of the event loop.

    Tools are not passed to the model. `Sampling.n` choices are made from one reading of the prompt, side by side.
    """

    def __init__(self, version: ModelVersion, window: int, keeper: Keeper, counter: TokenCounter) -> None:
        self.name = version.name
        self.version = version
        self.window = window
        self._keeper = keeper
        self._counter = counter

    @property
    def state(self) -> State:
        """``idle`` until the first question (or after a death), ``loading`` for some seconds, then ``ready``."""
        return self._keeper.state

    @property
    def pid(self) -> int | None:
        """The number of the model's process, while it is ready."""
        return self._keeper.pid

    async def load(self) -> None:
        """Load the model now rather than with the first question. Raises `ModelError`."""
        await self._keeper.ready()

    def count(self, text: str) -> int:
        return self._counter.count(text)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        async with aclosing(self._keeper.answer(messages, sampling)) as texts:
            async for text in texts:
                usage = Usage(prompt=text.prompt, completion=text.completion, cached=text.cached)
                yield Piece(
                    text=text.text,
                    finish=text.finish,
                    usage=usage if text.finish else None,
                    logprobs=text.logprobs,
                    choice=text.choice,
                )


def _installed(library: str) -> bool:
    return find_spec(library) is not None


@asynccontextmanager
async def open_local(
    settings: LocalSettings,
    services: Services,
    *,
    command: Sequence[str] = COMMAND,
    memory: MemoryReading = available,
    installed: Callable[[str], bool] = _installed,
) -> AsyncGenerator[LocalModel]:
    """Open the model: look whether all is there, load it only if ``preload`` says so. Raises `ModelError`."""
    folder = folder_of(settings, services)

    def prepare() -> Load:
        return _prepared(services.name, settings, folder, memory, installed)

    load = prepare()
    counter = TokenCounter(folder, window=load.window)
    await asyncio.to_thread(counter.read)
    version = await asyncio.to_thread(version_of, folder, name=services.name)
    keeper = Keeper(
        services.name, prepare, clock=services.clock, start=settings.start_seconds, command=command
    )
    if settings.preload:
        keeper.start()
    try:
        yield LocalModel(version, load.window, keeper, counter)
    finally:
        await keeper.close()


async def check_local(settings: LocalSettings, services: Services) -> Sequence[Finding]:
    """Say whether the model could be loaded, without loading it."""
    try:
        load = _prepared(services.name, settings, folder_of(settings, services), available, _installed)
    except ModelError as error:
        return [Finding(ok=False, what=f"model {services.name!r} cannot answer", advice=str(error))]
    what = (
        f"model {services.name!r}: {load.folder}, {load.dtype}, {load.threads} threads, {load.window} tokens"
    )
    return [Finding(ok=True, what=what)]


component = Component(name="local", settings=LocalSettings, open=open_local, check=check_local)


def folder_of(settings: LocalSettings, services: Services) -> Path:
    """Return where the model lies: a bare name is beside the component's own folder, where ``pull`` puts models."""
    given = Path(settings.folder).expanduser()
    return (services.data.parent if _kept(settings.folder) else services.base) / given


def _kept(folder: str) -> bool:
    """Return whether ``folder`` is the name of a model that ``pull`` made, rather than a path."""
    return "/" not in folder and not folder.startswith((".", "~"))


def _prepared(
    name: str,
    settings: LocalSettings,
    folder: Path,
    memory: MemoryReading,
    installed: Callable[[str], bool],
) -> Load:
    absent = [library for library in LIBRARIES if not installed(library)]
    if absent:
        raise ModelMissing(f"model {name!r} needs {absent[0]!r}; `pip install 'rostra[local]'` installs it")
    source = NAME if settings.folder == NAME else f"FOLDER --name {settings.folder}"
    advice = f"`rostra model pull {source}` gets it" if _kept(settings.folder) else NEEDED
    weights = read(folder, advice=advice)
    window = settings.window or weights.window
    if window is None:
        raise ModelError(f"{str(folder / 'config.json')!r} names no window; set `window` for model {name!r}")
    there = memory()
    # What `auto` comes to is known where the model is loaded; here it only matters how large it is.
    compact = shape.read(folder) is not None and installed("numba")
    dtype = settings.dtype if settings.dtype != "auto" else "int8" if compact else "float32"
    if settings.check_memory:
        _check_memory(name, weights, dtype, there)
    spare = CONVERSATIONS if there is None else max(0, there - weights.memory(_WIDTHS[dtype])) // 2
    return Load(
        folder=str(folder),
        dtype=settings.dtype,
        threads=settings.threads or _threads(),
        window=window,
        nice=settings.nice,
        memory=min(CONVERSATIONS, spare) if settings.memory is None else settings.memory * 10**6,
        seats=settings.seats,
        repetition_penalty=settings.repetition_penalty,
    )


def _check_memory(name: str, weights: Weights, dtype: Dtype, there: int | None) -> None:
    needed = weights.memory(_WIDTHS[dtype])
    if there is not None and there < needed:
        smaller = ', set `dtype = "bfloat16"`' if dtype == "float32" else ""
        raise ModelMissing(
            f"model {name!r} needs {_megabytes(needed)} of memory and {_megabytes(there)} are free;"
            f" free some{smaller} or take a smaller model"
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores - 1))
