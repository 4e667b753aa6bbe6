"""Our training as a contender of the training bench: the recipes and the loop of ``rostra train``, paced by the bench.

``python -m rostra_models.benches.learners STAGE FOLDER DATA OPTIONS``. OPTIONS is JSON: ``precision``, ``compile``, ``batch``.
What a step makes is counted in tokens, padding left out; rankings in the stage ``reward``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from .lines import Paced

STEPS = 10**6
"""More than any bench takes."""

TOKENS = 2048
"""Tokens that are computed at once: as many as a batch of full sequences has."""


def main(stage: str, folder: str, data: str, options: str) -> None:
    """Train until nobody asks for more."""
    paced = Paced()
    given: dict[str, Any] = json.loads(options)
    rows: list[Any] = json.loads(Path(data).read_bytes())
    ours = prepared(stage, Path(folder), rows, given)

    def after(step: int, _means: Mapping[str, float]) -> bool:
        paced.step(ours.made(step))
        return True

    from rostra_models.training.loop import train

    paced.wait()
    with tempfile.TemporaryDirectory() as out:
        train(ours.model, replace(ours.recipe, after=after), ours.loop, out=Path(out) / "run", stage=stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the loop trains, and how much a step makes."""

    model: Any
    recipe: Any
    loop: Any
    made: Callable[[int], float]


def prepared(stage: str, folder: Path, rows: Sequence[Any], given: Mapping[str, Any]) -> Ours:
    """Return what is trained in a stage, from the model in ``folder``."""
    return _STAGES[stage](folder, rows, given)


def _loop(given: Mapping[str, Any]) -> Any:
    return {
        "steps": STEPS,
        "learning_rate": 1e-5,
        "decay": "constant",
        "precision": given["precision"],
        "compile": given["compile"],
        "device": "cpu",
        "log_every": STEPS,
        "tensorboard": False,
        "plot": False,
    }


def _sft(folder: Path, rows: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> Ours:
    import numpy as np

    from rostra_models.training.chats import Example
    from rostra_models.training.sft import SftSettings, chat_recipe
    from rostra_models.training.starting import model_in, tokenizer_in

    settings = SftSettings(
        data=folder,
        model=folder,
        out=folder,
        batch=given["batch"],
        micro_tokens=TOKENS,
        loop=_loop(given),
    )
    learnt = [
        Example(tokens=np.array(one["ids"], dtype=np.int32), wanted=np.array(one["wanted"], dtype=np.bool_))
        for one in rows
    ]
    model = model_in(folder)
    recipe = chat_recipe(settings, model, tokenizer_in(folder), learnt, [])
    lengths = [len(one["ids"]) for one in rows]
    return Ours(
        model=model, recipe=recipe, loop=settings.loop, made=partial(_tokens, lengths, settings.batch)
    )


def _pretrain(folder: Path, rows: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> Ours:
    import numpy as np

    from rostra_models.training.machine import device_of
    from rostra_models.training.order import examples
    from rostra_models.training.packing import packed
    from rostra_models.training.pretrain import PretrainSettings, text_loss
    from rostra_models.training.recipe import Recipe
    from rostra_models.training.starting import model_in

    settings = PretrainSettings(data=folder, out=folder, rows=given["batch"], loop=_loop(given))
    model = model_in(folder)
    lengths = [len(one["ids"]) for one in rows]

    def batches(step: int) -> Any:
        numbers = examples(len(rows), settings.rows, seed=0, step=step)
        those = [np.array(rows[at]["ids"]) for at in numbers]
        # A row of Trainer's has one target fewer than tokens; so have these.
        following = [np.append(one[1:], -100) for one in those]
        pieces = [[piece] for piece in zip(those, following, strict=True)]
        return [packed(pieces, max(map(len, those)), 0)]

    recipe: Any = Recipe(batches=batches, loss=text_loss(model, device_of(settings.loop)))
    return Ours(model=model, recipe=recipe, loop=settings.loop, made=partial(_tokens, lengths, settings.rows))


def _reward(folder: Path, rows: Sequence[Sequence[Sequence[int]]], given: Mapping[str, Any]) -> Ours:
    from rostra_models.training.ranking import comparisons
    from rostra_models.training.reward import RewardSettings, ranked_recipe
    from rostra_models.training.reward_batches import Element
    from rostra_models.training.starting import model_in, tokenizer_in

    settings = RewardSettings(
        data=folder,
        model=folder,
        out=folder,
        batch=given["batch"],
        micro_tokens=TOKENS // 2,  # a ranking or two: no more memory than a trainer of single pairs
        centring=0.0,
        loop=_loop(given),
    )
    elements = [
        Element(
            tokens=tuple(map(tuple, answers)), compared=comparisons(range(1, len(answers) + 1)), weight=1.0
        )
        for answers in rows
    ]
    model = model_in(folder, "SequenceClassification", num_labels=1)
    sides: Any = {"train": elements, "validation": [], "test": []}
    nobody: Any = {"train": [], "validation": [], "test": []}
    recipe = ranked_recipe(settings, model, tokenizer_in(folder), sides, nobody)
    return Ours(model=model, recipe=recipe, loop=settings.loop, made=lambda _step: float(settings.batch))


def _tokens(lengths: Sequence[int], batch: int, step: int) -> float:
    from rostra_models.training.order import examples

    return float(sum(lengths[at] for at in examples(len(lengths), batch, seed=0, step=step)))


_STAGES: Mapping[str, Callable[..., Ours]] = {
    "sft": _sft,
    "sft_mixed": _sft,
    "pretrain": _pretrain,
    "reward": _reward,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
