"""Leaderboards: closed forms, what another library finds, and answerers who never lose."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
from statistics_ballots import ballot, duels

from rostra.feedback.judged import Judged
from rostra.feedback.statistics import fitting
from rostra.feedback.statistics.contests import contests
from rostra.feedback.statistics.distributions import foreign
from rostra.feedback.statistics.fragility import fragility
from rostra.feedback.statistics.leaderboard import Leaderboard, Standing, leaderboard
from rostra.feedback.statistics.rates import win_rate
from rostra.feedback.statistics.simulate import Rater, Study, crowd, simulated
from rostra.feedback.statistics.strength import newman, plackett_luce

FOUR = {"plain": 0.0, "kind": 0.5, "terse": 1.0, "long": 1.5}


def standing(board: Leaderboard, name: str) -> Standing:
    return next(one for one in board.standings if one.answerer == name)


def centred(strengths: dict[str, float]) -> dict[str, float]:
    middle = sum(strengths.values()) / len(strengths)
    return {name: strength - middle for name, strength in strengths.items()}


def test_of_two_answerers_the_strength_is_the_logarithm_of_the_odds() -> None:
    board = leaderboard(duels("a", "b", 60, 30), baseline="b")

    assert standing(board, "a").strength == pytest.approx(math.log(2), abs=2e-3)
    assert standing(board, "b").strength == standing(board, "b").low == standing(board, "b").high == 0
    assert standing(board, "a").won == pytest.approx(2 / 3)
    assert standing(board, "a").rating == pytest.approx(1000 + 400 * math.log10(2), abs=1)


def test_the_interval_of_two_answerers_is_that_of_the_odds() -> None:
    found = standing(leaderboard(duels("a", "b", 60, 30), baseline="b"), "a")

    error = math.sqrt(1 / 60 + 1 / 30)
    assert found.high - found.low == pytest.approx(2 * 1.987 * error, rel=0.02)


def test_a_tie_is_half_a_win() -> None:
    tied = leaderboard(duels("a", "b", 40, 10, 40), baseline="b")
    split = leaderboard(duels("a", "b", 60, 30), baseline="b")

    assert standing(tied, "a").strength == pytest.approx(standing(split, "a").strength, abs=1e-6)
    assert standing(tied, "a").high < standing(split, "a").high, "ties differ less than wins and losses do"


def test_the_same_ballots_by_more_raters_do_not_make_a_strength_surer() -> None:
    once = list(duels("a", "b", 60, 30))
    thrice = [
        replace(one, judgment=f"{one.judgment}-{n}", rater=f"{one.rater}-{n}")
        for one in once
        for n in range(3)
    ]

    assert standing(leaderboard(thrice), "a").low == pytest.approx(
        standing(leaderboard(once), "a").low, abs=5e-3
    )


def test_a_rater_with_many_ballots_widens_intervals() -> None:
    many = [replace(one, rater=f"rater-{n % 3}") for n, one in enumerate(duels("a", "b", 60, 30))]

    assert leaderboard(many).clusters == "prompt and rater"
    assert leaderboard(duels("a", "b", 60, 30)).clusters == "prompt"
    # one of the three decides alone, so that nothing is known of raters
    alone = [replace(one, rater="x" if n < 60 else f"y{n}") for n, one in enumerate(duels("a", "b", 60, 30))]
    assert standing(leaderboard(alone), "a").low < standing(leaderboard(duels("a", "b", 60, 30)), "a").low


@pytest.mark.slow
def test_estimates_and_covariances_are_those_of_a_clustered_regression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "GHOST", 1e-9)
    rater = Rater(name="", ties=0.2, position=0.4, length=0.5)
    study = Study(strengths=FOUR, raters=crowd(6, rater), prompts=60, k=3, prompt_effect=1.0)
    arena = contests(simulated(study))
    found = fitting.fit(arena)
    covariance = fitting.covariance(arena, found, arena.prompt, arena.prompts)

    design = np.zeros((len(arena), 5))  # the first answerer is the baseline
    rows = np.arange(len(arena))
    for side, sign in ((arena.first, 1), (arena.second, -1)):
        np.add.at(design, (rows[side > 0], side[side > 0] - 1), sign)
    design[:, 3], design[:, 4] = arena.position, arena.length
    models = foreign("statsmodels.genmod.generalized_linear_model")
    binomial = foreign("statsmodels.genmod.families").Binomial()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that weights and clusters together are little tested there
        peer: Any = models.GLM(arena.score, design, family=binomial, var_weights=arena.weight).fit(
            cov_type="cluster", cov_kwds={"groups": arena.prompt, "use_correction": False}
        )

    turn = np.delete(np.eye(6), 0, axis=0)
    turn[:3, 0] = -1
    assert turn @ found.estimate == pytest.approx(peer.params, abs=1e-5)
    mine = turn @ covariance @ turn.T * (arena.prompts - 1) / arena.prompts
    assert mine == pytest.approx(np.asarray(peer.cov_params()), rel=1e-4, abs=1e-8)


@pytest.mark.slow
def test_order_and_biases_are_recovered() -> None:
    rater = Rater(name="", position=0.5, length=1.0)
    board = leaderboard(simulated(Study(strengths=FOUR, raters=crowd(40, rater), prompts=500, k=4)))

    assert [one.answerer for one in board.standings] == ["long", "terse", "kind", "plain"]
    assert [one.rank for one in board.standings] == [1, 2, 3, 4]
    assert board.standings[0].first == 1
    assert not any(one.tied or one.flag for one in board.standings)
    assert board.position is not None
    assert board.length is not None
    assert board.position.low < 0.5 < board.position.high
    assert board.position.low > 0
    assert board.length.low < 1.0 < board.length.high


@pytest.mark.slow
def test_identical_answers_show_no_difference_but_their_position() -> None:
    raters = crowd(40, Rater(name="", position=0.8))
    board = leaderboard(simulated(Study(strengths=dict.fromkeys("abcd", 0.0), raters=raters, prompts=400)))

    assert all(one.low < 0 < one.high for one in board.standings)
    assert all(one.rank == 1 and one.tied for one in board.standings)
    assert board.position is not None
    assert board.position.low < 0.8 < board.position.high
    assert board.length is not None
    assert board.length.low < 0 < board.length.high


def favourite(wins: int) -> Iterable[Judged]:
    """Three who win and lose, and one who met them a few times and never lost."""
    known = chain(
        duels("a", "b", 40, 20), duels("b", "c", 40, 20, start=100), duels("a", "c", 45, 15, start=200)
    )
    met = [duels("new", "abc"[n % 3], 1, 0, start=300 + n) for n in range(wins)]
    return chain(known, *met)


def test_who_never_lost_is_finite_and_flagged_and_not_first_by_accident() -> None:
    board = leaderboard(favourite(4))
    new = standing(board, "new")

    assert board.standings[0].answerer == "a"
    assert new.flag == "no losses"
    assert new.place == "?"
    assert new.first is None
    assert all(math.isfinite(each) for each in (new.strength, new.low, new.high))
    assert any("new" in warning for warning in board.warnings)
    assert standing(board, "a").first is not None, "the others are compared without it"


def test_who_never_lost_a_hundred_times_is_first() -> None:
    board = leaderboard(favourite(100))

    assert board.standings[0].answerer == "new"
    assert board.standings[0].place == "1"
    assert board.standings[0].first == 1


def test_who_never_won_is_last_and_flagged() -> None:
    board = leaderboard(chain(favourite(0), duels("a", "bad", 6, 0, start=400)))

    assert board.standings[-1].answerer == "bad"
    assert board.standings[-1].flag == "no wins"


def test_two_islands_and_one_alone_are_flagged() -> None:
    board = leaderboard(
        [
            *duels("a", "b", 20, 10),
            *duels("c", "d", 5, 5, start=100),
            ballot("A > B", ("lone", "lone"), 500),
        ]
    )

    assert {one.answerer: one.flag for one in board.standings} == {
        "a": "", "b": "", "c": "apart", "d": "apart", "lone": "alone",
    }  # fmt: skip
    assert all(math.isfinite(one.low) and math.isfinite(one.high) for one in board.standings)


def test_gold_excluded_unranked_and_people_are_left_out() -> None:
    kept = list(duels("a", "b", 20, 10))
    out = [
        ballot("B > A", ("a", "b"), 100, gold=True),
        ballot("B > A", ("a", "b"), 101, excluded=True),
        ballot("!", ("a", "b"), 102),
        ballot("?", ("a", "b"), 103),
        ballot("B > A", ("a", ""), 104),
    ]

    board = leaderboard([*kept, *out])

    assert standing(board, "a").strength == standing(leaderboard(kept), "a").strength
    assert board.left_out == {"gold": 1, "excluded": 1, "all bad": 1, "skipped": 1}
    assert board.prompts == 30, "a prompt without comparisons is no cluster"


def test_a_ballot_on_many_answers_weighs_as_much_as_one_on_two() -> None:
    board = leaderboard(
        [
            ballot("A > B > C > D", "abcd", 0),
            ballot("D > C > B > A", "abcd", 1),
            *duels("a", "d", 1, 0, start=2),
        ]
    )

    assert standing(board, "a").ballots == 3
    assert standing(board, "b").prompts == 2
    assert standing(board, "a").won == pytest.approx((1 + 0.5) / (1 + 1))


def test_nothing_compared_or_an_unknown_baseline_is_said() -> None:
    with pytest.raises(ValueError, match="at least one ranked ballot"):
        leaderboard([ballot("?", ("a", "b"))])
    with pytest.raises(ValueError, match="'c' was never compared; a baseline is one of a, b"):
        leaderboard(duels("a", "b", 2, 1), baseline="c")


def test_the_fewest_ballots_that_change_the_first_are_dropped() -> None:
    # without five of a's wins, b leads by one
    found = fragility(duels("a", "b", 24, 20))

    assert (found.leader, found.rival) == ("a", "b")
    assert 5 <= len(found.judgments) <= 6
    kept = [one for one in duels("a", "b", 24, 20) if one.judgment not in found.judgments]
    assert leaderboard(kept).standings[0].answerer == "b"
    assert found.share == len(found.judgments) / 44


def test_a_clear_leader_stays_first_without_half_of_the_ballots() -> None:
    found = fragility(duels("a", "b", 60, 1))

    assert (found.leader, found.rival, found.judgments) == ("a", "", ())


@pytest.mark.slow
def test_newmans_strengths_are_wider_than_half_ties_and_tell_how_common_ties_are() -> None:
    # a wins twice as often as b; Davidson's model: wins 4 : 1 : ties 2 = pi_a : pi_b : nu sqrt(pi_a pi_b) is pi 4 : 1, nu 1
    judged = list(duels("a", "b", 400, 100, 200))

    found = newman(judged)

    assert found.strengths["a"] - found.strengths["b"] == pytest.approx(math.log(4), abs=0.01)
    assert found.ties == pytest.approx(1.0, abs=0.01)
    half = leaderboard(judged, baseline="b")
    assert standing(half, "a").strength == pytest.approx(math.log(5 / 2), abs=0.01)
    assert math.isfinite(newman(duels("a", "b", 5, 0)).strengths["a"])


@pytest.mark.slow
def test_whole_rankings_tell_strengths_by_plackett_and_luce() -> None:
    study = Study(strengths=FOUR, raters=crowd(40), prompts=700, k=4)

    found = plackett_luce(simulated(study))

    for name, strength in centred(FOUR).items():
        assert found.strengths[name] == pytest.approx(strength, abs=0.15)
    assert found.used == found.found == 700 * 3 * 3


def test_only_strict_parts_of_rankings_are_choices() -> None:
    assert plackett_luce([ballot("A > B = C > D", "abcd")]).used == 1
    assert plackett_luce([ballot("+A -D", "abcd")]).used == 1
    with pytest.raises(ValueError, match="strict"):
        plackett_luce([ballot("A = B", "ab")])


def test_a_win_rate_has_an_interval_by_prompts() -> None:
    found = win_rate(duels("a", "b", 60, 30), "a", "b")

    assert found.value == pytest.approx(2 / 3)
    assert found.high - found.value == pytest.approx(1.99 * math.sqrt(2 / 9 / 90), rel=0.02)
    assert (found.ballots, found.prompts) == (90, 90)
    assert win_rate(duels("a", "b", 60, 30), "b", "a").value == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="never compared"):
        win_rate(duels("a", "b", 6, 3), "a", "c")
