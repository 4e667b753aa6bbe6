"""The contract of moderators fails each moderator that breaks it, and passes one that keeps it."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from typing import ClassVar

import pytest

from rostra.protocols import Moderator
from rostra.testing.fakes import ListModerator
from rostra.testing.moderators import TEXTS, ModeratorContract
from rostra.verdicts import Decision, Passage, Span, Verdict


class Contract(ModeratorContract):
    __test__ = False
    cpu_seconds: ClassVar[float] = 0.2


async def failures(make: Callable[[], Moderator]) -> set[str]:
    """Return the names of the tests of the contract that a moderator fails."""
    failed: set[str] = set()
    for name in dir(Contract):
        if not name.startswith("test_"):
            continue
        test = getattr(Contract(), name)
        arguments: list[dict[str, str]] = (
            [{"text": text} for text in TEXTS.values()] if name == "test_any_text_is_judged" else [{}]
        )
        for extra in arguments:
            try:
                await test(make(), **extra)
            except Exception:  # noqa: BLE001  whatever it is, the test has failed
                failed.add(name)
    return failed


class Sound:
    """The simplest moderator there is; the broken ones differ from it in one thing."""

    name = "sound"

    async def judge(self, passage: Passage) -> Verdict:
        return self.verdict(passage)

    def verdict(self, passage: Passage) -> Verdict:
        at = passage.text.find("kill")
        if at < 0:
            return Verdict(decision=Decision.ALLOW, source=self.name)
        span = Span(start=at, end=at + 4, category="violence")
        return Verdict(
            decision=Decision.BLOCK,
            source=self.name,
            categories={"violence": 0.9},
            spans=(span,),
            rule="kill-word",
        )


class SignsAsAnother(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source="somebody")


class ScoresInPercent(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source=self.name, categories={"violence": 12.5})


class ScoresNothingThatCompares(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source=self.name, categories={"violence": float("nan")})


class InventsACategory(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source=self.name, categories={"naughty": 0.5})


class PointsBeyondTheText(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        span = Span(start=0, end=len(passage.text.encode("utf-8", "replace")) + 1, category="hate")
        return Verdict(decision=Decision.FLAG, source=self.name, categories={"hate": 0.5}, spans=(span,))


class QuotesTheText(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        return Verdict(decision=Decision.ALLOW, source=self.name, rule=f"said {passage.text}")


class CannotEncode(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        passage.text.encode()
        return super().verdict(passage)


class FearsSilence(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        if not passage.text:
            return Verdict(decision=Decision.BLOCK, source=self.name)
        return super().verdict(passage)


class ReturnsNothing(Sound):
    async def judge(self, passage: Passage) -> Verdict:
        del passage
        return None  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  that is what is broken


class ReportsItsOwnFailure(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.BLOCK, source=self.name, kind="error")


class ChangesItsMind(Sound):
    turns = itertools.count()

    def verdict(self, passage: Passage) -> Verdict:
        if passage.text and next(self.turns) % 2:
            return Verdict(decision=Decision.FLAG, source=self.name)
        return super().verdict(passage)


class ForgetsWhomItJudges(Sound):
    """Keeps the passage on itself while it waits."""

    passage: Passage

    async def judge(self, passage: Passage) -> Verdict:
        self.passage = passage
        await asyncio.sleep(0)
        return self.verdict(self.passage)


class IsSlowWithRepeats(Sound):
    def verdict(self, passage: Passage) -> Verdict:
        if len(passage.text) > 1_000_000:
            re.search(r"(?:[a-zA-Z]+ ?)+\Z!", passage.text)
        return super().verdict(passage)


class HastensOtherwise(Sound):
    def judge_now(self, passage: Passage) -> Verdict:
        del passage
        return Verdict(decision=Decision.ALLOW, source=self.name)


async def test_a_moderator_that_keeps_the_contract_passes() -> None:
    assert await failures(Sound) == set()
    assert await failures(lambda: ListModerator(words={"kill": "violence"})) == set()


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (SignsAsAnother, "test_any_text_is_judged"),
        (ScoresInPercent, "test_any_text_is_judged"),
        (ScoresNothingThatCompares, "test_any_text_is_judged"),
        (InventsACategory, "test_any_text_is_judged"),
        (PointsBeyondTheText, "test_any_text_is_judged"),
        (QuotesTheText, "test_any_text_is_judged"),
        (CannotEncode, "test_any_text_is_judged"),
        (ReturnsNothing, "test_any_text_is_judged"),
        (ReportsItsOwnFailure, "test_any_text_is_judged"),
        (FearsSilence, "test_an_empty_text_is_allowed"),
        (ChangesItsMind, "test_the_same_text_gets_the_same_verdict"),
        (ForgetsWhomItJudges, "test_texts_judged_at_the_same_time_do_not_touch_one_another"),
        (IsSlowWithRepeats, "test_a_megabyte_is_judged_in_bounded_time"),
        (HastensOtherwise, "test_judging_at_once_says_the_same"),
    ],
)
async def test_a_moderator_that_breaks_the_contract_fails(broken: type[Sound], test: str) -> None:
    assert test in await failures(broken)
