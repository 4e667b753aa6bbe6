"""What people read: Markdown that holds whatever answerers are called, and pictures."""

from __future__ import annotations

from itertools import chain

import pytest
from statistics_ballots import duels

from rostra.feedback.statistics.agreement import agreement
from rostra.feedback.statistics.anomalies import proposals
from rostra.feedback.statistics.evidence import recommend
from rostra.feedback.statistics.fragility import fragility
from rostra.feedback.statistics.leaderboard import leaderboard
from rostra.feedback.statistics.pictures import agreement_picture, leaderboard_picture
from rostra.feedback.statistics.raters import raters
from rostra.feedback.statistics.report import (
    agreement_text,
    leaderboard_text,
    raters_text,
    recommendation_text,
)
from rostra.feedback.statistics.simulate import Rater, Study, crowd, right_order, simulated

CROWD = crowd(6, Rater(name="", position=0.4, skips=0.1), spammers={"same": 1})
STUDY = Study(
    strengths={"a": 0, "b": 1, "c": 2}, raters=CROWD, prompts=60, k=3, prompt_effect=1, gold=0.2, repeats=0.1
)
NAMES = ("odd|name\n# and $x$", "b")


def test_a_leaderboard_says_how_sure_it_is_and_what_is_not_in_it() -> None:
    judged = list(chain(simulated(STUDY), duels("a", "new", 0, 2, start=1000)))

    text = leaderboard_text(leaderboard(judged), fragility(judged))

    lines = text.splitlines()
    assert lines[0].split(" | ") == ["| rank", "answerer", "rating", "95 %", "best", "wins", "ballots |"]
    assert lines[2].startswith("| 1 | c | ")
    assert any(line.startswith("| ? | new ¹ |") for line in lines)
    assert "¹ new: never lost" in text
    assert "shown first rather than last multiplies the odds by" in text
    assert "gold" in text
    assert "skipped" in text
    assert "would lead instead of `c`" in text or "`c` stays first" in text


def test_names_cannot_break_a_table() -> None:
    text = leaderboard_text(leaderboard(duels(*NAMES, 9, 4), baseline="b"))

    assert "| odd\\|name # and $x$ |" in text
    assert len([line for line in text.splitlines() if line.startswith("|")]) == 4
    assert "1000 is `b`" in text


def test_raters_and_agreement_are_told() -> None:
    judged = list(simulated(STUDY))
    right = right_order(judged)

    text = raters_text(raters(judged, right), proposals(judged, right))

    assert "| same-0 | " in text
    assert "- same-0, pattern: the places 123 on the screen" in text
    assert "alpha, pairs, ordinal | 0." in agreement_text(agreement(judged))
    assert "nothing to compare" in agreement_text(agreement([]))


def test_recommendations_are_sentences() -> None:
    assert recommendation_text(recommend(duels("new", "old", 40, 0), "old", "new")).startswith(
        "Put `new` in the place of `old`: the candidate is better"
    )
    assert recommendation_text(recommend(duels("new", "old", 0, 40), "old", "new")).startswith("Keep `old`: ")
    assert "tasks more are expected" in recommendation_text(
        recommend(duels("new", "old", 3, 1), "old", "new")
    )
    assert "There is no difference yet" in recommendation_text(recommend([], "old", "new"))


@pytest.mark.slow
def test_pictures_are_pngs_of_everything_there_is() -> None:
    judged = list(simulated(STUDY))
    small = leaderboard_picture(leaderboard(duels(*NAMES, 9, 0)))
    large = leaderboard_picture(leaderboard(judged))
    agreed = agreement_picture(agreement(judged), raters(judged))

    for picture in (small, large, agreed):
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) > 4000
    assert height(agreed) > height(large) > height(small)
    assert agreement_picture(agreement([])).startswith(b"\x89PNG")
    assert leaderboard_picture(leaderboard(judged)) == large, "the same figures give the same bytes"


def height(picture: bytes) -> int:
    return int.from_bytes(picture[20:24], "big")
