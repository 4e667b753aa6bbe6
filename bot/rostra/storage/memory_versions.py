"""What answers, in a store that forgets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from uuid_utils import uuid7

from ..chat import Sampling
from ..clock import Clock
from ..errors import StoreError
from ..places import Person
from ..versions import Deployment, ModelVersion, canonical, sampling_from, sampling_id

Audit: TypeAlias = Callable[[Person | None, str, str, Mapping[str, str]], Awaitable[None]]
"""Takes who did what to what, and what else is known."""


class MemoryVersions:
    """A `rostra.versions.Versions` that lives as long as the process."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._version_clock = clock
        self._audit = audit
        self._models: dict[str, ModelVersion] = {}
        self._samplings: dict[str, Sampling] = {}
        self._deployments: list[Deployment] = []

    async def model_version(self, version: ModelVersion) -> str:
        if version.parent and version.parent not in self._models:
            raise StoreError(
                f"the version that {version.name!r} was made from, {version.parent!r}, is unknown"
            )
        self._models.setdefault(version.id, version)
        return version.id

    async def model_versions(self) -> Sequence[ModelVersion]:
        return sorted(self._models.values(), key=lambda version: version.name)

    async def version_of(self, id_: str) -> ModelVersion | None:
        return self._models.get(id_)

    async def sampling_config(self, sampling: Sampling) -> str:
        id_ = sampling_id(sampling)
        self._samplings.setdefault(id_, sampling_from(json.loads(canonical(sampling))))
        return id_

    async def sampling_of(self, id_: str) -> Sampling | None:
        return self._samplings.get(id_)

    async def deploy(
        self, deployment: Deployment, *, actor: Person | None = None, adapter: str = ""
    ) -> Deployment:
        del adapter  # a person is kept as given
        if deployment.version not in self._models:
            raise StoreError(f"the version of {deployment.name!r}, {deployment.version!r}, is unknown")
        by = "" if actor is None else actor.id
        done = replace(deployment, id=uuid7().hex, at=self._version_clock.now(), by=by)
        self._deployments.insert(0, done)
        detail = {"version": deployment.version, "state": deployment.state}
        await self._audit(actor, "deploy", f"model {deployment.name}", detail)
        return done

    async def deployments(self) -> Sequence[Deployment]:
        return list(self._deployments)
