"""Rules: operators' own words and patterns, and how a verdict says what was found where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from rostra.components import Services
from rostra.errors import ConfigError
from rostra.testing.moderators import passage
from rostra.verdicts import Decision, Direction, Verdict
from rostra_moderation.rules import RulesSettings, build, component


def judged(text: str, direction: Direction = "question", base: Path = Path(), /, **table: object) -> Verdict:
    settings = RulesSettings.model_validate({"lists": [], **table})
    return build("rules", settings, base).judge_now(passage(text, direction))


def found(text: str, verdict: Verdict) -> list[str]:
    return [text[span.start : span.end] for span in verdict.spans]


def test_own_words_are_found_in_any_case_and_named_by_their_rule() -> None:
    text = "He whispers ROSEBUD and dies."
    verdict = judged(text, words={"spoilers": ["Rosebud", "soylent green"]})
    assert verdict.decision is Decision.BLOCK
    assert verdict.source == "rules"
    assert verdict.rule == "words/spoilers"
    assert dict(verdict.categories) == {"custom": 1.0}
    assert found(text, verdict) == ["ROSEBUD"]


def test_a_word_with_its_own_category_and_severity_scores_that() -> None:
    words = {"rude": {"find": ["dang"], "category": "harassment", "severity": 0.5}}
    verdict = judged("Dang!", words=words)
    assert dict(verdict.categories) == {"harassment": 0.5}
    assert verdict.decision is Decision.FLAG
    assert judged("Dang!", words={"rude": {"find": ["dang"], "severity": 0.1}}).decision is Decision.ALLOW


@pytest.mark.parametrize(
    "text", ["assassin", "classic", "pässe", "embarrass", "éass", "assé", "kick_ass_now", "ass_kicker"]
)
def test_words_inside_words_are_not_found(text: str) -> None:
    assert judged(text, words={"rude": ["ass", "pass"]}).decision is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "ass",
        "an ass!",
        "'ass'",
        "ASS.",
        "what\nass\n",
        "\uff41\uff53\uff53",
        "a\u200bss",
        "(ass)",
        "_ass_",
        "__ass__!",
        "*ass*",
    ],
)
def test_words_are_found_between_anything_that_is_no_letter(text: str) -> None:
    assert judged(text, words={"rude": ["ass"]}).decision is Decision.BLOCK


@pytest.mark.parametrize(
    "text", ["überdosis", "eine Überdosis!", "ü\u0308".replace("ü\u0308", "Ü") + "berdosis"]
)
def test_words_that_begin_beyond_ascii_are_found(text: str) -> None:
    assert judged(text, words={"own": ["Überdosis"]}).decision is Decision.BLOCK


def test_phrases_are_found_over_spaces_and_signs_but_not_over_the_end_of_a_sentence() -> None:
    words = {"own": ["soylent green"]}
    assert judged("soylent   green", words=words).decision is Decision.BLOCK
    assert judged("soylent-green", words=words).decision is Decision.BLOCK
    assert judged("It is soylent. Green is nicer.", words=words).decision is Decision.ALLOW


def test_spans_are_offsets_of_the_original_text() -> None:
    text = "ﬃ Straße: \uff42\uff4f\u200b\uff4d\uff42, und noch eine bomb"
    verdict = judged(text, words={"own": ["bomb"]})
    assert found(text, verdict) == ["\uff42\uff4f\u200b\uff4d\uff42", "bomb"]


def test_spans_stay_right_after_an_allowed_phrase_that_is_no_ascii() -> None:
    text = "jägerbömb, jägerbömb, bömb"
    verdict = judged(text, words={"own": ["jägerbömb", "bömb"]}, allow=["jägerbömb"])
    assert found(text, verdict) == ["bömb"]


def test_patterns_are_found_anywhere() -> None:
    text = "join HTTPS://Discord.GG/abc123 now"
    patterns = {"invites": {"find": [r"discord\.gg/\w+"], "category": "spam", "severity": 0.9}}
    verdict = judged(text, patterns=patterns, links={"invites": "off"})
    assert found(text, verdict) == ["Discord.GG/abc123"]
    assert verdict.rule == "patterns/invites"
    assert dict(verdict.categories) == {"spam": 0.9}


@pytest.mark.parametrize(
    "pattern", [r"ROSE\w+", r"\x52osebud", "[[:upper:]]osebud", r"\p{Lu}osebud", r"(?P<Name>rose)BUD"]
)
def test_patterns_are_found_in_any_case_however_they_name_capitals(pattern: str) -> None:
    assert judged("It was Rosebud.", patterns={"own": [pattern]}).rule == "patterns/own"


def test_words_of_scripts_without_spaces_are_found_between_others() -> None:
    text = "\u8fd9\u4e2a\u6bd2\u54c1\u5e97"
    assert found(text, judged(text, words={"own": ["\u6bd2\u54c1"]})) == ["\u6bd2\u54c1"]


def test_own_words_are_found_in_disguise_and_severe_ones_turned_round() -> None:
    for text in (
        "r0sebud",
        "r.o.s.e.b.u.d",
        "r o s e b u d",
        "\u24e1\u24de\u24e2\u24d4\u24d1\u24e4\u24d3",
        "cm9zZWJ1ZA==",
    ):
        assert found(text, judged(text, words={"own": ["rosebud"]})) == [text]
    severe = {"own": {"find": ["rosebud"], "severe": True}}
    for text in ("dubesor", "ebfrohq", "rsboeud"):
        assert judged(text, words={"own": ["rosebud"]}).decision is Decision.ALLOW
        assert judged(text, words=severe).decision is Decision.BLOCK


def test_words_of_a_list_have_forms_and_are_a_part_of_its_patterns(tmp_path: Path) -> None:
    (tmp_path / "house.toml").write_text(
        """
        [[rules]]
        id = "mild-insults"
        category = "harassment"
        severity = 0.5
        forms = ["s"]
        words = "twerp nitwit"
        terms = ["silly billy"]
        [[rules]]
        id = "aimed"
        category = "harassment"
        severity = 0.9
        patterns = ["you {mild-insults}"]
        """
    )
    for text, score in (
        ("A twerp.", 0.5),
        ("Nitwits!", 0.5),
        ("you silly billy", 0.9),
        ("you tw3rps", 0.9),
        ("twerpy", 0),
    ):
        assert judged(text, "question", tmp_path, lists=["./house.toml"]).score == score, text


def test_rules_for_one_direction_leave_the_other_alone() -> None:
    words = {"own": {"find": ["rosebud"], "direction": "answer"}}
    assert judged("rosebud", "question", words=words).decision is Decision.ALLOW
    assert judged("rosebud", "answer", words=words).decision is Decision.BLOCK


def test_the_severest_rule_names_the_verdict_and_each_category_has_its_worst_score() -> None:
    words: Mapping[str, object] = {
        "a": {"find": ["one"], "category": "spam", "severity": 0.3},
        "b": {"find": ["two"], "category": "spam", "severity": 0.6},
        "c": {"find": ["three"], "category": "hate", "severity": 0.9},
    }
    verdict = judged("one two three", words=words)
    assert verdict.rule == "words/c"
    assert dict(verdict.categories) == {"spam": 0.6, "hate": 0.9}
    assert [span.category for span in verdict.spans] == ["spam", "spam", "hate"]


def test_allowed_words_are_overlooked_by_everything() -> None:
    table = {"words": {"own": ["bomb"]}, "patterns": {"p": ["bom"]}, "allow": ["bath bomb"]}
    assert judged("a bath bomb", **table).decision is Decision.ALLOW
    assert judged("a bath bomb and a bomb", **table).decision is Decision.BLOCK


def test_a_list_in_a_file_is_read_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "house.toml").write_text(
        """
        allow = ["dry {thing}"]
        [parts]
        thing = "martini|gin"
        [[rules]]
        id = "drinks"
        category = "illicit"
        severity = 0.8
        terms = ["moonshine"]
        patterns = ["(?:mix|shake) (?:a )?{thing}"]
        """
    )
    verdict = judged("Shake a martini!", "question", tmp_path, lists=["./house.toml"])
    assert verdict.rule == "house/drinks"
    assert judged("mix a dry gin", "question", tmp_path, lists=["./house.toml"]).decision is Decision.ALLOW
    assert judged("Moonshine", "question", tmp_path, lists=["./house.toml"]).decision is Decision.BLOCK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules = 1", "rules"),
        ("not toml", "house"),
        ('[[rules]]\nid = "a"\ncategory = "nonsense"', "no category 'nonsense'"),
        ('[[rules]]\nid = "a"\npatterns = ["{nobody}"]', "names no part 'nobody'"),
        ('[parts]\na = "{a}"\n[[rules]]\nid = "a"\npatterns = ["{a}"]', "contains itself"),
        ('[[rules]]\nid = "a"\npatterns = ["(unclosed"]', "missing )"),
        ('[[rules]]\nid = "a"\nseverity = 2', "less than or equal to 1"),
    ],
)
def test_a_list_that_is_wrong_says_where(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "house.toml").write_text(text)
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace(")", r"\)")):
        judged("x", "question", tmp_path, lists=["./house.toml"])


def test_a_list_that_is_not_there_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no word list 'xx'; built in are en, de, es, fr"):
        judged("x", lists=["xx"])
    with pytest.raises(ConfigError, match=r"gone\.toml' cannot be read"):
        judged("x", "question", tmp_path, lists=["./gone.toml"])


def test_a_pattern_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="no argument for repetition operator"):
        judged("x", patterns={"bad": ["*"]})
    with pytest.raises(ConfigError, match="invalid"):
        judged("x", patterns={"bad": ["(?=ahead)"]})


def test_an_empty_term_is_refused() -> None:
    with pytest.raises(ConfigError, match="the term ' ' is empty"):
        judged("x", words={"own": [" "]})


def test_unknown_categories_and_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="no category 'rude'"):
        RulesSettings.model_validate({"words": {"a": {"find": ["x"], "category": "rude"}}})
    with pytest.raises(ValidationError, match="Extra inputs"):
        RulesSettings.model_validate({"word": {}})


async def test_the_component_opens_under_the_name_of_its_table(tmp_path: Path) -> None:
    services = Services(name="house-rules", data=tmp_path, base=tmp_path)
    async with component.open(RulesSettings(lists=()), services) as rules:
        assert (await rules.judge(passage("x"))).source == "house-rules"


async def test_the_check_finds_a_list_that_is_missing(tmp_path: Path) -> None:
    services = Services(name="rules", data=tmp_path, base=tmp_path)
    assert component.check is not None
    fine = await component.check(RulesSettings(lists=()), services)
    assert [finding.ok for finding in fine] == [True]
    wrong = await component.check(RulesSettings(lists=("./gone.toml",)), services)
    assert [finding.ok for finding in wrong] == [False]
    assert "gone.toml" in wrong[0].what
