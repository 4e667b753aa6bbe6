"""Peer of the PPO bench: TRL's experimental PPO trainer, 1.12 being the last release that has one. Run by the peers' interpreter.

``trl_ppo.py POLICY REWARD PROMPTS DTYPE`` loads four models and trains; a step that it is asked for is a round of 32 answers.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
    logging,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer

Paced = runpy.run_path(str(Path(__file__).parents[1] / "lines.py"))["Paced"]
BATCH, ANSWER, ENDLESS = 32, 53, 100_000


class Rounds(TrainerCallback):
    """Waits after each round until another one is asked for."""

    def __init__(self, paced: Any) -> None:
        self.paced = paced

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.paced.wait()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.paced.step(float(BATCH))


def train(policy: str, reward: str, prompts: str, dtype: str) -> None:
    """Train until nobody asks for more."""
    paced = Paced()
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(policy, padding_side="left")
    data = Dataset.from_dict({"input_ids": json.loads(Path(prompts).read_text())})
    classify = AutoModelForSequenceClassification.from_pretrained
    with tempfile.TemporaryDirectory() as out:
        PPOTrainer(
            args=PPOConfig(
                output_dir=out,
                per_device_train_batch_size=BATCH,
                gradient_accumulation_steps=1,
                num_mini_batches=1,
                num_ppo_epochs=4,
                total_episodes=BATCH * ENDLESS,
                local_rollout_forward_batch_size=BATCH,
                response_length=ANSWER,
                stop_token="eos",  # noqa: S106  no secret
                temperature=0.7,
                learning_rate=3e-6,
                bf16=dtype == "bfloat16",
                gradient_checkpointing=False,  # on by default, and slower
                num_sample_generations=0,
                save_strategy="no",
                report_to=[],
                use_cpu=True,
                disable_tqdm=True,
            ),
            processing_class=tokenizer,
            model=AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32),
            ref_model=AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32),
            reward_model=classify(reward, dtype=torch.float32),
            value_model=classify(reward, dtype=torch.float32),
            train_dataset=data,
            eval_dataset=data,
            callbacks=[Rounds(paced)],
        ).train()


if __name__ == "__main__":
    train(*sys.argv[1:])
