"""What answering costs: our engine beside transformers and llama.cpp, on one thread of one core.

A rate is tokens made by seconds of the processor, from the arrival of the questions to the last token, prompts included;
that is what ratios are of. Rates without the prompts (``decode``) take off what the first tokens took. Wall-clock rates
stand beside. Prompts have 17 to 180 random tokens, answers are greedy and 64 tokens long whatever is said.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rostra.benches.report import Figure, Report, figure, machine, peer_python
from rostra.config import load
from rostra.errors import ModelError

from ..embedded import NAME
from ..export_gguf import export
from .contenders import commands
from .ours_alone import HISTORY, alone, perplexities
from .rounds import ENTRIES, Entry, Measured, measure
from .samples import decode_rate, first_ms, middle, ratio
from .weights import M10, M30, Shape, random_llama

RATIOS = {
    "one_vs_transformers": (1, "transformers_float32"),
    "eight_vs_sequential_transformers": (8, "transformers_float32"),
    "eight_vs_transformers_batching": (8, "transformers_continuous"),
    "eight_vs_transformers_batching_kept": (8, "transformers_continuous_kept"),
    "eight_vs_padded_transformers": (8, "transformers_padded_float32"),
    "one_vs_llamacpp_q8": (1, "llamacpp_q8_0"),
    "eight_vs_llamacpp_q8": (8, "llamacpp_q8_0"),
    "one_vs_llamacpp_q4": (1, "llamacpp_q4_0"),
    "eight_vs_llamacpp_q4": (8, "llamacpp_q4_0"),
}
"""Conversations, and the peer."""

_ONE_BY_ONE = {entry.name for entry in ENTRIES if entry.job == "one"}
"""They come to the last question when all others are answered: there is no time to first tokens."""

_NAMES = {
    "llamacpp": "llama-cpp-python",
    "transformers_float32": "transformers in 32 bits",
    "transformers_bfloat16": "transformers in 16 bits",
    "transformers_continuous": "continuous batching of transformers",
    "transformers_kept": "continuous batching of transformers, kept",
}
"""What a process that failed is called among what is missing, by how its name begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model to measure. ``shape`` is of random weights that are made for it; None is the embedded model."""

    label: str
    shape: Shape | None
    rounds: int
    entries: Sequence[Entry]
    tokens: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Models in their order, the first being the one that ratios are of; ``alone`` is how often that is asked alone.

    ``windows`` is how many windows of text perplexity is measured over, ``history`` how many tokens precede a follow-up.
    """

    subjects: Sequence[Subject]
    alone: int
    windows: int = 8
    history: int = HISTORY


def _without(*names: str) -> Sequence[Entry]:
    return [entry for entry in ENTRIES if entry.name not in names]


def _seldom_dropped(entries: Sequence[Entry]) -> Sequence[Entry]:
    return [replace(entry, seldom=() if entry.often else entry.seldom) for entry in entries]


# Continuous batching as documented takes most of the machine's memory, and half a minute the first time: once is enough.
FULL = Plan(
    subjects=(
        Subject(label="30m", shape=M30, rounds=3, entries=ENTRIES),
        Subject(label="10m", shape=M10, rounds=2, entries=_without("transformers_continuous")),
        Subject(
            label="embedded",
            shape=None,
            rounds=1,
            entries=[
                replace(entry, often=(1,)) if entry.job == "one" else entry
                for entry in _seldom_dropped(_without("transformers_continuous", "ours_float32"))
            ],
        ),
    ),
    alone=3,
)
"""About ten minutes."""

QUICK = Plan(
    subjects=(
        Subject(
            label="30m",
            shape=M30,
            rounds=1,
            tokens=32,
            entries=_seldom_dropped(
                _without(
                    "llamacpp_q4_0",
                    "transformers_padded_float32",
                    "transformers_bfloat16",
                    "transformers_padded_bfloat16",
                )
            ),
        ),
    ),
    alone=1,
    windows=0,
)
"""Somewhat more than a minute, half of it continuous batching's first call."""


async def bench(*, quick: bool = False) -> Report:
    """Measure it all, or with ``quick`` the model of 30 million parameters once, with shorter answers."""
    return report(QUICK if quick else FULL)


