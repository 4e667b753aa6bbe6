"""What answered: the version of a model, and how its answers are drawn, each with an id that anybody can compute again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, TypeAlias
from uuid import UUID

from .chat import Sampling

VersionKind: TypeAlias = Literal["base", "sft", "reward", "policy", "external"]
"""As others made it; fine-tuned; a reward model; trained against a reward model; at a server, where nobody sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A model as it is and stays: other weights, another tokenizer or another template make another version.

    ``content`` is the SHA-256 of all of those, empty where they cannot be seen; then ``source`` and ``name`` are what
    the version is known by. ``parent`` is the id of the version it was made from. ``licence`` is an SPDX name where
    one is known. ``meta`` is plain JSON, and holds no secrets.
    """

    name: str
    kind: VersionKind = "base"
    source: str = ""
    content: str = ""
    parameters: int | None = None
    licence: str = ""
    parent: str = ""
    made_at: datetime | None = None
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def id(self) -> str:
        """Thirty-two hexadecimal digits, the same wherever the same model is met."""
        return _version_id(self.content, self.source, self.name)


def version_of(model: object) -> ModelVersion | None:
    """Return the version of a model that tells it (`rostra.protocols.Versioned`), None of one that does not."""
    found = getattr(model, "version", None)
    return found if isinstance(found, ModelVersion) else None


def canonical(sampling: Sampling) -> bytes:
    """Return how one answer is drawn as JSON, the same bytes for the same way.

    What counts is ``temperature``, ``top_p``, ``max_tokens``, ``stop`` and ``seed``. How many answers are drawn, the
    tools that go along and the place do not: they say what was asked, not how.
    """
    plain = {
        "temperature": _number(sampling.temperature),
        "top_p": _number(sampling.top_p),
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "seed": sampling.seed,
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


@lru_cache(maxsize=1_000)  # asked for with every answer; there are as many as answerers
def sampling_id(sampling: Sampling) -> str:
    """Return the id of how one answer is drawn: thirty-two hexadecimal digits, made of `canonical`."""
    return _id(canonical(sampling))


def sampling_from(plain: Mapping[str, Any]) -> Sampling:
    """Return the sampling that `canonical` made ``plain`` (the JSON, read) from, as far as it counts."""
    return Sampling(
        temperature=plain["temperature"],
        top_p=plain["top_p"],
        max_tokens=plain["max_tokens"],
        stop=tuple(plain["stop"]),
        seed=plain["seed"],
    )


@lru_cache(maxsize=1_000)
def _version_id(content: str, source: str, name: str) -> str:
    known_by = [content] if content else ["", source, name]
    return _id(json.dumps(known_by).encode())


def _number(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0  # 0, 0.0 and -0.0 are one


def _id(content: bytes) -> str:
    return UUID(bytes=sha256(content).digest()[:16]).hex
