"""How language models are asked to judge, and how strictly their answers are read: one module a family of models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .llama_guard import LlamaGuard
from .plain import Plain
from .qwen3guard import Qwen3Guard
from .shieldgemma import ShieldGemma
from .values import Ask, Case, Format, Labels, Said

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            LlamaGuard(name="llama-guard-3"),
            LlamaGuard(name="llama-guard-4"),
            Qwen3Guard(),
            ShieldGemma(),
            Plain(),
        )
    }
)
"""All formats, by the names that a configuration gives them."""

__all__ = ["FORMATS", "Ask", "Case", "Format", "Labels", "Said"]
