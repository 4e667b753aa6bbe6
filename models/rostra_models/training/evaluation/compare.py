"""Two models answer the same questions: which is better and by whom, how far apart they are, and what else changed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import torch
from pydantic import Field, model_validator

from rostra.chat import Utterance
from rostra.errors import ConfigError
from rostra.protocols import Model

from ...engine.loading import Kind
from ...generation import speech
from ..drawing import Drawing, Drawn, drawn
from ..earning import scored_by
from ..errors import TrainError
from ..folders import called
from ..intervals import Interval, mean_of
from ..loop import Means
from ..machine import numbers
from ..pictures import bars, histograms
from ..questions import asked
from ..settings import Count, Natural
from ..starting import folder_of, model_in, tokenizer_in
from .divergence import Asked, Policy, divergences
from .judge import CRITERIA, Asking, Duel, opinions
from .moderating import judged_answers
from .refusing import refuses
from .report import Evaluation, MachineSettings, picture, table, written
from .side_by_side import Couple, side_by_side
from .win_rate import by_judge, by_reward, paired

if TYPE_CHECKING:
    from rostra.config import Settings

T = TypeVar("T")

ANSWERS, SAMPLES = "answers.jsonl", "samples.md"


class CompareSettings(MachineSettings):
    """``rostra eval compare``: who answers, what is asked, and who says which answer is better."""

    a: Path = Field(
        description="The model to compare with: a Hugging Face folder, or the name of a kept one."
    )
    b: Path = Field(description="The model that may be better.")
    data: Path = Field(description="Held-out questions: lines of text, conversations, or rankings.")
    out: Path = Field(description="The folder of the report.")
    questions: Count = Field(default=100, description="How many questions, the first.")
    answers: Count = Field(default=1, description="Answers of each model to each question.")
    temperature: Annotated[float, Field(ge=0)] = Field(
        default=0.7, description="What answers are drawn at; at 0, which draws nothing, no KL is told."
    )
    max_tokens: Count = Field(default=128, description="Tokens of an answer, at most.")
    window: Count = Field(default=1024, description="Tokens of a question and its answer.")
    numbers: Kind = Field(
        default="float32",
        description="What is drawn with; auto is as served, but then KL is of another model.",
    )
    seed: Natural = Field(default=0, description="Settles what is drawn, and the order of blind samples.")
    rewards: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Path] = Field(
        default={}, description="Folders of reward models by the names that figures get: rewards.mine=FOLDER."
    )
    judge: str = Field(
        default="", description="A model of the configuration that says which of two answers is better."
    )
    criteria: str = Field(default=CRITERIA, description="What the judge is told a better answer is.")
    moderation: bool = Field(default=True, description="Judge the answers by the configured moderation.")
    kl: bool = Field(default=True, description="Measure how far b is from a.")
    samples: Natural = Field(default=20, description="Questions whose answers are shown side by side.")
    blind: bool = Field(
        default=True, description="Show these in an order drawn by seed, with the key at the end."
    )
    config: Path | None = Field(
        default=None, description="The configuration of judge and moderation; by default rostra.toml."
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if "judge" in self.rewards:
            raise ValueError("rewards has the name 'judge', which is the judge's; take another")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question and what either model answered."""

    said: tuple[Utterance, ...]
    a: tuple[Drawn, ...]
    b: tuple[Drawn, ...]


def compare(settings: CompareSettings, *, means: Means | None = None) -> Evaluation:
    """Have both models answer, and return all figures; intervals are over questions. Raises `TrainError`, `ConfigError`."""
    means = means or Means()
    # First: what is wrong should not be found out after all answers.
    configured = _configured(settings)
    for one in (settings.a, settings.b, *settings.rewards.values()):
        folder_of(one)
    answered = _answered(settings, means)
    figures: dict[str, float] = {"questions": float(len(answered)), **_shapes(answered)}
    rewards: dict[str, Any] = {}
    for name, folder in settings.rewards.items():
        means.say(f"{name} scores the answers")
        rewards[name] = _rewards(settings, folder, answered)
        figures |= by_reward(name, *rewards[name])
    kl: list[float] = []
    if settings.kl:
        kl, why = _kl(settings, answered)
        if why:
            means.say(f"no KL: {why}")
        else:
            groups = [number for number, one in enumerate(answered) for _ in one.b]
            figures |= mean_of(kl, groups).named("kl")
    if configured:
        figures |= waited(_heard(settings, configured, answered, means))
    settings.out.mkdir(parents=True, exist_ok=True)
    _keep(settings.out / ANSWERS, answered, rewards)
    couples = [
        Couple(said=one.said, a=one.a[0].text, b=one.b[0].text) for one in answered[: settings.samples]
    ]
    names = (f"A, {called(settings.a)}", f"B, {called(settings.b)}")
    shown = side_by_side(couples, names, blind=settings.blind, seed=settings.seed)
    (settings.out / SAMPLES).write_text(shown, encoding="utf-8")
    done = Evaluation(what="compare", folder=settings.out, figures=figures)
    return _report(settings, done, figures, answered, kl)


