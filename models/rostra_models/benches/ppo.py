"""What PPO costs: ours beside TRL's, on one thread of one core, as answers learnt from by seconds of the processor.

10.1 million random parameters, a vocabulary of 8,192, questions of 32 tokens, 53 tokens an answer at most, 32 answers a round,
4 passes over them in one minibatch, temperature 0.7. Contenders run in turn, a round each; the first one, in which things are
set up and compiled, does not count. TRL counts in the better of its two precisions.

Two settings: ``ended`` has answers that end after about half of the room, and ours reads values from the policy's own trunk
and stops at the end; ``same work`` has answers of all 53 tokens, and four separate models on both sides.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from rostra.benches.report import Figure, Report, figure, machine, peer_python

from .contenders import Command, Contender, Died, started
from .ppo_ours import BATCH
from .weights import M10, Shape, random_llama

QUESTIONS, LETTERS = 64, 13
"""How many questions there are, and letters in each: with the chat's layout 32 tokens."""

OURS = {
    "ended_ours": ("ended", "trunk", "float32", "plain", "int8"),
    "ended_ours_float32": ("ended", "trunk", "float32", "plain", "float32"),
    "full_ours": ("full", "trunk", "float32", "plain", "int8"),
    "same_work_ours": ("full", "reward", "float32", "plain", "float32"),
}
"""Which answers, which critic, how precisely ours computes, whether it compiles, and what it draws answers with."""

THEIRS = {
    "ended_trl_float32": ("ended", "float32"),
    "ended_trl_bfloat16": ("ended", "bfloat16"),
    "same_work_trl_float32": ("full", "float32"),
    "same_work_trl_bfloat16": ("full", "bfloat16"),
}

RATIOS = {
    "ppo_vs_trl": ("ended_ours", "ended_trl"),
    "ppo_float32_vs_trl": ("ended_ours_float32", "ended_trl"),
    "ppo_full_answers_vs_trl": ("full_ours", "same_work_trl"),
    "ppo_same_work_vs_trl": ("same_work_ours", "same_work_trl"),
}
"""Ours against the better of the peer's whose names begin so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is measured how often."""

    shape: Shape
    names: Sequence[str]
    rounds: int


FULL = Plan(shape=M10, names=(*OURS, *THEIRS), rounds=5)
"""About a quarter of an hour."""

QUICK = Plan(
    shape=M10,
    names=("ended_ours", "same_work_ours", "ended_trl_float32", "same_work_trl_float32"),
    rounds=1,
)
"""About three minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a contender took: seconds of the processor for a round, once each time, and memory at most in MB."""

    seconds: list[float] = field(default_factory=list[float])
    peaks: list[float] = field(default_factory=list[float])
    made: list[float] = field(default_factory=list[float])

    @property
    def rate(self) -> float:
        """Answers by seconds of the processor."""
        return BATCH / median(self.seconds)


async def bench(*, quick: bool = False) -> Report:
    """Measure it all, or with ``quick`` each setting once."""
    return report(QUICK if quick else FULL)


def report(plan: Plan) -> Report:
    """Measure what ``plan`` says. Raises `Died` if ours fails; a peer that does is named as missing."""
    python = peer_python("trl.experimental.ppo")
    missing = [] if python else ["trl 1.12 (experimental PPO)"]
    taken: dict[str, Taken] = {}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        commands = _commands(_files(Path(place), plan.shape), python)
        running: dict[str, Contender] = {}
        for name in (name for name in plan.names if name in commands):
            try:
                running[name] = stack.enter_context(started(name, commands[name]))
                running[name].ask("steps", count=1)
            except Died as error:
                _left_out(name, error, running, missing)
        for number in range(plan.rounds):
            for name in list(running)[:: 1 if number % 2 == 0 else -1]:
                try:
                    found = running[name].ask("steps", count=1)
                except Died as error:
                    _left_out(name, error, running, missing)
                    continue
                one = taken.setdefault(name, Taken())
                one.seconds.append(found.cpu)
                one.peaks.append(found.peak_mb)
                one.made.append(float(found.made))
    return Report(
        bench="ppo", machine=machine(), figures=_figures(taken), ratios=ratios(taken), missing=missing
    )


