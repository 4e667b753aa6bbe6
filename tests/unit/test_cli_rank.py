"""Campaigns from the command line: begun from a file, ranked, counted, and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rostra.cli.main import run

CONFIG = 'data = "data"\n[models.echo]\nkind = "canned"\n[moderators.rules]\nkind = "rules"\n'
ASKED = [
    {
        "prompt": "How do I boil an egg?",
        "answers": [
            {"text": "Seven\u2028minutes.", "answerer": "terse"},
            {"text": "Ask a \x1b[2Jhen.", "answerer": "default"},
        ],
    },
    {
        "prompt": "What is the capital of France?",
        "answers": [
            {"text": "Paris.", "answerer": "terse"},
            {"text": "It is Paris.", "answerer": "default"},
        ],
        "right": "A > B",
    },
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text(CONFIG)
    write(*ASKED)


def write(*rows: Any) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    Path("asked.jsonl").write_text("\n".join(lines), encoding="utf-8")


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["rank", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def failed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    capsys.readouterr()
    assert run(["rank", *arguments]) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.slow
def test_a_campaign_is_begun_ranked_and_read_at_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(capsys, "start", "weekly", "asked.jsonl")["tasks"] == 2
    for number in range(2):
        shown = answered(capsys, "show", "weekly")
        if number == 0:
            assert "consent" in failed(capsys, "vote", shown["task"], "A > B")
        best = next(
            name for name, text in shown["answers"].items() if text in {"Seven\u2028minutes.", "Paris."}
        )
        said = answered(capsys, "vote", shown["task"], f"+{best}", "--agree")
        assert (said["outcome"], said["changed"]) == ("ranked", False)
        assert answered(capsys, "vote", shown["task"], f"+{best}")["changed"] is True
    assert "nothing to rank" in failed(capsys, "show", "weekly")
    row = answered(capsys, "status")["campaigns"][0]
    assert (row["tasks"], row["done"], row["ballots"], row["raters"]) == (2, 2, 2, 1)
    assert [one["gold"] for one in answered(capsys, "list", "weekly")["tasks"]] == [False, True]

    found = answered(capsys, "results", "--picture", "board.png")

    assert [one["answerer"] for one in found["leaderboard"]] == ["terse", "default"]
    assert found["left_out"] == {"gold": 1}
    advice = found["recommendation"]
    assert (advice["decision"], advice["live"], advice["candidate"]) == ("more", "default", "terse")
    assert advice["ballots_missing"] > 0
    assert Path("board.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_ballot_in_hand_is_resumed_and_obeys_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(capsys, "start", "weekly", "asked.jsonl")
    task = answered(capsys, "show", "--as", "ann")["task"]
    assert run(["rank", "resume", "--as", "ann"]) == 0
    out = capsys.readouterr().out
    assert "Ask a [2Jhen." in out
    assert f"rostra rank vote {task}" in out
    assert "no ballot in hand" in failed(capsys, "resume")


@pytest.mark.slow
def test_what_is_wrong_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no campaign; " in failed(capsys, "results")
    answered(capsys, "start", "weekly", "asked.jsonl")
    assert "already" in failed(capsys, "start", "weekly", "asked.jsonl")
    assert "there is no campaign 'daily'; there are: 'weekly'" in failed(capsys, "status", "daily")
    assert "you were not shown task 'nothing'" in failed(capsys, "vote", "nothing", "A > B", "--agree")
    task = answered(capsys, "show")["task"]
    assert "there is no answer Z" in failed(capsys, "vote", task, "A > Z", "--agree", status=2)
    assert "nothing was compared" in failed(capsys, "results", "--picture", "board.png")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "", "answers": ["a", "b"]}, "line 2: prompt is str of 0"),
        ({"prompt": "?", "answers": ["a"]}, "line 2: answers is list of 1; a list of 2 to 9"),
        ({"prompt": "?", "answers": ["a", 7]}, "line 2: an answer is a text"),
        ({"prompt": "?", "answers": ["a", "b"], "right": "A > C"}, "line 2: right: there is no answer C"),
        (["?"], 'line 2: {"prompt": …, "answers": […]} would be right'),
    ],
)
def test_a_file_that_is_no_campaign_is_refused_by_line(
    row: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ASKED[0], row)
    assert said in failed(capsys, "start", "weekly", "asked.jsonl")


@pytest.mark.slow
def test_the_simulation_has_its_figures_and_what_raters_write_at_the_console_is_stored_as_they_said_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = answered(capsys, "simulate", "--quick", "--campaigns", "3")
    assert found["campaigns"] == 3
    assert 0.6 < found["coverage"] <= 1
    assert found["order_recovered"] == found["spammers_caught"] == 1
    console = found["console"]
    assert console["said"] == console["stored"] == 72
    assert console["order_recovered"]
    assert (console["caught"], console["planted"], console["wrongly"]) == (1, 1, 0)


@pytest.mark.slow
def test_answers_get_points_at_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--mode rate has axes" in failed(
        capsys, "start", "weekly", "asked.jsonl", "--axes", "helpful 5", status=2
    )
    answered(capsys, "start", "weekly", "asked.jsonl", "--mode", "rate", "--axes", "helpful 5, true 3")
    shown = answered(capsys, "show", "weekly")
    assert shown["axes"] == {"helpful": 5, "true": 3}
    assert "'4' is not from 1 to 3" in failed(capsys, "vote", shown["task"], "A: true 4", "--agree", status=2)
    said = answered(capsys, "vote", shown["task"], "A: 4 3")
    assert (said["outcome"], said["ranking"]) == (None, "A: helpful 4, true 3")
    assert answered(capsys, "resume")["chosen"] == "A: helpful 4, true 3"
    said = answered(capsys, "vote", shown["task"], "B: 2 1")
    assert said["ranking"] == "A: helpful 4, true 3; B: helpful 2, true 1"
    found = answered(capsys, "results")
    given = {one["answerer"]: one["value"] for one in found["points"] if one["axis"] == "helpful"}
    assert sorted(given.values()) == [2, 4]
    assert (found["leaderboard"], found["recommendation"]) == ([], None)
