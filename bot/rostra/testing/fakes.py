"""Stand-ins for the things around what is tested: a model with a script, a moderator with a word list."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

from ..app import BUILT_IN, App
from ..chat import Piece, Sampling, Utterance
from ..clock import Clock, SystemClock
from ..command import Command, Commands
from ..components import Component, Services, find
from ..config import FeedbackSettings, Settings, moderation_settings
from ..errors import ModelError
from ..opening import open_commands
from ..parts import Parts
from ..protocols import Adapter, Model, Moderation, Moderator
from ..refusals import Refusals
from ..routes import Routes
from ..storage.memory import MemoryStore
from ..stores import Store
from ..turns import Handler
from ..verdicts import Decision, Passage, Span, Verdict

Script: TypeAlias = Mapping[str, Sequence[str] | Exception]


@dataclass(slots=True, kw_only=True)
class ScriptedModel:
    """Says what the script has for a question, piece by piece; else repeats the question.

    An exception in the script is raised. What ``variants`` has for a question is said one after the other, and as many at once
    as are asked for. ``gate`` holds pieces back, from number ``free`` on, until it opens; ``asked`` has every
    prompt, and ``closed`` counts the streams that ended, read out or not.
    """

    script: Script = field(default_factory=dict[str, Sequence[str] | Exception])
    name: str = "scripted"
    window: int = 4096
    gate: asyncio.Event | None = None
    free: int = 0
    asked: list[Sequence[Utterance]] = field(default_factory=list[Sequence[Utterance]])
    closed: int = 0
    variants: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    _told: Counter[str] = field(default_factory=Counter[str])

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked.append(messages)
        question = messages[-1].text
        said = self.script.get(question, [question])
        several = self.variants.get(question, ())
        try:
            if isinstance(said, Exception):
                raise said
            if several:
                for choice in range(sampling.n):
                    text = several[self._told[question] % len(several)]
                    self._told[question] += 1
                    yield Piece(text=text, finish="stop", choice=choice)
                return
            for number, text in enumerate(said):
                if self.gate is not None and number >= self.free:
                    await self.gate.wait()
                yield Piece(text=text)
            yield Piece(finish="stop")
        finally:
            self.closed += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModerator:
    """Finds words, each with a category; everything it finds has the score 1."""

    words: Mapping[str, str]
    name: str = "list"

    async def judge(self, passage: Passage) -> Verdict:
        text = passage.text.lower()
        spans = tuple(
            Span(start=text.index(word), end=text.index(word) + len(word), category=category)
            for word, category in self.words.items()
            if word in text
        )
        decision = Decision.BLOCK if spans else Decision.ALLOW
        return Verdict(
            decision=decision,
            source=self.name,
            categories={span.category: 1.0 for span in spans},
            spans=spans,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenModerator:
    """Cannot judge anything."""

    name: str = "broken"

    async def judge(self, passage: Passage) -> Verdict:
        raise ModelError("the judge is out")


@dataclass(frozen=True, slots=True)
class NoModeration:
    """A `rostra.protocols.Moderation` that lets everything pass: for tests about something else."""

    async def judge(self, passage: Passage) -> Verdict:
        return Verdict(decision=Decision.ALLOW, source="none")

    def stage(self, inner: Handler) -> Handler:
        return inner


@asynccontextmanager
async def bot(
    adapter: Adapter,
    model: Model,
    *,
    moderators: Sequence[Moderator] = (),
    commands: Sequence[Command] = (),
    settings: Settings | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[App]:
    """Put a whole bot together around one adapter and one model, with the real stages; it is not running yet.

    ``moderators`` go through the installed moderation stage; without any, nothing is moderated. Answers have no thumbs under
    them unless ``settings`` say so.
    """
    clock = clock or SystemClock()
    settings = settings or Settings()
    named = {name: replace(one, model=model.name) for name, one in settings.answerers.items()}
    asked = settings.feedback if "feedback" in settings.model_fields_set else FeedbackSettings(thumbs=False)
    settings = settings.model_copy(update={"answerers": named, "feedback": asked})
    refusals = Refusals()
    store = store or MemoryStore(clock=clock)
    services = Services(
        name="moderation",
        data=settings.data,
        base=settings.base,
        clock=clock,
        models={model.name: model},
        moderators={one.name: one for one in moderators},
        routes=Routes(settings.routes),
        refusals=refusals,
        store=store,
    )
    async with _moderation(settings, services) as moderation, AsyncExitStack() as stack:
        services = replace(services, moderation=moderation)
        offered = await open_commands(BUILT_IN, settings, services, stack)
        yield App(
            Parts(
                settings=settings,
                store=store,
                models={model.name: model},
                moderation=moderation,
                adapters={adapter.name: adapter},
                commands=Commands([*offered, *commands]),
                refusals=refusals,
                clock=clock,
                pages=services.pages,
            )
        )


@asynccontextmanager
async def _moderation(settings: Settings, services: Services) -> AsyncGenerator[Moderation]:
    if not services.moderators:
        yield NoModeration()
        return
    component = cast("Component[Any, Moderation]", find("stages", "moderation", settings.base))
    async with component.open(moderation_settings(component, settings), services) as moderation:
        yield moderation
