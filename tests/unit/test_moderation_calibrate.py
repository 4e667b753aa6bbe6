"""Calibration: thresholds for a share of false alarms, with honest intervals."""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Sequence

import pytest

from rostra_moderation.calibrate import ANY, Line, as_toml, calibrate, needed, read
from rostra_moderation.intervals import beta_cdf, beta_quantile, clopper_pearson
from rostra_moderation.policy import PolicySettings


def lines(count: int, label: Sequence[str] = (), seed: int = 0, **shape: tuple[float, float]) -> list[Line]:
    """Return lines whose scores are drawn from Beta distributions of these shapes."""
    draw = random.Random(seed)
    return [
        Line(scores={name: draw.betavariate(*ab) for name, ab in shape.items()}, label=frozenset(label))
        for _ in range(count)
    ]


# Intervals


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.3084971),  # R: binom.test(0, 10)
        (3, 50, 0.0125486, 0.1654819),
        (2, 200, 0.0012133, 0.0356547),
        (500, 1000, 0.4685492, 0.5314508),
        (999, 1000, 0.9944411, 0.9999747),
        (10, 10, 0.6915029, 1.0),
    ],
)
def test_intervals_are_those_of_the_books(hits: int, of: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, of) == pytest.approx((low, high), abs=2e-7)


@pytest.mark.parametrize(("hits", "of"), [(1, 7), (5, 30), (40, 400)])
def test_an_interval_ends_where_the_binomial_tails_are_two_and_a_half_percent(hits: int, of: int) -> None:
    def tail(share: float, counts: range) -> float:
        return sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in counts)

    low, high = clopper_pearson(hits, of)
    assert tail(low, range(hits, of + 1)) == pytest.approx(0.025, rel=1e-6)
    assert tail(high, range(hits + 1)) == pytest.approx(0.025, rel=1e-6)


def test_the_beta_function_has_its_symmetry_and_its_ends() -> None:
    assert (beta_cdf(0, 2, 3), beta_cdf(1, 2, 3)) == (0.0, 1.0)
    assert beta_cdf(0.3, 2, 5) == pytest.approx(1 - beta_cdf(0.7, 5, 2))
    assert beta_cdf(beta_quantile(0.3, 200.0, 3000.0), 200.0, 3000.0) == pytest.approx(0.3)


def test_nothing_is_known_of_nothing_and_impossible_counts_are_refused() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="5 of 3 is no share"):
        clopper_pearson(5, 3)


# Thresholds


def test_the_target_is_kept_by_all_categories_together() -> None:
    harmless = lines(1000, hate=(1, 9), violence=(1, 9), spam=(1, 9))
    harmful = lines(200, ["hate"], hate=(6, 2), violence=(1, 9), spam=(1, 9))
    found = calibrate([*harmless, *harmful], 0.02)
    assert 0.01 < found.overall.fpr <= 0.02
    assert all(row.fpr < 0.02 for row in found.rows)
    limits = {row.category: row.threshold for row in found.rows}
    blocked = sum(
        any(score >= (limits[name] or 2) for name, score in (line.scores or {}).items()) for line in harmless
    )
    assert blocked == found.overall.false_positives


def test_a_threshold_keeps_its_promise_on_lines_it_has_not_seen() -> None:
    def sample(seed: int) -> list[Line]:
        return lines(600, hate=(1, 9), seed=seed)

    fresh = [(line.scores or {})["hate"] for seed in range(100, 130) for line in sample(seed)]
    within = 0
    for seed in range(20):
        row = calibrate([*sample(seed), *lines(50, ["hate"], hate=(6, 2))], 0.01).rows[0]
        true = sum(score >= (row.threshold or 2) for score in fresh) / len(fresh)
        within += true <= row.fpr_interval[1]
    assert within >= 18


def test_a_threshold_lies_between_the_harmless_and_the_harmful() -> None:
    found = calibrate(
        [
            *(Line(scores={"hate": 0.1}) for _ in range(400)),
            Line(scores={"hate": 0.9}, label=frozenset({"hate"})),
        ],
        0.01,
    )
    assert found.rows[0].threshold == pytest.approx(0.5)
    assert (found.rows[0].recall, found.overall.false_positives) == (1.0, 0)


def test_scores_too_close_to_tell_apart_never_break_the_target() -> None:
    harmless = [Line(scores={"hate": 0.50001}) for _ in range(400)]
    harmful = [Line(scores={"hate": 0.50002}, label=frozenset({"hate"}))]
    row = calibrate([*harmless, *harmful], 0.01).rows[0]
    assert row.threshold == pytest.approx(0.5001)
    assert row.false_positives == 0


def test_where_the_harmless_score_as_high_as_can_be_there_is_no_threshold() -> None:
    found = calibrate([Line(scores={"hate": 1.0}) for _ in range(400)], 0.01)
    assert found.rows[0].threshold is None
    assert found.overall.fpr == 0.0
    assert any("no threshold keeps to the target: hate" in warning for warning in found.warnings)


