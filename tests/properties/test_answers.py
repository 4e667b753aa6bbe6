"""What the stage promises of streamed answers, for any text, any pieces, any lag of the verdicts.

One moderator answers at once and blocks what holds a banned phrase; another takes its time, blocks what holds a bad
passage, and lets any number of pieces go by before it says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.actions import Action, Append, Begin, Capabilities, Emit, Finish, Replace, Retract
from rostra.components import Services
from rostra.testing.clock import ManualClock
from rostra.testing.stages import a_turn
from rostra.turns import Turn
from rostra.verdicts import Decision, Passage, Span, Verdict
from rostra_moderation.guard import Hold
from rostra_moderation.moderation import ModerationSettings, build

BANNED, BAD, SECRET = "red fox", "very bad passage. It is", "12-34"
CAN = Capabilities(append=True, edit=True, delete=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A text, where it is cut, how it is held, and after how many rounds of the loop each verdict comes."""

    text: str
    cuts: tuple[int, ...]
    hold: Hold
    lags: tuple[int, ...]
    finishes: bool

    @property
    def pieces(self) -> list[str]:
        edges = [0, *sorted(self.cuts), len(self.text)]
        return [self.text[start:end] for start, end in pairwise(edges) if end > start]


words = st.sampled_from(
    [
        "one",
        BANNED,
        "end.",
        "so,",
        "What?",
        "red",
        "fox",
        "a red fox.",
        BAD,
        "is",
        SECRET,
        "12-",
        "34.",
        "中文。",
        "x" * 40,
    ]
)
texts = st.lists(words, min_size=1, max_size=40).map(" ".join)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    text = draw(texts)
    return Play(
        text=text,
        cuts=tuple(draw(st.lists(st.integers(0, len(text)), max_size=40))),
        hold=draw(st.sampled_from(("none", "sentence", "paragraph", "full"))),
        lags=tuple(draw(st.lists(st.integers(0, 12), min_size=1, max_size=6))),
        finishes=draw(st.booleans()),
    )


class Fast:
    """Blocks a banned phrase, and finds secrets."""

    name = "fast"

    async def judge(self, passage: Passage) -> Verdict:
        return self.judge_now(passage)

    def judge_now(self, passage: Passage) -> Verdict:
        at, secret = passage.text.find(BANNED), passage.text.find(SECRET)
        spans: list[Span] = []
        while secret >= 0:
            spans.append(Span(start=secret, end=secret + len(SECRET), category="pii"))
            secret = passage.text.find(SECRET, secret + 1)
        if at >= 0:
            spans.append(Span(start=at, end=at + len(BANNED), category="hate"))
        scores = ({"pii": 1.0} if SECRET in passage.text else {}) | ({"hate": 1.0} if at >= 0 else {})
        return Verdict(decision=Decision.ALLOW, source=self.name, categories=scores, spans=tuple(spans))


@dataclass
class Slow:
    """Blocks a bad passage, after a while."""

    lags: tuple[int, ...]
    name: str = "slow"
    covered: int = 0
    asked: int = 0

    async def judge(self, passage: Passage) -> Verdict:
        self.asked += 1
        for _ in range(self.lags[self.asked % len(self.lags)] if passage.direction == "answer" else 0):
            await asyncio.sleep(0)
        bad = passage.direction == "answer" and BAD in passage.text
        if passage.direction == "answer" and not bad:
            self.covered = max(self.covered, len(passage.text))
        return Verdict(decision=Decision.ALLOW, source=self.name, categories={"violence": 1.0} if bad else {})


@dataclass
class Screen:
    """What people see, with what it must never show."""

    play: Play
    slow: Slow
    text: str = ""
    ended: bool = False
    actions: list[Action] = field(default_factory=list[Action])

    wrong: list[str] = field(default_factory=list[str])

    async def emit(self, action: Action) -> None:
        self._expect(not self.ended, "something came after the end")
        self.actions.append(action)
        await asyncio.sleep(0)
        match action:
            case Begin() | Append():
                self._expect(isinstance(action, Append) or not self.text, "it began twice")
                self.text += action.text
            case Replace() | Finish() | Retract():
                self.text = action.text
                self.ended = not isinstance(action, Replace)
            case _:
                raise AssertionError(action)
        self._check()

    def _check(self) -> None:
        self._expect(BANNED not in self.text, "a banned phrase was shown")
        if self.play.hold == "none":
            return
        self._expect(BAD not in self.text, "a passage was shown that nobody allowed")
        self._expect(SECRET not in self.text, "a secret was shown")
        plain = self.text.replace("[pii]", SECRET)
        if not self.ended:
            self._expect(len(plain) <= self.slow.covered, "something was shown that was not judged")
            self._expect(self.play.text.startswith(plain), "something was shown that nobody said")

    def _expect(self, right: bool, what: str) -> None:
        """Write down what is wrong: an assertion that fails inside of a task of the stage is not seen outside."""
        if not right:
            self.wrong.append(what)


async def played(play: Play) -> None:
    slow = Slow(play.lags)
    policy = {
        "hold": play.hold,
        "categories": {"pii": {"block": 0.5, "action": "mask"}},
        "risk": {"flag": "never"},
    }
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        clock=ManualClock(),
        moderators={"fast": Fast(), "slow": slow},
    )
    court = build(ModerationSettings.model_validate({"policies": {"default": policy}}), services)
    screen = Screen(play, slow)

    async def inner(turn: Turn, emit: Emit) -> None:
        for number, piece in enumerate(play.pieces):
            await emit((Append if number else Begin)(reply=turn.reply, text=piece))
            if number % 3 == 0:
                await asyncio.sleep(0)
        if play.finishes:
            await emit(Finish(reply=turn.reply, text=play.text))

    await court.stage(inner)(a_turn(can=CAN), screen.emit)
    assert screen.wrong == []
    assert len(asyncio.all_tasks()) == 1, "a task was left behind"
    if play.hold == "none" and not play.finishes:
        assert BAD not in screen.text, "what broke off was not judged"
    if not play.finishes:
        return
    if BANNED in play.text or BAD in play.text:
        last = screen.actions[-1]
        assert isinstance(last, Retract) or (isinstance(last, Finish) and last.ending == "content_filter")
        assert BAD not in screen.text
    else:
        assert screen.text == play.text.replace(SECRET, "[pii]")


@given(plays())
@settings(max_examples=150, deadline=None)
def test_no_text_is_shown_that_was_not_judged_and_none_is_lost(play: Play) -> None:
    asyncio.run(played(play))
