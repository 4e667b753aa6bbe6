"""Best of n: draw several answers to a question, keep the one that a reward model likes best, and say what that gains.

No weights change. What comes of it is data to fine-tune on, or rankings by the reward model, and the curve that any training
against the same reward must beat: what the best of n earns, at a divergence of at most log n - (n - 1) / n nats.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rostra.chat import Utterance
from rostra.clock import Clock
from rostra.feedback.data.record import Answer, Record, Said, to_plain

from ..engine.loading import Kind
from .drawing import Drawing, Drawn, drawn
from .earning import Score, scored_by
from .errors import TrainError
from .folders import called
from .intervals import Interval, mean_of
from .loop import Means, Run
from .machine import device_of
from .questions import asked
from .record import recorded
from .settings import Count, LoopSettings, Natural, Section
from .starting import folder_of

DATA, RANKED, DRAWN, CURVE = "data.jsonl", "ranked", "drawn.jsonl", "curve.png"


class BestOfSettings(Section):
    """``rostra train best-of``: what is asked, who answers, and who chooses."""

    data: Path = Field(
        description="Questions: lines of text, conversations, or rankings; a file or a folder of such."
    )
    model: Path = Field(description="Who answers: a Hugging Face folder, or the name of a kept model.")
    reward: Path = Field(description="Who chooses: the folder of a reward model.")
    check: Path | None = Field(
        default=None,
        description="Another reward model, which nothing is chosen by: what it gives the chosen answers is told as well.",
    )
    out: Path = Field(description="The folder of what comes of it.")
    write: Literal["best", "ranked"] = Field(
        default="best",
        description="The best answers, as fine-tuning reads them; or all answers ranked by reward.",
    )
    n: Annotated[int, Field(ge=2)] = Field(default=8, description="Answers to each question.")
    questions: Natural = Field(default=0, description="How many questions, the first; 0 is all.")
    temperature: Annotated[float, Field(gt=0)] = Field(default=1.0, description="What answers are drawn at.")
    max_tokens: Count = Field(default=128, description="Tokens of an answer, at most.")
    window: Count = Field(default=1024, description="Tokens of a question and its answer.")
    numbers: Kind = Field(
        default="float32", description="What is drawn with; auto is as served, faster where that is int8."
    )
    seed: Natural = Field(default=0, description="Settles what is drawn.")
    micro_tokens: Count = Field(default=8192, description="Tokens that a reward model reads at once.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where rewards are computed; auto takes a GPU if any."
    )
    plot: bool = Field(default=True, description="Draw the curve as a picture.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The answers to one question with their rewards; ``checked`` are those of another model, where there is one."""

    said: tuple[Utterance, ...]
    answers: tuple[Drawn, ...]
    rewards: tuple[float, ...]
    checked: tuple[float, ...] = ()

    @property
    def best(self) -> int:
        """The number of the answer with the most reward, the first of several."""
        return int(np.argmax(self.rewards))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the best of ``n`` earns on average, and how far it is from the policy at most, in nats an answer."""

    n: int
    kl: float
    reward: Interval
    checked: Interval | None = None


@recorded("best-of")
def best_of(settings: BestOfSettings, *, means: Means | None = None) -> Run:
    """Draw, choose and write. Return the run, whose model is the policy's folder: it is as it was.

    Its facts have ``reward_1``, ``reward_2``, ``reward_4`` … with intervals over questions, and ``kl_n``. Raises `TrainError` and
    `DatasetError`.
    """
    means = means or Means()
    begun = means.clock.monotonic()
    folder = folder_of(settings.model)
    judges = [folder_of(one) for one in (settings.reward, settings.check) if one]
    questions = _asked(settings, means)
    how = Drawing(
        n=settings.n,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        window=settings.window,
        seed=settings.seed,
        numbers=settings.numbers,
    )
    means.say(f"draws {settings.n} answers to each of {len(questions):,} questions")
    answers = drawn(folder, questions, how)
    short = sum(not one for one in answers)
    if short:
        means.say(f"{short:,} questions left out: longer than the window of {settings.window} tokens")
    if short == len(questions):
        raise TrainError(f"no question of {str(settings.data)!r} fits into {settings.window} tokens")
    pairs = [(said, found) for said, found in zip(questions, answers, strict=True) if found]
    rewards = [_rewards(pairs, _score(settings, one)) for one in judges]
    scored = [
        Scored(said=said, answers=tuple(found), rewards=given[0], checked=given[1] if settings.check else ())
        for (said, found), *given in zip(pairs, *rewards, strict=True)
    ]
    settings.out.mkdir(parents=True, exist_ok=True)
    written = _written(settings, scored, means.clock)
    points = curve(scored)
    if settings.plot and not _drawn_curve(points, settings.out / CURVE):
        means.say("no curve is drawn: matplotlib is not installed")
    means.say(f"{settings.write} answers are in {written}")
    facts = _facts(points, scored) | {"seconds": means.clock.monotonic() - begun}
    return Run(stage="best-of", folder=settings.out, model=folder, steps=0, facts=facts)


def expected_best(values: NDArray[Any], by: NDArray[Any], n: int) -> float:
    """Return what the one with the highest ``by`` of ``n`` has of ``values`` on average, unbiased from more samples than n.

    It is the mean over all subsets of n samples: the i-th of N in ascending order is the best in C(i - 1, n - 1) of C(N, n).
    Raises `ValueError` for fewer samples than ``n``.
    """
    count = len(values)
    if not 1 <= n <= count:
        raise ValueError(f"the best of {n!r} among {count!r}: it must be 1 to {count!r}")
    weights = np.array([math.comb(at, n - 1) for at in range(count)], dtype=float) / math.comb(count, n)
    order = np.argsort(by, kind="stable")
    return float((weights * values[order]).sum())


def divergence(n: int) -> float:
    """Return how far the best of ``n`` is from what it is drawn from, at most: log n - (n - 1) / n nats.

    It is that where no answer comes twice (Stiennon et al. 2020; Beirami et al. 2024, arXiv 2401.01879, show the bound).
    """
    return math.log(n) - (n - 1) / n


def curve(scored: Sequence[Scored]) -> list[Point]:
    """Return what the best of 1, 2, 4 … earns, up to all that were drawn, with 95 % intervals over questions."""
    most = len(scored[0].rewards)
    sizes = sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})
    found: list[Point] = []
    for n in sizes:
        reward, checked = (
            [
                expected_best(np.array(values), np.array(one.rewards), n)
                for one in scored
                if (values := getattr(one, name))
            ]
            for name in ("rewards", "checked")
        )
        found.append(
            Point(
                n=n,
                kl=divergence(n),
                reward=mean_of(reward),
                checked=mean_of(checked) if checked else None,
            )
        )
    return found


def _asked(settings: BestOfSettings, means: Means) -> list[tuple[Utterance, ...]]:
    lost: Counter[str] = Counter()
    found = list(dict.fromkeys(asked(settings.data, lost)))
    for reason, count in lost.most_common():
        means.say(f"{count:,} rows left out: {reason}")
    if not found:
        raise TrainError(f"{str(settings.data)!r} asks nothing")
    return found[: settings.questions or None]


def _score(settings: BestOfSettings, model: Path) -> Score:
    loop = LoopSettings(steps=1, learning_rate=1.0, device=settings.device)
    return scored_by(model, window=settings.window, tokens=settings.micro_tokens, device=device_of(loop))


def _rewards(
    pairs: Sequence[tuple[Sequence[Utterance], Sequence[Drawn]]], score: Score
) -> list[tuple[float, ...]]:
    """Return the rewards of each question's answers; the question is read once for all of them."""
    found: list[tuple[float, ...]] = []
    for said, answers in pairs:
        given = score([[*said, Utterance(role="assistant", text=one.text)] for one in answers])
        if not all(map(math.isfinite, given)):
            raise TrainError("the reward model gave a reward that is no number")
        found.append(tuple(given))
    return found


