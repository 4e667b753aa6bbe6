"""From raw text to a policy that answers: every stage on one small world, whose people like to hear of the sun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import training_weather as weather

from rostra.chat import Sampling, Utterance
from rostra.components import Services
from rostra_models.conversation import Conversation
from rostra_models.engine.loading import lean
from rostra_models.engine.runner import Part
from rostra_models.local import LocalSettings, open_local
from rostra_models.scorer_engine import RewardEngine
from rostra_models.scorer_layout import RewardLayout
from rostra_models.shape import read
from rostra_models.training.earning import texts
from rostra_models.training.loop import Means
from rostra_models.training.passes import PassesLoop
from rostra_models.training.ppo import PpoLoop, PpoSettings, ppo
from rostra_models.training.pretrain import PretrainSettings, pretrain
from rostra_models.training.reward import RewardSettings, reward
from rostra_models.training.rollouts import Speaker
from rostra_models.training.settings import LoopSettings
from rostra_models.training.sft import SftSettings, sft
from rostra_models.training.shapes import ShapeSettings
from rostra_models.training.starting import model_in, tokenizer_in

pytestmark = pytest.mark.slow

QUIET: dict[str, Any] = {"tensorboard": False, "plot": False, "device": "cpu", "log_every": 1000}
MARGIN, LIFT = 1.0, 1.0
"""How much more is liked at least of what the policy says in the end, on average and in deviations of its rewards.

