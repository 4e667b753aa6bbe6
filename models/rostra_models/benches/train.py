"""What training costs: our loop beside transformers' Trainer and TRL's trainers, the same model, data, batch and precision.

Each side runs in a process of its own and takes a few steps at a time in turn; what is set up or compiled stays. A ratio is of
steps taken next to each other by the clock, the median over rounds; the same by processor time stands beside it. Which
settings suit a peer best is tried out first, by processor time; those with ``torch_compile`` are compared on their own.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rostra.benches.report import Figure, Report, figure, machine, peer_python

from .contenders import Command, Contender, Died, Outcome, started
from .train_data import WINDOW, full, orders, talks
from .weights import M10, Shape, random_llama

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What both sides train: ``batch`` examples a step.

    ``ways`` are the peer's settings to choose the best from, by name; those ``apart`` are compared each on its own. A round
    has ``steps``.
    """

    name: str
    ratio: str
    peer: str
    batch: int
    unit: str
    steps: int
    ways: Mapping[str, Options]
    apart: Mapping[str, Options] = field(default_factory=dict[str, Options])


def _rows(count: int, times: int = 1, **more: object) -> Options:
    return {"per_device_train_batch_size": count, "gradient_accumulation_steps": times, **more}


_FULL = 8
_MIXED = 16
_RANKINGS = 4
_PAIRS = 6
_PACKED = 7
"""Rows of `WINDOW` tokens that hold about `_MIXED` conversations."""

STAGES = (
    Stage(
        name="sft",
        ratio="sft_vs_trl",
        peer="TRL's SFTTrainer",
        batch=_FULL,
        unit="tokens",
        steps=3,
        ways={"chunked": _rows(_FULL), "nll": _rows(_FULL, loss_type="nll")},
        apart={"compiled": _rows(_FULL, torch_compile=True)},
    ),
    Stage(
        name="sft_mixed",
        ratio="sft_mixed_vs_trl",
        peer="TRL's SFTTrainer",
        batch=_MIXED,
        unit="tokens",
        steps=2,
        ways={
            "padded": _rows(_MIXED),
            "packed": _rows(_PACKED, packing=True, max_length=WINDOW),
            "padding_free": _rows(_MIXED, padding_free=True, max_length=None),
        },
        apart={
            "one_by_one": _rows(1, _MIXED),
            "packed_one_by_one": _rows(1, _PACKED, packing=True, max_length=WINDOW),
            "grouped": _rows(_MIXED, train_sampling_strategy="group_by_length"),
        },
    ),
    Stage(
        name="reward",
        ratio="reward_vs_trl",
        peer="TRL's RewardTrainer",
        batch=_RANKINGS,
        unit="rankings",
        steps=1,
        ways={
            "padded": _rows(_RANKINGS * _PAIRS),
            "padded_in_parts": _rows(_PAIRS, _RANKINGS),
            "one_by_one": _rows(1, _RANKINGS * _PAIRS),
        },
    ),
    Stage(
        name="pretrain",
        ratio="pretrain_vs_trainer",
        peer="transformers' Trainer",
        batch=_FULL,
        unit="tokens",
        steps=3,
        ways={"padded": _rows(_FULL)},
        apart={"compiled": _rows(_FULL, torch_compile=True)},
    ),
)
"""Everything that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long it takes: so many ``rounds``, after ``warm`` steps; ``tried`` steps choose a peer's settings."""

    stages: Sequence[Stage] = STAGES
    shape: Shape = M10
    rounds: int = 5
    warm: int = 3
    tried: int = 1
    examples: int = 512
    apart: bool = True
    compile: bool = True
    threads: int = field(default_factory=lambda: min(2, os.cpu_count() or 1))


FULL = Plan()
"""About a quarter of an hour on two quiet cores."""

QUICK = Plan(rounds=2, warm=2, apart=False, stages=[one for one in STAGES if one.name != "pretrain"])
"""About five minutes."""


async def bench(*, quick: bool = False) -> Report:
    """Measure it all, or with ``quick`` two rounds against the settings that peers are meant to be used with."""
    return report(QUICK if quick else FULL)


