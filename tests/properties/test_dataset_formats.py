"""What goes into a format comes back, but for what the format is said to lose."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.feedback.data.formats import NAMES, Options, format_called
from rostra.feedback.data.lines import line_of
from rostra.feedback.data.pairs import HOWS, expanded
from rostra.feedback.data.record import Record, from_plain, moment, to_plain
from rostra.feedback.ranking import Ranking
from rostra.testing.dataset_records import back, order_of, ranked, rankings, record, records, strict, there

PAIRWISE = ("hh", "openai")


@settings(max_examples=30)
@given(records())
def test_a_canonical_record_comes_back_from_its_line_as_it_was(one: Record) -> None:
    assert from_plain(json.loads(line_of(to_plain(one)))) == one


@settings(max_examples=40)
@given(records())
def test_rankings_come_back_from_pairs_of_trl_and_battles_as_the_same_partial_order(one: Record) -> None:
    for name in ("trl", "arena"):
        rows, _ = there(format_called(name), [one])
        found, lost = back(format_called(name), json.loads(json.dumps(rows)))
        assert not lost
        if not rows:
            assert not (strict(one) if name == "trl" else order_of(one))
            continue
        assert [(each.id, each.rater, each.batch, each.weight) for each in found] == [
            (one.id, one.rater, one.batch, one.weight)
        ]
        assert moment(found[0].at) == moment(one.at)
        assert found[0].outcome == one.outcome
        if strict(one) or name == "arena":
            assert order_of(found[0]) == order_of(one)
        kept = [each.text for each in found[0].answers]
        assert kept == [each.text for each in one.answers if each.text in kept], "the order shown"


@settings(max_examples=40)
@given(st.integers(2, 9).flatmap(lambda k: st.tuples(st.just(k), rankings(k))))
def test_every_pair_that_was_compared_appears_once_and_the_count_is_right(drawn: tuple[int, Ranking]) -> None:
    k, ranking = drawn
    one = ranked(ranking, [f"text {at}" for at in range(k)])
    found = [frozenset((pair.better.id, pair.worse.id)) for pair in expanded([one], ties=True)]
    assert len(set(found)) == len(found)
    tiers = Counter(each.tier for each in one.answers)
    none = tiers.pop(None, 0)
    unsaid = tiers[one.loose] * (tiers[one.loose] - 1) // 2 if one.loose else 0
    expected = 0
    if one.outcome == "ranked" and k - none > 1:
        expected = k * (k - 1) // 2 - none * (none - 1) // 2 - none * (k - none) - unsaid
    assert len(found) == expected


@settings(max_examples=30)
@given(records(), st.sampled_from(HOWS))
def test_pairs_of_hh_and_openai_come_back_each_as_a_judgment_of_its_own(one: Record, how: str) -> None:
    for name in PAIRWISE:
        rows, lost = there(format_called(name), [one], Options(pairs=how))  # pyright: ignore[reportArgumentType]
        found, refused = back(format_called(name), json.loads(json.dumps(rows)))
        assert len(found) + sum(refused.values()) == len(rows)
        assert not refused
        said = [pair for each in found for pair in strict(each)]
        assert len(said) == len(set(said))
        assert set(said) <= strict(one)
        if how == "all" and not lost:
            assert set(said) == strict(one)
        for each in found:
            assert [(line.role, line.text) for line in each.context] == [
                (line.role, line.text) for line in one.context
            ]


@settings(max_examples=30)
@given(records())
def test_trees_bring_back_all_that_was_said_strictly(one: Record) -> None:
    rows, _ = there(format_called("oasst"), [one])
    found, lost = back(format_called("oasst"), json.loads(json.dumps(rows)))
    if not strict(one) and one.outcome != "all_bad":
        assert not found
        return
    if one.context[0].role != "user":
        assert not rows
        return
    assert not lost
    assert [each.outcome for each in found] == [one.outcome]
    assert strict(found[0]) >= strict(one), "ties become an order, nothing that was said is turned round"


@settings(max_examples=30)
@given(records())
def test_labels_bring_back_the_best_and_the_worst(one: Record) -> None:
    rows, _ = there(format_called("trl-unpaired"), [one])
    found, _ = back(format_called("trl-unpaired"), json.loads(json.dumps(rows)))
    for each in found:
        assert each.outcome == one.outcome
        assert strict(each) <= strict(one)
    if one.outcome == "all_bad":
        assert [len(each.answers) for each in found] == [len(one.answers)]


@settings(max_examples=30)
@given(st.lists(records(texts=st.sampled_from(["a", "b", "c", "d", "e", "f", "g"])), min_size=2, max_size=4))
def test_nobody_says_anything_twice_of_the_same_two_texts(group: list[Record]) -> None:
    named = [replace(one, id=f"{at}", rater=f"rater {at % 2}") for at, one in enumerate(group)]
    for how in HOWS:
        said = [
            (pair.record.rater, frozenset((pair.better.text, pair.worse.text)))
            for pair in expanded(named, how, ties=True)
        ]
        assert len(set(said)) == len(said)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted(
    {key for name in NAMES for key in format_called(name).shape} | {"replies", "text", "role", "rank"}
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(st.data())
def test_rows_that_are_anything_are_counted_and_break_nothing(name: str, data: st.DataObject) -> None:
    form = format_called(name)  # pyright: ignore[reportArgumentType]
    rows = json.loads(json.dumps(there(form, [record(rater=f"{at}") for at in range(2)])[0]))
    spoilt = data.draw(st.sampled_from(sorted(rows[0])))
    rows[0][spoilt] = data.draw(JSON)
    found, lost = back(form, [*rows, data.draw(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))])
    assert found or lost
    for each in found:
        assert from_plain(json.loads(line_of(to_plain(each)))).ranking == each.ranking


def test_all_pairs_of_nine_answers_are_there() -> None:
    rows, _ = there(format_called("trl"), [record("A > B > C > D > E > F > G > H > I", 9)])
    assert len(rows) == len(list(combinations(range(9), 2)))
    assert {row["n_pairs"] for row in rows} == {36}
    assert {row["weight"] for row in rows} == {round(1 / 36, 9)}


@settings(max_examples=50)
@given(st.lists(records(), min_size=1, max_size=3))
def test_lines_that_are_written_faster_are_those_of_the_rows(group: list[Record]) -> None:
    form = format_called("canonical")
    assert form.lines is not None
    shared = [replace(one, context=group[0].context, batch=group[0].batch) for one in group]
    for some in (group, shared):
        rows, _ = there(form, some)
        assert list(form.lines(some)) == [line_of(row) for row in rows]
