"""Load an export with `datasets`, and take one step on it with TRL's RewardTrainer and DPOTrainer, on a tiny random model.

Runs where ``trl==1.12.0`` is installed: ``python trl_step.py FOLDER``, with an export of the form ``trl``; ``python trl_step.py FOLDER kto``
takes one of the form ``trl-unpaired``. Prints one JSON object; nothing is downloaded.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

import torch
import trl
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

ROWS = 50
"""Rows that a step is drawn from: TRL tokenizes all it is given."""

LONGEST = 4096
"""Tokens of a row; what is longer, TRL's RewardTrainer leaves out."""

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def tokenizer_of(rows: Iterable[Any]) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the bytes of the rows."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<pad>", "</s>", "<user>", "<assistant>", "<system>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator((str(row) for row in rows), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")  # noqa: S106  no secret
    fast.chat_template = TEMPLATE
    return fast


def config_of(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Return the smallest Llama there is."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        num_labels=1,
    )


def arguments(kind: Any, folder: str) -> Any:
    """Return the settings of one step."""
    return kind(
        output_dir=folder,
        max_steps=1,
        per_device_train_batch_size=2,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        max_length=LONGEST,
    )


def main() -> None:
    """Take the steps."""
    folder = Path(sys.argv[1])
    rows = load_dataset(str(folder), split="train", cache_dir=tempfile.mkdtemp())
    few = rows.select(range(min(len(rows), ROWS)))
    tokenizer = tokenizer_of(few)
    torch.manual_seed(0)
    losses = {}
    with tempfile.TemporaryDirectory() as work:
        if sys.argv[2:] == ["kto"]:
            from trl.experimental.kto import KTOConfig, KTOTrainer

            steps = [("kto", KTOConfig, KTOTrainer, LlamaForCausalLM)]
        else:
            steps = [
                ("reward", trl.RewardConfig, trl.RewardTrainer, LlamaForSequenceClassification),
                ("dpo", trl.DPOConfig, trl.DPOTrainer, LlamaForCausalLM),
            ]
        for name, config, trainer, model in steps:
            start = Path(work) / f"start-{name}"  # TRL looks up where a model came from
            model(config_of(tokenizer)).save_pretrained(start)
            made = trainer(
                model=model.from_pretrained(start),
                args=arguments(config, work),
                train_dataset=few,
                processing_class=tokenizer,
            )
            losses[name] = made.train().training_loss
    print(json.dumps({"trl": trl.__version__, "rows": len(rows), "losses": losses}))  # noqa: T201  the answer


if __name__ == "__main__":
    main()