def _written(settings: BestOfSettings, scored: Sequence[Scored], clock: Clock) -> Path:
    """Write all that was drawn, and what was asked for of it. Return where the latter is."""
    _lines(settings.out / DRAWN, [_row(one) for one in scored])
    if settings.write == "best":
        rows = [_best(one) for one in scored if one.answers[one.best].text]
        return _lines(settings.out / DATA, rows)
    folder = settings.out / RANKED
    folder.mkdir(exist_ok=True)
    records = [_record(number, one, settings, clock) for number, one in enumerate(scored)]
    _lines(folder / "train.jsonl", list(map(to_plain, records)))
    return folder


def _lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    half = file.with_name(f".{file.name}.half")
    with half.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    half.replace(file)
    return file


def _messages(said: Sequence[Utterance]) -> list[dict[str, str]]:
    return [{"role": one.role, "content": one.text} for one in said]


def _row(one: Scored) -> Mapping[str, Any]:
    answers = [
        {"text": answer.text, "tokens": len(answer.tokens), "ended": answer.ended, "reward": reward}
        for answer, reward in zip(one.answers, one.rewards, strict=True)
    ]
    return {"messages": _messages(one.said), "answers": answers}


def _best(one: Scored) -> Mapping[str, Any]:
    answer = {"role": "assistant", "content": one.answers[one.best].text}
    return {"messages": [*_messages(one.said), answer], "reward": one.rewards[one.best]}


