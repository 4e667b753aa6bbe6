"""Low-rank adaptation: a few numbers are trained beside frozen matrices, and merged into them when the model is written.

Hu et al. 2021 (arXiv 2106.09685). Our own, in place of peft: the model stays the transformers class it was (a hook adds to
what a matrix gives), so the loop, the serving engine and `save_pretrained` see nothing new; what is written is a whole model
that anything loads, and beside it in ``adapter/`` the same numbers in peft's form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Module

from .errors import TrainError

ADAPTER = "adapter"
_FILE = "adapter_model.safetensors"
_NAMES = {"low_rank.down": "lora_A.weight", "low_rank.up": "lora_B.weight"}
_PREFIX = "base_model.model."


class LowRank(Module):  # type: ignore[misc]  # torch is not followed by mypy
    """What is added to a matrix of ``shape`` (out, in): ``scale`` times up times down, zero at first."""

    def __init__(self, shape: tuple[int, int], rank: int, alpha: float) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, shape[1]))
        self.up = nn.Parameter(torch.zeros(shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.scale = alpha / rank
        self.on = True

    def forward(self, given: Tensor) -> Tensor:
        return nn.functional.linear(nn.functional.linear(given, self.down), self.up) * self.scale

    def whole(self) -> Tensor:
        """Return the matrix that it stands for."""
        return self.up @ self.down * self.scale


def add_lora(model: Module, rank: int, alpha: float) -> list[str]:
    """Freeze ``model`` and add a low-rank part to every matrix of its layers. Return the names of these.

    The heads (``lm_head``, ``score``) and embeddings get none. At first the model computes what it did before. Raises `TrainError`.
    """
    whole: Any = model
    whole.requires_grad_(False)
    found: list[tuple[str, Any]] = [(name, one) for name, one in whole.named_modules() if _fits(name, one)]
    if not found:
        raise TrainError(
            f"{type(model).__name__} has no linear layers that a low-rank part could be added to"
        )
    for _, one in found:
        first, second = one.weight.shape
        shape = (first, second) if isinstance(one, nn.Linear) else (second, first)
        one.low_rank = LowRank(shape, rank, alpha).to(one.weight.device)
        one.register_forward_hook(_add)
    return [name for name, _ in found]


def _fits(name: str, module: Module) -> bool:
    inside = any(part.isdigit() for part in name.split("."))  # a layer's
    return inside and (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")


def _add(module: Any, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
    low_rank: LowRank = module.low_rank
    return result + low_rank(given[0]) if low_rank.on else result


def parts(model: Module) -> Mapping[str, LowRank]:
    """Return the low-rank parts of ``model`` by the names of their matrices; none where it is trained whole."""
    whole: Any = model
    found: dict[str, LowRank] = {}
    for name, one in whole.named_modules():
        if isinstance(one, LowRank):
            found[name.removesuffix(".low_rank")] = one
    return found


@contextmanager
def without_lora(model: Module) -> Generator[None]:
    """Let ``model`` be what it was before training: a reference that takes no memory of its own."""
    found = parts(model).values()
    for one in found:
        one.on = False
    try:
        yield
    finally:
        for one in found:
            one.on = True


def merged_state(model: Module) -> dict[str, Tensor]:
    """Return the weights of the model as one without low-rank parts has them; those that nothing is added to are shared."""
    added = parts(model)
    state: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, one in model.state_dict().items():
            if ".low_rank." in name:
                continue
            part = added.get(name.removesuffix(".weight")) if name.endswith(".weight") else None
            if part is not None:
                turned = not isinstance(model.get_submodule(name.removesuffix(".weight")), nn.Linear)
                state[name] = one + (
                    part.whole().T if turned else part.whole()
                )  # transformers' Conv1D has (in, out)
            else:
                state[name] = one
    return state


def save_lora(model: Module, folder: Path) -> None:
    """Write the merged model as a Hugging Face folder, and what was trained alone to ``adapter/``, as peft reads it."""
    arrays: Any = import_module("safetensors.torch")
    kept: Any = model
    kept.save_pretrained(folder, state_dict=merged_state(model))
    there = folder / ADAPTER
    there.mkdir()
    trained = {
        _foreign(name): one.detach().cpu().contiguous()
        for name, one in model.named_parameters()
        if one.requires_grad
    }
    arrays.save_file(trained, there / _FILE, metadata={"format": "pt"})
    added = parts(model)
    first = next(iter(added.values()))
    rank = first.down.shape[0]
    config = {
        "peft_type": "LORA",
        "task_type": "SEQ_CLS" if hasattr(model, "score") else "CAUSAL_LM",
        "r": rank,
        "lora_alpha": first.scale * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({name.rpartition(".")[2] for name in added}),
        "modules_to_save": ["score"] if hasattr(model, "score") else None,
        "base_model_name_or_path": None,
        "fan_in_fan_out": not isinstance(model.get_submodule(next(iter(added))), nn.Linear),
        "inference_mode": True,
    }
    (there / "adapter_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def load_lora(model: Module, folder: Path) -> None:
    """Read what `save_lora` wrote to ``adapter/`` back into ``model``, bit for bit. Raises `TrainError` if it is another's."""
    arrays: Any = import_module("safetensors.torch")
    found: dict[str, Tensor] = arrays.load_file(folder / ADAPTER / _FILE)
    trained = {_foreign(name): one for name, one in model.named_parameters() if one.requires_grad}
    if {name: one.shape for name, one in found.items()} != {name: one.shape for name, one in trained.items()}:
        raise TrainError(f"the adapter in {str(folder)!r} is another model's, or of another rank")
    with torch.no_grad():
        for name, one in found.items():
            trained[name].copy_(one)


def _foreign(name: str) -> str:
    for ours, theirs in _NAMES.items():
        if name.endswith(ours):
            return _PREFIX + name.removesuffix(ours) + theirs
    return _PREFIX + name