def test_a_parent_is_to_catch_what_is_labelled_with_its_child_and_not_the_other_way_round() -> None:
    shape = {"self-harm": (6.0, 2.0), "self-harm/intent": (6.0, 2.0)}
    found = calibrate(
        [
            *lines(300, (), 0, **shape),
            *lines(40, ["self-harm/intent"], 1, **shape),
            *lines(7, ["self-harm"], 2, **shape),
        ],
        0.1,
    )
    assert {row.category: row.positives for row in found.rows} == {"self-harm": 47, "self-harm/intent": 40}


def test_a_line_that_is_just_harmful_counts_for_what_it_scores_highest_in() -> None:
    harmful = [Line(scores={"hate": 0.2, "violence": 0.9}, label=frozenset({ANY})) for _ in range(5)]
    found = calibrate([*lines(300, hate=(1, 9), violence=(1, 9)), *harmful], 0.01)
    assert {row.category: row.positives for row in found.rows} == {"hate": 0, "violence": 5}
    assert found.overall.recall == 1.0


def test_recall_comes_with_an_interval_that_covers_it() -> None:
    found = calibrate([*lines(500, hate=(1, 4)), *lines(80, ["hate"], 3, hate=(3, 2))], 0.02)
    row = found.rows[0]
    assert row.recall is not None
    assert row.recall_interval is not None
    low, high = row.recall_interval
    assert low < row.recall < high
    assert high - low > 0.1
    assert calibrate([*lines(500, hate=(1, 4)), *lines(80, ["hate"], 3, hate=(3, 2))], 0.02) == found


@pytest.mark.parametrize(("target", "least"), [(0.1, 29), (0.01, 299), (0.001, 2995)])
def test_two_hundred_lines_do_not_show_one_in_a_thousand(target: float, least: int) -> None:
    assert needed(target) == least
    found = calibrate([*lines(200, hate=(1, 9)), *lines(50, ["hate"], hate=(6, 2))], target)
    said = [warning for warning in found.warnings if warning.startswith("200 harmless lines cannot show")]
    assert bool(said) is (least > 200)
    assert all(str(least) in warning for warning in said)


def test_few_or_no_harmful_lines_are_said_to_be_few() -> None:
    none = calibrate(lines(300, hate=(1, 9)), 0.01)
    assert none.overall.recall is None
    assert any("no harmful lines" in warning for warning in none.warnings)
    few = calibrate([*lines(300, hate=(1, 9)), *lines(29, ["hate"], hate=(6, 2))], 0.01)
    assert any("recall is a guess: hate" in warning for warning in few.warnings)


def test_what_is_pasted_is_a_policy_of_what_was_learnt() -> None:
    shape = {"hate": (6.0, 2.0), "violence": (1.0, 9.0)}
    harmless = lines(400, hate=(1, 9), violence=(1, 9))
    found = calibrate([*harmless, *lines(60, ["hate"], 5, **shape)], 0.01)
    table = tomllib.loads(as_toml(found, "strict"))["policies"]["strict"]
    settings = PolicySettings.model_validate(table)
    assert {name: limits.block for name, limits in settings.categories.items()} == {
        "hate": next(row.threshold for row in found.rows if row.category == "hate")
    }
    assert "# violence: left as it is" in as_toml(found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([Line(scores={"hate": 0.5}, label=frozenset({"hate"}))], "no harmless lines"),
        ([Line(scores={})], "no line has a score"),
        ([Line(text="hello")], "no scores yet"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(given: list[Line], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibrate(given, 0.01)
    with pytest.raises(ValueError, match=r"1\.5 is no share"):
        calibrate(given, 1.5)


# Lines


def test_lines_are_read_in_each_of_their_forms() -> None:
    found = read(
        [
            '{"text": "hello", "label": false}',
            "",
            '{"categories": {"hate": 0.5}, "label": ["hate", "violence"], "review": "block"}',
            '{"score": 1, "label": true}',
        ]
    )
    assert found == [
        Line(text="hello"),
        Line(scores={"hate": 0.5}, label=frozenset({"hate", "violence"})),
        Line(scores={ANY: 1.0}, label=frozenset({ANY})),
    ]
    assert [line.harmless for line in found] == [True, False, False]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not a line of JSON"),
        ("[]", "line 2: is no object"),
        ('{"label": true}', 'neither "text" nor'),
        ('{"text": 3, "label": true}', '"text" must be a string'),
        ('{"text": "x"}', '"label" must be true, false or a list'),
        ('{"text": "x", "label": ["rude"]}', "no category 'rude'"),
        ('{"score": 1.5, "label": true}', "1.5 is no score"),
        ('{"categories": {"hate": NaN}, "label": true}', "nan is no score"),
        ('{"categories": {"hate": true}, "label": true}', "True is no score"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_what_would_be_right(line: str, message: str) -> None:
    with pytest.raises(ValueError, match="line 2") as refused:
        read(['{"score": 0, "label": false}', line])
    assert message in str(refused.value)
