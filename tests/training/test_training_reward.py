from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_talk import rankings
from training_tensors import listed, seeded
from typer.testing import CliRunner

from rostra.chat import Utterance
from rostra.feedback.data.formats import Name
from rostra.feedback.data.importing import Intake, import_files
from rostra.feedback.data.split import Shares
from rostra_models.scorer_layout import RewardLayout
from rostra_models.training.cli import app
from rostra_models.training.errors import TrainError
from rostra_models.training.loop import Run
from rostra_models.training.passes import PassesLoop
from rostra_models.training.ranked import Ranked, evened, imported, parted, ranked
from rostra_models.training.ranking import comparisons, pairs_of, ranking_loss
from rostra_models.training.reward import RewardSettings, reward, scores
from rostra_models.training.reward_batches import (
    batch_of,
    element,
    micro_batches,
    rewards_of,
    shares,
    tree_mask,
)
from rostra_models.training.reward_figures import (
    calibration,
    contests,
    figures,
    longer_wins,
    mean_and_reach,
)
from rostra_models.training.starting import model_in, tokenizer_in

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def settings(base: Path, tmp_path_factory: pytest.TempPathFactory) -> RewardSettings:
    folder = tmp_path_factory.mktemp("reward")
    loop = PassesLoop(learning_rate=0.01, tensorboard=False, plot=False, device="cpu")
    order = Intake(format="trl", shares=Shares(validation=0.3, test=0.1))
    import_files([rankings(folder / "pairs.jsonl", 80)], order, folder / "ranked")
    return RewardSettings(
        data=folder / "ranked",
        model=base,
        out=folder / "run",
        window=128,
        batch=4,
        validation_share=0.3,
        loop=loop,
        epochs=2,
    )


@pytest.fixture(scope="module")
def run(settings: RewardSettings) -> Run:
    return reward(settings)


def ranking(*answers: str, tiers: list[int | None], prompt: str = "p") -> Ranked:
    return Ranked(
        prompt=prompt,
        said=(Utterance(role="user", text="Which?"),),
        answers=answers,
        compared=comparisons(tiers),
    )


def test_a_reward_model_learns_what_raters_prefer_and_length_alone_does_not(run: Run) -> None:
    assert run.facts["accuracy"] > 0.9
    assert run.facts["accuracy_low"] <= run.facts["accuracy"] <= run.facts["accuracy_high"]
    assert run.facts["length_accuracy"] < 0.7
    assert run.facts["over_length_low"] > 0
    assert {"test_accuracy", "calibration_error", "calibration_slope", "reward_mean"} <= set(run.facts)


def test_plain_transformers_loads_it_with_the_same_scores(run: Run, settings: RewardSettings) -> None:
    from transformers import AutoModelForSequenceClassification

    loader: Any = AutoModelForSequenceClassification
    model, tokenizer = loader.from_pretrained(run.model).eval(), tokenizer_in(run.model)
    answers = ["aaaa", "bb bb bb", "cdcdcd a"]
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": answer}], tokenize=False
        )
        for answer in answers
    ]
    with torch.no_grad():
        theirs = model(**tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)).logits
    ours = scores(run.model, "Which?", answers)
    assert ours == pytest.approx(theirs[:, 0].tolist(), abs=1e-4)
    assert ours[0] > ours[1]
    config = json.loads((run.model / "config.json").read_bytes())
    assert config["reward_window"] == settings.window
    assert config["reward_mean"] == pytest.approx(run.facts["reward_mean"])


@pytest.mark.slow
def test_with_low_rank_parts_it_learns_as_well_and_is_written_whole(
    settings: RewardSettings, tmp_path: Path
) -> None:
    run = reward(settings.model_copy(update={"lora_rank": 4, "out": tmp_path / "run"}))
    assert run.facts["accuracy"] > 0.9
    better, worse = scores(run.model, "Which?", ["aaaaaa", "bbbbbb"])
    assert better > worse