def waited(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end, also where a loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _answered(settings: CompareSettings, means: Means) -> list[Answered]:
    lost: Counter[str] = Counter()
    questions = list(dict.fromkeys(asked(settings.data, lost)))[: settings.questions]
    for reason, count in lost.most_common():
        means.say(f"{count:,} rows left out: {reason}")
    if not questions:
        raise TrainError(f"{str(settings.data)!r} asks nothing")
    how = Drawing(
        n=settings.answers,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        window=settings.window,
        seed=settings.seed,
        numbers=settings.numbers,
    )
    sides: list[list[list[Drawn]]] = []
    for model in (settings.a, settings.b):
        means.say(f"{called(model)} answers {len(questions):,} questions")
        sides.append(drawn(folder_of(model), questions, how))
    found = [
        Answered(said=said, a=tuple(a), b=tuple(b))
        for said, a, b in zip(questions, *sides, strict=True)
        if a and b
    ]
    if len(found) < len(questions):
        means.say(f"{len(questions) - len(found):,} questions left out: longer than {settings.window} tokens")
    if not found:
        raise TrainError(f"no question of {str(settings.data)!r} fits into {settings.window} tokens")
    return found


def _shapes(answered: Sequence[Answered]) -> dict[str, float]:
    """Return what answers look like: their lengths, whether they ended of themselves, and refused."""
    measures: Mapping[str, Callable[[Drawn], float]] = {
        "tokens": lambda one: len(one.tokens),
        "characters": lambda one: len(one.text),
        "ended": lambda one: one.ended,
        "empty": lambda one: not one.text,
        "refused": lambda one: refuses(one.text),
    }
    figures: dict[str, float] = {}
    for name, measure in measures.items():
        a, b = (
            [[float(measure(one)) for one in getattr(each, side)] for each in answered] for side in ("a", "b")
        )
        figures |= paired(name, a, b)
    same = [one.text == other.text for each in answered for one, other in zip(each.a, each.b, strict=True)]
    return figures | {"same": sum(same) / len(same)}


def _rewards(
    settings: CompareSettings, folder: Path, answered: Sequence[Answered]
) -> tuple[list[list[float]], list[list[float]]]:
    folder = folder_of(folder)
    score = scored_by(folder, window=settings.window, tokens=settings.micro_tokens, device=settings.where)
    sides: list[list[list[float]]] = []
    for side in ("a", "b"):
        flat = [
            [*each.said, Utterance(role="assistant", text=one.text)]
            for each in answered
            for one in getattr(each, side)
        ]
        given = iter(score(flat))
        sides.append([[float(next(given)) for _ in getattr(each, side)] for each in answered])
    return sides[0], sides[1]


def _kl(settings: CompareSettings, answered: Sequence[Answered]) -> tuple[list[float], str]:
    """Return KL(b ‖ a) of each of b's answers; or none, and why."""
    if not settings.temperature:
        return [], "greedy answers are not drawn"
    folders = [folder_of(one) for one in (settings.b, settings.a)]
    words = [tokenizer_in(one).get_vocab() for one in folders]
    if words[0] != words[1]:
        return [], "the models have other tokenizers"
    layouts = [speech(one).conversation.tokens for one in folders]
    pairs = [
        tuple(Asked(prompt=tuple(lay(each.said)), answer=one.tokens, ended=one.ended) for lay in layouts)
        for each in answered
        for one in each.b
    ]
    with torch.no_grad(), numbers(settings.loop):
        b, a = (Policy(model_in(one).to(settings.where).eval()) for one in folders)
        if a.words != b.words:
            return [], "the models' vocabularies have other sizes"
        return divergences(
            b,
            a,
            [(ours, theirs) for ours, theirs in pairs],
            temperature=settings.temperature,
            tokens=settings.micro_tokens,
        ), ""


def _configured(settings: CompareSettings) -> Settings | None:
    """Return the configuration, where it is needed. Raises `ConfigError`, also for a judge that it has not."""
    if not settings.judge and not settings.moderation:
        return None
    from rostra.config import load

    found = load(settings.config)
    if settings.judge and settings.judge not in found.models:
        there = ", ".join(found.models) or "none"
        raise ConfigError(f"judge is {settings.judge!r}: the configuration has the models {there}")
    return found


async def _heard(
    settings: CompareSettings, configured: Settings, answered: Sequence[Answered], means: Means
) -> dict[str, float]:
    """Return what the judge and the moderation of the configuration say."""
    figures: dict[str, float] = {}
    if settings.judge:
        means.say(f"{settings.judge} compares the answers, twice each")
        duels = [
            (number, Duel(said=each.said, a=one.text, b=other.text))
            for number, each in enumerate(answered)
            for one, other in zip(each.a, each.b, strict=True)
        ]
        async with model_called(settings.judge, configured) as judge:
            found = await opinions(
                judge, [duel for _, duel in duels], Asking(criteria=settings.criteria), clock=means.clock
            )
        figures |= by_judge(found, [number for number, _ in duels])
    if settings.moderation:
        means.say("the moderation judges the answers")
        asks = [each.said[-1].text for each in answered]
        sides = [[[one.text for one in getattr(each, side)] for each in answered] for side in ("a", "b")]
        a, b = await judged_answers(configured, asks, sides)
        for name in ("blocked", "flagged", "unjudged"):
            figures |= paired(
                name,
                [[getattr(one, name) for one in each] for each in a],
                [[getattr(one, name) for one in each] for each in b],
            )
    return figures


@asynccontextmanager
async def model_called(name: str, configured: Settings) -> AsyncGenerator[Model]:
    """Open the models of a configuration, which start when they are asked, and lend the one called ``name``."""
    from rostra.components import Services
    from rostra.opening import open_models

    services = Services(name="", data=configured.data, base=configured.base)
    async with AsyncExitStack() as stack:
        opened = await open_models(configured, services, stack)
        yield opened.models[name]


def _keep(file: Path, answered: Sequence[Answered], rewards: Mapping[str, Any]) -> None:
    """Write all answers with their rewards, a question a line."""
    with file.open("w", encoding="utf-8") as out:
        for number, each in enumerate(answered):
            row: dict[str, Any] = {"messages": [{"role": one.role, "content": one.text} for one in each.said]}
            for place, side in enumerate(("a", "b")):
                row[side] = [
                    {
                        "text": one.text,
                        "tokens": len(one.tokens),
                        "ended": one.ended,
                        "rewards": {name: given[place][number][at] for name, given in rewards.items()},
                    }
                    for at, one in enumerate(getattr(each, side))
                ]
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _report(
    settings: CompareSettings,
    done: Evaluation,
    figures: Mapping[str, float],
    answered: Sequence[Answered],
    kl: Sequence[float],
) -> Evaluation:
    wins = [
        (name.removeprefix("win_rate_"), interval(figures, name))
        for name in figures
        if name.startswith("win_rate_") and not name.endswith(("_low", "_high"))
    ]
    gains = [(name, interval(figures, f"gain_{name}")) for name in settings.rewards]
    pairs = [name.removesuffix("_more") for name in figures if name.endswith("_more")]
    about = (
        f"A is {called(settings.a)}, B is {called(settings.b)}; {len(answered):,} questions,"
        f" {settings.answers} answers each, temperature {settings.temperature:g}, at most {settings.max_tokens} tokens."
        "\nIn brackets are 95 % intervals over questions."
    )
    parts = [
        about,
        "## Who is better",
        table(("by", "B is better"), wins) if wins else "Nobody was asked: `rewards` and `judge` say who is.",
        table(("by", "B's reward over A's, in A's standard deviations"), gains) if gains else "",
        _believed(figures),
        "## What changed",
        table(
            ("", "A", "B", "B - A"),
            [
                (name, figures[f"{name}_a"], figures[f"{name}_b"], interval(figures, f"{name}_more"))
                for name in pairs
            ],
        ),
        f"KL(B ‖ A) is {interval(figures, 'kl')} nats an answer." if "kl" in figures else "",
        f"{figures['same']:.0%} of the answers are the same.",
        f"[Answers side by side]({SAMPLES}), and [all of them]({ANSWERS}).",
    ]
    if settings.plot:
        parts += _pictures(settings, wins, answered, kl)
    title = f"{called(settings.b)} against {called(settings.a)}"
    return written(done, title, parts)


def interval(figures: Mapping[str, float], name: str) -> Interval:
    """Return a figure with its bounds, infinite where it has none."""
    low, high = figures.get(f"{name}_low", -float("inf")), figures.get(f"{name}_high", float("inf"))
    return Interval(mean=figures[name], low=low, high=high)


def _believed(figures: Mapping[str, float]) -> str:
    if "judge_agreed" not in figures:
        return ""
    return (
        f"The judge said the same with the answers swapped in {figures['judge_agreed']:.0%} of the duels"
        f" (everything else counts as a tie), chose the first of two in {figures['judge_first']:.0%} of its choices, and"
        f" {figures['judge_unreadable']:.0%} of its replies were not one of the three letters."
    )


def _pictures(
    settings: CompareSettings,
    wins: Sequence[tuple[str, Interval]],
    answered: Sequence[Answered],
    kl: Sequence[float],
) -> list[str]:
    lengths = {
        name: [float(len(one.tokens)) for each in answered for one in getattr(each, side)]
        for name, side in (("A", "a"), ("B", "b"))
    }
    out = settings.out
    return [
        picture(bars(wins, out / "wins.png", along="share of questions that B wins", at=0.5), "Win rates"),
        picture(histograms(lengths, out / "lengths.png", along="tokens of an answer"), "Lengths"),
        picture(histograms({"B": kl}, out / "kl.png", along="KL(B ‖ A) of an answer, in nats"), "KL"),
    ]
