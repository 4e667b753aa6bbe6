"""Presets: what is known of servers that speak OpenAI's protocol, read from ``presets.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

Api: TypeAlias = Literal["chat", "responses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a server is like; the defaults are those of a server that nothing is known of. ``presets.toml`` explains."""

    url: str = ""
    api: Api = "chat"
    key: str = ""
    max_tokens: str = "max_tokens"
    usage: bool = True
    seed: str = "seed"
    n: bool = False
    logprobs: bool = True
    stop: int = 4


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    text = files("rostra_models.remote").joinpath("presets.toml").read_text(encoding="utf-8")
    return {name: Preset(**table) for name, table in tomllib.loads(text).items()}