@pytest.mark.slow
def test_resumed_is_uninterrupted_bit_for_bit(settings: RewardSettings, tmp_path: Path) -> None:
    loop = settings.loop.model_copy(update={"steps": 6, "save_every": 3})
    whole, half = (settings.model_copy(update={"loop": loop, "out": tmp_path / name}) for name in ("a", "b"))
    first = reward(whole)
    reward(half)
    shutil.rmtree(tmp_path / "b" / "checkpoints" / "step-00000006")
    second = reward(half, resume=True)
    ours, theirs = (model_in(one.model, "SequenceClassification").state_dict() for one in (first, second))
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())


def test_another_form_is_imported_before_training(settings: RewardSettings, tmp_path: Path) -> None:
    file = rankings(tmp_path / "pairs.jsonl", 12)
    loop = settings.loop.model_copy(update={"steps": 1})
    run = reward(
        settings.model_copy(
            update={
                "data": file,
                "format": "trl",
                "out": tmp_path / "run",
                "loop": loop,
                "validation_share": 0.5,
            }
        )
    )
    assert (tmp_path / "run" / "data" / "train.jsonl").is_file()
    assert run.steps == 1


def test_a_model_that_reads_from_both_sides_is_refused(settings: RewardSettings, tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    small: Any = BertConfig(
        vocab_size=300, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    bert: Any = BertModel(small)
    bert.save_pretrained(tmp_path / "bert")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(settings.model / name, tmp_path / "bert" / name)
    with pytest.raises(TrainError, match="reads from both sides"):
        reward(settings.model_copy(update={"model": tmp_path / "bert", "out": tmp_path / "run"}))


def test_rewards_do_not_depend_on_the_batch_an_answer_is_in(base: Path) -> None:
    seeded(0)
    model = model_in(base, "SequenceClassification", num_labels=1).eval()
    layout = RewardLayout(tokenizer_in(base), 128).tokens
    elements = [
        element(ranking("a" * 30, "bb", "c", tiers=[1, 2, 3]), layout),
        element(ranking("dd", "e" * 9, tiers=[2, 1]), layout),
    ]
    together = rewards_of(model, micro_batches(elements, 10_000)[0], CPU)
    alone = [rewards_of(model, batch, CPU) for batch in micro_batches(elements, 1)]
    assert len(alone) == 2
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=1e-4)
    for tokens, value in zip((*elements[0].tokens, *elements[1].tokens), together, strict=True):
        expected = model(input_ids=torch.tensor([tokens])).logits[0, 0]
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-4)


def test_a_question_that_is_read_once_for_its_answers_changes_no_reward_and_no_gradient(base: Path) -> None:
    seeded(0)
    model = model_in(base, "SequenceClassification", num_labels=1).eval()
    assert shares(model, CPU)
    layout = RewardLayout(tokenizer_in(base), 512).tokens
    asked = (Utterance(role="user", text="Which of these is it, and why? " * 3),)
    long = [
        replace(ranking("a" * 9, "bb", "c" * 5, tiers=[1, 2, 3]), said=asked),
        replace(ranking("d" * 3, "e" * 30, tiers=[2, 1]), said=asked),
        ranking("f" * 200, "g" * 190, tiers=[1, 2]),
    ]
    elements = [element(one, layout) for one in long]
    plain, tree = (batch_of(elements, share=share) for share in (False, True))
    assert sum(rows.ids.numel() for rows in tree.rows) < 0.8 * sum(rows.ids.numel() for rows in plain.rows)
    assert [one.shared() > 0 for one in elements] == [True, True, False]
    found: list[list[torch.Tensor]] = []
    for batch in (plain, tree):
        rewards = rewards_of(model, batch, CPU)
        weights = list(model.parameters())
        loss = ranking_loss(rewards, batch.pairs)
        found.append([rewards.detach(), *torch.autograd.grad(loss, weights)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_answers_behind_one_question_do_not_see_one_another() -> None:
    (mask,) = tree_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]))[0]
    assert listed(mask.int()) == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]


