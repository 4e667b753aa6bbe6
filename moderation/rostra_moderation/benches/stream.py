"""What people see of an answer that goes wrong halfway: our stage, and the mechanisms of others, on the same answers.

Answers of some 318 tokens come token by token, half of them with one passage that must not be seen. An oracle knows
where it lies, and blocks a text that holds enough of it: so mechanisms are compared, and not classifiers. Then the same
with the classifier that ships. Ours is the stage itself with everything behind it; time stands still between two tokens
until all verdicts are there, so that waiting is counted in tokens, and the time for judging apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from rostra.actions import Action, Append, Begin, Capabilities, Emit, Finish, Replace, Retract
from rostra.benches.report import Figure, Report, figure, machine, percentile
from rostra.chat import Answerer
from rostra.components import Services
from rostra.errors import ConfigError
from rostra.events import Message
from rostra.garbage import collect_seldom
from rostra.places import Permission, Person, Place
from rostra.protocols import Moderator
from rostra.turns import Trace, Turn
from rostra.verdicts import Decision, Passage, Verdict

from ..guard import Hold
from ..moderation import Moderation, ModerationSettings, build
from ..rules import RulesSettings
from ..rules import build as build_rules
from .mechanisms import PEERS, Mechanism, Screen
from .speech import Sentences, Speech, sentences, speeches

ANSWERS, QUICK = 1_000, 24
COVERS = (0.4, 0.6, 1.0)
"""Shares of the passage from which the oracle blocks; the middle one is what figures without a share are of."""

_PLACE = Place(adapter="bench", workspace="bench", channel="bench")
_AUTHOR = Person(id="bench")
_CAN = Capabilities(append=True, edit=True, delete=True)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A moderator, and whether it is thinking."""

    moderator: Moderator
    thinking: int = 0
    asked: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.moderator.name

    async def judge(self, passage: Passage) -> Verdict:
        self.thinking += 1
        self.asked += 1
        self.idle.clear()
        try:
            return await self.moderator.judge(passage)
        finally:
            self.thinking -= 1
            if not self.thinking:
                self.idle.set()


@dataclass(slots=True, kw_only=True)
class Oracle:
    """Blocks a text from the beginning of an answer that holds ``cover`` of the passage."""

    cover: float
    speech: Speech = field(default_factory=lambda: Speech(""))
    name: str = "oracle"

    async def judge(self, passage: Passage) -> Verdict:
        bad = passage.direction == "answer" and self.blocks(self.speech, 0, len(passage.text))
        return Verdict(decision=Decision.BLOCK if bad else Decision.ALLOW, source=self.name)

    def blocks(self, speech: Speech, start: int, end: int) -> bool:
        return speech.violates and speech.share(start, end) >= self.cover


@dataclass(slots=True)
class Silent:
    """Answers at once, and finds nothing: so that hold ``none`` shows text before the oracle has judged it."""

    name: str = "silent"

    async def judge(self, passage: Passage) -> Verdict:
        return self.judge_now(passage)

    def judge_now(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source=self.name)


@dataclass(slots=True)
class Tally:
    """What came of one mechanism."""

    harmless: int = 0
    hindered: int = 0
    violating: int = 0
    missed: int = 0
    leaked: int = 0
    before: list[float] = field(default_factory=list[float])
    after: list[float] = field(default_factory=list[float])
    waits: list[int] = field(default_factory=list[int])
    added: list[float] = field(default_factory=list[float])

    def add(self, speech: Speech, screen: Screen, *, counts: bool, left: float | None = None) -> None:
        """Take in one answer. ``counts``: it is one to be blocked; ``left``: the share of its passage that stayed visible."""
        if not speech.violates:
            self.harmless += 1
            self.hindered += screen.blocked
            self.waits += _waits(speech, screen)
        if not counts:
            return
        size = speech.end - speech.start
        share = speech.seen(screen.most) / size
        self.violating += 1
        self.missed += not screen.blocked
        self.leaked += share > 0
        self.before.append(share)
        self.after.append(share if left is None else left)

    def figures(self, suffix: str) -> Mapping[str, Figure]:
        percent = 100 / max(1, self.violating)
        made = {
            f"missed_percent{suffix}": figure(self.missed * percent, "%"),
            f"leaked_percent{suffix}": figure(self.leaked * percent, "%"),
            f"visible_before_retraction_percent{suffix}": figure(100 * fmean(self.before or [0]), "%"),
            f"visible_after_retraction{suffix}": figure(100 * fmean(self.after or [0]), "%"),
            f"harmless_blocked_percent{suffix}": figure(100 * self.hindered / max(1, self.harmless), "%"),
        }
        if len(self.waits) > 1:
            made[f"wait_p95_tokens{suffix}"] = figure(percentile(self.waits, 95), "tokens")
            made[f"wait_mean_tokens{suffix}"] = figure(fmean(self.waits), "tokens")
        if len(self.added) > 1:
            made[f"added_p50_ms{suffix}"] = figure(percentile(self.added, 50) * 1000, "ms")
            made[f"added_p95_ms{suffix}"] = figure(percentile(self.added, 95) * 1000, "ms")
        return made


