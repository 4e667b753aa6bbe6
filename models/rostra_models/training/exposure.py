"""Which models saw which frozen datasets: kept with their versions, so that an erasure can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from rostra.feedback.values import Exposure
from rostra.stores import Store
from rostra.versions import ModelVersion, VersionKind

from ..versions import version_of
from .record import Source
from .runs import Found, found_in, lineage

KINDS: Mapping[str, VersionKind] = {
    "pretrain": "base",
    "sft": "sft",
    "reward": "reward",
    "ppo": "policy",
    "dpo": "policy",
}

"""What a stage makes."""


def versions(model: Path, line: Sequence[Found], base: str) -> Sequence[tuple[Found | None, ModelVersion]]:
    """Return the versions of all that ``model`` goes back to (`rostra_models.training.runs.lineage`), each with its run.

    Oldest first, and itself last.
    """
    if not line:
        return [(None, version_of(model))]
    made: list[tuple[Found | None, ModelVersion]] = []
    if base and Path(base).is_dir():
        made.append((None, version_of(Path(base))))
    for one in reversed(line):
        folder = model if one is line[0] else Path(one.record.model)
        if folder.is_dir():  # what was removed since is in the lineage all the same
            parent = made[-1][1].id if made else ""
            kind = KINDS.get(one.record.stage, "base")
            made.append((one, version_of(folder, name=one.name, kind=kind, parent=parent)))
    return made


async def registered(store: Store, model: Path, line: Sequence[Found], base: str) -> None:
    """Keep the versions of all that ``model`` goes back to, and which frozen datasets each was trained on."""
    for run, version in await asyncio.to_thread(versions, model, line, base):
        await store.model_version(version)
        if run is not None:
            await exposed(store, run, version.id)


async def exposed(store: Store, run: Found, version: str) -> None:
    """Keep that ``version`` was trained on the frozen datasets of its run: erasing somebody then tells which models saw them."""
    for one in run.record.data:
        dataset = await _dataset_id(store, one)
        if not dataset:
            continue
        digest = sha256(f"{version}\n{dataset}\n{run.folder}".encode()).digest()
        id_ = UUID(bytes=digest[:16]).hex
        at = run.record.ended or run.record.started
        moment = datetime.fromisoformat(at)
        await store.expose(Exposure(id=id_, model_version=version, dataset=dataset, run=run.name, at=moment))


async def _dataset_id(store: Store, source: Source) -> str:
    """Return the id of the frozen dataset that ``source`` is an export of; empty if it is none of this store's."""
    told = source.dataset
    if "name" not in told:
        return str(told.get("id", ""))
    kept = await store.dataset(str(told["name"]), int(told["version"]))
    return kept.id if kept is not None and kept.manifest == told.get("manifest") else ""


async def seen(out: Path) -> None:
    """Keep what the run in ``out``, which is done, has seen of frozen datasets of the data folder."""
    from rostra.cli.running import store_of

    run = await asyncio.to_thread(found_in, out)
    if run is None:
        return
    line, base = await asyncio.to_thread(lineage, run)
    async with store_of(None) as store:
        await registered(store, Path(run.record.model), line, base)
