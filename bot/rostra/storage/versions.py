"""Versions of models and ways of drawing answers: kept under ids made of what they are, and never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..chat import Sampling
from ..errors import StoreError
from ..versions import ModelVersion, canonical, sampling_from, sampling_id
from .people import Scope, storable
from .schema import model_version, sampling_config
from .statements import added_once


def add_version(scope: Scope, version: ModelVersion) -> str:
    """Add ``version`` unless it is there. Raises `StoreError` if the one it was made from is not."""
    parent = _parent(version)
    if version.parent and (parent is None or find_version(scope.connection, parent) is None):
        raise StoreError(f"the version that {version.name!r} was made from, {version.parent!r}, is unknown")
    row = {
        "id": UUID(version.id),
        "name": storable(version.name),
        "kind": version.kind,
        "source": storable(version.source),
        "content": version.content,
        "parameters": version.parameters,
        "licence": storable(version.licence),
        "parent_id": parent,
        "made_at": version.made_at,
        "meta": dict(version.meta),
        "at": scope.now,
    }
    scope.run(added_once(scope.connection, model_version), [row])
    return version.id


def versions(connection: Connection) -> Sequence[ModelVersion]:
    """Return all versions, by name, oldest first."""
    return [_version(row) for row in connection.execute(_VERSIONS).all()]


def find_version(connection: Connection, id_: UUID) -> ModelVersion | None:
    """Return one version."""
    row = connection.execute(sa.select(model_version).where(model_version.c.id == id_)).first()
    return None if row is None else _version(row)


def add_sampling(scope: Scope, sampling: Sampling) -> str:
    """Add how answers are drawn, unless it is there."""
    id_ = sampling_id(sampling)
    row = {"id": UUID(id_), "params": json.loads(canonical(sampling)), "at": scope.now}
    scope.run(added_once(scope.connection, sampling_config), [row])
    return id_


def find_sampling(connection: Connection, id_: UUID) -> Sampling | None:
    """Return one way of drawing answers."""
    params = connection.scalar(sa.select(sampling_config.c.params).where(sampling_config.c.id == id_))
    return None if params is None else sampling_from(params)


def _parent(version: ModelVersion) -> UUID | None:
    try:
        return UUID(version.parent)
    except ValueError:
        return None


def _version(row: Any) -> ModelVersion:
    return ModelVersion(
        name=row.name,
        kind=row.kind,
        source=row.source,
        content=row.content,
        parameters=row.parameters,
        licence=row.licence,
        parent="" if row.parent_id is None else row.parent_id.hex,
        made_at=row.made_at,
        meta=row.meta,
    )


_VERSIONS = sa.select(model_version).order_by(model_version.c.name, model_version.c.at, model_version.c.id)
