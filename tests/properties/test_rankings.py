"""Rankings survive being written down and read again, and every pair in them is there once."""

from __future__ import annotations

import itertools
from math import comb
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.feedback.judged import Judged, compared
from rostra.feedback.ranking import (
    LETTERS,
    MOST,
    Outcome,
    Ranking,
    RankingError,
    from_numbers,
    numbered,
    pairs,
    parse,
    written,
)
from rostra.feedback.values import Judgment, candidate_tiers, new_id, ranking_of
from rostra.testing.clock import ManualClock


@st.composite
def tiers_of(draw: st.DrawFn, k: int) -> tuple[tuple[tuple[int, ...], ...], int | None]:
    """Some of ``k`` slots, at least two, in tiers with ties, one of which may be loose."""
    slots = draw(st.lists(st.sampled_from(range(k)), min_size=2, max_size=k, unique=True))
    ends = draw(st.lists(st.booleans(), min_size=len(slots) - 1, max_size=len(slots) - 1))
    tiers: list[list[int]] = [[slots[0]]]
    for slot, end in zip(slots[1:], ends, strict=True):
        if end:
            tiers.append([slot])
        else:
            tiers[-1].append(slot)
    wide = [index for index, tier in enumerate(tiers) if len(tier) > 1] if len(tiers) > 1 else []
    loose = draw(st.sampled_from([None, *wide]))
    return tuple(map(tuple, tiers)), loose


@st.composite
def rankings(draw: st.DrawFn) -> tuple[Ranking, int]:
    k = draw(st.integers(2, MOST))
    outcomes: list[Outcome] = ["ranked", "ranked", "ranked", "all_bad", "skipped", "flagged"]
    outcome = draw(st.sampled_from(outcomes))
    if outcome != "ranked":
        return Ranking(outcome=outcome), k
    tiers, loose = draw(tiers_of(k))
    return Ranking(tiers=tiers, loose=loose), k


@given(rankings(), st.booleans())
def test_what_is_written_is_read_as_the_same_ranking(given_: tuple[Ranking, int], short: bool) -> None:
    ranking, k = given_
    text = written(ranking, k if short else None)
    assert parse(text, k) == ranking
    assert parse(f" {text.lower()}  ", k) == ranking
    assert parse(text.replace(" ", "") if ranking.outcome == "ranked" else text, k) == ranking


@given(rankings())
def test_no_pair_is_there_twice_and_none_is_missing(given_: tuple[Ranking, int]) -> None:
    ranking, k = given_
    found = list(pairs(ranking))
    assert len({frozenset(pair[:2]) for pair in found}) == len(found)
    if ranking.outcome != "ranked":
        assert found == []
        return
    out = k - sum(map(len, ranking.tiers))
    loose = 0 if ranking.loose is None else len(ranking.tiers[ranking.loose])
    assert len(found) == comb(k, 2) - comb(loose, 2) - comb(out, 2) - out * (k - out)


@given(rankings())
def test_pairs_say_what_the_tiers_say(given_: tuple[Ranking, int]) -> None:
    ranking, _ = given_
    tier = {slot: index for index, slots in enumerate(ranking.tiers) for slot in slots}
    for better, worse, gap in pairs(ranking):
        assert tier[worse] - tier[better] == gap >= 0
        assert gap or (better < worse and tier[better] != ranking.loose)


@given(rankings())
def test_the_order_comes_back_from_its_pairs(given_: tuple[Ranking, int]) -> None:
    ranking, _ = given_
    if ranking.outcome != "ranked":
        return
    found = list(pairs(ranking))
    beaten = {slot: 0 for tier in ranking.tiers for slot in tier}
    for better, worse, gap in found:
        if gap:
            beaten[worse] = max(beaten[worse], gap)
            assert beaten[better] < beaten[worse]
    again = from_numbers("ranked", tuple(beaten.get(slot) for slot in range(MOST)))
    assert again.tiers == ranking.tiers


@given(rankings())
def test_numbers_of_tiers_say_the_same(given_: tuple[Ranking, int]) -> None:
    ranking, k = given_
    numbers = numbered(ranking, k)
    loose = None if ranking.loose is None else ranking.loose + 1
    assert from_numbers(ranking.outcome, numbers, loose) == ranking
    sparse = [None if number is None else number * 3 for number in numbers]
    assert from_numbers(ranking.outcome, sparse, None if loose is None else loose * 3) == ranking


@given(rankings(), st.randoms(use_true_random=False))
def test_a_judgment_means_the_same_in_candidates_as_in_slots(
    given_: tuple[Ranking, int], random: object
) -> None:
    ranking, k = given_
    shown = tuple(new_id() for _ in range(k))
    judgment = Judgment(
        id=new_id(),
        assignment=new_id(),
        task=new_id(),
        person=new_id(),
        outcome=ranking.outcome,
        shown_order=shown,
        tiers=candidate_tiers(ranking, shown),
        loose=ranking.loose,
        at=ManualClock().now(),
    )
    assert ranking_of(judgment) == judgment.ranking == ranking