def report(plan: Plan) -> Report:
    """Measure what ``plan`` says. Raises `Died` if our own training fails; a peer that does is named as missing."""
    python = peer_python("trl")
    missing = [] if python else ["TRL 1.12"]
    figures: dict[str, Figure] = {"threads": figure(plan.threads, "threads on each side")}
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = random_llama(Path(place) / "model", plan.shape)
        data = written(Path(place), plan.shape, plan.examples)
        course = Course(folder=folder, data=data, python=python, plan=plan)
        precision = "float32"
        if python:
            precision = course.faster_precision(missing)
        figures["bfloat16"] = figure(
            precision == "bfloat16", "1 where the peer is faster with it: both have it"
        )
        for stage in plan.stages:
            measured = course.measure(stage, precision, missing)
            figures |= figures_of(stage, measured)
            ratios |= ratios_of(stage, measured)
    return Report(bench="train", machine=machine(), figures=figures, ratios=ratios, missing=missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What each contender made in each round: ``ours``, ``peer`` (its best way, named ``way``), and others by name."""

    rounds: dict[str, list[Outcome]] = field(default_factory=dict[str, list[Outcome]])
    tried: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A model, data for each stage, and what to start contenders with."""

    folder: Path
    data: Mapping[str, Path]
    python: Path | None
    plan: Plan

    def ours(self, stage: Stage, precision: str) -> Command:
        """Return how our side is started."""
        given = {"precision": precision, "compile": self.plan.compile, "batch": stage.batch}
        return self._command([sys.executable, "-m", "rostra_models.benches.learners"], stage, given)

    def theirs(self, stage: Stage, precision: str, options: Options) -> Command:
        """Return how the peer is started with some settings."""
        script = Path(__file__).parent / "peers" / "trainers.py"
        given = {"bf16": precision == "bfloat16", **options}
        return self._command([str(self.python), script], stage, given)

    def _command(self, start: Command, stage: Stage, given: Options) -> Command:
        return [*start, stage.name, self.folder, self.data[stage.name], json.dumps(given)]

    def faster_precision(self, missing: list[str]) -> str:
        """Return in which precision the peer's first way takes less of the processor."""
        stage = self.plan.stages[0]
        name, options = next(iter(stage.ways.items()))
        took: dict[str, float] = {}
        for precision in ("float32", "bfloat16"):
            found = self._try(stage, name, self.theirs(stage, precision, options), missing)
            if found:
                took[precision] = found.cpu
        return min(took, key=took.__getitem__, default="float32")

    def _try(self, stage: Stage, name: str, command: Command, missing: list[str]) -> Outcome | None:
        """Return what the peer made in a few steps after the first one; None if it failed, which is noted."""
        try:
            with started(name, command, threads=self.plan.threads) as process:
                process.ask("steps", count=1)
                return process.ask("steps", count=self.plan.tried)
        except Died as error:
            missing.append(f"{stage.peer}, {name} ({error})")
            return None

    def measure(self, stage: Stage, precision: str, missing: list[str]) -> Measured:
        """Choose the peer's best way, and let it, its other ways that are compared and ours take steps in turn."""
        measured = Measured()
        commands = {"ours": self.ours(stage, precision)}
        if self.python:
            for name, options in stage.ways.items():
                found = self._try(stage, name, self.theirs(stage, precision, options), missing)
                if found:
                    measured.tried[name] = found
            way = max(
                measured.tried,
                key=lambda one: rate(measured.tried[one].made, measured.tried[one].cpu),
                default="",
            )
            if way:
                commands["peer"] = self.theirs(stage, precision, stage.ways[way])
                measured = Measured(tried=measured.tried, way=way)
            if self.plan.apart:
                commands |= {name: self.theirs(stage, precision, one) for name, one in stage.apart.items()}
        with ExitStack() as stack:
            running = self._started(stack, stage, commands, missing)
            for number in range(self.plan.rounds):
                for name, process in list(running.items())[:: 1 if number % 2 == 0 else -1]:
                    measured.rounds.setdefault(name, []).append(process.ask("steps", count=stage.steps))
        return measured

    def _started(
        self, stack: ExitStack, stage: Stage, commands: Mapping[str, Command], missing: list[str]
    ) -> Mapping[str, Contender]:
        running: dict[str, Contender] = {}
        for name, command in commands.items():
            try:
                process = stack.enter_context(started(name, command, threads=self.plan.threads))
                process.ask("steps", count=self.plan.warm)
            except Died as error:
                if name == "ours":
                    raise
                missing.append(f"{stage.peer}, {name} ({error})")
                continue
            running[name] = process
        return running


def rate(made: float, seconds: float) -> float:
    """Return how much was made a second."""
    return made / max(seconds, 1e-9)


def ratios_of(stage: Stage, measured: Measured) -> dict[str, float]:
    """Return ours against the peer's best way, and against each other way: by the clock, and ``_processor`` time."""
    found: dict[str, float] = {}
    for name, theirs in measured.rounds.items():
        if name == "ours":
            continue
        label = stage.ratio if name == "peer" else f"{stage.ratio}_{name}"
        both = list(zip(measured.rounds["ours"], theirs, strict=True))
        for end, clock in (("", "wall"), ("_processor", "cpu")):
            times = [
                rate(one.made, getattr(one, clock)) / rate(other.made, getattr(other, clock))
                for one, other in both
            ]
            found[label + end] = round(statistics.median(times), 2)
    return found


def figures_of(stage: Stage, measured: Measured) -> dict[str, Figure]:
    """Return what each side made a second, and the most memory it had while it was measured."""
    found: dict[str, Figure] = {}
    for name, those in measured.rounds.items():
        way = f", {measured.way}" if name == "peer" else ""
        prefix = f"{stage.name}_{name}"
        for end, clock, unit in (("", "wall", "1/s"), ("_processor", "cpu", "1/s of processor")):
            speed = statistics.median(rate(one.made, getattr(one, clock)) for one in those)
            found[f"{prefix}_{stage.unit}_per_second{end}"] = figure(speed, unit + way)
        found[f"{prefix}_peak_mb"] = figure(max(one.peak_mb for one in those), "MB")
    for name, one in measured.tried.items():
        found[f"{stage.name}_tried_{name}"] = figure(
            rate(one.made, one.cpu), f"{stage.unit} a second of processor"
        )
    return found


def written(place: Path, shape: Shape, count: int) -> Mapping[str, Path]:
    """Write what each stage trains on, ``count`` examples or a quarter of that in rankings. Return the files by stage."""
    vocabulary = shape.vocabulary
    sequences = [{"ids": one, "wanted": [True] * len(one)} for one in full(count, vocabulary)]
    mixed = [{"ids": one.ids, "wanted": one.wanted} for one in talks(count, vocabulary)]
    made: dict[str, object] = {
        "sft": sequences,
        "pretrain": sequences,
        "sft_mixed": mixed,
        "reward": [one.answers for one in orders(count // 4, vocabulary)],
    }
    files: dict[str, Path] = {}
    for name, rows in made.items():
        files[name] = place / f"{name}.json"
        files[name].write_text(json.dumps(rows), encoding="utf-8")
    return files
