"""Export a frozen dataset: files that others can read, with a manifest and a card; made again, they are the same bytes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..values import DatasetVersion, ExportArtifact, Split, new_id
from . import manifest as manifests
from .card import card
from .formats import EVERYTHING, Format, Name, Options, format_called
from .freeze import Setting
from .gather import Gathering, gathered
from .permission import Purpose, permissions
from .pseudonyms import Keys, Pseudonyms
from .record import SPLITS, DatasetError, Plain, Record
from .scrub import Scrubber
from .shapes import Kind, Sink, Written, open_sink
from .source import Source

MANIFEST = "manifest.json"
CARD = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted. ``splits`` leave out what is tested with, unless it is asked for.

    ``key`` names the key of an earlier export that is made again; empty: a new one is drawn. ``by`` is the pseudonym of whoever asked.
    """

    format: Name = "canonical"
    kind: Kind = "jsonl"
    options: Options = EVERYTHING
    splits: tuple[Split, ...] = ("train", "validation")
    key: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and what was not: ``refused`` counts judgments, ``lost`` what the format cannot say."""

    artifact: ExportArtifact
    folder: Path
    files: tuple[Written, ...]
    refused: Mapping[str, int]
    lost: Mapping[str, int]


async def export(
    store: Source,
    dataset: DatasetVersion,
    order: Order,
    folder: Path,
    *,
    setting: Setting,
    scrubber: Scrubber | None,
) -> Exported:
    """Write a dataset into ``folder``, which must not be there yet, and note it in the store.

    Permission and consent are asked once more: whoever withdrew since is left out. ``scrubber`` None leaves texts as they
    are, but for mentions. Raises `DatasetError`; then there is no folder.
    """
    form = checked(order, folder)
    if manifests.digest(manifests.frozen(dataset)) != dataset.manifest:
        raise DatasetError(
            f"the manifest of dataset {manifests.label(dataset)!r} was changed; check the database"
        )
    uri = absolute(folder)
    keys = Keys(setting.work / "keys")
    key = order.key or keys.new()
    names = Pseudonyms(keys.get(key))
    purpose: Purpose = "publish" if dataset.query.get("asked", {}).get("purpose") == "publish" else "train"
    what = Gathering(
        dataset=dataset,
        names=names,
        allowed=await permissions(store, purpose, setting.clean),
        splits=order.splits,
        scrubber=scrubber,
    )
    lost: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=setting.work, prefix="export-") as work, building(folder) as target:
        records = gathered(store, what, Path(work))
        files = await written(
            records, form, order, target, lost=lost, done=lambda count: setting.progress("written", count)
        )
        about = described(what, order, key, files, lost)
        digest = finished(target, about, card(about, form, purpose))
    artifact = ExportArtifact(
        id=new_id(),
        dataset=dataset.id,
        format=order.format,
        uri=uri,
        sha256=digest,
        rows=sum(one.rows for one in files),
        key=key,
        at=setting.clock.now(),
        by=order.by,
    )
    await store.add_export(artifact)
    return Exported(artifact=artifact, folder=folder, files=files, refused=what.refused, lost=lost)


def checked(order: Order, folder: Path) -> Format:
    """Return the format, if it can be written as ordered. Raises `DatasetError`."""
    form = format_called(order.format)
    if order.kind not in form.kinds:
        raise DatasetError(f"{order.format} cannot be {order.kind!r}; {', '.join(form.kinds)} can be read")
    if order.options.labels == "soft" and not form.soft:
        raise DatasetError(f"{order.format} has no place for soft labels; trl has")
    if folder.exists():
        raise DatasetError(f"{str(folder)!r} is there already; name a new folder")
    if not folder.parent.is_dir():
        raise DatasetError(f"there is no folder {str(folder.parent)!r}")
    return form


def absolute(folder: Path) -> str:
    """Return where a folder is, whatever this process's folder is later."""
    return str(folder.resolve())


class building:  # noqa: N801  used like a function
    """A folder that is there once it is complete, and not at all if something fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part = folder.parent / f".{folder.name}.part"

    def __enter__(self) -> Path:
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(mode=0o700)
        return self._part

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._part.rename(self._folder)
        else:
            shutil.rmtree(self._part, ignore_errors=True)


@dataclass(slots=True)
class Output:
    """The files of one export, one a split; one without rows is not written."""

    folder: Path
    form: Format
    order: Order
    lost: Counter[str]
    sinks: dict[Split, Sink] = field(default_factory=dict[Split, Sink])
    judgments: int = 0

    def write(self, groups: Sequence[Sequence[Record]]) -> None:
        """Write the records of some batches."""
        rows: dict[Split, list[Plain]] = {}
        lines: dict[Split, list[bytes]] = {}
        encoded = self.form.lines if self.order.kind == "jsonl" else None
        for group in groups:
            self.judgments += len(group)
            if encoded is not None:
                lines.setdefault(group[0].split, []).extend(encoded(group))
            else:
                found = self.form.rows(group, self.order.options, self.lost)
                rows.setdefault(group[0].split, []).extend(found)
        for split, listed in (rows | lines).items():
            if listed:
                self._sink(split).write(listed)

    def _sink(self, split: Split) -> Sink:
        if split not in self.sinks:
            path = self.folder / f"{split}.{self.order.kind}"
            self.sinks[split] = open_sink(path, self.order.kind, self.form.shape)
        return self.sinks[split]

    def close(self) -> tuple[Written, ...]:
        """Finish all files."""
        return tuple(self.sinks[split].close() for split in SPLITS if split in self.sinks)


async def written(
    records: AsyncIterator[Sequence[Sequence[Record]]],
    form: Format,
    order: Order,
    folder: Path,
    *,
    lost: Counter[str],
    done: Callable[[int], None],
) -> tuple[Written, ...]:
    """Write records, which come batch by batch, into files. Raises `DatasetError` if there is not a single row."""
    output = Output(folder, form, order, lost)
    try:
        async for groups in records:
            await asyncio.to_thread(output.write, groups)
            done(output.judgments)
    finally:
        files = output.close()
    if not files:
        raise DatasetError("nothing may be exported: no judgment is left, or the format can say none of them")
    return files


def described(
    what: Gathering, order: Order, key: str, files: Sequence[Written], lost: Mapping[str, int]
) -> Mapping[str, Any]:
    """Return the manifest of an export. No time is in it: the same export has the same one."""
    return {
        "dataset": manifests.frozen(what.dataset),
        "dataset_sha256": what.dataset.manifest,
        "export": {
            "format": order.format,
            "pairs": order.options.pairs,
            "labels": order.options.labels,
            "splits": list(order.splits),
            "pseudonyms": key,
            "scrubber": what.scrubber.version if what.scrubber else None,
            "code": manifests.code(),
        },
        "files": [
            {"name": one.name, "rows": one.rows, "bytes": one.size, "sha256": one.sha256} for one in files
        ],
        "refused": dict(sorted(what.refused.items())),
        "not_said": dict(sorted(lost.items())),
        "scrubbed": dict(sorted(what.scrubbed.items())),
    }


def finished(folder: Path, about: Mapping[str, Any], text: str) -> str:
    """Write manifest and card; return the SHA-256 of the manifest, which holds those of all files."""
    about = {**about, "card_sha256": sha256(text.encode()).hexdigest()}
    (folder / CARD).write_text(text, encoding="utf-8")
    (folder / MANIFEST).write_bytes(manifests.written(about))
    return manifests.digest(about)
