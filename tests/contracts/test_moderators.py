"""The moderators that come with the project keep the contract of moderators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostra.protocols import Moderator
from rostra.testing.moderators import ModeratorContract
from rostra_moderation.classifier import Classifier, ClassifierSettings
from rostra_moderation.classifier import build as build_classifier
from rostra_moderation.rules import Rules, RulesSettings, build


@pytest.fixture(scope="module")
def rules() -> Rules:
    return build("rules", RulesSettings(), Path())


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    made = build_classifier("classifier", ClassifierSettings(), Path())
    yield made
    made.close()


class TestRules(ModeratorContract):
    @pytest.fixture
    def moderator(self, rules: Rules) -> Moderator:
        return rules


class TestClassifier(ModeratorContract):
    @pytest.fixture
    def moderator(self, classifier: Classifier) -> Moderator:
        return classifier


class TestRulesThatFindSomethingInEveryText(ModeratorContract):
    """Spans and rules are checked on hits too."""

    @pytest.fixture
    def moderator(self) -> Moderator:
        settings = RulesSettings.model_validate(
            {
                "lists": [],
                "words": {"common": ["the", "a", "in"]},
                "patterns": {"letters": ["[a-z\u0430-я\u4e00-\u9fff\u0600-\u06ff]+"], "marks": ["[^a-z ]"]},
            }
        )
        return build("rules", settings, Path())
