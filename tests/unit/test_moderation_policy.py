"""Policies: scores in, one decision out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from rostra.places import Person, Place
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


def blotted(*starts: int, category: str = "pii", score: float = 0.9) -> Verdict:
    spans = tuple(Span(start=start, end=start + 1, category=category) for start in starts)
    return Verdict(decision=Decision.FLAG, source="finder", categories={category: score}, spans=spans)


MASKING = {"categories": {"pii": {"block": 0.5, "action": "mask"}}}


def test_what_is_masked_names_the_spans_that_cover_it() -> None:
    ruling = policy(**MASKING).rule([blotted(3, 7)], passage("x" * 9))
    assert (ruling.blocks, ruling.action) == (True, "mask")
    assert [span.start for span in ruling.masked] == [3, 7]


def test_what_has_no_place_in_the_text_is_refused_instead_of_masked() -> None:
    nowhere = blotted()
    assert policy(**MASKING).rule([nowhere], passage("x")).action == "refuse"
    other = Verdict(decision=Decision.FLAG, source="guess", categories={"pii": 0.9})
    assert policy(**MASKING).rule([blotted(1), other], passage("xx")).action == "refuse"


def test_what_is_to_be_refused_goes_before_what_is_only_masked() -> None:
    ruling = policy(**MASKING).rule([blotted(1, score=1.0), scored(hate=0.8)], passage("xx"))
    assert (ruling.action, ruling.category, ruling.masked) == ("refuse", "hate", ())


def test_the_spans_of_all_that_is_masked_are_masked_together() -> None:
    table = {"categories": {name: {"block": 0.5, "action": "mask"} for name in ("pii", "spam")}}
    ruling = policy(**table).rule([blotted(1), blotted(4, category="spam", score=0.6)], passage("x" * 5))
    assert [(span.start, span.category) for span in ruling.masked] == [(1, "pii"), (4, "spam")]


def test_a_masked_text_is_not_certain_to_be_blocked() -> None:
    assert not policy(**MASKING).certain(blotted(1), passage("xx"))


def test_a_warning_passes_as_a_flag() -> None:
    warned = policy(categories={"violence": {"block": 0.5, "action": "warn", "template": "Mind your step."}})
    ruling = warned.rule([scored(violence=0.6)], passage("x"))
    assert (ruling.decision, ruling.action, ruling.wording) == (Decision.FLAG, "warn", "Mind your step.")
    assert not warned.certain(scored(violence=0.6), passage("x"))
    assert warned.rule([scored(violence=0.45)], passage("x")).action == "refuse"


@pytest.mark.parametrize(
    ("limits", "reason", "wording"),
    [
        ({}, "hate", ""),
        ({"template": "house-rules"}, "house-rules", ""),
        ({"template": "Not here."}, "hate", "Not here."),
        ({"action": "review"}, "review", ""),
        ({"action": "review", "template": "violence"}, "violence", ""),
    ],
)
def test_a_refusal_is_worded_by_template_action_or_category(
    limits: Mapping[str, object], reason: str, wording: str
) -> None:
    ruling = policy(categories={"hate": limits}).rule([scored(hate=0.9)], passage("x"))
    assert (ruling.reason, ruling.wording) == (reason, wording)


def test_a_failure_is_never_worded_by_the_policy() -> None:
    mine = policy(categories={"*": {"template": "Not here."}})
    ruling = mine.rule([failed("a")], passage("x"))
    assert (ruling.reason, ruling.wording) == ("broken", "")
    assert policy().rule([scored("a", Decision.BLOCK)], passage("x")).reason == "blocked"


LAYERED = {
    "categories": {"hate": {"block": 0.9}},
    "languages": {"de": {"categories": {"hate": {"block": 0.8}}}},
    "roles": {
        "moderator": {"categories": {"hate": {"block": 0.7}}},
        "guest": {"categories": {"hate": {"block": 0.1}}},
    },
    "places": {
        "discord/*": {
            "categories": {"hate": {"block": 0.6}},
            "languages": {"de-AT": {"categories": {"hate": {"block": 0.5}}}},
            "roles": {"moderator": {"categories": {"hate": {"block": 0.4}}}},
        }
    },
}
CONSOLE = Place(adapter="console", channel="x")


@pytest.mark.parametrize(
    ("place", "roles", "language", "block"),
    [
        (CONSOLE, (), "", 0.9),
        (CONSOLE, (), "de", 0.8),
        (CONSOLE, (), "de_CH", 0.8),
        (CONSOLE, (), "fr", 0.9),
        (CONSOLE, ("moderator",), "de", 0.7),
        (CONSOLE, ("guest", "moderator"), "", 0.7),
        (FORUM, (), "", 0.6),
        (FORUM, ("guest",), "de", 0.6),
        (FORUM, (), "de-AT", 0.5),
        (FORUM, ("moderator",), "de-AT", 0.4),
    ],
)
def test_the_most_special_table_counts(
    place: Place, roles: tuple[str, ...], language: str, block: float
) -> None:
    sheet = policy(**LAYERED).at(place, Person(id="ann", roles=frozenset(roles)), language)
    assert thresholds(sheet.question, "hate").block == pytest.approx(block)


def test_the_author_and_the_language_decide_along_with_the_place() -> None:
    mine = policy(**LAYERED)
    guest = Person(id="ann", roles=frozenset({"guest"}))
    said = Passage(text="x", direction="question", place=CONSOLE, author=guest)
    assert mine.decide([scored(hate=0.3)], said).decision is Decision.BLOCK
    stranger = at(CONSOLE)
    assert mine.decide([scored(hate=0.85)], stranger).decision is Decision.FLAG
    assert mine.decide([scored(hate=0.85)], stranger, "de").decision is Decision.BLOCK
    assert mine.certain(scored(hate=0.85), stranger, "de")


def test_all_that_is_not_a_threshold_is_layered_too() -> None:
    mine = policy(
        hold="none",
        judge="llama",
        unknown_language="judge",
        on_error={"a": "allow"},
        places={"discord/*": {"hold_grey": "full", "on_error": {"b": "allow"}, "queue": []}},
    )
    here, there = mine.at(FORUM), mine.at(CONSOLE)
    assert (here.hold, here.hold_grey, here.judge, here.unknown_language) == (
        "none",
        "full",
        "llama",
        "judge",
    )
    assert (there.hold_grey, dict(there.on_error), dict(here.on_error)) == (
        None,
        {"a": "allow"},
        {"a": "allow", "b": "allow"},
    )
    assert (here.queue, there.queue) == (frozenset(), frozenset({"review", "flag"}))


def test_what_is_flagged_is_held_and_judged_as_its_category_says() -> None:
    mine = policy(
        hold_grey="paragraph",
        judge="llama",
        categories={"self-harm": {"hold": "full", "judge": "carer"}, "spam": {"hold": "none"}},
    )
    spam = mine.rule([scored(spam=0.6)], passage("x"))
    assert (spam.hold, spam.judge) == ("none", "llama")
    hate = mine.rule([scored(hate=0.5)], passage("x"))
    assert (hate.hold, hate.judge) == ("paragraph", "llama")
    both = mine.rule([scored(hate=0.5), scored(self_harm=0.45)], passage("x"))
    assert both.hold == "full"
    blocked = mine.rule([scored(hate=0.9)], passage("x"))
    assert (blocked.hold, blocked.judge) == (None, "")


def test_a_shadow_policy_lets_everything_pass_and_says_what_it_would_have_done() -> None:
    shadow = policy(shadow=True)
    blocked = shadow.rule([scored(hate=0.9)], passage("x"))
    assert (blocked.decision, blocked.aside) == (Decision.ALLOW, "block hate >= 0.7")
    assert blocked.verdict.rule == "shadow: block hate >= 0.7"
    assert dict(blocked.verdict.categories) == {"hate": 0.9}
    broken = shadow.rule([failed("a")], passage("x"))
    assert (broken.decision, broken.verdict.kind) == (Decision.ALLOW, "judged")
    assert shadow.rule([scored(hate=0.1)], passage("x")).aside == ""
    assert shadow.certain(scored(hate=0.9), passage("x"))


def test_a_policy_beside_another_changes_nothing_and_is_quoted_where_it_differs() -> None:
    strict = policy(categories={"*": {"block": 0.2}})
    live = Policy(PolicySettings(shadow="strict"), beside=("strict", strict))
    differs = live.rule([scored(violence=0.5)], passage("x"))
    assert (differs.decision, differs.aside) == (Decision.FLAG, "strict: block violence >= 0.2")
    assert live.rule([scored(violence=0.9)], passage("x")).aside == ""
    assert live.rule([scored("fine")], passage("x")).aside == ""
    assert live.version != Policy(PolicySettings(shadow="strict")).version


COUNTING = {"strikes": {"limit": 3}, "queue": ["block"]}


@pytest.mark.parametrize(
    ("table", "verdict", "direction", "queued", "counts"),
    [
        (COUNTING, scored(hate=0.9), "question", True, True),
        (COUNTING, scored(hate=0.9), "answer", True, False),
        (COUNTING, scored(hate=0.5), "question", False, False),
        (COUNTING, scored(self_harm__intent=0.9), "question", True, False),
        (COUNTING, failed("a"), "question", False, False),
        (COUNTING, scored("a"), "question", False, False),
        (
            {**COUNTING, "categories": {"hate": {"action": "review"}}},
            scored(hate=0.9),
            "question",
            True,
            False,
        ),
        (
            {**COUNTING, "categories": {"hate": {"action": "silent"}}},
            scored(hate=0.9),
            "question",
            True,
            True,
        ),
        ({**COUNTING, "shadow": True}, scored(hate=0.9), "question", False, False),
        ({}, scored(hate=0.9), "question", False, False),
        ({}, scored(hate=0.5), "question", True, False),
        ({"queue": []}, scored(hate=0.5), "question", False, False),
        (
            {"queue": [], "categories": {"hate": {"action": "review"}}},
            scored(hate=0.9),
            "answer",
            True,
            False,
        ),
    ],
)
def test_the_policy_says_what_is_looked_at_and_what_counts_as_a_strike(
    table: Mapping[str, object], verdict: Verdict, direction: Direction, queued: bool, counts: bool
) -> None:
    ruling = policy(**table).rule([verdict], passage("x", direction))
    assert (ruling.queued, ruling.strikes is not None) == (queued, counts)


def test_risk_and_strikes_come_from_the_most_special_table_that_has_them() -> None:
    mine = policy(
        risk={"flag": 1.0},
        strikes={"limit": 5},
        places={"discord/*": {"risk": {"block": 2, "half_life": 60}}},
    )
    here, there = mine.at(FORUM), mine.at(CONSOLE)
    assert (there.risk.flag, there.risk.block, there.risk.half_life) == (1.0, math.inf, 600.0)
    assert (here.risk.flag, here.risk.block, here.risk.half_life) == (1.5, 2.0, 60.0)
    assert (here.strikes.limit, mine.at(FORUM).strikes.spare) == (5, ("self-harm", "pii"))
