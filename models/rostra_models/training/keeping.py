"""How a model that came from a Hugging Face folder is written back to one, with its tokenizer, trained whole or in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.nn import Module

from .folders import load_folder, save_folder
from .lora import load_lora, parts, save_lora


def kept_by(
    model: Module, tokenizer: Any
) -> tuple[Callable[[Module, Path], None], Callable[[Module, Path], None]]:
    """Return a recipe's ``save`` and ``load``: a whole Hugging Face folder that others load, read back bit for bit."""
    low_rank = bool(parts(model))

    def save(called: Module, folder: Path) -> None:
        (save_lora if low_rank else save_folder)(called, folder)
        tokenizer.save_pretrained(folder)

    return save, load_lora if low_rank else load_folder
