"""Texts that break things, through the whole stage: an answer or a refusal in bounded time, never an exception."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from pathlib import Path

import pytest
from courtroom import FULL, Scores, Screen, moderation, saying

from rostra.actions import Finish, Retract
from rostra.testing.moderators import MEGABYTE, TEXTS, cpu_limit
from rostra.testing.stages import a_turn
from rostra_moderation.rules import Rules, RulesSettings
from rostra_moderation.rules import build as build_rules

ODD = {
    **TEXTS,
    "only emoji": "\U0001f600\u200d\U0001f525" * 2_000,
    "fifty thousand combining marks": "a" + "\u0300" * 50_000,
    "tags": "x" + "".join(chr(0xE0000 + at) for at in range(128)) * 50,
    "ends of sentences": ".!?\n" * 5_000,
    "fences": "```\n" * 5_000,
    "directions": "\u202e\u2066\u202d abc " * 2_000,
    "megabyte": MEGABYTE,
}


@pytest.fixture(scope="module")
def rules() -> Rules:
    return build_rules("rules", RulesSettings(), Path())


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_any_question_and_any_answer_come_to_an_end(rules: Rules, text: str) -> None:
    court = moderation(
        rules, Scores(scores={}, languages=("en",)), policies={"default": {"unjudgeable": "allow"}}
    )
    for question, pieces in ((text, ["Fine."]), ("What?", _cut(text))):
        screen = Screen()
        with cpu_limit(12):
            await court.stage(saying(*pieces))(a_turn(question, can=FULL), screen.emit)
        assert isinstance(screen.actions[-1], Finish | Retract)


async def test_one_turn_does_not_hold_up_another(rules: Rules) -> None:
    """… for long: a megabyte is judged beside the loop."""
    court = moderation(rules)
    big, small = Screen(), Screen()
    judging = asyncio.ensure_future(court.stage(saying("Fine."))(a_turn(MEGABYTE, can=FULL), big.emit))
    await asyncio.sleep(0)
    await court.stage(saying("Small."))(a_turn("hello", can=FULL), small.emit)
    assert small.text == "Small."
    assert not big.actions
    await judging
    assert big.text == "Fine."


def _cut(text: str) -> list[str]:
    """Return ``text`` in some sixty pieces."""
    chance = random.Random(1)
    edges = sorted({0, len(text), *(chance.randrange(len(text) + 1) for _ in range(60))})
    return [text[start:end] for start, end in pairwise(edges)] or [""]
