"""Verdicts that were had before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from courtroom import Scores, moderation, run, saying

from rostra.errors import ModerationError
from rostra.places import Person
from rostra.testing.moderators import passage
from rostra.testing.stages import a_turn
from rostra.verdicts import Decision, Verdict
from rostra_moderation.cache import Cache, Cached

FINE = Verdict(decision=Decision.ALLOW, source="scores")


async def test_nothing_is_asked_twice() -> None:
    scores = Scores(scores={"bad": ("hate", 0.9)})
    cached = Cached(scores, Cache())
    first = await cached.judge(passage("bad"))
    assert await cached.judge(passage("bad")) == first
    assert len(scores.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        passage("bad!"),
        passage("bad", "answer"),
        replace(passage("bad"), question="why?"),
        replace(passage("bad"), author=Person(id="somebody else")),
        replace(passage("bad"), author=replace(passage("bad").author, roles=frozenset({"moderator"}))),
        replace(passage("bad"), place=replace(passage("bad").place, channel="elsewhere")),
    ],
)
async def test_what_a_moderator_could_judge_otherwise_is_asked_again(other: object) -> None:
    scores = Scores(scores={})
    cached = Cached(scores, Cache())
    await cached.judge(passage("bad"))
    await cached.judge(other)  # pyright: ignore[reportArgumentType]  the parameters are passages
    assert len(scores.asked) == 2


async def test_another_policy_asks_again() -> None:
    scores, cache = Scores(scores={}), Cache()
    await Cached(scores, cache, "one").judge(passage("x"))
    await Cached(scores, cache, "two").judge(passage("x"))
    assert len(scores.asked) == 2


async def test_a_failure_is_not_remembered() -> None:
    scores = Scores(scores={}, fails=ModerationError("out"))
    cache = Cache()
    with pytest.raises(ModerationError):
        await Cached(scores, cache).judge(passage("x"))
    scores.fails = None
    assert (await Cached(scores, cache).judge(passage("x"))).decision is Decision.ALLOW
    for kind in ("error", "timeout"):
        cache.put(Verdict(decision=Decision.BLOCK, source="remote", kind=kind), "", passage("x"))
        assert cache.get("remote", "", passage("x")) is None


async def test_a_verdict_that_makes_no_sense_is_not_remembered() -> None:
    cache = Cache()
    with pytest.raises(ValueError, match="scored 'hate' with 7"):
        await Cached(Scores(scores={"x": ("hate", 7)}), cache).judge(passage("x"))
    assert len(cache) == 0


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    cache = Cache(size=3)
    for text in "abcd":
        cache.put(FINE, "", passage(text))
        cache.get("scores", "", passage("a"))
    assert len(cache) == 3
    assert cache.get("scores", "", passage("a")) == FINE
    assert cache.get("scores", "", passage("b")) is None


def test_texts_that_are_no_utf8_have_a_place_too() -> None:
    cache = Cache()
    cache.put(FINE, "", passage("\ud83d"))
    assert cache.get("scores", "", passage("\ud83d")) == FINE
    assert cache.get("scores", "", passage("?")) is None


async def test_no_text_is_kept() -> None:
    cache = Cache()
    cache.put(FINE, "", passage("the words nobody may keep"))
    assert "nobody may keep" not in repr(vars(cache))


async def test_the_same_question_again_costs_no_moderator() -> None:
    scores = Scores(scores={})
    court = moderation(scores)
    for _ in range(3):
        await run(court, saying("Yes."), a_turn("Is it so?"))
    assert [each.text for each in scores.asked] == ["Is it so?", "Yes."]


async def test_one_who_remembers_is_asked_every_time() -> None:
    class Flood(Scores):
        remembers = True

    flood = Flood(scores={})
    court = moderation(flood)
    for _ in range(2):
        await court.judge(passage("again"))
    assert len(flood.asked) == 2
