"""Frozen datasets: what is in them, where they were written to, and which models were trained on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from ..feedback.values import DatasetMember, DatasetVersion, ExportArtifact, Exposure, Lineage
from .driven import hexer
from .feedback_tables import (
    batch,
    batch_line,
    candidate,
    dataset_member,
    dataset_version,
    export_artifact,
    exposure,
    judgment,
)
from .ids import id_if_any, id_of, short, text_of_id
from .people import Scope
from .schema import model_version, person
from .statements import added_once, bulk, compiled, inserted_once

Row: TypeAlias = Any
PORTION = 5000
LOCK = 7_263_121
"""For PostgreSQL: one at a time numbers versions."""


def begin(scope: Scope, fresh: DatasetVersion) -> DatasetVersion:
    """Begin a version and return it with its number; the same one again if it was begun before."""
    id_, name = id_of(fresh.id, "dataset"), short(fresh.name)
    if scope.connection.dialect.name == "postgresql":
        scope.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    there = find(scope.connection, dataset_version.c.id == id_)
    if there is not None:
        return there
    last = scope.connection.scalar(
        sa.select(sa.func.max(dataset_version.c.version)).where(dataset_version.c.name == name)
    )
    version: int = (last or 0) + 1
    row = {
        "id": id_,
        "name": name,
        "version": version,
        "query": dict(fresh.query),
        "watermark": fresh.watermark,
        "code_version": short(fresh.code_version),
        "split_salt": short(fresh.split_salt),
        "manifest": "",
        "parent_id": id_if_any(fresh.parent, "dataset"),
        "at": scope.now,
        "tainted_at": None,
    }
    scope.run(sa.insert(dataset_version), [row])
    return replace(fresh, version=version, manifest="", at=scope.now)


def add_members(scope: Scope, id_: UUID, members: Sequence[DatasetMember]) -> None:
    """Add judgments. Raises `StoreError` if the dataset is frozen, or not there."""
    there = find(scope.connection, dataset_version.c.id == id_)
    if there is None:
        raise StoreError(f"there is no dataset {id_.hex!r}; begin it first")
    if there.manifest:
        raise StoreError(f"dataset {there.name!r} version {there.version} is frozen; begin another version")
    key = scope.bulk.key
    dataset = key(id_)
    rows = [
        {
            "dataset_id": dataset,
            "judgment_id": key(id_of(member.judgment, "judgment")),
            "split": member.split,
            "weight": member.weight,
        }
        for member in members
    ]
    scope.drive(_member_statements(scope.connection.dialect.name)[0], rows)


def finish(scope: Scope, id_: UUID, manifest: str) -> DatasetVersion:
    """Freeze a dataset, tainted if somebody in it was erased since it was begun."""
    there = find(scope.connection, dataset_version.c.id == id_)
    if there is None or not manifest:
        raise StoreError(f"there is no dataset {id_.hex!r} to finish, or no manifest")
    if there.manifest:
        return there
    gone = set(scope.connection.scalars(sa.select(person.c.id).where(person.c.erased_at >= there.at)))
    tainted = scope.now if gone and id_ in containing(scope.connection, gone) else None
    scope.connection.execute(
        sa.update(dataset_version)
        .where(dataset_version.c.id == id_)
        .values(manifest=short(manifest, 64), tainted_at=tainted)
    )
    return replace(there, manifest=manifest, tainted_at=tainted)


def find(connection: Connection, where: sa.ColumnElement[bool]) -> DatasetVersion | None:
    """Return one version."""
    row = connection.execute(_VERSIONS.where(where).limit(1)).first()
    return None if row is None else _version(row)


def finished(connection: Connection, name: str | None = None) -> Sequence[DatasetVersion]:
    """Return finished versions, newest first."""
    query = _VERSIONS.where(dataset_version.c.manifest != "")
    if name is not None:
        query = query.where(dataset_version.c.name == short(name))
    return [_version(row) for row in connection.execute(query)]


def find_finished(connection: Connection, name: str, version: int | None) -> DatasetVersion | None:
    """Return a finished version, the newest by default."""
    found = finished(connection, name)
    return next((one for one in found if version in {None, one.version}), None)


def members(connection: Connection, id_: UUID, after: UUID | None) -> Sequence[DatasetMember]:
    """Return the next members behind a judgment, by the judgment's id."""
    dialect = connection.dialect.name
    key, hex_ = bulk(dialect).key, hexer(dialect)
    _, first, following = _member_statements(dialect)
    values = {"dataset": key(id_), "limit": PORTION}
    if after is None:
        rows = connection.exec_driver_sql(first, values).all()
    else:
        rows = connection.exec_driver_sql(following, {**values, "after": key(after)}).all()
    return [
        DatasetMember(judgment=hex_(judgment), split=split, weight=weight) for judgment, split, weight in rows
    ]


@cache
def _member_statements(dialect: str) -> tuple[str, str, str]:
    """Return the statements that add members, and that read the first ones and those behind a judgment."""
    member = dataset_member.c
    query = (
        sa.select(member.judgment_id, member.split, member.weight)
        .where(member.dataset_id == sa.bindparam("dataset"))
        .order_by(member.judgment_id)
        .limit(sa.bindparam("limit"))
        .offset(sa.literal_column("0"))
    )
    following = query.where(member.judgment_id > sa.bindparam("after"))
    return inserted_once(dialect, dataset_member), compiled(dialect, query), compiled(dialect, following)


