"""Agreement and raters: closed forms, other libraries' figures, and planted spammers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from statistics_ballots import DAY, ballot

from rostra.feedback.judged import Judged
from rostra.feedback.statistics import agreement as agreeing
from rostra.feedback.statistics.agreement import agreement, alpha, places, signs, tau_b
from rostra.feedback.statistics.anomalies import Limits, odd_votes, proposals
from rostra.feedback.statistics.distributions import (
    at_least,
    beta_interval,
    chances,
    chi2_tail,
    foreign,
    reach,
)
from rostra.feedback.statistics.raters import RaterStatistics, raters
from rostra.feedback.statistics.simulate import Rater, Study, crowd, right_order, simulated


def on_one_task(*texts: str, task: str = "task", answerers: str = "abcd") -> list[Judged]:
    """Return what raters 0, 1, … say of one task."""
    names = tuple(f"{task}-{slot}" for slot in range(len(answerers)))
    return [
        ballot(text, answerers, n, task=task, prompt=task, candidates=names, judgment=f"{task}-{n}")
        for n, text in enumerate(texts)
    ]


def test_places_share_the_middle_of_a_tie() -> None:
    assert places(ballot("A > B = C > D", "abcd")) == (1, 2.5, 2.5, 4)
    assert places(ballot("+B -C", "abcd")) == (2.5, 1, 4, 2.5)
    assert places(replace(ballot("A > B", "abc"), tiers=(2, None, 1))) == (2, None, 1)


def test_raters_of_one_mind_agree_fully() -> None:
    tasks = [
        *on_one_task("A > B > C", "A > B > C", answerers="abc", task="one"),
        *on_one_task("C > B > A", "C > B > A", answerers="abc", task="two"),
    ]

    found = agreement(tasks)

    assert (found.places.value, found.pairs.value, found.pairs_nominal.value) == (1, 1, 1)
    assert found.tau.value == found.tau.low == found.same == 1
    assert (found.tasks, found.raters) == (2, 2)


def test_alpha_is_krippendorffs_own_example() -> None:
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", example C: nominal 0.743, ordinal 0.815
    missing = math.nan
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, missing, missing, missing],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, missing, 3],
        [missing, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, missing],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, missing],
    ]
    units = {str(at): [[row[at] for row in rows if not math.isnan(row[at])]] for at in range(12)}

    nominal, ordinal = alpha(units, "nominal"), alpha(units, "ordinal")

    assert nominal.value == pytest.approx(0.743, abs=5e-4)
    assert ordinal.value == pytest.approx(0.815, abs=5e-4)
    assert nominal.low < nominal.value < nominal.high
    assert ordinal.low < ordinal.value <= ordinal.high


@pytest.mark.parametrize("distance", ["nominal", "ordinal"])
def test_resampled_alpha_is_the_same_measure(distance: agreeing.Distance) -> None:
    # drawing the only task again and again gives it back
    one = {"task": [[1.0, 1.0, 2.0], [2.0, 3.0], [1.0, 3.0, 3.0]]}

    found = alpha(one, distance)

    assert found.low == pytest.approx(found.value) == found.high


def test_nothing_to_compare_is_no_number() -> None:
    found = agreement([ballot("A > B", "ab")])

    assert math.isnan(found.places.value)
    assert math.isnan(found.same)
    assert math.isnan(found.tau.value)


@pytest.mark.slow
def test_random_raters_agree_by_chance_and_good_ones_do_not() -> None:
    strengths = dict.fromkeys("abcd", 0.0)
    bad = Study(strengths=strengths, raters=crowd(0, spammers={"random": 10}), prompts=80)
    good = Study(strengths=strengths, raters=crowd(10), prompts=80, prompt_effect=3)

    by_chance, well = agreement(simulated(bad)), agreement(simulated(good))

    assert by_chance.places.low < 0.05
    assert by_chance.places.value == pytest.approx(0, abs=0.08)
    assert well.places.low > 0.5
    assert well.same > 0.75


def test_tau_b_is_scipys() -> None:
    said, others = (1, 2.5, 2.5, 4, 5), (2, 1, 3, 3, 5)
    one = replace(ballot("A > B", "abcde"), tiers=(1, 2, 2, 3, 4), candidates=tuple("vwxyz"))

    peer = foreign("scipy.stats").kendalltau(said, others).statistic

    assert tau_b(signs(one), dict(zip("vwxyz", others, strict=True))) == pytest.approx(peer)
    assert math.isnan(tau_b(signs(ballot("A = B", "ab")), {"0-0": 1, "0-1": 2}))


def test_tails_and_quantiles_are_scipys() -> None:
    stats = foreign("scipy.stats")

    assert reach(12) == pytest.approx(stats.t.ppf(0.975, 11))
    assert beta_interval(7, 2) == pytest.approx(stats.beta.ppf([0.025, 0.975], 8, 3))
    assert at_least(4, 9, 0.3) == pytest.approx(stats.binom.sf(3, 9, 0.3))
    assert at_least(0, 9, 0.3) == 1
    assert chances(9, 0.3) == pytest.approx(stats.binom.pmf(range(10), 9, 0.3))
    assert chi2_tail(11.0, 4) == pytest.approx(stats.chi2.sf(11.0, 4))


def of(found: tuple[RaterStatistics, ...], rater: str) -> RaterStatistics:
    return next(one for one in found if one.rater == rater)


def test_a_raters_figures_are_what_their_ballots_show() -> None:
    mine = [
        ballot("A > B", "ab", 0, rater="me", duration_ms=10_000),
        ballot("A > B", "ab", 1, rater="me", duration_ms=30_000),
        ballot("B > A", "ab", 2, rater="me", task="again", candidates=("1-0", "1-1"), duration_ms=20_000),
        ballot("?", "ab", 3, rater="me", duration_ms=20_000, at=DAY.replace(day=2)),
        ballot("A > B", "ab", 4, rater="me", excluded=True),
    ]

    found = of(raters(mine), "me")

    assert (found.ballots, found.outcomes) == (4, {"ranked": 3, "skipped": 1})
    assert (found.same_twice, found.asked_twice) == (0, 1)
    assert found.first_share == pytest.approx(2 / 3)
    assert found.first_chance == 1
    assert found.seconds == 20
    assert found.by_day == {DAY.date(): 3, DAY.replace(day=2).date(): 1}


def test_gold_is_counted_by_the_share_of_pairs_put_right() -> None:
    task = on_one_task("A > B > C", "A > C > B", "C > B > A", task="gold", answerers="abc")
    judged = [replace(one, gold=True) for one in task]
    right = {"gold": (("gold-0",), ("gold-1",), ("gold-2",))}

    found = raters(judged, right)

    assert (of(found, "rater-0").gold_right, of(found, "rater-0").gold_wrong) == (1, 0)
    assert of(found, "rater-1").gold_right == pytest.approx(2 / 3)
    assert of(found, "rater-2").gold_wrong == 1
    assert of(found, "rater-0").gold_low == pytest.approx(0.025**0.5)
    assert of(found, "rater-0").gold_high > of(found, "rater-2").gold_high


def test_tau_of_few_tasks_is_drawn_to_the_mean() -> None:
    judged = [
        one
        for n in range(10)
        for one in on_one_task(*["A > B > C"] * 3, "C > B > A", task=f"t{n}", answerers="abc")
    ]

    found = raters(judged)

    assert (of(found, "rater-0").tau, of(found, "rater-3").tau) == (1, -1)
    assert of(found, "rater-3").tau_shrunk == pytest.approx((10 * -1 + 10 * 0.5) / 20)


@pytest.mark.slow
def test_planted_spammers_are_found_and_honest_raters_are_not() -> None:
    like = Rater(name="", ties=0.2, position=0.2, length=0.3)
    people = crowd(20, like, spammers={"first": 1, "random": 1, "reversed": 1, "same": 1})
    study = Study(
        strengths={"a": 0, "b": 0.5, "c": 1, "d": 1.5, "e": 2},
        raters=people,
        prompts=400,
        prompt_effect=1.5,
        gold=0.1,
    )
    judged = list(simulated(study, 3))

    found = proposals(judged, right_order(judged))

    named = {(one.rater, one.method) for one in found}
    assert {
        ("first-0", "position"),
        ("first-0", "haste"),
        ("same-0", "pattern"),
        ("same-0", "position"),
    } <= named
    assert {
        ("reversed-0", "gold"),
        ("random-0", "consensus"),
        ("reversed-0", "consensus"),
    } <= named
    assert not [one for one in found if one.rater.startswith("rater-")]
    assert all(one.hint == (one.ballots < 30) for one in found)
    assert all(one.reason for one in found)


def test_who_rates_too_much_in_a_day_is_named_and_few_ballots_are_a_hint() -> None:
    judged = [ballot("A > B" if n % 2 else "B > A", "ab", n, rater="busy") for n in range(12)]

    (found,) = proposals(judged, limits=Limits(per_day=10))

    assert (found.rater, found.method, found.figure, found.hint) == ("busy", "per day", 12, True)
    assert not proposals(judged, limits=Limits(per_day=12))


def test_votes_against_everybody_elses_are_odd_and_their_own_do_not_count() -> None:
    usual = [ballot("A > B" if n % 10 else "B > A", "ab", n, rater=f"rater-{n % 7}") for n in range(70)]
    contrary = [ballot("B > A", "ab", 100 + n, rater="odd") for n in range(30)]

    found = odd_votes([*usual, *contrary])

    assert found["odd"] < 1e-4
    assert min(chance for rater, chance in found.items() if rater != "odd") > 0.01
    assert not odd_votes(contrary), "nobody to compare with"


@pytest.mark.slow
def test_a_bias_that_everybody_has_makes_nobody_suspicious() -> None:
    people = crowd(3, Rater(name="", position=0.5))
    study = Study(strengths=dict.fromkeys("abcd", 0.0), raters=people, prompts=600, overlap=1)
    judged = list(simulated(study))

    assert min(one.first_chance for one in raters(judged)) < 0.001
    assert not proposals(judged)
