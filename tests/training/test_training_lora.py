from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_tensors import random, seeded

from rostra_models.testing import tiny_llama
from rostra_models.training.errors import TrainError
from rostra_models.training.lora import add_lora, load_lora, merged_state, parts, save_lora, without_lora
from rostra_models.training.starting import model_in, parameters

IDS = torch.arange(24).reshape(2, 12) + 40


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return found


def moved(model: Any) -> None:
    """As after training: no low-rank part is zero."""
    with torch.no_grad():
        for seed, one in enumerate(parts(model).values()):
            one.up.copy_(0.1 * random(seed, *one.up.shape))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model")


def test_at_first_the_model_is_what_it_was_and_only_low_rank_parts_are_trained(folder: Path) -> None:
    model = model_in(folder)
    before = logits(model)
    names = add_lora(model, 4, 8.0)
    assert len(names) == 2 * 7
    assert not any("lm_head" in name or "embed" in name for name in names)
    assert torch.equal(logits(model), before)
    assert {name.split(".")[-2] for name, one in model.named_parameters() if one.requires_grad} == {
        "low_rank"
    }
    assert parameters(model)[1] == sum(one.down.numel() + one.up.numel() for one in parts(model).values())


def test_the_merged_model_says_what_the_adapted_one_does(folder: Path, tmp_path: Path) -> None:
    model = model_in(folder)
    before = logits(model)
    add_lora(model, 4, 8.0)
    moved(model)
    after = logits(model)
    assert (after - before).abs().max() > 0.01
    save_lora(model, tmp_path / "kept")
    plain = model_in(tmp_path / "kept")
    torch.testing.assert_close(logits(plain), after, atol=1e-4, rtol=1e-4)
    assert set(merged_state(model)) == set(plain.state_dict())


def test_without_its_low_rank_parts_the_model_is_its_own_reference(folder: Path) -> None:
    model = model_in(folder)
    before = logits(model)
    add_lora(model, 4, 8.0)
    moved(model)
    after = logits(model)
    with without_lora(model):
        assert torch.equal(logits(model), before)
    assert torch.equal(logits(model), after)


def test_what_was_trained_is_read_back_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    model, other = model_in(folder), model_in(folder)
    for one in (model, other):
        add_lora(one, 4, 8.0)
    moved(model)
    save_lora(model, tmp_path / "kept")
    load_lora(other, tmp_path / "kept")
    assert torch.equal(logits(model), logits(other))
    wider = model_in(folder)
    add_lora(wider, 5, 8.0)
    with pytest.raises(TrainError, match="of another rank"):
        load_lora(wider, tmp_path / "kept")


def test_gpt2_whose_matrices_are_turned_is_merged_as_well(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    seeded(0)
    model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=80, n_positions=32, n_embd=16, n_layer=1, n_head=2))
    add_lora(model, 2, 4.0)
    moved(model)
    save_lora(model, tmp_path / "kept")
    torch.testing.assert_close(logits(model_in(tmp_path / "kept")), logits(model), atol=1e-4, rtol=1e-4)


def test_a_model_without_layers_gets_no_low_rank_parts() -> None:
    with pytest.raises(TrainError, match="Linear has no linear layers"):
        add_lora(torch.nn.Linear(2, 2), 1, 1.0)