@given(st.text(max_size=30), st.integers(1, MOST))
def test_whatever_is_typed_is_a_ranking_or_refused_in_words(text: str, k: int) -> None:
    said, ranking = "", None
    try:
        ranking = parse(text, k)
    except RankingError as error:
        said = str(error)
    if ranking is None:
        assert 10 < len(said) < 200
    else:
        assert parse(written(ranking, k), k) == ranking


@given(st.integers(2, MOST), st.data())
def test_best_and_worst_give_2k_minus_3_pairs(k: int, data: st.DataObject) -> None:
    best, worst = data.draw(st.lists(st.sampled_from(LETTERS[:k]), min_size=2, max_size=2, unique=True))
    ranking = parse(f"+{best} -{worst}", k)
    assert parse(f"-{worst}+{best}", k) == ranking
    assert len(list(pairs(ranking))) == 2 * k - 3
    assert len(list(pairs(parse(f"+{best}", k)))) == k - 1


@pytest.mark.parametrize(
    ("text", "k", "tiers", "loose"),
    [
        ("B > A = C > D", 4, ((1,), (0, 2), (3,)), None),
        ("b>a", 4, ((1,), (0,)), None),
        ("A = B", 2, ((0, 1),), None),
        ("\uff22 \uff1e \uff21", 2, ((1,), (0,)), None),
        ("+B -D", 4, ((1,), (0, 2), (3,)), 1),
        ("+b \u2212d", 4, ((1,), (0, 2), (3,)), 1),
        ("-D", 4, ((0, 1, 2), (3,)), 0),
        ("+B", 3, ((1,), (0, 2)), 1),
        ("+B -A", 3, ((1,), (2,), (0,)), None),
        ("B > A ~ C > D", 5, ((1,), (0, 2), (3,)), 1),
    ],
)
def test_the_grammar_means(text: str, k: int, tiers: tuple[tuple[int, ...], ...], loose: int | None) -> None:
    assert parse(text, k) == Ranking(tiers=tiers, loose=loose)


def test_signs_and_words_stand_for_outcomes() -> None:
    assert parse(" ! ", 4).outcome == parse("all bad", 4).outcome == "all_bad"
    assert parse("?", 4).outcome == parse("Skip", 4).outcome == "skipped"
    assert parse("Report", 4).outcome == "flagged"


@pytest.mark.parametrize(
    ("text", "k", "right"),
    [
        ("", 4, "B > A = C > D"),
        ("B", 4, r"\+B"),
        ("A < B", 2, "best first, as in B > A"),
        ("E > A", 4, "the answers are A, B, C, D"),
        ("A > B > A", 3, "A stands there twice"),
        ("A = B ~ C > D", 4, "not both"),
        ("A ~ B", 2, r"\? to skip"),
        ("A ~ B > C ~ D", 4, "one place only"),
        ("+A -A", 3, "! if all are bad"),
        ("+A +B", 3, r"\+B -D"),
        ("+A", 1, r"! if it is bad"),
        ("A >> B", 2, "B > A"),
        ("4,1,3,2", 4, "B > A = C > D"),
    ],
)
def test_what_is_no_ranking_is_refused_with_what_would_be_right(text: str, k: int, right: str) -> None:
    with pytest.raises(RankingError, match=right):
        parse(text, k)


def test_a_ranking_that_contradicts_itself_is_refused() -> None:
    broken = (
        {"tiers": ((0,), (0, 1))},
        {"tiers": ((0,),)},
        {"tiers": ((0, 1), ())},
        {"tiers": ((0,), (9,))},
        {"tiers": ((0,), (1,)), "loose": 2},
        {"tiers": ((0, 1),), "loose": 0},
        {"outcome": "all_bad", "tiers": ((0,), (1,))},
    )
    for arguments in broken:
        with pytest.raises(RankingError):
            Ranking(**cast("Any", arguments))


def test_what_means_the_same_is_equal() -> None:
    assert Ranking(tiers=((2, 0), (1,))) == Ranking(tiers=((0, 2), (1,)), loose=1)


def test_what_statistics_read_compares_nothing_within_a_loose_tier() -> None:
    one = Judged(
        judgment="j",
        task="t",
        prompt="p",
        rater="r",
        campaign="c",
        outcome="ranked",
        candidates=("w", "x", "y", "z"),
        answerers=("one", "two", "one", "two"),
        tiers=(2, 1, 2, 3),
        lengths=(1, 2, 3, 4),
        duration_ms=1000,
        surface="console",
        propensity=None,
        gold=False,
        at=ManualClock().now(),
        excluded=False,
        loose=2,
    )
    assert sorted(compared(one)) == [(0, 3, 1), (1, 0, 1), (1, 2, 1), (1, 3, 2), (2, 3, 1)]
    assert len(list(itertools.combinations(range(4), 2))) - 1 == len(list(compared(one)))
