from __future__ import annotations

import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from training_talk import rankings
from training_tensors import gradients_are_right, listed, random, seeded
from typer.testing import CliRunner

from rostra.chat import Utterance
from rostra.feedback.data.importing import Intake, import_files
from rostra.feedback.data.split import Shares
from rostra_models.training.chats import ChatEncoder
from rostra_models.training.cli import app
from rostra_models.training.dpo import DpoSettings, dpo
from rostra_models.training.heads import linear_log_probabilities
from rostra_models.training.loop import Run
from rostra_models.training.losses import log_probabilities
from rostra_models.training.passes import PassesLoop
from rostra_models.training.ranked import Ranked
from rostra_models.training.ranking import comparisons, dpo_rewards, ranking_loss
from rostra_models.training.said_batches import (
    Said,
    answers_log_probabilities,
    batch_with,
    micro_batches,
    said_of,
    shares,
)
from rostra_models.training.starting import model_in, tokenizer_in

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def settings(base: Path, tmp_path_factory: pytest.TempPathFactory) -> DpoSettings:
    folder = tmp_path_factory.mktemp("dpo")
    order = Intake(format="trl", shares=Shares(validation=0.3, test=0.1))
    import_files([rankings(folder / "pairs.jsonl", 60)], order, folder / "ranked")
    return DpoSettings(
        data=folder / "ranked",
        model=base,
        out=folder / "run",
        window=128,
        batch=4,
        beta=0.5,
        epochs=2,
        loop=PassesLoop(learning_rate=0.003, log_every=1, tensorboard=False, plot=False, device="cpu"),
    )


@pytest.fixture(scope="module")
def run(settings: DpoSettings) -> Run:
    return dpo(settings)


def ranking(*answers: str, tiers: list[int | None], asked: str = "Which?") -> Ranked:
    said = (Utterance(role="user", text=asked),)
    return Ranked(prompt=asked, said=said, answers=answers, compared=comparisons(tiers))


def encoder(base: Path, window: int = 512) -> ChatEncoder:
    return ChatEncoder(tokenizer_in(base), window=window, answers="last")


def test_at_the_start_a_ranking_costs_log_two_and_its_gradient_pulls_the_better_one_up(base: Path) -> None:
    seeded(0)
    model = model_in(base).eval()
    (one,), _, _ = said_of([ranking("aaa", "bb", "c", tiers=[1, 2, 2])], encoder(base).encode)
    batch = batch_with([one])
    policy = answers_log_probabilities(model, batch, CPU, plain=True)
    policy.retain_grad()
    loss = ranking_loss(dpo_rewards(policy, policy.detach(), 0.1), batch.ranked.pairs)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    total: Any = loss
    total.backward()
    assert policy.grad is not None
    # -beta sigma(0) for each pair of a ranking of which a third weighs a third; the tied pair pulls at nothing.
    expected = torch.tensor([-0.1 * 0.5 * 2 / 3, 0.1 * 0.5 / 3, 0.1 * 0.5 / 3])
    torch.testing.assert_close(policy.grad, expected)


def test_the_log_probability_of_an_answer_is_what_transformers_gives_its_tokens_and_its_end(
    base: Path,
) -> None:
    model = model_in(base).eval()
    tokenizer = tokenizer_in(base)
    (one,), _, lost = said_of([ranking("hello", "hey you", "", tiers=[1, 2, 3])], encoder(base).encode)
    found = answers_log_probabilities(model, batch_with([one]), CPU, plain=True)
    assert lost == {"a question longer than the window, or an empty answer": 1}
    for text, value in zip(("hello", "hey you"), found, strict=True):
        head = tokenizer.apply_chat_template(
            [{"role": "user", "content": "Which?"}], tokenize=False, add_generation_prompt=True
        )
        ids, begun = (
            tokenizer(one, return_tensors="pt", add_special_tokens=False)["input_ids"]
            for one in (f"{head}{text}<|im_end|>", head)
        )
        logs = log_probabilities(model(input_ids=ids).logits[0, :-1], ids[0, 1:])
        torch.testing.assert_close(value, logs[begun.shape[1] - 1 :].sum(), atol=1e-3, rtol=1e-4)


def test_logits_that_are_not_plain_give_the_same(base: Path) -> None:
    model = model_in(base).eval()
    (one,), _, _ = said_of([ranking("aaa", "b" * 9, tiers=[1, 2])], encoder(base).encode)
    batch = batch_with([one])
    found = [answers_log_probabilities(model, batch, CPU, plain=plain) for plain in (True, False)]
    torch.testing.assert_close(*found)