def add_export(scope: Scope, export: ExportArtifact) -> None:
    """Add where a dataset was written to."""
    row = {
        "id": id_of(export.id, "export"),
        "dataset_id": id_of(export.dataset, "dataset"),
        "format": short(export.format, 40),
        "uri": export.uri,
        "sha256": short(export.sha256, 64),
        "rows": export.rows,
        "key": short(export.key),
        "actor_id": id_if_any(export.by, "person"),
        "at": export.at,
        "recalled_at": export.recalled_at,
    }
    scope.run(added_once(scope.connection, export_artifact), [row])


def exports(connection: Connection, ids: Iterable[UUID] | None) -> Sequence[ExportArtifact]:
    """Return the exports of datasets (None: of all), oldest first."""
    query = sa.select(export_artifact).order_by(export_artifact.c.at, export_artifact.c.id)
    if ids is not None:
        query = query.where(export_artifact.c.dataset_id.in_(list(ids)))
    return [
        ExportArtifact(
            id=row.id.hex,
            dataset=row.dataset_id.hex,
            format=row.format,
            uri=row.uri,
            sha256=row.sha256,
            rows=row.rows,
            key=row.key,
            at=row.at,
            by=text_of_id(row.actor_id),
            recalled_at=row.recalled_at,
        )
        for row in connection.execute(query)
    ]


def expose(scope: Scope, one: Exposure) -> None:
    """Add that a model version was trained on a dataset."""
    row = {
        "id": id_of(one.id, "exposure"),
        "model_version_id": id_of(one.model_version, "model version"),
        "dataset_id": id_of(one.dataset, "dataset"),
        "run": short(one.run),
        "at": one.at,
    }
    scope.run(added_once(scope.connection, exposure), [row])


def containing(connection: Connection, people: Iterable[UUID], space: UUID | None = None) -> set[UUID]:
    """Return the datasets, finished or not, that hold what ``people`` judged, asked or wrote (in the workspace ``space``)."""
    who = list(people)
    written = (
        sa.select(batch.c.id)
        .where(batch.c.asker_id.in_(who))
        .union(
            sa.select(batch_line.c.batch_id).where(batch_line.c.author_id.in_(who)),
            sa.select(candidate.c.batch_id).where(candidate.c.author_id.in_(who)),
        )
    )
    found: set[UUID] = set()
    for mine in (judgment.c.person_id.in_(who), judgment.c.batch_id.in_(written)):
        query = (
            sa.select(dataset_member.c.dataset_id)
            .distinct()
            .join(judgment, judgment.c.id == dataset_member.c.judgment_id)
            .where(mine)
        )
        if space is not None:
            query = query.join(batch, batch.c.id == judgment.c.batch_id).where(batch.c.workspace_id == space)
        found |= set(connection.scalars(query))
    return found


def taint(scope: Scope, ids: Iterable[UUID]) -> None:
    """Mark datasets as holding what they should not hold any more, and recall their exports."""
    wanted = list(ids)
    scope.connection.execute(
        sa.update(dataset_version)
        .where(dataset_version.c.id.in_(wanted), dataset_version.c.tainted_at.is_(None))
        .values(tainted_at=scope.now)
    )
    scope.connection.execute(
        sa.update(export_artifact)
        .where(export_artifact.c.dataset_id.in_(wanted), export_artifact.c.recalled_at.is_(None))
        .values(recalled_at=scope.now)
    )


def lineage(connection: Connection, ids: Iterable[UUID]) -> Lineage:
    """Return these datasets with their exports and the models that saw them, at first or second hand."""
    wanted = list(ids)
    found = [_version(row) for row in connection.execute(_VERSIONS.where(dataset_version.c.id.in_(wanted)))]
    return Lineage(
        datasets=tuple(one for one in found if one.manifest),
        exports=tuple(exports(connection, wanted)),
        models=tuple(sorted(id_.hex for id_ in _models(connection, wanted))),
    )


def _models(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    query = sa.select(exposure.c.model_version_id).where(exposure.c.dataset_id.in_(ids))
    seen, fresh = set[UUID](), set(connection.scalars(query))
    while fresh:
        seen |= fresh
        made = sa.select(model_version.c.id).where(model_version.c.parent_id.in_(fresh))
        fresh = set(connection.scalars(made)) - seen
    return seen


def _version(row: Row) -> DatasetVersion:
    at: datetime = row.at
    return DatasetVersion(
        id=row.id.hex,
        name=row.name,
        version=row.version,
        query=row.query,
        watermark=row.watermark,
        code_version=row.code_version,
        split_salt=row.split_salt,
        manifest=row.manifest,
        at=at,
        parent=text_of_id(row.parent_id),
        tainted_at=row.tainted_at,
    )


_VERSIONS = sa.select(dataset_version).order_by(dataset_version.c.at.desc(), dataset_version.c.version.desc())
