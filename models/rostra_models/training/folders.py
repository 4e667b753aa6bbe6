"""Models as Hugging Face folders: written whole, and their weights read back bit for bit."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from .errors import TrainError


def save_folder(model: Module, folder: Path) -> None:
    """Write the configuration and the weights, in safetensors, as transformers loads them."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar for each checkpoint would be all one sees
    kept: Any = model
    kept.save_pretrained(folder)


def load_folder(model: Module, folder: Path) -> None:
    """Read the weights of `save_folder` into ``model``. Raises `TrainError` if they are another model's."""
    library: Any = import_module("safetensors.torch")

    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= library.load_file(file)
    there = model.state_dict()
    addresses = {there[name].data_ptr() for name in found if name in there}
    # What is tied to something that was written was written with it.
    missing = [name for name, one in there.items() if name not in found and one.data_ptr() not in addresses]
    strange = [name for name in found if name not in there or there[name].shape != found[name].shape]
    if missing or strange:
        raise TrainError(
            f"the weights in {str(folder)!r} are another model's: missing {missing[:3]!r}, strange {strange[:3]!r}"
        )
    with torch.no_grad():
        for name, one in found.items():
            there[name].copy_(one)


def called(folder: Path) -> str:
    """Return what people call a model in ``folder``: a run's result lies in a folder model, so it is the run's name."""
    whole = folder.resolve()
    return whole.parent.name if whole.name == "model" else whole.name
