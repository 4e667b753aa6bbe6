from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from rostra.feedback.data.formats import Options, format_called
from rostra.feedback.data.hh import transcript
from rostra.feedback.data.made import Unusable
from rostra.feedback.data.oasst import ranked
from rostra.feedback.data.pairs import expanded, softened
from rostra.feedback.data.record import Record, Said
from rostra.feedback.data.trl_unpaired import labelled
from rostra.testing.dataset_records import back, record, there


def letters(one: Record, how: str = "all", *, ties: bool = False) -> list[str]:
    found = expanded([one], how, ties=ties)  # pyright: ignore[reportArgumentType]
    return [f"{pair.better.text[-1]}{'>' if pair.gap else '='}{pair.worse.text[-1]}" for pair in found]


def test_the_pairs_of_a_ranking_are_all_or_those_asked_for() -> None:
    one = record("A > B = C > D", 4)
    assert letters(one) == ["A>B", "A>C", "A>D", "B>D", "C>D"]
    assert letters(one, ties=True) == ["A>B", "A>C", "A>D", "B=C", "B>D", "C>D"]
    assert letters(one, "best-worst") == ["A>D"]
    assert letters(one, "adjacent") == ["A>B", "A>C", "B>D", "C>D"]
    assert letters(one, "adjacent", ties=True) == ["A>B", "A>C", "B=C", "B>D", "C>D"]
    assert letters(record("+B -D", 4)) == ["B>A", "B>C", "B>D", "A>D", "C>D"]
    assert letters(record("!", 4)) == letters(record("A=B", 2)) == []


def test_one_pair_by_chance_is_the_same_every_time_and_all_get_their_turn() -> None:
    drawn = [letters(replace(record("A > B > C"), id=f"{at}"), "one-random") for at in range(200)]
    again = [letters(replace(record("A > B > C"), id=f"{at}"), "one-random") for at in range(200)]
    assert drawn == again
    counts = Counter(one for (one,) in drawn)
    assert counts.keys() == {"A>B", "A>C", "B>C"}
    assert min(counts.values()) > 40


def test_the_pairs_of_a_judgment_weigh_as_much_as_it_together() -> None:
    one = record("A > B > C > D", 4, weight=0.6)
    assert sum(pair.weight for pair in expanded([one])) == pytest.approx(0.6)
    assert {pair.weight for pair in expanded([one])} == {0.1}


def test_of_two_words_by_one_rater_about_a_pair_the_last_one_counts() -> None:
    before = record("A > B > C", id="1")
    after = replace(record("B > A", 2), id="2", at=before.at + timedelta(minutes=1))
    found = [
        (pair.record.id, pair.better.text[-1], pair.worse.text[-1]) for pair in expanded([after, before])
    ]
    assert found == [("2", "B", "A"), ("1", "A", "C"), ("1", "B", "C")]
    other = replace(after, rater="another")
    assert len(list(expanded([other, before]))) == 4


def test_answers_with_the_same_text_make_no_pair() -> None:
    one = record("A > B > C")
    first, second, third = one.answers
    same = replace(one, answers=(first, replace(second, text=first.text), third))
    assert [(pair.better.id, pair.worse.id) for pair in expanded([same])] == [(first.id, third.id)]


def test_raters_who_disagree_make_a_share_with_half_a_vote_for_a_tie() -> None:
    group = [record(text, 2, rater=f"{at}") for at, text in enumerate(("A > B", "A > B", "B > A", "A = B"))]
    (soft,) = softened(group)
    assert (soft.better.text[-1], soft.share, soft.votes, soft.gap) == ("A", 0.625, 4, 0.25)
    (row,), lost = there(format_called("trl"), group, Options(labels="soft"))
    assert (row["p"], row["votes"], row["judgment_id"], row["rater"]) == (0.625, 4, "", "")
    rows, lost = there(format_called("trl"), group[1:3], Options(labels="soft"))
    assert not rows
    assert lost == {"raters are undecided": 1}


def test_the_best_and_the_worst_tier_are_labelled_and_nothing_between() -> None:
    assert [(one.text[-1], label) for one, label in labelled(record("A > B > C = D", 4))] == [
        ("A", True),
        ("C", False),
        ("D", False),
    ]
    assert [label for _, label in labelled(record("!", 3))] == [False] * 3
    assert [(one.text[-1], label) for one, label in labelled(record("+B", 3))] == [("B", True)]
    assert not list(labelled(record("A = B", 2)))


