"""How well a reward model agrees with people, source by source, and whether length alone would do as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from rostra.feedback.data.formats import Name
from rostra.feedback.values import Split

from ...scorer_layout import RewardLayout
from ..errors import TrainError
from ..folders import called
from ..intervals import Interval
from ..loop import Means
from ..machine import numbers
from ..pictures import bars, lines
from ..ranked import Ranked, Weigh, divided
from ..ranking import Ties
from ..reward_batches import element, micro_batches, rewards_of
from ..reward_figures import BINS, contests, figures, longer_wins, mean_and_reach, right
from ..settings import Count, Share
from ..starting import folder_of, model_in, tokenizer_in
from .report import Evaluation, MachineSettings, Value, picture, table, written

UNKNOWN = "unknown"
"""The source of rankings that do not say where they come from."""


class AccuracySettings(MachineSettings):
    """``rostra eval reward``: which reward model is compared with whose rankings."""

    model: Path = Field(description="The folder of a reward model.")
    data: Path = Field(
        description="An export or import of rankings (its folder, or a file), or a file of another form."
    )
    format: Name = Field(default="canonical", description="The form of the file; others are imported first.")
    out: Path = Field(description="The folder of the report.")
    split: Literal["held-out", "train", "validation", "test", "all"] = Field(
        default="held-out",
        description="Which side is read; held-out is test, else validation, else all of a file without sides.",
    )
    validation_share: Share = Field(
        default=0.0,
        description="Share of the questions that training held out, where the data holds none out: what it was told.",
    )
    ties: Ties = Field(
        default="half", description="Whether ties pull several raters' judgments to the middle."
    )
    weigh: Weigh = Field(default="judgments", description="As in training; no accuracy depends on it.")
    rankings: Count = Field(default=100_000, description="Rankings that are read, at most.")
    window: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Tokens of a conversation; 0 is what the model was trained with."
    )

    @property
    def validation_rankings(self) -> int:
        """The same limit."""
        return self.rankings


def reward_accuracy(settings: AccuracySettings, *, means: Means | None = None) -> Evaluation:
    """Return the figures of `rostra_models.training.reward_figures.figures`, together and, under ``sources``, for each source.

    Intervals are cluster-robust by question. Raises `TrainError` and `DatasetError`.
    """
    means = means or Means()
    settings = settings.model_copy(update={"model": folder_of(settings.model)})
    sides, lost = divided(settings)
    for reason, count in lost.most_common():
        means.say(f"{count:,} judgments left out: {reason}")
    side, read = _side(settings, sides)
    if not read:
        raise TrainError(f"{str(settings.data)!r} has no rankings on the side {settings.split!r}")
    longer = longer_wins(sides["train"] or read)
    means.say(f"{called(settings.model)} reads {len(read):,} rankings ({side})")
    rewards = _rewards(settings, read)
    whole = figures(read, rewards, longer=longer)
    if not whole:
        raise TrainError(f"no ranking of {str(settings.data)!r} says which of two answers is better")
    apart = by_source(read, rewards, longer=longer)
    found: dict[str, Value] = {**whole, "side": side, "sources": apart}
    done = Evaluation(what="reward", folder=settings.out, figures=found)
    settings.out.mkdir(parents=True, exist_ok=True)
    rows = [("all", whole), *(apart.items() if set(apart) != {UNKNOWN} else ())]
    drawn = _pictures(settings, rows, read, rewards)
    return written(
        done,
        f"How {called(settings.model)} agrees with people",
        [_about(side, whole, longer=longer), table(_HEAD, [_row(name, one) for name, one in rows]), *drawn],
    )


def by_source(
    rankings: Sequence[Ranked], rewards: Sequence[Sequence[float]], *, longer: bool
) -> dict[str, Mapping[str, float]]:
    """Return the figures of each source (a campaign, a dataset) that decided anything, by its name."""
    names = sorted({one.source for one in rankings})
    found: dict[str, Mapping[str, float]] = {}
    for name in names:
        chosen = [at for at, one in enumerate(rankings) if one.source == name]
        told = figures([rankings[at] for at in chosen], [rewards[at] for at in chosen], longer=longer)
        if told:
            found[name or UNKNOWN] = told
    return found


def _side(
    settings: AccuracySettings, sides: Mapping[Split, Sequence[Ranked]]
) -> tuple[str, Sequence[Ranked]]:
    if settings.split == "all":
        return "all", [one for side in sides.values() for one in side][: settings.rankings]
    if settings.split != "held-out":
        return settings.split, sides[settings.split][: settings.rankings]
    order: tuple[Split, ...] = ("test", "validation")
    for one in order:
        if sides[one]:
            return one, sides[one][: settings.rankings]
    return "all", sides["train"][: settings.rankings]


def _rewards(settings: AccuracySettings, rankings: Sequence[Ranked]) -> list[list[float]]:
    model = model_in(settings.model, "SequenceClassification").to(settings.where).eval()
    if model.config.num_labels != 1:
        raise TrainError(
            f"{str(settings.model)!r} has {model.config.num_labels} labels; a reward model has one"
        )
    window = settings.window or int(getattr(model.config, "reward_window", 1024))
    layout = RewardLayout(tokenizer_in(settings.model), window).tokens
    found: list[float] = []
    with torch.no_grad(), numbers(settings.loop):
        for batch in micro_batches([element(one, layout) for one in rankings], settings.micro_tokens):
            rewards: Any = rewards_of(model, batch, settings.where)
            found += rewards.tolist()
    each = iter(found)
    return [[next(each) for _ in one.answers] for one in rankings]


_HEAD = (
    "source",
    "accuracy",
    "length alone",
    "over length",
    "calibration error",
    "slope",
    "questions",
    "pairs",
)


def _row(name: str, found: Mapping[str, float]) -> tuple[object, ...]:
    return (
        name,
        _interval(found, "accuracy"),
        found["length_accuracy"],
        _interval(found, "over_length"),
        found["calibration_error"],
        found["calibration_slope"],
        f"{found['prompts']:,.0f}",
        f"{found['pairs']:,.0f}",
    )


def _interval(found: Mapping[str, float], name: str) -> Interval:
    return Interval(mean=found[name], low=found[f"{name}_low"], high=found[f"{name}_high"])


def _about(side: str, found: Mapping[str, float], *, longer: bool) -> str:
    said = f"Rankings: {side}. In brackets are 95 % intervals, cluster-robust by question (Liang and Zeger 1986)."
    rule = f"Length alone prefers the {'longer' if longer else 'shorter'} answer, as people did in training."
    over = _interval(found, "over_length")
    verdict = (
        "The rewards agree with people more than length does."
        if over.low > 0
        else "That the rewards agree with people more than length does is not shown."
    )
    return f"{said}\n{rule}\n{verdict}"


def _pictures(
    settings: AccuracySettings,
    rows: Sequence[tuple[str, Mapping[str, float]]],
    rankings: Sequence[Ranked],
    rewards: Sequence[Sequence[float]],
) -> list[str]:
    if not settings.plot:
        return []
    first = bars(
        [(name, _interval(found, "accuracy")) for name, found in rows],
        settings.out / "accuracy.png",
        along="share of pairs in which the better answer has more reward",
        at=0.5,
        beside=[found["length_accuracy"] for _, found in rows],
    )
    points = reliability(rankings, rewards)
    ideal = [(place, Interval(mean=place, low=place, high=place)) for place, _ in points]
    second = lines(
        {"as it is": points, "as it should be": ideal},
        settings.out / "calibration.png",
        across="how sure the rewards are: sigmoid of their distance",
        up="how often they are right",
    )
    return [picture(first, "Accuracy by source"), picture(second, "Calibration")]


def reliability(
    rankings: Sequence[Ranked], rewards: Sequence[Sequence[float]]
) -> list[tuple[float, Interval]]:
    """Return, for bins of how sure the rewards are, the mean of that and how often they are right."""
    found = contests(rankings, rewards)
    sure = 1 / (1 + np.exp(-np.abs(found.apart)))
    bins = np.minimum(((sure - 0.5) * 2 * BINS).astype(int), BINS - 1)
    points: list[tuple[float, Interval]] = []
    for one in np.unique(bins):
        inside = bins == one
        groups = np.unique(found.prompts[inside], return_inverse=True)[1]
        mean, wide = mean_and_reach(right(found.apart[inside]), groups)
        interval = Interval(mean=mean, low=max(0.0, mean - wide), high=min(1.0, mean + wide))
        points.append((float(sure[inside].mean()), interval))
    return points
