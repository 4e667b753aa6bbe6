"""Benign sentences with alarming words, which nobody may refuse: `refused` takes any judge."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from rostra.testing.moderators import passage
from rostra.verdicts import Decision, Verdict
from rostra_moderation.classifier import ClassifierSettings
from rostra_moderation.classifier import build as build_classifier
from rostra_moderation.policy import Policy
from rostra_moderation.rules import Rules, RulesSettings, build

DATA = Path(__file__).parents[1] / "data" / "overblocking.toml"


def sentences() -> Mapping[str, Sequence[str]]:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def refused(judge: Callable[[str], Verdict]) -> Sequence[str]:
    """Return the sentences that the default policy refuses after ``judge`` scored them."""
    policy = Policy()
    return [
        text
        for group in sentences().values()
        for text in group
        if policy.decide([judge(text)], passage(text)).decision is Decision.BLOCK
    ]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return build("rules", RulesSettings(), Path())


def test_there_are_at_least_150_different_sentences() -> None:
    counted = Counter(text for group in sentences().values() for text in group)
    assert len(counted) >= 150
    assert max(counted.values()) == 1


def test_rules_refuse_at_most_two_percent(rules: Rules) -> None:
    total = sum(map(len, sentences().values()))
    wrongly = refused(lambda text: rules.judge_now(passage(text)))
    assert len(wrongly) <= 0.02 * total, wrongly


def test_rules_and_classifier_together_refuse_at_most_two_percent(rules: Rules) -> None:
    total = sum(map(len, sentences().values()))
    classifier = build_classifier("classifier", ClassifierSettings(), Path())
    wrongly = {
        *refused(lambda text: rules.judge_now(passage(text))),
        *refused(lambda text: classifier.judge_all([passage(text)])[0]),
    }
    classifier.close()
    assert len(wrongly) <= 0.02 * total, wrongly


def test_names_and_words_inside_words_are_not_even_flagged(rules: Rules) -> None:
    groups = sentences()
    found = [
        text
        for group in ("names", "inside_words", "programming", "cooking_and_nature")
        for text in groups[group]
        if rules.judge_now(passage(text)).decision > Decision.ALLOW
    ]
    assert found == []


def test_ordinary_swearing_scores_and_nothing_follows(rules: Rules) -> None:
    for text in ("This is fucking awesome!", "Well, shit.", "What the hell, damn it."):
        verdict = rules.judge_now(passage(text))
        assert verdict.score < 0.4
        assert verdict.decision is Decision.ALLOW


def test_the_same_word_aimed_at_somebody_is_refused(rules: Rules) -> None:
    for text in (
        "you are a faggot",
        "fuck you, you stupid cunt",
        "go kys",
        "du bist ein Hurensohn",
        "NIGGER!!",
    ):
        asked = passage(text)
        assert Policy().decide([rules.judge_now(asked)], asked).decision is Decision.BLOCK, text