def report(plan: Plan) -> Report:
    """Measure what ``plan`` says. Raises `Died` if our own engine fails; a peer that does is named as missing."""
    python = peer_python("llama_cpp")
    missing = [] if python else ["llama-cpp-python"]
    figures: dict[str, Figure] = {}
    ratios: dict[str, float] = {}
    for position, subject in enumerate(plan.subjects):
        with tempfile.TemporaryDirectory() as place:
            folder = _folder(subject, Path(place))
            if folder is None:
                missing.append("the embedded model (rostra model pull embedded)")
                continue
            vocabulary: int = json.loads((folder / "config.json").read_bytes())["vocab_size"]
            files = {} if python is None else _files(folder, Path(place), missing)
            measured = measure(
                commands(folder, files, python),
                subject.entries,
                vocabulary,
                rounds=subject.rounds,
                tokens=subject.tokens,
            )
            missing += failures(subject.label, measured)
            figures |= _figures(subject.label, measured)
            if position == 0:
                ratios = ratios_of(measured)
                figures |= _first(measured)
                figures |= alone(folder, vocabulary, rounds=plan.alone, history=plan.history)
            if subject.shape is None and plan.windows:
                figures |= perplexities(folder, text(), plan.windows)
    return Report(bench="generate", machine=machine(), figures=figures, ratios=ratios, missing=missing)


def _folder(subject: Subject, place: Path) -> Path | None:
    if subject.shape is not None:
        return random_llama(place / subject.label, subject.shape)
    folder = load().data / "models" / NAME
    return folder if folder.is_dir() else None


def _files(folder: Path, place: Path, missing: list[str]) -> dict[str, Path]:
    """Return the model as GGUF files by kind."""
    try:
        return {
            "q8_0": export(folder, place / "q8_0.gguf", kind="q8_0"),
            "q4_0": export(folder, place / "q4_0.gguf", kind="q4_0"),
        }
    except ModelError as error:
        missing.append(f"llama-cpp-python ({error})")
        return {}


def failures(label: str, measured: Measured) -> list[str]:
    """Return what to say of the peers that were there and failed with a model."""
    return [
        f"{next(said for start, said in _NAMES.items() if name.startswith(start))} with {label} ({why})"
        for name, why in measured.failed.items()
    ]


def ratios_of(measured: Measured) -> dict[str, float]:
    """Return ours against every peer that was measured."""
    found: dict[str, float] = {}
    for name, (count, peer) in RATIOS.items():
        ours, theirs = (measured.samples.get((one, count)) for one in ("ours", peer))
        if ours and theirs:
            found[name] = round(ratio(ours, theirs), 2)
            rates = decode_rate(ours), decode_rate(theirs)
            if rates[0] and rates[1]:
                found[f"{name}_decode"] = round(rates[0] / rates[1], 2)
    return found


def _first(measured: Measured) -> dict[str, Figure]:
    """Return the figures of the first model that have names of their own."""
    first = first_ms(measured.samples["ours", 1])
    found = {} if first is None else {"ttft_ms": figure(first, "ms")}
    ours, theirs = (measured.made.get(name) for name in ("ours_float32", "transformers_float32"))
    if ours and theirs:
        same = sum(one == other for one, other in zip(ours, theirs, strict=True))
        found["same_tokens_as_transformers"] = figure(same / len(ours), f"of {len(ours)} answers, in float32")
    return found


def _figures(label: str, measured: Measured) -> dict[str, Figure]:
    """Return the figures of each contender at each number of conversations."""
    found: dict[str, Figure] = {}
    for (name, count), samples in sorted(measured.samples.items(), key=lambda item: item[0][1]):
        prefix = f"{label}_{count}_{name}"
        found[f"{prefix}_tokens_per_second"] = figure(
            middle(samples, lambda one: one.rate), "1/s of processor"
        )
        found[f"{prefix}_wall_tokens_per_second"] = figure(middle(samples, lambda one: one.wall_rate), "1/s")
        rate, first = decode_rate(samples), first_ms(samples)
        if rate is not None:
            found[f"{prefix}_decode_tokens_per_second"] = figure(rate, "1/s of processor")
        if first is not None and (count == 1 or name not in _ONE_BY_ONE):
            found[f"{prefix}_ttft_ms"] = figure(first, "ms, of all")
        found[f"{prefix}_memory_mb"] = figure(middle(samples, lambda one: one.peak_mb), "MB")
    return found


def text() -> str:
    """Return English that is ours: the documentation of the working tree, or what this file says."""
    pages = sorted((Path(__file__).parents[3] / "docs").glob("*/*.md"))
    return "\n".join(page.read_text(encoding="utf-8") for page in pages or [Path(__file__)])