def _left_out(name: str, error: Died, running: dict[str, Contender], missing: list[str]) -> None:
    if "ours" in name:
        raise error
    running.pop(name, None)
    missing.append(f"trl with {name} ({error})")


def ratios(taken: Mapping[str, Taken]) -> dict[str, float]:
    """Return ours against the peer's best, where both were measured."""
    found: dict[str, float] = {}
    for name, (ours, theirs) in RATIOS.items():
        rates = [one.rate for peer, one in taken.items() if peer.startswith(theirs)]
        if ours in taken and rates:
            found[name] = round(taken[ours].rate / max(rates), 2)
    return found


def _figures(taken: Mapping[str, Taken]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name, one in taken.items():
        found[f"{name}_answers_per_second"] = figure(one.rate, "1/s of processor")
        found[f"{name}_peak_mb"] = figure(max(one.peaks), "MB")
        if "ours" in name:
            found[f"{name}_answer_tokens"] = figure(median(one.made), "tokens of 53")
    return found


def _commands(files: Mapping[str, Path], python: Path | None) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for name, (answers, *how) in OURS.items():
        ours = [sys.executable, "-m", "rostra_models.benches.ppo_ours"]
        found[name] = [*ours, files[answers], files["reward"], files["texts"], *how]
    if python is not None:
        script = Path(__file__).parent / "peers" / "trl_ppo.py"
        for name, (answers, numbers) in THEIRS.items():
            found[name] = [python, script, files[answers], files["reward"], files["tokens"], numbers]
    return found


def _files(place: Path, shape: Shape) -> dict[str, Path]:
    """Write the models and the questions, as text and as tokens."""
    from rostra.chat import Utterance

    from ..conversation import Conversation
    from ..training.starting import model_in, tokenizer_in

    full = _readable(random_llama(place / "full", shape))
    tokenizer = tokenizer_in(full)
    ended = _readable(random_llama(place / "ended", shape))
    _ending(ended, tokenizer.eos_token_id)
    judge: Any = model_in(full, "SequenceClassification", num_labels=1)
    judge.config.pad_token_id = tokenizer.pad_token_id
    judge.save_pretrained(place / "reward")
    tokenizer.save_pretrained(place / "reward")
    chance = Random(0)  # noqa: S311  reproducible, not secret
    texts = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=LETTERS)) for _ in range(QUESTIONS)]
    (place / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    layout = Conversation(tokenizer)
    tokens = [layout.tokens([Utterance(role="user", text=text)]) for text in texts]
    (place / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    return {
        "full": full,
        "ended": ended,
        "reward": place / "reward",
        "texts": place / "texts.txt",
        "tokens": place / "tokens.json",
    }


def _readable(folder: Path) -> Path:
    """Give a model a tokenizer that reads what it writes as the same tokens: one for each of so many characters."""
    from ..training.tokenizer import SPECIAL, train_tokenizer

    size: int = json.loads((folder / "config.json").read_bytes())["vocab_size"] - len(SPECIAL)
    plain = [chr(at) for at in range(32, 127)] + ["\n"]
    made: Any = train_tokenizer(
        ["".join(plain + [chr(0x4E00 + at) for at in range(size - len(plain))])], kind="char"
    )
    made.save_pretrained(str(folder))
    return folder


def _ending(folder: Path, end: int) -> None:
    """Have answers end after some 25 tokens: all embeddings have something in common, and the end's nothing else.

    So what the model knows has it too, and the end is about as likely after each token.
    """
    from importlib import import_module

    np: Any = import_module("numpy")  # its types are partly unknown
    arrays: Any = import_module("safetensors.numpy")
    file = folder / "model.safetensors"
    tensors: dict[str, Any] = arrays.load_file(file)
    table: Any = tensors["model.embed_tokens.weight"].copy()
    drawing: Any = np.random.default_rng(1)
    common: Any = drawing.standard_normal(table.shape[1]).astype(table.dtype)
    common *= 16 / np.linalg.norm(common)  # far more than what layers add
    table += common
    table[end] += common * ENDING
    tensors["model.embed_tokens.weight"] = table
    arrays.save_file(tensors, file, metadata={"format": "pt"})


ENDING = 0.019
"""How much more of what is in common the end has."""