def _waits(speech: Speech, screen: Screen) -> list[int]:
    """Return for each token how many more had come when it was shown."""
    waits: list[int] = []
    number = 0
    for tokens, characters in screen.shown:
        while number < len(speech.ends) and speech.ends[number] <= characters:
            waits.append(tokens - number - 1)
            number += 1
    return waits


class Viewer:
    """Where our stage emits to: what stands on the screen, and since when."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.text = ""
        self.now = 0
        self.asked = 0.0
        self.added: list[float] = []

    async def emit(self, action: Action) -> None:
        match action:
            case Begin() | Append() | Replace():
                self.text = action.text if isinstance(action, Replace) else self.text + action.text
                self.screen.show(self.now, len(self.text))
                self.added.append(time.perf_counter() - self.asked)
            case Finish() if action.ending == "stop":
                self.text = action.text
                self.screen.show(self.now, len(self.text))
                self.added.append(time.perf_counter() - self.asked)
            case Finish() | Retract():
                self.text = action.text
                self.screen.blocked = True
            case _:
                pass


async def play(speech: Speech, moderation: Moderation, watched: Sequence[Watched]) -> Viewer:
    """Let the stage of ``moderation`` pass ``speech`` on, token by token."""
    viewer = Viewer()

    async def said(turn: Turn, emit: Emit) -> None:
        for number, token in enumerate(speech.tokens, 1):
            action = Append if number > 1 else Begin
            await _timed(viewer, number, watched, emit, action(reply=turn.reply, text=token))
        await _timed(viewer, len(speech.tokens), watched, emit, Finish(reply=turn.reply, text=speech.text))

    await moderation.stage(said)(_turn(), viewer.emit)
    return viewer


async def _timed(viewer: Viewer, number: int, watched: Sequence[Watched], emit: Emit, action: Action) -> None:
    viewer.now, viewer.asked = number, time.perf_counter()
    before = sum(each.asked for each in watched)
    await emit(action)
    if sum(each.asked for each in watched) > before:
        for each in watched:
            while each.thinking:
                await each.idle.wait()
        for _ in range(5):  # the verdict is there; what follows from it is done within a few rounds
            await asyncio.sleep(0)


def _turn() -> Turn:
    text = "What do you think?"
    event = Message(id="1", place=_PLACE, author=_AUTHOR, text=text, sent_at=datetime(2026, 1, 1, tzinfo=UTC))
    return Turn(
        event=event,
        author=_AUTHOR,
        permission=Permission.ASKER,
        reply="r",
        question=text,
        answerer=Answerer(name="default", model="none"),
        capabilities=_CAN,
        trace=Trace(),
    )


def court(hold: Hold, *moderators: Moderator) -> Moderation:
    """Return the moderation of a bot with these moderators."""
    settings = ModerationSettings.model_validate({"policies": {"default": {"hold": hold, "risk": _NO_RISK}}})
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        moderators={each.name: each for each in moderators},
    )
    return build(settings, services)


_NO_RISK = {"flag": "never", "block": "never"}
"""One person asks everything here; what adds up is not what is measured."""


def _left(speech: Speech, viewer: Viewer) -> float:
    """Return the share of the passage that is visible in the end."""
    text = viewer.text
    same = next(
        (at for at, (one, other) in enumerate(zip(text, speech.text, strict=False)) if one != other),
        min(len(text), len(speech.text)),
    )
    return speech.seen(same) / (speech.end - speech.start) if speech.violates else 0.0


async def with_oracle(said: Sequence[Speech], hold: Hold, cover: float) -> Tally:
    """Play ``said`` through our stage, with the oracle as its only judge of meaning."""
    oracle = Oracle(cover=cover)
    watched = Watched(moderator=oracle)
    moderation = court(hold, Silent(), watched)
    tally = Tally()
    for speech in said:
        oracle.speech = speech
        viewer = await play(speech, moderation, [watched])
        tally.add(speech, viewer.screen, counts=speech.violates, left=_left(speech, viewer))
    return tally


async def peer_with_oracle(said: Sequence[Speech], mechanism: Mechanism, cover: float) -> Tally:
    """Play ``said`` through the mechanism of somebody else."""
    oracle = Oracle(cover=cover)
    tally = Tally()

    async def blocks(speech: Speech, start: int, end: int) -> bool:
        return oracle.blocks(speech, start, end)

    for speech in said:
        tally.add(speech, await mechanism(speech, blocks), counts=speech.violates)
    return tally


async def with_classifier(said: Sequence[Speech], classifier: Moderator) -> Mapping[str, Tally]:
    """Play ``said`` through our stage and the others', with the default moderators.

    What is to be blocked is what they block when they see all of it.
    """
    rules = build_rules("rules", RulesSettings(), Path())
    whole = court("full", rules, classifier)
    watched = Watched(moderator=classifier)
    ours = court("sentence", rules, watched)
    tallies = {"": Tally(), **{f"_{name}": Tally() for name in PEERS}}

    async def blocks(speech: Speech, start: int, end: int) -> bool:
        return (await whole.judge(_passage(speech.text[start:end]))).decision is Decision.BLOCK

    for speech in said:
        counts = speech.violates and await blocks(speech, 0, len(speech.text))
        viewer = await play(speech, ours, [watched])
        tallies[""].add(speech, viewer.screen, counts=counts, left=_left(speech, viewer))
        tallies[""].added += viewer.added
        for name, mechanism in PEERS.items():
            tallies[f"_{name}"].add(speech, await mechanism(speech, blocks), counts=counts)
    return tallies


def _passage(text: str) -> Passage:
    question = "What do you think?"
    return Passage(text=text, direction="answer", place=_PLACE, author=_AUTHOR, question=question)


async def _classifier(stack: AsyncExitStack) -> Moderator | None:
    """Return the classifier that ships, or None where its weights are not there."""
    from ..classifier import component

    services = Services(name="classifier", data=Path(), base=Path())
    try:
        return await stack.enter_async_context(component.open(component.settings(), services))
    except ConfigError:
        return None


async def bench(*, quick: bool = False) -> Report:
    """Run it all. ``quick`` plays a few answers only."""
    collect_seldom()
    count = QUICK if quick else ANSWERS
    of = sentences()
    said = speeches(count, seed=20, of=of)
    figures: dict[str, Figure] = {}
    ratios: dict[str, float] = {}
    tallies = await _oracles(said)
    for suffix, tally in tallies.items():
        figures |= tally.figures(suffix)
    worst = max(tally.missed for name, tally in tallies.items() if name in {"", "_cover40", "_cover100"})
    figures["missed_percent"] = figure(100 * worst / max(1, tallies[""].violating), "%")
    for name in PEERS:
        ratios |= compared(name, tallies[""], tallies[f"_{name}"])
    missing: list[str] = []
    async with AsyncExitStack() as stack:
        classifier = await _classifier(stack)
        if classifier is None:
            missing.append("the classifier that ships")
            figures |= await _rules_only(said)
        else:
            figures |= await _real(speeches(count // 2, seed=21, of=of), classifier)
    return Report(bench="stream", machine=_machine(of), figures=figures, ratios=ratios, missing=missing)


async def _oracles(said: Sequence[Speech]) -> Mapping[str, Tally]:
    tallies: dict[str, Tally] = {}
    for cover in COVERS:
        suffix = "" if cover == COVERS[1] else f"_cover{cover * 100:.0f}"
        tallies[suffix] = await with_oracle(said, "sentence", cover)
        for name, mechanism in PEERS.items():
            tallies[f"_{name}{suffix}"] = await peer_with_oracle(said, mechanism, cover)
    for hold in ("none", "full"):
        tallies[f"_hold_{hold}"] = await with_oracle(said[: len(said) // 2], hold, COVERS[1])
    return tallies


async def _real(said: Sequence[Speech], classifier: Moderator) -> Mapping[str, Figure]:
    figures: dict[str, Figure] = {}
    tallies = await with_classifier(said, classifier)
    for suffix, tally in tallies.items():
        figures |= tally.figures(f"{suffix}_classifier")
    share = 100 * tallies[""].violating / max(1, sum(speech.violates for speech in said))
    figures["blocked_whole_percent_classifier"] = figure(share, "%")
    figures["added_p95_ms"] = figures["added_p95_ms_classifier"]
    return figures


async def _rules_only(said: Sequence[Speech]) -> Mapping[str, Figure]:
    """Return what judging costs where the rules are all there is."""
    moderation = court("sentence", build_rules("rules", RulesSettings(), Path()))
    added = [took for speech in said for took in (await play(speech, moderation, [])).added]
    return {"added_p95_ms": figure(percentile(added, 95) * 1000, "ms")}


def compared(name: str, ours: Tally, theirs: Tally) -> Mapping[str, float]:
    """Return how much better ours is than a peer: at catching, at what is left to be seen, at being fast."""
    made = {
        f"caught_vs_{name}": _ratio(ours.violating - ours.missed, theirs.violating - theirs.missed),
        f"unseen_vs_{name}": _ratio(1 - fmean(ours.after or [0]), 1 - fmean(theirs.after or [0])),
    }
    if not any(theirs.waits):  # it shows everything at once, and takes nothing back
        return made
    return made | {f"wait_p95_vs_{name}": _ratio(percentile(theirs.waits, 95), percentile(ours.waits, 95))}


def _ratio(one: float, other: float) -> float:
    return round(
        one / max(other, 0.01), 2
    )  # a peer that hides or catches nothing is beaten a hundredfold, no more


def _machine(of: Sentences) -> Mapping[str, str | int]:
    return {**machine(), "sentences": of.source}
