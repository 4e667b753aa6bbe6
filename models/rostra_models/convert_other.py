"""GGUF files of other architectures: transformers knows what their tensors are called and how they are turned.

It holds all weights in memory as float32 at once. Its own way in, ``from_pretrained(folder, gguf_file=…)``, needs
``accelerate`` and cannot be saved from (5.23), so its reader is asked for the tensors, and they are written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from rostra.errors import ModelError, ModelMissing

from .gguf_file import GgufFile
from .tensors import Kept, Tensor, save


def written(
    source: GgufFile, folder: Path, *, dtype: Kept, generation: Mapping[str, float]
) -> Mapping[str, str]:
    """Write the model to ``folder`` and return the weight files with their SHA-256. Raises `ModelError`."""
    reading = _library()
    try:
        config, tensors = _read(reading, source)
        config.dtype = dtype
        config.save_pretrained(folder)
        write_tokenizer(source, folder)
    except ModelError:
        raise
    except Exception as error:  # what a foreign reader makes of a foreign file
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{source.file.name!r} is of kind {source.architecture!r}, and transformers cannot read it: {said}"
        ) from error
    if generation:
        (folder / "generation_config.json").write_text(json.dumps(dict(generation), indent=2) + "\n")
    return {"model.safetensors": save(folder / "model.safetensors", tensors, dtype=dtype)}


def write_tokenizer(source: GgufFile, folder: Path) -> None:
    """Write the file's tokenizer to ``folder`` as transformers understands it. Raises `ModelError`."""
    _library()
    transformers: Any = import_module("transformers")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(source.file.parent), gguf_file=source.file.name, local_files_only=True
        )
    except Exception as error:  # what a foreign reader makes of a foreign file
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"transformers cannot read the tokenizer of {source.file.name!r}"
            f" (of kind {source.fields.get('tokenizer.ggml.model')!r}): {said}"
        ) from error
    tokenizer.save_pretrained(folder)


def _library() -> Any:
    try:
        import_module("torch")  # the reader refuses without it, in more words
        return import_module("transformers.modeling_gguf_pytorch_utils")
    except ImportError as error:
        raise ModelMissing(
            "a GGUF file of this kind needs torch and transformers; `pip install 'rostra[local]'` installs them"
        ) from error


def _read(reading: Any, source: GgufFile) -> tuple[Any, list[Tensor]]:
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    plain = reading.load_gguf_checkpoint(str(source.file))["config"]
    # Not those of the model that the architecture was first made for.
    ends = {
        f"{ours}_token_id": source.fields.get(f"tokenizer.ggml.{theirs}_token_id")
        for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
    }
    config: Any = transformers.AutoConfig.for_model(**{**plain, **ends})
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    config.architectures = [type(model).__name__]
    found: Mapping[str, Any] = reading.load_gguf_checkpoint(
        str(source.file), return_tensors=True, model_to_load=model
    )["tensors"]
    needed = {name for name, _ in model.named_parameters()}  # tied ones once
    absent = sorted(needed - set(found))
    if absent:
        raise ModelError(f"{source.file.name!r} has nothing for {absent[0]!r} of transformers' model")
    return config, [_tensor(name, values) for name, values in found.items()]


def _tensor(name: str, values: Any) -> Tensor:
    return Tensor(name=name, shape=tuple(values.shape), values=lambda: values.float().numpy())
