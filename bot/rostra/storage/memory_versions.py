"""What answers, in a store that forgets."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..chat import Sampling
from ..errors import StoreError
from ..versions import ModelVersion, canonical, sampling_from, sampling_id


class MemoryVersions:
    """A `rostra.stores.Versions` that lives as long as the process."""

    def __init__(self) -> None:
        self._models: dict[str, ModelVersion] = {}
        self._samplings: dict[str, Sampling] = {}

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
