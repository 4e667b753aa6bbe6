"""Other weights for an engine that runs, as training gives it them, and what its memories take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rostra.errors import ModelError
from rostra_models.shape import read
from rostra_models.testing import tiny_llama

pytestmark = pytest.mark.slow  # imports torch

PROMPT = list(range(60, 120))


def said(engine: Any) -> list[int]:
    from rostra_models.engine import Request

    engine.submit(Request(id=1, tokens=PROMPT, max_tokens=12))
    tokens: list[int] = []
    while engine.busy:
        tokens += [made.token for made in engine.step() if made.token is not None]
    return tokens


def test_after_reloading_it_answers_as_the_other_model_does(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from rostra_models.engine import Engine, lean, runner

    one, other = tiny_llama(tmp_path / "one", seed=1), tiny_llama(tmp_path / "other", seed=2)
    engine = Engine(runner(one, kind="float32"), window=512, memory=10**8, seats=4)
    fresh = Engine(runner(other, kind="float32"), window=512, memory=10**8, seats=4)
    before = said(engine)
    models: Any = AutoModelForCausalLM
    trained = models.from_pretrained(str(other))
    shape = read(other)
    assert shape is not None
    engine.reload(lean(shape, trained.state_dict(), kind="float32"))
    for weight in trained.parameters():  # training goes on, and the engine does not notice
        weight.data.mul_(-3)
    after = said(engine)
    assert after == said(fresh)
    assert after != before
    assert engine.figures.cached == 0


def test_weights_stay_while_somebody_is_answered(tmp_path: Path) -> None:
    from rostra_models.engine import Engine, Request, runner

    model = runner(tiny_llama(tmp_path / "tiny"), kind="float32")
    engine = Engine(model, window=512, memory=10**8, seats=4)
    engine.submit(Request(id=1, tokens=PROMPT, max_tokens=12))
    engine.step()
    with pytest.raises(ModelError, match="while somebody is answered"):
        engine.reload(model)
    engine.cancel(1)
    engine.reload(model)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8"])
def test_a_memory_takes_for_a_token_what_was_reckoned(tmp_path: Path, kind: Any) -> None:
    from rostra_models.engine import runner
    from rostra_models.engine.runner import Part

    model = runner(tiny_llama(tmp_path / "tiny"), kind=kind)
    memory = model.memory(40)
    model.forward([Part(memory=memory, tokens=PROMPT[:10])])
    assert memory.bytes == 10 * model.token_bytes > 0
