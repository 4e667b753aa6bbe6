"""What answered: the version of a model, and how its answers are drawn, each with an id that anybody can compute again; and where a version answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from .chat import Sampling
from .places import Person

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


DeploymentState: TypeAlias = Literal["active", "canary", "withdrawn"]
"""It answers there; it answers a share of what is asked there; what the configuration says answers there again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """That a model answers in the places whose key fits ``place`` since ``at``: of each pattern, the newest one holds.

    ``version`` is the id of its `ModelVersion`, ``name`` what it is kept and called as. ``run`` is the folder of the
    training run it came from, empty for a model that came from elsewhere; ``lineage`` are the runs it goes back to,
    newest first, and what each learned from; ``evidence`` are figures by name. ``by`` is the platform id of who did it,
    where that is known.
    """

    version: str
    name: str
    place: str = "*"
    state: DeploymentState = "active"
    run: str = ""
    lineage: tuple[Mapping[str, Any], ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict[str, float])
    id: str = ""
    at: datetime | None = None
    by: str = ""


class Versions(Protocol):
    """What answers: versions of models, how answers are drawn, and where which model is deployed.

    Nothing is ever changed, and nothing expires.
    """

    async def model_version(self, version: ModelVersion) -> str:
        """Keep ``version`` unless it is there, and return its id.

        Raises `StoreError` if the version it was made from is not there.
        """
        ...

    async def model_versions(self) -> Sequence[ModelVersion]:
        """Return all versions by name, and those of one name oldest first."""
        ...

    async def version_of(self, id_: str) -> ModelVersion | None:
        """Return one version."""
        ...

    async def sampling_config(self, sampling: Sampling) -> str:
        """Keep how answers are drawn (`rostra.versions.canonical`) unless it is there, and return its id."""
        ...

    async def sampling_of(self, id_: str) -> Sampling | None:
        """Return one way of drawing answers, as far as it was kept."""
        ...

    async def deploy(
        self, deployment: Deployment, *, actor: Person | None = None, adapter: str = ""
    ) -> Deployment:
        """Add a deployment and an entry in the log of changes; ``adapter``: whose platform knows ``actor``.

        Return it with its id and its time. Raises `StoreError` if its version is not there.
        """
        ...

    async def deployments(self) -> Sequence[Deployment]:
        """Return all deployments, newest first: also those that others took the place of."""
        ...


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
