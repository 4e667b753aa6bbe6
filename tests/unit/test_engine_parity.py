"""The engine's own forward pass gives what transformers' does, for every kind of model that it takes."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from small_models import answers, ask, generated, made_by_transformers, threads

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"num_key_value_heads": 4}),
    "llama, tied, wide heads": ("llama", {"tie_word_embeddings": True, "head_dim": 32}),
    "llama, grouped heads": ("llama", {"num_key_value_heads": 1}),
    "llama 3 positions": ("llama", {"rope_parameters": LLAMA3}),
    "linear positions": ("llama", {"rope_parameters": LINEAR}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "mistral": ("mistral", {"sliding_window": None}),
}


@pytest.mark.parametrize("name", KINDS)
def test_logits_are_those_of_transformers_wherever_the_prompt_is_cut(name: str, tmp_path: Path) -> None:
    import torch

    from rostra_models.engine.llama import Llama
    from rostra_models.engine.loading import runner
    from rostra_models.engine.runner import Part

    kind, config = KINDS[name]
    model = made_by_transformers(kind, tmp_path, **SMALL | config)
    random = Random(name)
    prompt = [random.randrange(300) for _ in range(120)]
    with torch.inference_mode():
        expected = model(torch.tensor([prompt])).logits[0]
    ours = runner(tmp_path, kind="float32")
    assert isinstance(ours, Llama)
    for cuts in ([], [1], [70], sorted(random.sample(range(1, 120), 4))):
        memory = ours.memory(130)
        bounds = [0, *cuts, 120]
        parts = [Part(memory=memory, tokens=prompt[start:end]) for start, end in pairwise(bounds)]
        found = ours.forward(parts[:2], every=True)
        if parts[2:]:
            found = torch.cat([found, ours.forward(parts[2:], every=True)])
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
        assert float(expected.std()) > 0.5  # else being equal would say little


def test_conversations_read_side_by_side_do_not_see_one_another(tmp_path: Path) -> None:
    import torch

    from rostra_models.engine.llama import Llama
    from rostra_models.engine.loading import runner
    from rostra_models.engine.runner import Part

    model = made_by_transformers("llama", tmp_path, **SMALL)
    ours = runner(tmp_path, kind="float32")
    assert isinstance(ours, Llama)
    prompts = [[3 + number + at for at in range(length)] for number, length in enumerate((1, 40, 2, 33))]
    found = ours.forward([Part(memory=ours.memory(50), tokens=prompt) for prompt in prompts])
    with torch.inference_mode():
        expected = torch.stack([model(torch.tensor([prompt])).logits[0, -1] for prompt in prompts])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_greedy_answers_to_50_prompts_at_once_are_those_of_generate(name: str, tmp_path: Path) -> None:
    from rostra_models.engine import Engine
    from rostra_models.engine.loading import runner

    kind, config = KINDS[name]
    model = made_by_transformers(kind, tmp_path, **SMALL | config)
    random = Random(0)
    lengths = [1, 7, 20, 31, 32, 33, 50, 64, 65, 100]
    prompts = [[random.randrange(300) for _ in range(length)] for length in lengths for _ in range(5)]
    engine = Engine(runner(tmp_path, kind="float32"), window=512, memory=10**9, seats=24)
    found = answers(engine, [ask(number, prompt, 64) for number, prompt in enumerate(prompts)])
    expected = generated(model, prompts, 64)
    assert [found[number, 0].tokens for number in range(50)] == expected
    assert len({token for answer in expected for token in answer}) > 50  # they do say something


@pytest.mark.parametrize(("number", "most"), [("int8", 0.06), ("bfloat16", 0.1)])
def test_coarser_numbers_come_near(number: Any, most: float, tmp_path: Path) -> None:
    import torch

    from rostra_models.engine.compiled import works
    from rostra_models.engine.loading import runner
    from rostra_models.engine.runner import Part

    if number == "int8" and not works():
        pytest.skip("this machine compiles no step")
    model = made_by_transformers("llama", tmp_path, **SMALL | {"attention_bias": True})
    ours: Any = runner(tmp_path, kind=number)
    prompt = [Random(1).randrange(300) for _ in range(100)]
    with torch.inference_mode():
        expected = model(torch.tensor([prompt])).logits[0]
    found = ours.forward([Part(memory=ours.memory(100), tokens=prompt)], every=True)
    assert found.dtype == torch.float32
    assert 0 < float((found - expected).norm() / expected.norm()) < most
