"""Raters who do not exist and answerers whose strengths are known: to see whether what statistics say is true."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Literal, TypeAlias

from ..judged import Judged
from ..ranking import Outcome, Ranking, numbered

Habit: TypeAlias = Literal["honest", "random", "first", "reversed", "same"]
"""Says what it thinks; clicks at random; puts what is shown first on top; says the contrary; gives the same order every time."""

CLEAR = 3.0
"""How much better, in log odds, each answer of a gold task is than the next."""

START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS: Mapping[Habit, float] = {"honest": 40, "random": 25, "first": 4, "reversed": 40, "same": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """How somebody rates.

    ``noise`` is the scale of what decides besides quality (1: Bradley and Terry's model). What lies closer than ``ties`` is tied.
    ``position`` is what being shown first rather than last adds, ``length`` what being much longer does. ``skips`` and
    ``all_bad`` are shares. ``best_worst``: names the best and the worst only.
    """

    name: str
    habit: Habit = "honest"
    noise: float = 1.0
    ties: float = 0.0
    position: float = 0.0
    length: float = 0.0
    skips: float = 0.0
    all_bad: float = 0.0
    best_worst: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer as a simulated rater sees it: what it is worth to all raters (log odds), and its characters."""

    quality: float
    length: int = 400


def rate(rater: Rater, shown: Sequence[Shown], chance: Random) -> tuple[Ranking, int]:
    """Return what ``rater`` says of the answers ``shown``, in that order, and after how many milliseconds."""
    took = round(1000 * SECONDS[rater.habit] * math.exp(chance.gauss(0, 0.4)))
    draw = chance.random()
    if draw < rater.skips + rater.all_bad:
        outcome: Outcome = "skipped" if draw < rater.skips else "all_bad"
        return Ranking(outcome=outcome), took
    if rater.habit == "same":
        return Ranking(tiers=tuple((slot,) for slot in range(len(shown)))), took
    worth = _worth(rater, shown, chance)
    order = sorted(range(len(shown)), key=lambda slot: -worth[slot])
    if rater.best_worst and len(shown) > 3:  # noqa: PLR2004  of three the middle one is known too
        return Ranking(tiers=((order[0],), tuple(order[1:-1]), (order[-1],)), loose=1), took
    tiers: list[list[int]] = [[order[0]]]
    for before, slot in pairwise(order):
        if worth[before] - worth[slot] < rater.ties:
            tiers[-1].append(slot)
        else:
            tiers.append([slot])
    return Ranking(tiers=tuple(map(tuple, tiers))), took


def _worth(rater: Rater, shown: Sequence[Shown], chance: Random) -> list[float]:
    """Return what each answer is worth to the rater at this moment: differences of two Gumbel draws are logistic."""
    last = max(len(shown) - 1, 1)
    mean = sum(one.length for one in shown) / len(shown) or 1
    found: list[float] = []
    for slot, one in enumerate(shown):
        gumbel = -math.log(-math.log(chance.random() or 1e-12))
        quality = (
            one.quality + rater.length * (one.length - mean) / (2 * mean) + rater.position * (1 - slot / last)
        )
        if rater.habit == "random":
            quality = 0.0
        elif rater.habit == "first":
            quality += 100 * (slot == 0)
        elif rater.habit == "reversed":
            quality = -quality
        found.append(quality + rater.noise * gumbel)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A campaign to simulate: what ``strengths`` (log odds) answerers have, who rates, and how much.

    Every prompt draws ``k`` answerers, shifts the quality of each of their answers by a normal draw of deviation ``prompt_effect``
    that all raters share, and is ranked by ``overlap`` raters, each of whom is shown a shuffle. ``gold`` is the share of tasks made so
    that the right order is clear, ``repeats`` that of ballots that the same rater gets once more.
    """

    strengths: Mapping[str, float]
    raters: tuple[Rater, ...]
    prompts: int = 100
    k: int = 4
    overlap: int = 3
    prompt_effect: float = 0.0
    gold: float = 0.0
    repeats: float = 0.0
    campaign: str = "simulated"

    def __post_init__(self) -> None:
        if not 1 < self.k <= len(self.strengths) or not 0 < self.overlap <= len(self.raters):
            raise ValueError(
                f"{self.k!r} answers of {len(self.strengths)} answerers by {self.overlap!r} of {len(self.raters)} raters: there are too few"
            )


def crowd(
    raters: int, like: Rater | None = None, *, spammers: Mapping[Habit, int] | None = None
) -> tuple[Rater, ...]:
    """Return ``raters`` honest ones like ``like``, and ``spammers`` by habit, named by what they are."""
    model = like or Rater(name="")
    honest = [replace(model, name=f"rater-{at}") for at in range(raters)]
    planted = [
        replace(model, name=f"{habit}-{at}", habit=habit)
        for habit, count in (spammers or {}).items()
        for at in range(count)
    ]
    return (*honest, *planted)


def simulated(study: Study, seed: int = 0) -> Iterator[Judged]:
    """Yield the judgments of a campaign in the order of their time."""
    chance = Random(seed)  # noqa: S311  nothing here is a secret
    names = sorted(study.strengths)
    at = START
    for prompt in range(study.prompts):
        task = f"task-{seed}-{prompt}"
        gold = chance.random() < study.gold
        drawn = chance.sample(names, study.k)
        answers = [_answer(study, name, chance) for name in drawn]
        if gold:
            answers = [(name, replace(one, quality=-CLEAR * at)) for at, (name, one) in enumerate(answers)]
        for rater in chance.sample(study.raters, study.overlap):
            again = chance.random() < study.repeats
            for time in range(2 if again else 1):
                at += timedelta(seconds=30)
                asked = f"{task}-again-{rater.name}" if time else task
                yield _judged(
                    study, rater, answers, (asked, f"prompt-{seed}-{prompt}", gold and not time, at), chance
                )


_Answer: TypeAlias = tuple[str, Shown]


def _answer(study: Study, name: str, chance: Random) -> _Answer:
    quality = study.strengths[name] + (chance.gauss(0, study.prompt_effect) if study.prompt_effect else 0.0)
    return name, Shown(quality=quality, length=max(20, round(math.exp(chance.gauss(6, 0.5)))))


def _judged(
    study: Study,
    rater: Rater,
    answers: Sequence[_Answer],
    asked: tuple[str, str, bool, datetime],
    chance: Random,
) -> Judged:
    task, prompt, gold, at = asked
    order = list(range(len(answers)))
    chance.shuffle(order)
    shown = [answers[slot] for slot in order]
    ranking, took = rate(rater, [answer for _, answer in shown], chance)
    return Judged(
        judgment=f"{task}-{rater.name}",
        task=task,
        prompt=prompt,
        rater=rater.name,
        campaign=study.campaign,
        outcome=ranking.outcome,
        candidates=tuple(f"{prompt}-{slot}" for slot in order),
        answerers=tuple(name for name, _ in shown),
        tiers=numbered(ranking, len(shown)),
        lengths=tuple(answer.length for _, answer in shown),
        duration_ms=took,
        surface="simulated",
        propensity=None,
        gold=gold,
        at=at,
        excluded=False,
        loose=None if ranking.loose is None else ranking.loose + 1,
        batch=prompt,
    )


def right_order(judged: Iterable[Judged]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return the order of each gold task that simulated raters should find, for `rostra.feedback.statistics.raters.raters`."""
    return {
        one.task: tuple((candidate,) for candidate in sorted(one.candidates, key=_ordinal))
        for one in judged
        if one.gold
    }


def _ordinal(candidate: str) -> int:
    return int(candidate.rpartition("-")[2])


def truth(study: Study, *, ballots: int = 100_000, seed: int = 12345) -> dict[str, float]:
    """Return the strengths that a leaderboard of endless campaigns like ``study`` would give, 0 in the middle.

    With prompt effects, ties or noise these are not the strengths that went in: a mixture of logistic curves is flatter than each.
    So a long campaign, one ballot a prompt, tells them; its own error is that of ``ballots`` ballots.
    """
    from .contests import contests
    from .fitting import fit

    long = replace(study, prompts=ballots, overlap=1, gold=0.0, repeats=0.0)
    arena = contests(simulated(long, seed))
    strengths = fit(arena).estimate[: len(arena.names)]
    return dict(zip(arena.names, (strengths - strengths.mean()).tolist(), strict=True))
