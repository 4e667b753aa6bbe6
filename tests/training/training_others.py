"""Models that are not the usual tiny one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training_tensors import seeded

from rostra_models.testing import tiny_llama


def tiny_gpt2(folder: Path) -> Path:
    """Write a small random GPT-2 with the tiny model's tokenizer."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tiny_llama(folder)
    (folder / "model.safetensors").unlink()
    seeded(0)
    config = GPT2Config(
        vocab_size=259,
        n_positions=128,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    made: Any = GPT2LMHeadModel(config)
    made.save_pretrained(folder)
    return folder
