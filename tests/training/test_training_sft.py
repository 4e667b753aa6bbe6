from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training_talk import talk
from training_tensors import seeded

from rostra_models.training.chat_batches import padded
from rostra_models.training.chats import ChatEncoder
from rostra_models.training.errors import TrainError
from rostra_models.training.loop import Means
from rostra_models.training.passes import PassesLoop, settled
from rostra_models.training.settings import LoopSettings
from rostra_models.training.sft import SftSettings, divided, sft
from rostra_models.training.starting import foreseen, model_in, tokenizer_in
from rostra_models.training.trunk import plain_head, token_loss

QUIET: dict[str, Any] = {"tensorboard": False, "plot": False, "device": "cpu"}


@pytest.fixture
def settings(base: Path, tmp_path: Path) -> SftSettings:
    loop = PassesLoop(steps=6, learning_rate=0.01, **QUIET)
    return SftSettings(
        data=talk(tmp_path),
        model=base,
        out=tmp_path / "run",
        validation_share=0.3,
        batch=8,
        window=128,
        micro_tokens=256,
        loop=loop,
    )


def with_loop(settings: SftSettings, out: Path, **loop: Any) -> SftSettings:
    return settings.model_copy(update={"out": out, "loop": settings.loop.model_copy(update=loop)})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = model_in(folder).state_dict()
    return state


def test_the_loss_of_the_wanted_tokens_is_what_transformers_computes(base: Path) -> None:
    model = model_in(base)
    ids = torch.arange(40, 64).reshape(2, 12)
    wanted = torch.zeros(2, 12, dtype=torch.bool)
    wanted[0, 4:9], wanted[1, 10:] = True, True
    expected = model(input_ids=ids, labels=ids.masked_fill(~wanted, -100)).loss * wanted.sum()
    assert plain_head(model)
    for plain in (True, False):
        torch.testing.assert_close(token_loss(model, ids, wanted, plain=plain), expected)


def test_padding_behind_an_example_has_no_influence(base: Path) -> None:
    model = model_in(base)
    ids = torch.arange(40, 52)[None]
    wanted = torch.ones_like(ids, dtype=torch.bool)
    padded = torch.nn.functional.pad(ids, (0, 5), value=99)
    torch.testing.assert_close(
        token_loss(model, padded, torch.nn.functional.pad(wanted, (0, 5))), token_loss(model, ids, wanted)
    )


def test_logits_that_are_not_plain_are_the_models_own(tmp_path: Path) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    seeded(0)
    model: Any = Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            final_logit_softcapping=0.01,
        )
    )
    assert not plain_head(model)


def test_no_more_memory_is_foreseen_than_a_whole_step_takes(base: Path) -> None:
    said = [
        foreseen(
            model_in(base),
            LoopSettings(steps=1, learning_rate=1.0),
            tokens=most,
            mean=10_000.0,
            per_step=2,
            scores=0,
        )
        for most in (10_000, 20_000, 10_000_000)
    ]
    assert said[0] != said[1] == said[2]


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 4])
def test_fine_tuning_lowers_the_held_out_loss_and_plain_transformers_loads_the_result(
    settings: SftSettings, rank: int
) -> None:
    lines: list[str] = []
    run = sft(
        with_loop(settings, settings.out, steps=20, learning_rate=0.02 if rank else 0.01).model_copy(
            update={"lora_rank": rank}
        ),
        means=Means(say=lines.append),
    )
    assert run.facts["validation_loss"] < run.facts["first_validation_loss"] - 0.5
    assert any("parameters are trained, in about" in line for line in lines)
    plain, tokenizer = model_in(run.model), tokenizer_in(run.model)
    assert type(plain).__name__ == "LlamaForCausalLM"
    assert tokenizer.chat_template == tokenizer_in(settings.model).chat_template
    _, held, _ = divided(settings, ChatEncoder(tokenizer, window=settings.window))
    batch = padded(held)
    labels = batch.ids.masked_fill(~batch.wanted, -100)
    with torch.no_grad():
        loss = plain.eval()(input_ids=batch.ids, labels=labels).loss
    assert loss.item() == pytest.approx(run.facts["validation_loss"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 2])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    settings: SftSettings, tmp_path: Path, rank: int
) -> None:
    settings = settings.model_copy(update={"lora_rank": rank})
    whole = sft(with_loop(settings, tmp_path / "whole"))
    half = with_loop(settings, tmp_path / "half", save_every=3)
    sft(half)
    shutil.rmtree(tmp_path / "half" / "checkpoints" / "step-00000006")
    again = sft(half, resume=True)
    ours, theirs = weights(whole.model), weights(again.model)
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())


@pytest.mark.slow
def test_how_a_step_is_cut_into_micro_batches_changes_nothing_but_rounding(
    settings: SftSettings, tmp_path: Path
) -> None:
    found = [
        sft(
            with_loop(settings, tmp_path / str(tokens), steps=3, learning_rate=1e-3).model_copy(
                update={"micro_tokens": tokens}
            )
        )
        for tokens in (32, 4096)
    ]
    ours, theirs = (weights(run.model) for run in found)
    for name, one in ours.items():
        torch.testing.assert_close(one, theirs[name], atol=2e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 2])
def test_computing_layers_twice_changes_nothing(settings: SftSettings, tmp_path: Path, rank: int) -> None:
    found = [
        sft(
            with_loop(settings, tmp_path / str(twice), steps=2, learning_rate=1e-3).model_copy(
                update={"recompute": twice, "lora_rank": rank}
            )
        )
        for twice in (False, True)
    ]
    ours, theirs = (weights(run.model) for run in found)
    for name, one in ours.items():
        torch.testing.assert_close(one, theirs[name], atol=1e-5, rtol=1e-4)


def test_nothing_to_learn_from_is_said(settings: SftSettings, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"question": "alone"}\n', encoding="utf-8")
    with pytest.raises(TrainError, match="no conversation to learn from"):
        sft(settings.model_copy(update={"data": tmp_path / "empty.jsonl"}))


def test_passes_become_steps_and_a_rate_that_is_not_given_is_the_stages() -> None:
    loop = settled(PassesLoop(warmup_share=0.1), examples=100, batch=8, epochs=2.0, learning_rate=3e-5)
    assert (loop.steps, loop.warmup_steps, loop.learning_rate) == (25, 2, 3e-5)
    given = settled(
        PassesLoop(steps=7, warmup_steps=3, learning_rate=1.0),
        examples=9,
        batch=1,
        epochs=1.0,
        learning_rate=0.1,
    )
    assert (given.steps, given.warmup_steps, given.learning_rate) == (7, 3, 1.0)
    with pytest.raises(ValueError, match="must be below steps"):
        PassesLoop(steps=3, warmup_steps=3)
