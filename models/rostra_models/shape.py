"""The shape of a model of the Llama family, read from its ``config.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .json_files import inner, json_object

FAMILY = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""What configurations call the architectures whose forward pass is ours; SmolLM2 calls itself ``llama``."""

_NEEDED = ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Numbers of a decoder-only transformer: widths are in numbers a token, ``rotations`` in radians a position.

    ``rotations`` has one entry for each pair of numbers in a head (https://arxiv.org/abs/2104.09864).
    """

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    epsilon: float
    tied: bool
    rotations: tuple[float, ...]

    @property
    def group(self) -> int:
        """Heads that share keys and values."""
        return self.heads // self.kv_heads


def read(folder: Path) -> Shape | None:
    """Return the shape of the model in ``folder``, or None where its forward pass is not ours. Raises `ModelError`."""
    return shape_of(json_object(folder / "config.json"))


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """Return the shape that ``config`` describes, or None where something in it is not understood here."""
    if config.get("model_type") not in FAMILY or config.get("hidden_act", "silu") != "silu":
        return None
    # What is left out has another default in each architecture; transformers knows them. The first Llamas had no groups.
    needed = _NEEDED if config["model_type"] == "llama" else (*_NEEDED, "num_key_value_heads")
    if any(config.get(key) is None for key in needed):
        return None
    if config.get("quantization_config") or _slides(config):
        return None
    heads = int(config["num_attention_heads"])
    width = int(config["hidden_size"])
    head = int(config.get("head_dim") or width // heads)
    rotations = _rotations(config, head)
    if rotations is None:
        return None
    return Shape(
        layers=int(config["num_hidden_layers"]),
        width=width,
        inner=int(config["intermediate_size"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head=head,
        vocabulary=int(config["vocab_size"]),
        epsilon=float(config.get("rms_norm_eps", 1e-6)),
        tied=bool(config.get("tie_word_embeddings", False)),
        rotations=rotations,
    )


def _slides(config: Mapping[str, Any]) -> bool:
    """Return whether a token sees only some of what precedes it."""
    window = config.get("sliding_window")
    used = config.get("use_sliding_window", config["model_type"] == "mistral")
    return bool(used and window and window < config.get("max_position_embeddings", 0))


def _rotations(config: Mapping[str, Any], head: int) -> tuple[float, ...] | None:
    """Return the rotation of each pair; None for a kind of scaling that is not understood here."""
    # Configurations since transformers 5 keep theta beside the scaling, older ones apart from it.
    scaling = inner(config, "rope_parameters") or inner(config, "rope_scaling")
    theta = float(scaling.get("rope_theta") or config.get("rope_theta") or 10000.0)
    plain = [theta ** (-2 * pair / head) for pair in range(head // 2)]
    match scaling.get("rope_type") or scaling.get("type") or "default":
        case "default":
            return tuple(plain)
        case "linear":
            return tuple(angle / float(scaling["factor"]) for angle in plain)
        case "llama3":
            return tuple(_llama3(plain, scaling))
        case _:
            return None


def _llama3(plain: Sequence[float], scaling: Mapping[str, Any]) -> list[float]:
    """Slow down what turns less than once in the old window (Llama 3.1, as in transformers' ``modeling_rope_utils``)."""
    factor, low, high = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    window = float(scaling["original_max_position_embeddings"])
    found: list[float] = []
    for angle in plain:
        turns = window * angle / (2 * math.pi)
        share = min(1.0, max(0.0, (turns - low) / (high - low)))
        found.append(angle * (share + (1 - share) / factor))
    return found
