"""A model that answers from a recording: for tests, and to see again what was said when."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Hashable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rostra.chat import Piece, Sampling, Utterance
from rostra.clock import Clock, SystemClock
from rostra.components import Component, ComponentSettings, Services
from rostra.errors import ConfigError, ModelError

from .calls import Call, call_of
from .tape import recorded


class ReplaySettings(ComponentSettings):
    """What is replayed.

    ::

        [models.again]
        kind = "replay"
        path = "./recording.jsonl"

    - ``path``: a file that a recorder wrote, or its folder.
    - ``pace``: let as much time pass between pieces as did then.
    - ``window``: tokens; a token is counted for every four characters.
    """

    path: Path
    pace: bool = False
    window: Annotated[int, Field(ge=16)] = 8192


class ReplayModel:
    """A `rostra.protocols.Model` that says to the same messages and sampling what was said when they were recorded.

    Asked again, it goes on to the next recorded answer to the same, and stays with the last. Raises `ModelError` for
    what was not recorded, and where the recorded call failed. Calls that were closed early are not replayed.
    """

    def __init__(
        self, name: str, calls: Iterable[Call], settings: ReplaySettings, clock: Clock | None = None
    ) -> None:
        self.name = name
        self.window = settings.window
        self._pace = settings.pace
        self._clock = clock or SystemClock()
        self._calls: dict[Hashable, list[Call]] = defaultdict(list)
        for call in calls:
            if call.outcome != "closed":
                self._calls[_key(call.messages, call.sampling)].append(call)

    def count(self, text: str) -> int:
        return -(-len(text) // 4)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        calls = self._calls.get(_key(messages, sampling))
        if not calls:
            raise ModelError(f"model {self.name!r}: the recording has no answer to this question")
        call = calls.pop(0) if len(calls) > 1 else calls[0]
        passed = 0.0
        for seconds, piece in call.pieces:
            if self._pace and seconds > passed:
                await self._clock.sleep(seconds - passed)
            passed = seconds
            yield piece
        if call.outcome == "failed":
            raise ModelError(call.why or "the recorded call failed")


def read_calls(path: Path) -> Sequence[Call]:
    """Return the calls in a recording or a folder of them. Raises `ConfigError` that names file and line."""
    calls: list[Call] = []
    files = recorded(path) if path.is_dir() else [path]
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{str(file)!r} is no recording: {error}") from None
        for number, line in enumerate(lines, 1):
            try:
                calls.append(call_of(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ConfigError(
                    f"{str(file)!r}, line {number}, is no recorded call ({type(error).__name__})"
                ) from None
    if not calls:
        raise ConfigError(f"{str(path)!r} has no recorded call; a model of kind 'recorder' makes them")
    return calls


def _key(messages: Sequence[Utterance], sampling: Sampling) -> Hashable:
    return tuple(messages), replace(sampling, place=None, whole=False)


@asynccontextmanager
async def open_replay(settings: ReplaySettings, services: Services) -> AsyncGenerator[ReplayModel]:
    """Read the recording. Raises `ConfigError`."""
    path = services.base / settings.path.expanduser()
    calls = await asyncio.to_thread(read_calls, path)
    yield ReplayModel(services.name, calls, settings, services.clock)


component = Component(name="replay", settings=ReplaySettings, open=open_replay)
