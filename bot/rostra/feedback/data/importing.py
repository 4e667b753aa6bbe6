"""Read other people's files: canonical records of them, split and written like an export."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ..values import Split
from . import manifest as manifests
from .card import imported_card
from .export import Order, Output, building, checked, finished
from .formats import Name, format_called
from .freeze import NEAR
from .near import Neighbours
from .record import SPLITS, DatasetError, Record, from_plain, key_of, to_plain
from .scrub import Scrubber, clean
from .shapes import Kind, Written, digest_of, read_rows
from .source import PORTION, portions
from .split import SALT, USUAL, Shares, decided
from .spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is read, and how it is written. ``split`` puts everything on one side; else questions are split as in a freeze.

    Canonical files keep the sides that they have. ``source`` is the dataset of rankings that name neither one nor a campaign:
    figures are told apart by it.
    """

    format: Name
    kind: Kind = "jsonl"
    split: Split | None = None
    shares: Shares = USUAL
    near: float = NEAR
    salt: str = SALT
    scrubber: Scrubber | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was written. ``lost`` counts rows that could not be used, by reason."""

    folder: Path
    files: tuple[Written, ...]
    judgments: int
    prompts: int
    lost: Mapping[str, int]


@dataclass(slots=True)
class Reading:
    """What was read so far: the records in a file by question, and each question's side."""

    order: Intake
    work: Path
    lost: Counter[str] = field(default_factory=Counter[str])
    scrubbed: Counter[str] = field(default_factory=Counter[str])
    prompts: list[str] = field(default_factory=list[str])
    sides: dict[str, Split | None] = field(default_factory=dict[str, Split | None])
    judgments: int = 0


def import_files(paths: Sequence[Path], order: Intake, folder: Path) -> Imported:
    """Write canonical records of what is in ``paths`` into ``folder``, which must not be there yet. Raises `DatasetError`."""
    checked(Order(kind=order.kind), folder)
    sources = [{"name": path.name, "sha256": digest_of(_there(path))} for path in paths]
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as work,
        building(folder) as target,
    ):
        reading = Reading(order=order, work=Path(work))
        ordered = _ordered(reading, paths)
        output = Output(target, format_called("canonical"), Order(kind=order.kind), reading.lost)
        try:
            for groups in portions(_sided(reading, ordered), PORTION):
                output.write(groups)
        finally:
            files = output.close()
        if not files:
            reasons = ", ".join(f"{count} {why}" for why, count in reading.lost.most_common())
            raise DatasetError(f"{order.format} says nothing in these files: {reasons or 'they are empty'}")
        about = _described(reading, sources, files)
        finished(target, about, imported_card(about))
    return Imported(
        folder=folder,
        files=files,
        judgments=reading.judgments,
        prompts=len(reading.prompts),
        lost=reading.lost,
    )


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"there is no file {str(path)!r}")
    return path


def _ordered(reading: Reading, paths: Sequence[Path]) -> Path:
    """Return a file with all records by question, having decided on each question's side."""
    spool = Spool(reading.work, "records")
    form = format_called(reading.order.format)
    for path in paths:
        for record in form.read(read_rows(path), reading.lost):
            tidy = _cleaned(reading, record)
            line = json.dumps(to_plain(tidy), ensure_ascii=True, separators=(",", ":"))
            spool.add("\t".join((*map(json.dumps, key_of(tidy)), line)).encode())
    near = reading.order.near
    neighbours = Neighbours(reading.work, near) if near else None
    ordered = reading.work / "ordered"
    before: list[bytes] = []
    with ordered.open("wb") as file:
        for row in spool.sorted():
            *key, content = row.split(b"\t")
            if key == before:
                reading.lost["the same judgment again"] += 1
                continue
            file.write(content + b"\n")
            if not before or key[0] != before[0]:
                _note_question(reading, content, neighbours)
            before = key
    _decide(reading, neighbours)
    return ordered


def _note_question(reading: Reading, content: bytes, neighbours: Neighbours | None) -> None:
    record = json.loads(content)
    reading.prompts.append(record["prompt"])
    kept = record["split"] if reading.order.format == "canonical" else None
    reading.sides[record["prompt"]] = reading.order.split or kept
    if neighbours is not None:
        neighbours.add([record["context"][-1]["text"]])


def _decide(reading: Reading, neighbours: Neighbours | None) -> None:
    groups: dict[int, list[str]] = {}
    roots: Sequence[int] = range(len(reading.prompts)) if neighbours is None else neighbours.groups().tolist()
    for prompt, root in zip(reading.prompts, roots, strict=True):
        groups.setdefault(root, []).append(prompt)
    for prompts in groups.values():
        sides: dict[str, Split | None] = {prompt: reading.sides[prompt] for prompt in prompts}
        reading.sides.update(decided(sides, reading.order.shares, reading.order.salt))


def _cleaned(reading: Reading, record: Record) -> Record:
    def text(one: str) -> str:
        return clean(one, reading.order.scrubber, reading.scrubbed)

    return replace(
        record,
        dataset=record.dataset or ("" if record.campaign else reading.order.source),
        context=tuple(replace(one, text=text(one.text)) for one in record.context),
        answers=tuple(replace(one, text=text(one.text)) for one in record.answers),
        comment=text(record.comment),
    )


def _sided(reading: Reading, ordered: Path) -> Iterator[list[Record]]:
    """Yield the records of each batch with their side."""
    with ordered.open("rb") as file:
        records = (from_plain(json.loads(line)) for line in file)
        for _, group in groupby(records, key=lambda one: (one.prompt, one.batch)):
            listed = list(group)
            side = reading.sides[listed[0].prompt]
            if side is None:
                reading.lost["its question resembles questions on both sides of the split"] += len(listed)
                continue
            reading.judgments += len(listed)
            yield [replace(one, split=side) for one in listed]


def _described(
    reading: Reading, sources: Sequence[Mapping[str, str]], files: Sequence[Written]
) -> Mapping[str, Any]:
    order = reading.order
    return {
        "format": manifests.FORMAT,
        "imported": {
            "format": order.format,
            "from": list(sources),
            "split": order.split,
            "near": order.near,
            "salt": order.salt,
            "shares": {"validation": order.shares.validation, "test": order.shares.test},
            "scrubber": order.scrubber.version if order.scrubber else None,
            "code": manifests.code(),
        },
        "judgments": reading.judgments,
        "prompts": len(reading.prompts),
        "splits": {split: sum(one == split for one in reading.sides.values()) for split in SPLITS},
        "files": [
            {"name": one.name, "rows": one.rows, "bytes": one.size, "sha256": one.sha256} for one in files
        ],
        "not_used": dict(sorted(reading.lost.items())),
        "scrubbed": dict(sorted(reading.scrubbed.items())),
    }