def test_ranks_come_from_the_share_of_wins_and_ties_have_the_same() -> None:
    group = [record(text, rater=text) for text in ("A > B > C", "A > C > B", "A > B = C")]
    assert {one.text[-1]: ranked(group)[one.id] for one in group[0].answers} == {"A": 0, "B": 1, "C": 1}


def test_a_text_that_holds_a_turn_is_not_written_as_a_transcript() -> None:
    good = [Said(role="user", text="why?"), Said(role="assistant", text="because\n")]
    assert transcript(good) == "\n\nHuman: why?\n\nAssistant: because\n"
    with pytest.raises(Unusable):
        transcript([*good[:1], Said(role="assistant", text="because\n\nHuman: I say so")])
    with pytest.raises(Unusable):
        transcript([Said(role="tool", text="x"), *good])
    one = record("A > B", 2, context=(Said(role="system", text="be kind"), *good[:1]))
    (row,), _ = there(format_called("hh"), [one])
    assert row["chosen"] == "\n\nHuman: why?\n\nAssistant: answer A"


def test_other_peoples_files_are_read_in_the_shapes_that_they_have() -> None:
    user, better, worse = (
        {"role": role, "content": text}
        for role, text in (("user", "q"), ("assistant", "b"), ("assistant", "w"))
    )
    trl = format_called("trl")
    shapes = [
        {"prompt": "q", "chosen": "b", "rejected": "w"},
        {"prompt": [user], "chosen": [better], "rejected": [worse]},
        {"chosen": [user, better], "rejected": [user, worse], "score_chosen": 9.0},
        {"chosen": "\n\nHuman: q\n\nAssistant: b", "rejected": "\n\nHuman: q\n\nAssistant: w"},
        {"prompt": "q", "chosen": "qb", "rejected": "qw"},
    ]
    for shape in shapes:
        (found,), lost = back(trl, [shape])
        assert not lost
        assert [(one.text, one.tier) for one in found.answers] == [("b", 1), ("w", 2)]
        assert [line.text for line in found.context] == ["q"]
    asked = {"input": {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]}}
    (found,), _ = back(
        format_called("openai"), [{**asked, "preferred_output": [better], "non_preferred_output": [worse]}]
    )
    assert found.answers[0].text == "b"
    battle = {
        "model_a": "x",
        "model_b": "y",
        "winner": "model_b",
        "judge": "arena_user_1",
        "tstamp": 1682351591.13,
    }
    talks = {"conversation_a": [user, better], "conversation_b": [user, worse]}
    (found,), _ = back(format_called("arena"), [battle | talks])
    assert [(one.answerer, one.tier) for one in found.answers] == [("x", 2), ("y", 1)]
    assert (found.rater, found.at.year) == ("arena_user_1", 2023)


def test_a_tree_of_open_assistant_is_read_with_its_events_or_else_its_ranks() -> None:
    def message(id_: str, role: str, text: str, **more: object) -> dict[str, object]:
        return {"message_id": id_, "role": role, "text": text, "synthetic": False, "replies": [], **more}

    below = message(
        "5",
        "prompter",
        "and then?",
        replies=[message("6", "assistant", "x", rank=1), message("7", "assistant", "y", rank=0)],
    )
    replies = [
        message("2", "assistant", "b", rank=0, replies=[below]),
        message("3", "assistant", "c"),
        message("4", "assistant", "d", deleted=True),
    ]
    event = {
        "type": "ranking",
        "user_id": "u",
        "ranking": [1, 0],
        "ranked_message_ids": ["3", "2"],
        "not_rankable": False,
    }
    tree = {
        "message_tree_id": "1",
        "prompt": message("1", "prompter", "why?", replies=replies, events={"ranking": [event]}),
    }
    found, lost = back(format_called("oasst"), [tree])
    assert not lost
    first, second = found
    assert [(one.text, one.tier) for one in first.answers] == [("b", 2), ("c", 1)]
    assert (first.rater, second.rater) == ("u", "")
    assert [line.text for line in second.context] == ["why?", "b", "and then?"]
    assert [(one.text, one.tier) for one in second.answers] == [("x", 2), ("y", 1)]


def test_rows_that_contradict_themselves_are_not_used() -> None:
    rows, _ = there(format_called("trl"), [record("A > B", 2)])
    rows[0] |= {"chosen_tier": 2, "rejected_tier": 1}
    assert back(format_called("trl"), rows) == ([], {"tiers that contradict which answer was chosen": 1})
    battles, _ = there(format_called("arena"), [record("A > B", 2)])
    battles[0]["winner"] = "model_b"
    assert back(format_called("arena"), battles)[1] == {"tiers that contradict who won": 1}