def test_rewards_are_told_apart_finer_than_half_precision_could(base: Path) -> None:
    model = model_in(base, "SequenceClassification", num_labels=1).eval()
    layout = RewardLayout(tokenizer_in(base), 128).tokens
    batch = batch_of([element(ranking("a" * 30, "bb", "c", tiers=[1, 2, 3]), layout)])
    with torch.autocast("cpu", torch.bfloat16):
        rewards = rewards_of(model, batch, CPU)
    assert rewards.dtype == torch.float32
    assert not torch.equal(rewards, rewards.bfloat16().float())


def test_each_answer_is_read_once_and_a_ranking_is_one_element(base: Path) -> None:
    layout = RewardLayout(tokenizer_in(base), 128).tokens
    (batch,) = micro_batches([element(ranking("a", "b", "c", "d", tiers=[1, 2, 3, 4]), layout)], 1)
    assert sum(len(rows.ids) for rows in batch.rows) == batch.answers == 4
    assert len(batch.pairs.first) == 6
    assert batch.count == pytest.approx(1.0)
    assert ranking_loss(torch.zeros(4), batch.pairs).item() == pytest.approx(np.log(2))


def canonical(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "train.jsonl"
    usual = {
        "id": "1", "batch": "b", "prompt": "p", "at": "2026-01-01T00:00:00Z", "context": [{"role": "user", "text": "Q"}],
    }  # fmt: skip
    file.write_text(
        "".join(json.dumps(usual | {"id": str(at)} | row) + "\n" for at, row in enumerate(rows)),
        encoding="utf-8",
    )
    return folder


def answers(**tiers: int | None) -> list[dict[str, Any]]:
    return [{"id": name, "text": name, "tier": tier} for name, tier in tiers.items()]


def test_what_several_raters_said_of_the_same_answers_is_one_element(tmp_path: Path) -> None:
    lost: Counter[str] = Counter()
    (found,) = ranked(
        canonical(
            tmp_path,
            {"answers": answers(x=1, y=2, z=None)},
            {"answers": answers(y=1, x=2, w=3)},
            {"answers": answers(x=1, y=1), "outcome": "all_bad"} | {"answers": answers(x=None, y=None)},
        ),
        lost,
    )
    assert found.answers == ("x", "y", "w")
    assert found.weight == pytest.approx(2.0)
    by = {(one.first, one.second): one for one in found.compared}
    assert by[0, 1].target == pytest.approx(1 / (1 + 1 / 3))
    assert by[0, 1].weight == pytest.approx(1 + 1 / 3)
    assert by[0, 2].target == by[1, 2].target == 1.0
    assert lost == {"the outcome is all_bad": 1}


PAIRS: dict[Name, list[dict[str, Any]]] = {
    "hh": [
        {"chosen": f"\n\nHuman: Q\n\nAssistant: {better}", "rejected": f"\n\nHuman: Q\n\nAssistant: {worse}"}
        for better, worse in ("xy", "xz", "yz")
    ],
    "openai": [
        {
            "input": {"messages": [{"role": "user", "content": "Q"}]},
            "preferred_output": [{"role": "assistant", "content": better}],
            "non_preferred_output": [{"role": "assistant", "content": worse}],
        }
        for better, worse in ("xy", "xz", "yz")
    ],
    "trl": [{"prompt": "Q", "chosen": better, "rejected": worse} for better, worse in ("xy", "xz", "yz")],
}


@pytest.mark.parametrize("form", PAIRS)
def test_pairs_of_others_about_one_question_are_one_element(form: Name, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in PAIRS[form]), encoding="utf-8")
    (found,) = ranked(imported([file], form, tmp_path / "ranked"), Counter())
    assert [one.text for one in found.said] == ["Q"]
    order = [found.answers.index(text) for text in "xyz"]
    rewards = torch.tensor([[2.0, 1.0, 0.0][order.index(at)] for at in range(3)])
    each = [np.log1p(np.exp(-apart)) for apart in (1, 2, 1)]
    loss = ranking_loss(rewards, pairs_of([(3, found.compared)]))
    assert loss.item() == pytest.approx(sum(each))
    (even,) = evened([found])
    assert even.weight == pytest.approx(1.0)
    assert ranking_loss(rewards, pairs_of([(3, even.compared)])).item() == pytest.approx(sum(each) / 3)


