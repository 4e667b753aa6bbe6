"""What a stage starts from: the model and the tokenizer in a Hugging Face folder, whole and in 32 bits."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch.nn import Module

from .errors import TrainError
from .estimate import Size, bytes_needed, step_flops
from .settings import LoopSettings

Head: TypeAlias = Literal["CausalLM", "SequenceClassification"]

SCORE_BYTES = 12
"""Bytes of a logit: in 32 bits, its gradient and its softmax."""

_HEADS = ("score.", "classifier.")
"""Weights that are new where a model gets a head to classify with."""


def folder_of(model: Path) -> Path:
    """Return the folder of a model: a path, or the name of one that is kept in the data folder. Raises `TrainError`."""
    if (model / "config.json").is_file():
        return model
    if len(model.parts) == 1:
        from rostra.config import load

        kept = load(None).data / "models" / model
        if (kept / "config.json").is_file():
            return kept
    raise TrainError(
        f"model is {str(model)!r}: there is no config.json; a Hugging Face folder or a kept name is right"
    )


def tokenizer_in(folder: Path) -> Any:
    """Return the tokenizer of a Hugging Face folder. Nothing is fetched, and no code of others runs."""
    library: Any = import_module("transformers")
    return library.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def model_in(folder: Path, head: Head = "CausalLM", **config: Any) -> Any:
    """Return the model of a Hugging Face folder in float32, with another ``head`` where it has another.

    ``config`` is set on its configuration. Weights must be safetensors. Raises `TrainError` if any but a head's are missing.
    """
    library: Any = import_module("transformers")
    library.logging.set_verbosity_error()  # a new head is reported as missing weights
    library.logging.disable_progress_bar()
    try:
        model, found = getattr(library, f"AutoModelFor{head}").from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation="sdpa",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **config,
        )
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # no weights, weights of other shapes, another kind of model
        raise TrainError(f"{str(folder)!r} cannot be loaded as a model for {head}: {error}") from error
    missing = [name for name in found["missing_keys"] if not name.startswith(_HEADS)]
    if missing:  # transformers would make them up
        raise TrainError(f"{str(folder)!r} has no weights for {min(missing)!r}: it is another model's folder")
    return model


def parameters(model: Module) -> tuple[int, int]:
    """Return how many numbers ``model`` has, and how many of them are trained."""
    sizes = [(one.numel(), one.requires_grad) for one in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


def foreseen(
    model: Module, loop: LoopSettings, *, tokens: int, mean: float, per_step: int, scores: int
) -> tuple[str, float]:
    """Return a line that says what a run will need, and the operations of a step.

    A micro-batch has ``tokens`` at most; a step reads ``per_step`` conversations of ``mean`` tokens; of ``scores`` tokens the logits
    are held at once.
    """
    whole: Any = model
    config: Any = whole.config
    of, trained = parameters(model)
    size = Size(
        parameters=of,
        trained=trained,
        embedded=whole.get_input_embeddings().weight.numel(),
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        inner=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        vocabulary=0,
        rows=1,
        room=max(1, min(tokens, int(mean * per_step))),
    )
    needed = bytes_needed(size, loop) + SCORE_BYTES * scores * config.vocab_size
    say = f"{trained / 1e6:,.1f} of {of / 1e6:,.1f} M parameters are trained, in about {needed / 1e6:,.0f} MB"
    flops = step_flops(replace(size, room=max(1, int(mean))), per_step)
    return say, flops if trained * 2 > of else flops * 2 / 3  # frozen weights have no gradients of their own
