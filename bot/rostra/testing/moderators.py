"""What every moderator must do, as tests: subclass `ModeratorContract`, provide the moderator, inherit the tests."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import pytest

from ..places import Person, Place
from ..protocols import Moderator
from ..verdicts import CATEGORIES, Decision, Direction, Passage, Verdict

TEXTS = {
    "empty": "",
    "spaces": "  \t\n ",
    "nul": "be\0fore and af\0ter",
    "controls": "".join(map(chr, range(32))),
    "long": "all work and no play " * 5_000,
    "one word": "a" * 100_000,
    "right to left": "abc \u202e gnitirw \u05e9\u05dc\u05d5\u05dd",
    "joined emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44b\U0001f3fd",
    "lone surrogates": "high \ud83d low \ude00",
    "combining marks": "e" + "\u0301" * 5_000,
    "invisible": "in\u200bvi\u00adsi\ufe0fble\U000e0041",
    "grows when folded": "\u0130\u00df\ufb03\ufdfa" * 100,
    "regex bomb": "(a+)+$" + "a" * 5_000 + "!",
    "not english": "Was kostet das? 這是什麼\uff1f Что это? هذا ما هو",
}
"""Texts that people and models do send, and that have broken moderators."""

MEGABYTE = "The quick brown fox jumps over the lazy dog, again and again. " * 16_913
"""A text of 2²⁰ characters."""


def passage(text: str, direction: Direction = "question") -> Passage:
    """Return ``text`` as something that was asked or answered."""
    return Passage(
        text=text,
        direction=direction,
        place=Place(adapter="test", channel="room"),
        author=Person(id="ann"),
        question="What was asked?" if direction == "answer" else "",
    )


class ModeratorContract:
    """Tests for one moderator.

    ::

        class TestMine(ModeratorContract):
            @pytest.fixture
            def moderator(self) -> Moderator:
                return Mine()

    A moderator that asks a service needs a fake of that service, at its wire. The tests are coroutines for
    pytest-asyncio, in any of its modes.
    """

    cpu_seconds: ClassVar[float] = 20.0
    """Processor time in which a text of 2²⁰ characters must be judged: no clock on the wall, which a busy machine slows
    down, and far beyond what time linear in the length takes."""

    @pytest.fixture
    def moderator(self) -> Moderator:
        raise NotImplementedError("provide the moderator to test")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    async def test_any_text_is_judged(self, moderator: Moderator, text: str) -> None:
        """… in both directions, with a verdict that holds together."""
        for direction in ("question", "answer"):
            check(await moderator.judge(passage(text, direction)), moderator, text)

    @pytest.mark.asyncio
    async def test_a_megabyte_is_judged_in_bounded_time(self, moderator: Moderator) -> None:
        with cpu_limit(self.cpu_seconds):
            check(await moderator.judge(passage(MEGABYTE)), moderator, MEGABYTE)

    @pytest.mark.asyncio
    async def test_an_empty_text_is_allowed(self, moderator: Moderator) -> None:
        """… for there is nothing in it that could harm."""
        verdict = await moderator.judge(passage(""))
        assert verdict.decision is Decision.ALLOW, f"an empty text got {verdict.decision.name}"

    @pytest.mark.asyncio
    async def test_the_same_text_gets_the_same_verdict(self, moderator: Moderator) -> None:
        for text in _spoken():
            first = await moderator.judge(passage(text))
            again = await moderator.judge(passage(text))
            assert _said(first) == _said(again), f"two verdicts on {text!r}"

    @pytest.mark.asyncio
    async def test_texts_judged_at_the_same_time_do_not_touch_one_another(self, moderator: Moderator) -> None:
        texts = [*_spoken()] * 3
        alone = [_said(await moderator.judge(passage(text))) for text in texts]
        together = await asyncio.gather(*(moderator.judge(passage(text)) for text in texts))
        assert alone == [_said(verdict) for verdict in together]

    @pytest.mark.asyncio
    async def test_judging_at_once_says_the_same(self, moderator: Moderator) -> None:
        """… where a moderator has ``judge_now``, by which it is asked without waiting."""
        judge_now = getattr(moderator, "judge_now", None)
        if judge_now is None:
            return
        for text in _spoken():
            assert _said(judge_now(passage(text))) == _said(await moderator.judge(passage(text)))


def check(verdict: Verdict, moderator: Moderator, text: str) -> None:
    """Assert that ``verdict`` is one that ``moderator`` may return for ``text``."""
    assert isinstance(verdict, Verdict), f"{type(verdict).__name__} is no Verdict"  # pyright: ignore[reportUnnecessaryIsInstance]  plugins need not be typed
    assert verdict.source == moderator.name, f"signed as {verdict.source!r}, is {moderator.name!r}"
    assert verdict.kind == "judged", "a moderator that cannot judge raises; errors become verdicts elsewhere"
    assert not verdict.policy, "moderators know no policy; it sets its version itself"
    for category, score in verdict.categories.items():
        assert category in CATEGORIES, f"no category {category!r}"
        assert 0 <= score <= 1, f"{category!r} scored {score!r}, not 0 to 1"
    for span in verdict.spans:
        assert 0 <= span.start < span.end <= len(text), f"{span!r} is not within {len(text)} characters"
        assert span.category in verdict.categories, f"{span!r} is of no category that was scored"
    if text.strip():
        assert text not in verdict.rule, "a rule is named, never quoted"


@contextmanager
def cpu_limit(seconds: float) -> Generator[None]:
    """Fail once this process has computed for ``seconds``; where the system cannot tell, there is no limit."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: object) -> None:
        del number, frame
        raise AssertionError(f"took more than {seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _spoken() -> Sequence[str]:
    return (
        *(TEXTS[name] for name in ("empty", "nul", "joined emoji", "not english", "invisible")),
        "kill it",
    )


def _said(verdict: Verdict) -> tuple[object, ...]:
    return verdict.decision, dict(verdict.categories), verdict.spans, verdict.kind