What anybody likes goes from -3 to 3; of what the fine-tuned model says it is about 0, with a deviation of 1.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The folders of three stages."""

    base: Path
    tuned: Path
    judge: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("recipe")
    base = pretrain(
        PretrainSettings(
            data=weather.texts(folder),
            out=folder / "pretrain",
            vocabulary=300,
            context=128,
            rows=8,
            overlap_limit=1.0,
            shape=ShapeSettings(layers=2, width=48, heads=4),
            loop=LoopSettings(steps=60, learning_rate=6e-3, **QUIET),
        )
    )
    tuned = sft(
        SftSettings(
            data=weather.talk(folder),
            model=base.model,
            out=folder / "sft",
            batch=32,
            window=128,
            loop=PassesLoop(steps=60, learning_rate=6e-3, **QUIET),
        )
    )
    assert tuned.facts["validation_loss"] < tuned.facts["first_validation_loss"] - 2
    judge = reward(
        RewardSettings(
            data=weather.pairs(folder),
            format="trl",
            model=tuned.model,
            out=folder / "reward",
            validation_share=0.2,
            window=128,
            batch=32,
            loop=PassesLoop(steps=50, learning_rate=4e-3, **QUIET),
        )
    )
    assert judge.facts["accuracy"] > 0.75
    return Made(base=base.model, tuned=tuned.model, judge=judge.model)


def practice(made: Made, folder: Path, *, seed: int, **given: Any) -> PpoSettings:
    folder.mkdir(exist_ok=True)
    plain: dict[str, Any] = {
        "data": weather.questions(folder),
        "model": made.tuned,
        "out": folder / "ppo",
        "reward": made.judge,
        "rounds": 12,
        "batch": 48,
        "answer_tokens": 16,
        "validation_share": 0.3,
        "validation_questions": 32,
    }
    return PpoSettings(
        **{**plain, **given},
        loop=PpoLoop(learning_rate=2e-3, seed=seed, **QUIET),
    )


ASKED = tuple(
    (Utterance(role="user", text=f"What do you see? {first} hill {second}"),)
    for first in weather.WORDS
    for second in weather.WORDS
)
"""Questions that nobody practised on."""


def liked(folder: Path) -> float:
    """How well what the model in ``folder`` says is liked, on average."""
    tokenizer = tokenizer_in(folder)
    layout = Conversation(tokenizer)
    speaker = Speaker(policy=model_in(folder), end=tokenizer.eos_token_id, longest=16)
    answers = speaker.answers({at: layout.tokens(one) for at, one in enumerate(ASKED)}, seed=(7,))
    return sum(map(weather.liked, texts(answers, tokenizer))) / len(answers)


async def liked_where_it_is_served(folder: Path) -> float:
    """Likewise, answered as the bot answers, by a process of its own."""
    services = Services(name="weather", data=folder, base=folder.parent)
    found: list[float] = []
    async with open_local(LocalSettings(folder=str(folder), dtype="float32", threads=1), services) as model:
        for number, asked in enumerate(ASKED):
            sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=16, seed=number)
            answer = "".join([piece.text async for piece in model.stream(asked, sampling)])
            found.append(weather.liked(answer))
    return sum(found) / len(found)


@pytest.mark.parametrize("seed", [0, 1])
async def test_a_policy_made_from_raw_text_says_what_is_liked(made: Made, tmp_path: Path, seed: int) -> None:
    run = ppo(practice(made, tmp_path, seed=seed))
    assert run.facts["lift"] > LIFT
    assert 0 < run.facts["kl"] < 10
    assert run.facts["length"] > run.facts["first_length"] / 2
    assert liked(run.model) > liked(made.tuned) + MARGIN
    same_logits(run.model)
    if not seed:
        assert await liked_where_it_is_served(run.model) > MARGIN


def test_low_rank_parts_and_a_critic_begun_from_the_reward_model_learn_too(
    made: Made, tmp_path: Path
) -> None:
    settings = practice(made, tmp_path, seed=0, rounds=6, lora_rank=8, critic="reward", kl_coefficient=0.01)
    run = ppo(settings.model_copy(update={"loop": settings.loop.model_copy(update={"learning_rate": 0.02})}))
    assert run.facts["lift"] > LIFT / 4
    same_logits(run.model)


def same_logits(folder: Path) -> None:
    """Plain transformers and what serves compute the same."""
    import transformers

    kind: Any = transformers.AutoModelForCausalLM
    plain = kind.from_pretrained(folder).eval()
    shape = read(folder)
    assert shape is not None
    ours = lean(shape, plain.state_dict(), kind="float32")
    tokens = list(range(5, 40))
    part = Part(memory=ours.memory(64), tokens=tokens)
    with torch.no_grad():
        theirs = plain(input_ids=torch.tensor([tokens])).logits[0]
    torch.testing.assert_close(ours.forward([part], every=True), theirs, atol=2e-4, rtol=1e-3)


def test_every_stage_is_a_folder_that_plain_transformers_loads_with_the_same_logits(made: Made) -> None:
    same_logits(made.base)
    same_logits(made.tuned)
    import transformers

    kind: Any = transformers.AutoModelForSequenceClassification
    plain, tokenizer = kind.from_pretrained(made.judge).eval(), tokenizer_in(made.judge)
    said = [Utterance(role="user", text="And then?"), Utterance(role="assistant", text="sun sun sun")]
    layout = RewardLayout(tokenizer, 128)
    engine = RewardEngine(model_in(made.judge, "SequenceClassification").eval(), layout, batch=512)
    with torch.no_grad():
        theirs = plain(input_ids=torch.tensor([layout.tokens(said)])).logits[0, 0]
    assert engine.score([said])[0] == pytest.approx(float(theirs), abs=1e-4)


def test_answers_that_become_short_are_warned_of(made: Made, tmp_path: Path) -> None:
    lines: list[str] = []

    def likes_little(conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        return [-len(said[-1].text) / 10 for said in conversations]

    settings = practice(made, tmp_path, seed=0, rounds=6, kl_coefficient=0.0)
    run = ppo(settings, score=likes_little, means=Means(say=lines.append))
    assert run.facts["length"] < run.facts["first_length"] / 2
    warnings = [line for line in lines if line.startswith("warning")]
    assert len(warnings) == 1
    assert "answers have become short" in warnings[0]