def _record(number: int, one: Scored, settings: BestOfSettings, clock: Clock) -> Record:
    """Return the answers as a judgment of the reward model; equal texts are one answer, equal rewards a tie."""
    rewards = dict(
        zip([answer.text for answer in one.answers], one.rewards, strict=True)
    )  # an answer's reward depends on its text alone
    tiers = {reward: tier for tier, reward in enumerate(sorted(set(rewards.values()), reverse=True), 1)}
    question = sha256(json.dumps(_messages(one.said)).encode("utf-8", "replace")).hexdigest()[:16]
    return Record(
        id=f"best-of-{number}",
        batch=question,
        prompt=question,
        context=tuple(Said(role=each.role, text=each.text) for each in one.said),
        answers=tuple(
            Answer(id=f"{question}-{at}", text=text, tier=tiers[reward], ordinal=at)
            for at, (text, reward) in enumerate(rewards.items())
        ),
        at=clock.now(),
        campaign=f"best-of {called(settings.reward)}",
    )


def _facts(points: Sequence[Point], scored: Sequence[Scored]) -> dict[str, float]:
    facts: dict[str, float] = {"questions": float(len(scored))}
    rewards = np.array([one for each in scored for one in each.rewards])
    spread = float(rewards.std(ddof=1)) or 1.0
    for point in points:
        facts[f"kl_{point.n}"] = point.kl
        for name, found in (("reward", point.reward), ("checked", point.checked)):
            if found:
                facts |= found.named(f"{name}_{point.n}")
    ended = [answer.ended for each in scored for answer in each.answers]
    lengths = [len(answer.tokens) for each in scored for answer in each.answers]
    best = [len(each.answers[each.best].tokens) for each in scored]
    return facts | {
        "reward_sd": spread,
        "gain_in_sd": (points[-1].reward.mean - points[0].reward.mean) / spread,
        "ended": float(np.mean(ended)),
        "tokens": float(np.mean(lengths)),
        "tokens_of_best": float(np.mean(best)),
    }


def _drawn_curve(points: Sequence[Point], file: Path) -> Path | None:
    from .pictures import lines

    series = {"chosen by": [(one.kl, one.reward) for one in points]}
    checked = [(one.kl, one.checked) for one in points if one.checked]
    if checked:
        series["not chosen by"] = checked
    return lines(
        series,
        file,
        across="divergence in nats, log n - (n - 1)/n",
        up="reward",
        marks=[one.n for one in points],
    )
