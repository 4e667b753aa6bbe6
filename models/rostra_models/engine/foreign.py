"""Models of every other architecture, through transformers: one conversation after the other, but in one schedule."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .runner import Part


class ForeignMemory:
    """A cache of transformers', of whatever kind the model has."""

    __slots__ = ("_size", "cache", "length", "room")

    def __init__(self, room: int, size: int) -> None:
        """``size`` is what a token takes, in bytes."""
        self.room = room
        self.length = 0
        self.cache: Any = None  # transformers makes the right one when it reads the first tokens
        self._size = size

    @property
    def bytes(self) -> int:
        return self._size * self.length

    def copied(self, length: int, room: int) -> ForeignMemory | None:
        """Return another one; None for the beginning of what a model keeps only as a whole, or in a window."""
        cut = length - self.length
        if cut and not _cuttable(self.cache):
            return None
        made = ForeignMemory(room, self._size)
        made.cache, made.length = copy.deepcopy(self.cache), length
        if cut:
            made.cache.crop(cut)  # negative: how many go
        return made


def _cuttable(cache: Any) -> bool:
    layers: Sequence[Any] = getattr(cache, "layers", ())
    return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)


class Foreign:
    """A model that transformers runs."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.token_bytes = _token_bytes(model)

    @classmethod
    def load(cls, folder: Path, numbers: torch.dtype) -> Foreign:
        """Load the model of a folder. Raises whatever transformers does; no code of the folder's is run."""
        transformers: Any = import_module("transformers")
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=numbers, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        return cls(model.eval())

    def memory(self, room: int) -> ForeignMemory:
        return ForeignMemory(room, self.token_bytes)

    def forward(self, parts: Sequence[Part]) -> Tensor:
        with torch.inference_mode():
            found = [(part.wanted, self._read(part)) for part in parts]
            return torch.stack([logits for wanted, logits in found if wanted])

    def _read(self, part: Part) -> Tensor:
        memory: Any = part.memory
        out = self.model(
            torch.tensor([list(part.tokens)]), past_key_values=memory.cache, use_cache=True, logits_to_keep=1
        )
        memory.cache = out.past_key_values
        memory.length += len(part.tokens)
        logits: Tensor = out.logits[0, -1].float()
        return logits


def _token_bytes(model: Any) -> int:
    """Return what a token takes as keys and values, going by the configuration; 0 where it does not say."""
    config: Any = model.config.get_text_config()
    attending: int = getattr(config, "num_attention_heads", 0) or 1
    heads: int = getattr(config, "num_key_value_heads", None) or attending
    head: int = getattr(config, "head_dim", None) or getattr(config, "hidden_size", 0) // attending
    layers: int = getattr(config, "num_hidden_layers", 0)
    return 2 * layers * heads * head * int(model.dtype.itemsize)