def test_a_question_that_is_read_once_changes_no_log_probability_and_no_gradient(base: Path) -> None:
    model = model_in(base).eval()
    assert shares(model, CPU, plain=True)
    asked = "Which of these is it, and why? " * 3
    long = [
        ranking("same start, a", "same start, bbb", "c" * 5, tiers=[1, 2, 3], asked=asked),
        ranking("f" * 90, "g" * 80, tiers=[1, 2]),
        ranking("d" * 3, "e" * 30, tiers=[2, 1], asked=asked),
    ]
    elements, _, _ = said_of(long, encoder(base).encode)
    found: list[list[torch.Tensor]] = []
    for share in (False, True):
        batch = batch_with(elements, share=share)
        values = answers_log_probabilities(model, batch, CPU, plain=True)
        weights = list(model.parameters())
        loss = ranking_loss(0.1 * values, batch.ranked.pairs)
        found.append([values.detach(), *torch.autograd.grad(loss, weights)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
    sizes = [
        sum(rows.ids.numel() for rows in batch_with(elements, share=share).ranked.rows)
        for share in (True, False)
    ]
    assert sizes[0] < 0.9 * sizes[1]


def test_a_ranking_keeps_its_reference_in_whatever_batch_it_is(base: Path) -> None:
    given = [ranking("a", "bb", tiers=[1, 2]), ranking("c" * 20, "d", "e" * 9, tiers=[1, 2, 3])]
    elements, _, _ = said_of(given, encoder(base).encode)
    known = [replace(one, reference=tuple(map(float, range(len(one.said))))) for one in elements]
    together, apart = micro_batches(known, 10_000), micro_batches(known, 1)
    assert [len(together), len(apart)] == [1, 2]
    assert listed(together[0].reference) == [0.0, 1.0, 0.0, 1.0, 2.0]
    assert listed(torch.cat([one.reference for one in apart])) == listed(together[0].reference)


def test_what_is_left_of_a_ranking_is_what_compares_the_answers_that_are_left(base: Path) -> None:
    found, kept, _ = said_of(
        [ranking("a", "", "c", tiers=[1, 2, 3]), ranking("a", "", tiers=[1, 2])], encoder(base).encode
    )
    assert [one.answers for one in kept] == [("a", "c")]
    (pair,) = found[0].element.compared
    assert (pair.first, pair.second, pair.target) == (0, 1, 1.0)
    assert found[0].element.weight == pytest.approx(1 / 3)


def test_log_probabilities_in_portions_are_those_of_all_logits_at_once() -> None:
    hidden, weight = random(0, 7, 4), random(1, 9, 4)
    targets = torch.tensor([0, 3, 8, 8, 1, 2, 5])
    whole = log_probabilities(hidden @ weight.T, targets, 0.7)
    torch.testing.assert_close(
        linear_log_probabilities(hidden, weight, targets, temperature=0.7, chunk=3), whole
    )
    with torch.no_grad():
        torch.testing.assert_close(linear_log_probabilities(hidden, weight, targets, temperature=0.7), whole)
    assert len(linear_log_probabilities(hidden[:0], weight, targets[:0])) == 0
    assert gradients_are_right(lambda one: linear_log_probabilities(one, weight, targets, chunk=3), hidden)
    assert gradients_are_right(lambda one: linear_log_probabilities(hidden, one, targets, chunk=3), weight)


@pytest.mark.slow
def test_it_begins_at_log_two_and_learns_what_raters_prefer(run: Run) -> None:
    from rostra_models.training.journal import METRICS, rows

    first = rows(run.folder / METRICS)[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert run.facts["accuracy"] > 0.9
    assert run.facts["validation_loss"] < 0.5
    assert run.facts["margin"] > 0
    assert run.facts["better_drift"] > run.facts["worse_drift"]
    assert run.facts["margin"] == pytest.approx(
        0.5 * (run.facts["better_drift"] - run.facts["worse_drift"]), abs=1e-4
    )
    assert run.facts["test_accuracy"] > 0.5
    assert {"length_accuracy", "over_length_low", "calibration_error"} <= set(run.facts)


@pytest.mark.slow
def test_with_low_rank_parts_it_learns_and_is_written_whole(settings: DpoSettings, tmp_path: Path) -> None:
    loop = settings.loop.model_copy(update={"learning_rate": 0.02})
    run = dpo(settings.model_copy(update={"lora_rank": 4, "out": tmp_path / "run", "loop": loop}))
    assert run.facts["accuracy"] > 0.9
    (one,), _, _ = said_of([ranking("aaaa", "bbbb", tiers=[1, 2])], encoder(settings.model).encode)
    drift = [
        answers_log_probabilities(model_in(folder).eval(), batch_with([one]), CPU, plain=True).detach()
        for folder in (run.model, settings.model)
    ]
    better, worse = listed(drift[0] - drift[1])
    assert better > worse


@pytest.mark.slow
def test_resumed_dpo_is_uninterrupted_dpo_bit_for_bit(settings: DpoSettings, tmp_path: Path) -> None:
    loop = settings.loop.model_copy(update={"steps": 4, "save_every": 2})
    whole, half = (settings.model_copy(update={"loop": loop, "out": tmp_path / name}) for name in "ab")
    first = dpo(whole)
    dpo(half)
    shutil.rmtree(tmp_path / "b" / "checkpoints" / "step-00000004")
    second = dpo(half, resume=True)
    ours, theirs = (model_in(one.model).state_dict() for one in (first, second))
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())


@pytest.mark.slow
def test_the_command_trains_and_says_what_it_found(settings: DpoSettings, tmp_path: Path) -> None:
    import json

    given = {
        "data": settings.data, "model": settings.model, "out": tmp_path / "run", "window": 128, "batch": 4,
        "loop.steps": 1, "loop.plot": "false", "loop.tensorboard": "false",
    }  # fmt: skip
    options = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    done = CliRunner().invoke(app, ["dpo", *options, "--json"])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["stage"] == "dpo"
    assert 0 <= row["accuracy"] <= 1


def test_said_holds_what_is_said_and_no_reference_until_it_is_asked(base: Path) -> None:
    (one,), _, lost = said_of([ranking("a", "b", tiers=[1, 2])], encoder(base).encode)
    assert isinstance(one, Said)
    assert one.reference == ()
    assert lost == Counter()
    tokens = one.element.tokens[0]
    assert [tokens[place] for place in one.said[0]][-1] == tokenizer_in(base).eos_token_id
    assert one.said[0][-1] == len(tokens) - 1
