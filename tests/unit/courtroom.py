"""What tests of moderation sit in: moderators that say what they are told, a screen, a handler with its lines ready."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rostra.actions import Action, Append, Begin, Capabilities, Emit, Finish, Replace, Retract, Show, Typing
from rostra.components import Services
from rostra.places import Person, Place
from rostra.protocols import Moderator
from rostra.refusals import Refusals
from rostra.testing.clock import ManualClock
from rostra.testing.stages import a_turn
from rostra.turns import Handler, Turn
from rostra.verdicts import Decision, Passage, Span, Verdict
from rostra_moderation.moderation import Moderation, ModerationSettings, build
from rostra_moderation.policy import PolicySettings, Ruling
from rostra_moderation.register import GOOD, Register, Standing

FULL = Capabilities(append=True, edit=True, delete=True, typing=True)
BAD = "badword"


@dataclass(kw_only=True)
class Censor:
    """Blocks what contains a bad word, flags what contains a doubtful one; writes down what it was asked."""

    name: str = "censor"
    asked: list[Passage] = field(default_factory=list[Passage])
    gate: asyncio.Event | None = None
    fails: Exception | None = None

    async def judge(self, passage: Passage) -> Verdict:
        self.asked.append(passage)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        at = passage.text.find(BAD)
        if at >= 0:
            span = Span(start=at, end=at + len(BAD), category="hate")
            return Verdict(
                decision=Decision.BLOCK, source=self.name, categories={"hate": 0.9}, spans=(span,), rule="bad"
            )
        score = {"violence": 0.5} if "doubtful" in passage.text else {}
        return Verdict(decision=Decision.ALLOW, source=self.name, categories=score)


class QuickCensor(Censor):
    """The same, asked without waiting."""

    def judge_now(self, passage: Passage) -> Verdict:
        judging = self.judge(passage)
        try:
            judging.send(None)
        except StopIteration as done:
            verdict: Verdict = done.value
            return verdict
        raise AssertionError("it waited")


@dataclass
class Screen:
    """What left, in order."""

    actions: list[Action] = field(default_factory=list[Action])
    fails: Exception | None = None

    async def emit(self, action: Action) -> None:
        if self.fails is not None:
            raise self.fails
        self.actions.append(action)

    @property
    def text(self) -> str:
        """What stands there now."""
        shown = ""
        for action in self.actions:
            match action:
                case Append():
                    shown += action.text
                case Begin() | Replace() | Retract() | Finish():
                    shown = action.text
                case Show() | Typing():
                    pass
        return shown


@dataclass(kw_only=True)
class Phrases:
    """Answers at once: scores each phrase it finds in its category, and says where. Writes down what it was asked."""

    scores: Mapping[str, tuple[str, float]]
    name: str = "phrases"
    asked: list[Passage] = field(default_factory=list[Passage])

    async def judge(self, passage: Passage) -> Verdict:
        return self.judge_now(passage)

    def judge_now(self, passage: Passage) -> Verdict:
        self.asked.append(passage)
        categories: dict[str, float] = {}
        spans: list[Span] = []
        for phrase, (category, score) in self.scores.items():
            for found in re.finditer(re.escape(phrase), passage.text):
                categories[category] = max(score, categories.get(category, 0.0))
                spans.append(Span(start=found.start(), end=found.end(), category=category))
        return Verdict(decision=Decision.ALLOW, source=self.name, categories=categories, spans=tuple(spans))


@dataclass(kw_only=True)
class Scores:
    """Has to be waited for: scores each phrase it finds, and counts how often it was asked about what."""

    scores: Mapping[str, tuple[str, float]]
    name: str = "scores"
    gate: asyncio.Event | None = None
    fails: Exception | None = None
    languages: tuple[str, ...] = ()
    asked: list[Passage] = field(default_factory=list[Passage])

    async def judge(self, passage: Passage) -> Verdict:
        self.asked.append(passage)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        found = {
            category: score for phrase, (category, score) in self.scores.items() if phrase in passage.text
        }
        return Verdict(decision=Decision.ALLOW, source=self.name, categories=found)


@dataclass
class Book:
    """A register that writes down what it is told."""

    standings: list[Standing] = field(default_factory=list[Standing])
    recorded: list[tuple[Passage, Ruling]] = field(default_factory=list[tuple[Passage, Ruling]])
    over: Mapping[str, PolicySettings] = field(default_factory=dict[str, PolicySettings])

    async def standing(self, person: Person, place: Place) -> Standing:
        return self.standings.pop(0) if self.standings else GOOD

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        self.recorded.append((passage, ruling))

    async def policies(self) -> Mapping[str, PolicySettings]:
        return self.over


def moderation(
    *moderators: Moderator,
    clock: ManualClock | None = None,
    register: Register | None = None,
    **table: object,
) -> Moderation:
    settings = ModerationSettings.model_validate(table)
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        clock=clock or ManualClock(),
        moderators={each.name: each for each in moderators},
    )
    return build(settings, services, register)


def saying(*pieces: str, end: str | None = None) -> Handler:
    """Return a handler that answers in ``pieces``."""

    async def handle(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text=pieces[0]))
        for piece in pieces[1:]:
            await emit(Append(reply=turn.reply, text=piece))
        await emit(Finish(reply=turn.reply, text="".join(pieces) if end is None else end))

    return handle


async def never(turn: Turn, emit: Emit) -> None:
    raise AssertionError("the model was called")


async def run(
    stage: Moderation, inner: Handler, turn: Turn | None = None, *, can: Capabilities = FULL
) -> tuple[Sequence[Action], Turn]:
    turn = turn or a_turn("What?", can=can)
    screen = Screen()
    await stage.stage(inner)(turn, screen.emit)
    return screen.actions, turn


def refusal(reason: str) -> str:
    return Refusals().render(reason, place=a_turn().place, trace="r1")
