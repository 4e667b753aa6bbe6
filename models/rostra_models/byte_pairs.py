"""Byte-level BPE tokenizers: how each kind that llama.cpp names splits a text before pairs are merged.

llama.cpp keeps these in ``llama-vocab.cpp`` and knows a kind by its name (``tokenizer.ggml.pre``); ``tokenizers``
keeps the expressions themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

from rostra.errors import ModelError

from .json_files import inner

_SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"

EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {
        "llama-bpe": _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST,
        "qwen2": _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST,
        "tekken": (
            rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*|\p{{N}}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
    }
)
"""Of Llama 3, Qwen 2 and 3, and Mistral's later models."""

KINDS = ("smollm", "gpt-2", *EXPRESSIONS)
"""What is understood. ``smollm`` takes digits one by one and splits the rest as GPT-2 does."""

_WHOLE_WORDS = frozenset({"llama-bpe", "tekken"})
"""Kinds that look a whole word up before they merge pairs."""


def byte_pairs(
    names: Sequence[str], merges: Sequence[str], special: Sequence[str], *, kind: str = "smollm"
) -> Any:
    r"""Return a tokenizer of one of `KINDS`.

    transformers 5.23 overlooks the kind in a GGUF file, and splits ``"\n\n1"`` otherwise than SmolLM does.
    """
    tokenizers: Any = import_module("tokenizers")
    vocabulary = {name: number for number, name in enumerate(names)}
    pairs = [
        (left, right) for left, right in (pair.split(" ") for pair in merges) if left + right in vocabulary
    ]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab=vocabulary, merges=pairs, ignore_merges=kind in _WHOLE_WORDS)
    )
    split = tokenizers.pre_tokenizers
    if kind in EXPRESSIONS:
        first = [split.Split(tokenizers.Regex(EXPRESSIONS[kind]), behavior="isolated")]
    else:
        first = [split.Digits(individual_digits=True)] if kind == "smollm" else []
    last = split.ByteLevel(add_prefix_space=False, use_regex=kind not in EXPRESSIONS)
    made.pre_tokenizer = split.Sequence([*first, last])
    if kind == "qwen2":
        made.normalizer = tokenizers.normalizers.NFC()
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in special])
    return made


def kind_of(tokenizer: Mapping[str, Any], file: str) -> str:
    """Return which of `KINDS` a ``tokenizer.json`` is; ``file`` is its name in messages. Raises `ModelError`."""
    model = inner(tokenizer, "model")
    steps = _steps(inner(tokenizer, "pre_tokenizer"))
    last: Mapping[str, Any] = steps[-1] if steps else {}
    if model.get("type") != "BPE" or last.get("type") != "ByteLevel":
        raise ModelError(
            f"{file!r} is of type {model.get('type')!r} over characters; byte-level BPE is needed"
        )
    first = [_described(step) for step in steps[:-1]]
    known = {expression: kind for kind, expression in EXPRESSIONS.items()}
    if not first:
        return "gpt-2"
    if first == ["digits"]:
        return "smollm"
    if len(first) == 1 and first[0] in known:
        return known[first[0]]
    raise ModelError(f"{file!r} splits texts by {first!r}; one of {', '.join(KINDS)} is needed")


def _steps(split: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if split.get("type") == "Sequence":
        return [*split.get("pretokenizers", ())]
    return [split] if split else []


def _described(step: Mapping[str, Any]) -> str:
    if step.get("type") == "Digits" and step.get("individual_digits"):
        return "digits"
    expression = inner(step, "pattern").get("Regex")
    if step.get("type") == "Split" and step.get("behavior") == "Isolated" and isinstance(expression, str):
        return expression
    return str(step.get("type"))
