"""Policies: scores in, one decision out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from rostra.places import Place
from rostra.testing.moderators import passage
from rostra.verdicts import CATEGORIES, Decision, Direction, Passage, Span, Verdict, VerdictKind
from rostra_moderation.policy import Policy, PolicySettings, thresholds

FORUM = Place(adapter="discord", workspace="1", channel="forum")


def policy(**table: object) -> Policy:
    return Policy(PolicySettings.model_validate(table))


def scored(source: str = "a", decision: Decision = Decision.ALLOW, /, **scores: float) -> Verdict:
    categories = {name.replace("__", "/").replace("_", "-"): score for name, score in scores.items()}
    return Verdict(decision=decision, source=source, categories=categories)


def failed(source: str, kind: VerdictKind = "error") -> Verdict:
    return Verdict(decision=Decision.BLOCK, source=source, kind=kind, rule="OSError")


def at(place: Place, direction: Direction = "question") -> Passage:
    return Passage(text="x", direction=direction, place=place, author=passage("x").author)


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0.0, Decision.ALLOW),
        (0.39, Decision.ALLOW),
        (0.4, Decision.FLAG),
        (0.69, Decision.FLAG),
        (0.7, Decision.BLOCK),
        (1.0, Decision.BLOCK),
    ],
)
def test_a_score_is_held_against_two_thresholds(score: float, decision: Decision) -> None:
    verdict = Policy().decide([scored(hate=score)], passage("x"))
    assert verdict.decision is decision
    assert dict(verdict.categories) == {"hate": score}


def test_the_moderators_own_decision_counts_only_where_it_names_no_category() -> None:
    assert Policy().decide([scored("a", Decision.BLOCK, hate=0.1)], passage("x")).decision is Decision.ALLOW
    assert Policy().decide([scored("a", Decision.FLAG)], passage("x")).decision is Decision.FLAG
    assert Policy().decide([scored("a", Decision.BLOCK)], passage("x")).decision is Decision.BLOCK


def test_the_strictest_of_several_verdicts_decides_and_all_scores_are_kept() -> None:
    verdicts = [
        scored("mild", hate=0.1, spam=0.2),
        Verdict(
            decision=Decision.FLAG,
            source="strict",
            categories={"violence": 0.8},
            spans=(Span(start=0, end=1, category="violence"),),
            rule="en/threat",
        ),
        scored("middling", hate=0.5),
    ]
    ruling = Policy().rule(verdicts, passage("x"))
    assert (ruling.decision, ruling.category, ruling.score, ruling.threshold) == (
        Decision.BLOCK,
        "violence",
        0.8,
        0.7,
    )
    assert ruling.verdict.source == "strict"
    assert ruling.verdict.rule == "en/threat"
    assert dict(ruling.verdict.categories) == {"hate": 0.5, "spam": 0.2, "violence": 0.8}
    assert ruling.verdict.spans == verdicts[1].spans


def test_a_decision_by_score_alone_is_named_by_its_threshold() -> None:
    verdict = Policy().decide([scored(hate=0.75)], passage("x"))
    assert verdict.rule == "hate >= 0.7"


def test_what_decides_is_named_even_if_another_category_scores_higher() -> None:
    ruling = Policy().rule([scored(sexual=0.6, sexual__minors=0.35)], passage("x"))
    assert ruling.blocks
    assert ruling.category == "sexual/minors"


def test_a_subcategory_without_thresholds_has_those_of_its_parent() -> None:
    strict = policy(categories={"hate": {"block": 0.2}})
    assert strict.decide([scored(hate__threatening=0.3)], passage("x")).decision is Decision.BLOCK
    own = policy(categories={"hate": {"block": 0.2}, "hate/threatening": {"block": 0.9}})
    assert own.decide([scored(hate__threatening=0.3)], passage("x")).decision is Decision.ALLOW


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_thresholds_in_both_directions(category: str) -> None:
    sheet = Policy().at(FORUM)
    for table in (sheet.question, sheet.answer):
        limits = thresholds(table, category)
        assert 0 < limits.flag <= limits.block


def test_an_unknown_category_has_the_thresholds_of_the_star() -> None:
    assert Policy().decide([scored(naughty=0.7)], passage("x")).decision is Decision.BLOCK


def test_a_direction_has_its_own_thresholds() -> None:
    mine = policy(categories={"hate": {"flag": 0.1}}, answer={"hate": {"block": 0.2}})
    assert mine.decide([scored(hate=0.3)], passage("x", "question")).decision is Decision.FLAG
    assert mine.decide([scored(hate=0.3)], passage("x", "answer")).decision is Decision.BLOCK


def test_a_place_has_its_own_thresholds_and_hold_and_the_first_pattern_counts() -> None:
    mine = policy(
        hold="paragraph",
        places={
            "discord/*/forum": {"hold": "none", "categories": {"spam": {"block": "never", "flag": "never"}}},
            "discord/*": {"hold": "full"},
        },
    )
    assert mine.decide([scored(spam=1.0)], at(FORUM)).decision is Decision.ALLOW
    lobby = Place(adapter="discord", workspace="1", channel="lobby")
    assert mine.decide([scored(spam=1.0)], at(lobby)).decision is Decision.BLOCK
    console = Place(adapter="console", channel="x")
    assert [mine.at(place).hold for place in (FORUM, lobby, console)] == ["none", "full", "paragraph"]


def test_a_threshold_left_out_comes_from_the_wider_table() -> None:
    mine = policy(
        categories={"hate": {"flag": 0.1, "block": 0.5}}, places={"*": {"question": {"hate": {"block": 0.9}}}}
    )
    sheet = mine.at(FORUM)
    assert thresholds(sheet.question, "hate").flag == pytest.approx(0.1)
    assert thresholds(sheet.question, "hate").block == pytest.approx(0.9)
    assert thresholds(sheet.answer, "hate").block == pytest.approx(0.5)
    assert thresholds(sheet.question, "pii").block == math.inf


@pytest.mark.parametrize("kind", ["error", "timeout"])
def test_a_moderator_that_failed_blocks_with_its_kind(kind: VerdictKind) -> None:
    verdict = Policy().decide([scored("fine"), failed("broken", kind)], passage("x"))
    assert (verdict.decision, verdict.kind, verdict.source) == (Decision.BLOCK, kind, "broken")


def test_a_moderator_that_may_be_missing_is_left_out_and_named() -> None:
    mine = policy(on_error={"broken": "allow"})
    verdict = mine.decide([scored("fine"), failed("broken")], passage("x"))
    assert (verdict.decision, verdict.kind, verdict.rule) == (Decision.ALLOW, "judged", "without broken")
    assert mine.decide([failed("broken")], passage("x")).decision is Decision.ALLOW
    assert mine.decide([failed("broken"), scored(hate=0.9)], passage("x")).decision is Decision.BLOCK
    assert mine.decide([failed("broken"), failed("other")], passage("x")).kind == "error"


def test_a_block_that_was_judged_goes_before_a_failure() -> None:
    for verdicts in ([failed("broken"), scored(hate=0.9)], [scored(hate=0.9), failed("broken")]):
        verdict = Policy().decide(verdicts, passage("x"))
        assert (verdict.kind, verdict.source) == ("judged", "a")
    plain = [failed("broken"), scored("a", Decision.BLOCK)]
    assert Policy().decide(plain, passage("x")).source == "a"


def test_nobody_asked_is_nothing_judged() -> None:
    verdict = Policy().decide([], passage("x"))
    assert (verdict.decision, verdict.kind) == (Decision.BLOCK, "error")


def test_every_verdict_carries_the_version_of_its_policy() -> None:
    mine = Policy()
    cases: tuple[list[Verdict], ...] = (
        [scored("a")],
        [scored(hate=0.5)],
        [failed("b")],
        [],
        [scored("a", Decision.FLAG)],
    )
    assert {mine.decide(verdicts, passage("x")).policy for verdicts in cases} == {mine.version}


def test_the_version_is_the_same_for_the_same_policy_and_another_for_another() -> None:
    table: Mapping[str, object] = {
        "hold": "full",
        "categories": {"hate": {"block": 0.5}, "spam": {"flag": 0.2}},
    }
    again: Mapping[str, object] = {
        "categories": {"spam": {"flag": 0.2}, "hate": {"block": 0.5}},
        "hold": "full",
    }
    assert policy(**table).version == policy(**again).version
    assert policy(**table).version != policy(**{**table, "hold": "none"}).version
    assert len(policy().version) == 12


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"categories": {"rude": {"block": 0.5}}}, "no category 'rude'"),
        ({"categories": {"hate": {"block": 1.5}}}, "less than or equal to 1"),
        ({"categories": {"hate": {"block": "always"}}}, "never"),
        ({"hold": "word"}, "'none', 'sentence', 'paragraph' or 'full'"),
        ({"on_error": {"a": "ignore"}}, "'block' or 'allow'"),
        ({"places": {"*": {"holds": "full"}}}, "Extra inputs"),
    ],
)
def test_a_policy_that_is_wrong_says_what_would_be_right(table: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PolicySettings.model_validate(table)


def test_only_a_judged_block_is_certain() -> None:
    mine = Policy()
    assert mine.certain(scored(hate=0.9), passage("x"))
    assert not mine.certain(scored(hate=0.5), passage("x"))
    assert not mine.certain(failed("a"), passage("x"))
    assert not mine.certain(scored("a"), passage("x"))
