"""Floods: mentions of many or of all, and messages said over and over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rostra.places import Person
from rostra.testing.clock import ManualClock
from rostra.testing.moderators import passage
from rostra.verdicts import Passage
from rostra_moderation.flood import FloodSettings, Memory, everybody, mentions
from rostra_moderation.rules import RulesSettings, build


def by(text: str, author: str = "ann") -> Passage:
    return replace(passage(text), author=Person(id=author))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("hey <@123456> <@!456789> <@&7890> @bob", 4),
        ("<@U024BE7LH> and <!subteam^SAZ94GDB8>", 2),
        ("mail me: a@b.example or https://x.example/@bob", 0),
        ("@ nobody", 0),
    ],
)
def test_mentions_are_counted_as_the_platforms_write_them(text: str, count: int) -> None:
    assert len(mentions(text)) == count


def test_calling_everybody_is_seen() -> None:
    text = "hello @everyone!"
    where = everybody(text)
    assert where is not None
    assert text[slice(*where)] == "@everyone"
    assert everybody("<!channel> up") == (0, 10)
    assert everybody("here and everyone, a@here.example") is None


def test_more_mentions_than_allowed_are_spam() -> None:
    rules = build("rules", RulesSettings.model_validate({"lists": [], "flood": {"mentions": 3}}), Path())
    assert dict(rules.judge_now(passage("@ann @bob @cid hi")).categories) == {}
    assert dict(rules.judge_now(passage("@ann @bob @cid @dan hi")).categories) == {"spam": 0.85}
    assert dict(rules.judge_now(passage("hi @everyone")).categories) == {"spam": 0.5}


async def test_the_same_said_too_often_by_one_person_in_one_place_is_a_flood_until_it_is_over() -> None:
    clock = ManualClock()
    memory = Memory(FloodSettings(repeats=3, seconds=60), clock)
    assert [memory.is_flood(by("Buy my coins!")) for _ in range(2)] == [False, False]
    assert not memory.is_flood(by("Buy my coins!", "bob"))
    assert not memory.is_flood(by("something else entirely"))
    assert memory.is_flood(by("buy  MY coins"))
    await clock.advance(61)
    assert not memory.is_flood(by("Buy my coins!"))


def test_short_answers_may_be_repeated() -> None:
    memory = Memory(FloodSettings(repeats=2), ManualClock())
    assert not any(memory.is_flood(by("yes")) for _ in range(9))


def test_memory_is_bounded_by_people_and_by_messages() -> None:
    memory = Memory(FloodSettings(repeats=2), ManualClock(), people=10)
    for number in range(50):
        memory.is_flood(by("the same long message", f"person {number}"))
        memory.is_flood(by(f"message number {number}", "person 49"))
    assert len(memory) <= 9 + 8


def test_repeats_are_looked_for_in_questions_when_asked_for() -> None:
    table: dict[str, object] = {"lists": [], "flood": {"repeats": 2, "seconds": 5}}
    rules = build("rules", RulesSettings.model_validate(table), Path(), ManualClock())
    answer = replace(by("join my server, friends"), direction="answer")
    assert [rules.judge_now(answer).rule for _ in range(3)] == ["", "", ""]
    question = by("join my server, friends")
    assert [rules.judge_now(question).rule for _ in range(2)] == ["", "flood/repeats"]
    quiet = build("rules", RulesSettings(lists=()), Path(), ManualClock())
    assert [quiet.judge_now(question).rule for _ in range(9)] == [""] * 9