def test_a_share_of_questions_is_held_out_where_none_is(tmp_path: Path) -> None:
    rows = [{"prompt": f"{at // 2}", "batch": f"{at}", "answers": answers(x=1, y=2)} for at in range(200)]
    sides = parted(ranked(canonical(tmp_path, *rows), Counter()), 0.2)
    kept, held = ({one.prompt for one in sides[side]} for side in ("train", "validation"))
    assert not kept & held
    assert 8 <= len(held) <= 32


def test_the_length_rule_is_learnt_and_ties_in_length_are_half() -> None:
    train = [ranking("longer answer", "short", tiers=[1, 2])]
    assert longer_wins(train)
    assert not longer_wins([ranking("longer answer", "short", tiers=[2, 1])])
    held = [ranking("aa", "b", tiers=[1, 2], prompt="1"), ranking("a", "bbb", tiers=[1, 2], prompt="2")]
    found = figures(held, [[1.0, 0.0], [1.0, 0.0]], longer=True)
    assert (found["accuracy"], found["length_accuracy"], found["over_length"]) == (1.0, 0.5, 0.5)
    assert (found["accuracy_longer"], found["accuracy_shorter"]) == (1.0, 1.0)
    assert figures([ranking("a", "b", tiers=[1, 1])], [[1.0, 0.0]], longer=True) == {}


def test_an_interval_is_wider_where_pairs_of_a_question_agree() -> None:
    values = np.array([1.0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0])
    by_question = np.repeat(np.arange(4), 3)
    mean, wide = mean_and_reach(values, by_question)
    _, narrow = mean_and_reach(values, np.arange(12))
    assert mean == 0.5
    assert wide == pytest.approx(3.182446 * (1 / 3) ** 0.5 / 2, rel=1e-5)
    assert narrow < wide
    assert mean_and_reach(values, np.zeros(12, dtype=int)) == (0.5, 1.0)


def test_rewards_drawn_from_the_model_itself_are_calibrated_and_larger_ones_are_too_sure() -> None:
    random = np.random.default_rng(0)
    apart = np.abs(random.normal(0, 2, 20_000))
    signed = np.where(random.random(20_000) < 1 / (1 + np.exp(-apart)), apart, -apart)
    error, slope = calibration(signed)
    assert error < 0.02
    assert slope == pytest.approx(1.0, abs=0.05)
    error, slope = calibration(3 * signed)
    assert error > 0.1
    assert slope == pytest.approx(1 / 3, abs=0.03)


def test_the_answer_ahead_is_the_one_more_raters_preferred() -> None:
    found = contests([ranking("a", "bb", tiers=[2, 1])], [[1.0, 0.25]])
    assert found.apart.tolist() == [-0.75]
    assert found.longer.tolist() == [1.0]


@pytest.mark.slow
def test_the_command_trains_and_scores_new_answers(settings: RewardSettings, tmp_path: Path) -> None:
    given: dict[str, object] = {"data": settings.data, "model": settings.model, "out": tmp_path / "run"}
    given |= {"loop.steps": 1, "loop.plot": "false", "loop.tensorboard": "false", "loop.device": "cpu"}
    said = CliRunner().invoke(
        app,
        [
            "reward",
            *(word for name, value in given.items() for word in ("--set", f"{name}={value}")),
            *("--question", "Which?", "--answer", "aaa", "--answer", "bbb", "--json"),
        ],
    )
    assert said.exit_code == 0, said.output
    row = json.loads(said.stdout.splitlines()[-1])
    assert row["stage"] == "reward"
    assert 0 <= row["accuracy"] <= 1
    scored = [line.split() for line in said.stderr.splitlines() if line.endswith(("aaa", "bbb"))]
    assert [float(value) for value, _ in scored] == pytest.approx(
        scores(Path(row["model"]), "Which?", ["aaa", "bbb"]), abs=1e-3
    )
