"""A reward model small enough for tests, made on the spot from the small Llama: random, the same for the same seed."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from .testing import TEMPLATE, tiny_llama


def tiny_reward(folder: Path, *, window: int = 512, seed: int = 0, template: str | None = TEMPLATE) -> Path:
    """Write a ``LlamaForSequenceClassification`` with one label to ``folder`` and return it.

    transformers loads it like any other; scoring a short conversation takes a millisecond or two.
    """
    import numpy as np

    arrays: Any = import_module("safetensors.numpy")  # its types are partly unknown
    tiny_llama(folder, window=window, seed=seed, template=template)
    weights = folder / "model.safetensors"
    tensors: dict[str, Any] = arrays.load_file(weights)
    head = tensors.pop("lm_head.weight")
    tensors["score.weight"] = (
        np.random.default_rng(seed).normal(0.0, 1.0, (1, head.shape[1])).astype(head.dtype)
    )
    arrays.save_file(tensors, weights, metadata={"format": "pt"})
    file = folder / "config.json"
    config: dict[str, Any] = json.loads(file.read_bytes())
    config |= {
        "architectures": ["LlamaForSequenceClassification"],
        "id2label": {"0": "reward"},
        "label2id": {"reward": 0},
    }
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")
    return folder
