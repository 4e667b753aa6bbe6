"""How often a reward model agrees with people, source by source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_talk import ask, sourced

from rostra_models.training.errors import TrainError
from rostra_models.training.evaluation.accuracy import AccuracySettings, by_source, reward_accuracy
from rostra_models.training.ranked import Ranked
from rostra_models.training.ranking import comparisons


@pytest.mark.slow
def test_accuracy_is_told_source_by_source(likes_a: Path, tmp_path: Path) -> None:
    done = reward_accuracy(
        AccuracySettings(model=likes_a, data=sourced(tmp_path / "data"), out=tmp_path / "out", device="cpu")
    )
    sources: Any = done.figures["sources"]
    assert {name: one["accuracy"] for name, one in sources.items()} == {
        "right": 1.0,
        "wrong": 0.0,
        "unknown": 0.0,
    }
    assert sources["right"]["prompts"] == 8
    assert done.figures["accuracy"] == pytest.approx(8 / 14)
    assert done.figures["side"] == "test"
    report = (done.folder / "report.md").read_text("utf-8")
    assert "| wrong | 0.000 " in report
    assert "is not shown" in report
    for name in ("accuracy.png", "calibration.png"):
        assert (done.folder / name).read_bytes().startswith(b"\x89PNG")


def test_a_source_that_decides_nothing_has_no_figures() -> None:
    one = Ranked(prompt="p", said=ask("p"), answers=("a", "b"), compared=comparisons([1, 2]), source="x")
    tie = replace(one, compared=comparisons([1, 1]), source="y")
    assert set(by_source([one, tie], [[1.0, 0.0], [1.0, 0.0]], longer=True)) == {"x"}


@pytest.mark.slow
def test_a_side_that_is_not_there_is_an_error(likes_a: Path, tmp_path: Path) -> None:
    settings = AccuracySettings(
        model=likes_a, data=sourced(tmp_path / "data"), out=tmp_path / "out", split="validation", device="cpu"
    )
    with pytest.raises(TrainError, match="no rankings on the side 'validation'"):
        reward_accuracy(settings)
