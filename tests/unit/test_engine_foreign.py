"""Models whose forward pass is transformers' are answered in the same engine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from small_models import answers, ask, generated, made_by_transformers, threads

if TYPE_CHECKING:
    from rostra_models.engine import Engine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 300, "n_positions": 512}
GEMMA3 = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 96,
    "vocab_size": 300,
    "max_position_embeddings": 512,
    "sliding_window": 24,
    "layer_types": ["sliding_attention", "full_attention"],
}
PROMPTS = [[Random(number).randrange(300) for _ in range(20)] for number in range(3)]
LONG = [Random(9).randrange(300) for _ in range(50)]

Found = tuple[Any, Callable[[], "Engine"]]


def found(kind: str, config: dict[str, Any], folder: Path) -> Found:
    from rostra_models.engine import Engine
    from rostra_models.engine.foreign import Foreign
    from rostra_models.engine.loading import runner

    made = made_by_transformers(kind, folder, **config)
    ours = runner(folder)
    assert isinstance(ours, Foreign)
    assert ours.token_bytes == 2 * 2 * 4 * (64 if kind == "gpt2" else 32)
    return made, lambda: Engine(ours, window=512, memory=10**9, seats=24)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found("gpt2", GPT2, tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="module")
def gemma3(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found("gemma3_text", GEMMA3, tmp_path_factory.mktemp("gemma3"))


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_greedy_answers_are_those_of_generate(name: str, request: pytest.FixtureRequest) -> None:
    model, engine = request.getfixturevalue(name)
    prompts = [*PROMPTS, LONG]
    got = answers(engine(), [ask(number, prompt, 24) for number, prompt in enumerate(prompts)])
    assert [got[number, 0].tokens for number in range(4)] == generated(model, prompts, 24)


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_several_answers_come_of_one_reading(name: str, request: pytest.FixtureRequest) -> None:
    _, engine = request.getfixturevalue(name)
    together, one = engine(), engine()
    got = answers(together, [ask(1, LONG, 10, n=3, temperature=1.0, seed=5)])
    assert together.figures.prefilled == 50
    for choice in range(3):
        alone = answers(one, [ask(1, LONG, 10, temperature=1.0, seed=5 + choice)])
        assert alone[1, 0].tokens == got[1, choice].tokens
    assert len({tuple(answer.tokens) for answer in got.values()}) == 3


def test_one_that_is_cancelled_leaves_the_others_as_they_were(gpt2: Found) -> None:
    model, make = gpt2
    engine = make()
    engine.submit(ask(0, PROMPTS[0], 12))
    engine.submit(ask(1, PROMPTS[1], 12))
    first = [engine.step() for _ in range(3)]
    engine.cancel(0)
    rest = answers(engine)
    kept = [made.token for step in first for made in step if made.id == 1] + rest[1, 0].tokens
    assert (0, 0) not in rest
    assert kept == generated(model, [PROMPTS[1]], 12)[0]


def test_a_shared_beginning_is_read_once_where_a_cache_can_be_cut(gpt2: Found) -> None:
    model, make = gpt2
    engine = make()
    other = [*LONG[:40], 7, 8, 9]
    got = answers(engine, [ask(0, LONG, 6)]) | answers(engine, [ask(1, other, 12)])
    assert got[1, 0].cached == 32  # the whole portions of the 40 tokens that both begin with
    assert engine.figures.prefilled == 50 + 11
    assert [got[0, 0].tokens] == generated(model, [LONG], 6)
    assert [got[1, 0].tokens] == generated(model, [other], 12)


def test_a_cache_with_a_window_is_not_cut_but_taken_up_again_as_a_whole(gemma3: Found) -> None:
    model, make = gemma3
    engine = make()
    got = answers(engine, [ask(0, LONG, 6)])
    other = [*LONG[:40], 7, 8, 9]
    got |= answers(engine, [ask(1, other, 12)])
    assert got[1, 0].cached == 0
    further = [*LONG, *got[0, 0].tokens, 5, 6]
    got |= answers(engine, [ask(2, further, 12)])
    assert got[2, 0].cached == 55  # the last token that was said was never read
    assert [got[1, 0].tokens, got[2, 0].tokens] == [
        generated(model, [prompt], 12)[0] for prompt in (other, further)
    ]


def test_8_bits_are_refused(tmp_path: Path) -> None:
    from rostra.errors import ModelError
    from rostra_models.engine.loading import runner

    made_by_transformers("gpt2", tmp_path, **GPT2)
    with pytest.raises(ModelError, match=r"'int8' is for the Llama family.*take 'float32'"):
        runner(tmp_path, kind="int8")
