"""transformers' Trainer and TRL's SFTTrainer and RewardTrainer as contenders of the training bench, paced by it.

Runs where ``trl==1.12.0`` is installed: ``python trainers.py STAGE FOLDER DATA OPTIONS``. OPTIONS is JSON: arguments of the
trainer over those below. What a step makes is counted in tokens, padding left out; rankings in the stage ``reward``.
"""

import json
import os
import runpy
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

Paced = runpy.run_path(str(Path(__file__).parents[1] / "lines.py"))["Paced"]

os.environ.update(TRANSFORMERS_VERBOSITY="error", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

STEPS = 10**6
"""More than any bench takes."""

SETTINGS = {
    "report_to": [],
    "logging_strategy": "no",
    "save_strategy": "no",
    "disable_tqdm": True,
    "use_cpu": True,
    "dataloader_pin_memory": False,
    "gradient_checkpointing": False,
    "optim": "adamw_torch_fused",
    "lr_scheduler_type": "constant",
    "learning_rate": 1e-5,
    "seed": 0,
}
"""What is fair to them: nothing is computed twice to save memory, logged or written, and the optimiser is the fast one."""


def main(stage: str, folder: str, data: str, options: str) -> None:
    """Train until nobody asks for more."""
    paced = Paced()
    import torch
    import transformers
    from datasets import disable_caching

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    transformers.logging.disable_progress_bar()
    disable_caching()
    rows = json.loads(Path(data).read_bytes())
    heads = {"reward": ("SequenceClassification", {"num_labels": 1})}
    head, config = heads.get(stage, ("CausalLM", {}))
    model = getattr(transformers, f"AutoModelFor{head}").from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa", **config
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model.config.pad_token_id = tokenizer.pad_token_id
    given = {**SETTINGS, "output_dir": tempfile.mkdtemp(), "max_steps": STEPS, **json.loads(options)}
    trainer = {"pretrain": plain, "reward": pairs}.get(stage, answers)(model, tokenizer, given, rows)

    class Pace(transformers.TrainerCallback):
        told = 0

        def on_step_end(self, args: Any, *_: Any, **__: Any) -> None:
            every = args.per_device_train_batch_size * args.gradient_accumulation_steps
            if stage == "pretrain":
                made = every * len(rows[0]["ids"])
            elif stage == "reward":
                made = every / len(list(combinations(rows[0], 2)))
            else:
                read: int = trainer._total_train_tokens  # noqa: SLF001  it is logged, and logging is off
                made, Pace.told = read - Pace.told, read
            paced.step(made)

    trainer.add_callback(Pace())
    paced.wait()
    trainer.train()


def plain(model: Any, _tokenizer: Any, given: dict[str, Any], rows: list[Any]) -> Any:
    """Return what trains on every token."""
    import transformers
    from datasets import Dataset

    return transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(**given),
        train_dataset=Dataset.from_list([{"input_ids": one["ids"], "labels": one["ids"]} for one in rows]),
        data_collator=transformers.default_data_collator,
    )


def pairs(model: Any, tokenizer: Any, given: dict[str, Any], rows: list[Any]) -> Any:
    """Return what trains on the pairs of rankings."""
    import trl
    from datasets import Dataset

    found = [pair for each in rows for pair in combinations(each, 2)]
    return trl.RewardTrainer(
        model=model,
        args=trl.RewardConfig(**given),
        train_dataset=Dataset.from_list([{"chosen_ids": one, "rejected_ids": other} for one, other in found]),
        processing_class=tokenizer,
    )


def answers(model: Any, tokenizer: Any, given: dict[str, Any], rows: list[Any]) -> Any:
    """Return what trains on the tokens that are wanted."""
    import trl
    from datasets import Dataset

    labelled = [
        {
            "input_ids": one["ids"],
            "labels": [
                token if wanted else -100 for token, wanted in zip(one["ids"], one["wanted"], strict=True)
            ],
        }
        for one in rows
    ]
    return trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(**given),
        train_dataset=Dataset.from_list(labelled),
        processing_class=tokenizer,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
