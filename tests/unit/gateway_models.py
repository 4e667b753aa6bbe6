"""A model and a moderator under a test's control, for the gateway's tests: ``kind = "./gateway_models.py:model"``.

It stands alone, because a bot loads it by its path: in a test's own process, or in a ``rostra serve`` of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from rostra.chat import Piece, Sampling, ToolCall, Usage, Utterance
from rostra.components import Component, ComponentSettings, Services
from rostra.errors import ModelError
from rostra.verdicts import Decision, Passage, Verdict

Take: TypeAlias = Sequence[Piece | str | Exception | asyncio.Event]
"""What happens: a piece is said, an exception raised, an event waited for."""

WORDS = "the model's own words"
"""What a failure of the model says, and nobody but the operator may read."""


class ModelSettings(ComponentSettings):
    """``takes`` as `rostra.protocols.Obliging` has it; ``window`` in words."""

    takes: frozenset[str] = frozenset()
    window: int = 10_000


@dataclass(slots=True, kw_only=True)
class Scripted:
    """Does what ``script`` has for the last thing said, else says it again, a word a piece.

    A function in the script gets how many questions there were before.
    Offered tools it calls the first; told what that gave it says so. To ``flaky`` it fails once, to ``fail`` always, and the
    watcher knows the first time not what to make of ``unsure``. To ``tell WORD`` it says the word, backwards, in its second
    sentence; in the one of ``break off`` it fails.

    ``asked`` has every question, ``open`` counts the streams under way, ``judged`` what the watcher was asked about, which
    waits for ``verdict`` where there is one.
    """

    name: str
    window: int
    takes: frozenset[str]
    script: dict[str, Take | Callable[[int], Take]] = field(
        default_factory=dict[str, "Take | Callable[[int], Take]"]
    )
    asked: list[tuple[Sequence[Utterance], Sampling]] = field(
        default_factory=list[tuple[Sequence[Utterance], Sampling]]
    )
    open: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    judged: list[Passage] = field(default_factory=list[Passage])
    verdict: asyncio.Event | None = None
    broken: bool = False
    _failed: bool = False
    unsure: bool = True

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked.append((messages, sampling))
        self._turn(+1)
        try:
            for happening in self._take(messages, sampling):
                match happening:
                    case Piece():
                        yield happening
                    case str():
                        yield Piece(text=happening)
                    case asyncio.Event():
                        await happening.wait()
                    case error:
                        raise error
        finally:
            self._turn(-1)

    async def until(self, streams: int, *, asked: int = 0) -> None:
        """Return once so many streams are under way, and so many questions were asked."""
        async with asyncio.timeout(5):
            while self.open != streams or len(self.asked) < asked:
                self.changed.clear()
                await self.changed.wait()

    def _turn(self, more: int) -> None:
        self.open += more
        self.changed.set()

    def _take(self, messages: Sequence[Utterance], sampling: Sampling) -> Take:
        last = messages[-1]
        end = Piece(finish="stop", usage=Usage(prompt=7, completion=3))
        if last.text in self.script:
            take = self.script[last.text]
            steps = take(len(self.asked) - 1) if callable(take) else take
            ended = any(isinstance(step, Piece) and step.finish for step in steps)
            return steps if ended else (*steps, end)
        if last.text == "fail" or (last.text == "flaky" and not self._failed):
            self._failed = True
            return (ModelError(WORDS),)
        if last.text == "break off":
            return ("This much is fine. And", ModelError(WORDS))
        if last.text.startswith("tell "):
            return ("This much is fine. ", *f"That it is {last.text[:4:-1]} is not.", end)
        if sampling.tools and last.role == "user":
            call = ToolCall(id="call_1", name=sampling.tools[0].name, arguments='{"town": "Bonn"}')
            return (Piece(calls=(call,), finish="tool_calls", usage=end.usage),)
        words = last.text.split(" ")[: sampling.max_tokens]
        said = [f"{word} " for word in words[:-1]] + words[-1:]
        return (*(Piece(text=word, logprobs=(-0.5,)) for word in said), end)


@asynccontextmanager
async def _model(settings: ModelSettings, services: Services) -> AsyncGenerator[Scripted]:
    yield Scripted(name=services.name, window=settings.window, takes=settings.takes)


class WatcherSettings(ComponentSettings):
    """``model``: the `Scripted` one that is told what was judged."""

    model: str = "script"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A moderator that takes its time, and finds harm in everything with ``kaboom`` in it."""

    name: str
    model: Scripted

    async def judge(self, passage: Passage) -> Verdict:
        self.model.judged.append(passage)
        self.model.changed.set()
        if self.model.verdict is not None:
            await self.model.verdict.wait()
        if self.model.broken or (passage.text == "unsure" and self.model.unsure):
            self.model.unsure = False
            raise ModelError(WORDS)
        harm = "kaboom" in passage.text
        scores: Mapping[str, float] = {"violence": 1.0} if harm else {}
        return Verdict(
            decision=Decision.BLOCK if harm else Decision.ALLOW, source=self.name, categories=scores
        )


@asynccontextmanager
async def _watcher(settings: WatcherSettings, services: Services) -> AsyncGenerator[Watcher]:
    yield Watcher(name=services.name, model=cast("Scripted", services.models[settings.model]))


model = Component(name="scripted", settings=ModelSettings, open=_model)
watcher = Component(name="watcher", settings=WatcherSettings, open=_watcher)
