"""Data that is no file yet: a frozen dataset of our own, or one of the hub's, fetched into the run's folder once.

What was fetched stays there, so that a run that goes on reads the same rows, and its record has their hashes.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, TypeVar

from rostra.errors import ConfigError
from rostra.feedback.data.export import absolute
from rostra.feedback.data.formats import format_called
from rostra.feedback.data.manifest import label
from rostra.feedback.data.record import DatasetError, Record, is_object
from rostra.feedback.data.shapes import read_rows

from .checkpoint import whole
from .errors import TrainError
from .processes import in_turn
from .record import DATA, FETCHED, TOLD
from .settings import Section

if TYPE_CHECKING:
    from rostra.feedback.values import DatasetVersion

T = TypeVar("T")
S = TypeVar("S", bound=Section)

HUB = "hf:"
ROWS = "rows.jsonl"
_NAME = re.compile(r"[\w. -]+(@\d+)?")
_SPLIT = re.compile(r"(?P<split>[\w.-]+)(\[:(?P<count>\d+)\])?")
_SPLITS = ("train", "validation", "valid", "dev", "test")


def sourced(settings: S) -> S:
    """Return ``settings`` with files where they name a frozen dataset or one of the hub. Raises `TrainError`, `DatasetError`.

    ``NAME``, ``NAME@VERSION`` or an id is a frozen dataset of the data folder: exported as for anybody else, so without
    those who withdrew. ``hf:NAME[:CONFIG][:SPLIT]`` is read through the library datasets.
    """
    given: Any = settings
    changed: dict[str, Path] = {}
    for name in DATA:
        found: Path | None = getattr(given, name, None)
        if found is not None and not found.exists() and _is_no_path(found):
            folder = given.out / FETCHED / name
            changed[name] = in_turn(partial(_fetched, found, folder, ranked=hasattr(given, "format")))
    held_out = (changed["data"].with_name("validation.jsonl")) if "data" in changed else None
    if held_out and held_out.is_file() and getattr(given, "validation", held_out) is None:
        changed["validation"] = held_out
    return settings.model_copy(update=changed)


def _is_no_path(found: Path) -> bool:
    named = str(found)
    files = {".jsonl", ".json", ".parquet", ".txt", ".md"}
    return named.startswith(HUB) or (_NAME.fullmatch(named) is not None and found.suffix not in files)


def _fetched(found: Path, folder: Path, *, ranked: bool) -> Path:
    named = str(found)
    if named.startswith(HUB):
        hub = hub_dataset(named)
        if not _is_of(folder, named):
            whole(folder, lambda half: _from_hub(named, hub, half))
        return folder / ROWS
    dataset = _frozen(named)
    if not _is_of(folder, named):
        folder.parent.mkdir(parents=True, exist_ok=True)
        in_loop(_export(dataset, folder))
        _tell(folder, named, {"id": dataset.id})
    elif in_loop(_recalled(dataset, folder)):
        raise TrainError(
            f"somebody in {label(dataset)} withdrew since it was written to {str(folder)!r}: delete that, and the"
            " run's checkpoints, and begin anew"
        )
    if ranked:
        return folder
    said = folder.with_name(f"{folder.name}-said")
    if not said.is_dir():
        whole(said, lambda half: _best_said(folder, half))
    return said / "train.jsonl"


def _is_of(folder: Path, named: str) -> bool:
    """Return whether ``folder`` has what was fetched as ``named``. Raises `TrainError` if it has something else."""
    if not (folder / TOLD).is_file():
        if folder.is_dir():  # a kill came between the export and this
            rmtree(folder)
        return False
    told = json.loads((folder / TOLD).read_bytes())["named"]
    if told != named:
        raise TrainError(
            f"{str(folder)!r} was fetched from {told!r}, not {named!r}; name another folder as out"
        )
    return True


def _tell(folder: Path, named: str, dataset: Mapping[str, Any]) -> None:
    (folder / TOLD).write_text(json.dumps({"named": named, "dataset": dataset}, indent=2), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """A dataset of the hub, or a folder of files as the hub has them: ``count`` None is all rows of the split."""

    name: str
    config: str | None = None
    split: str = "train"
    count: int | None = None


def hub_dataset(named: str) -> HubDataset:
    """Return what ``hf:NAME[:CONFIG][:SPLIT]`` names. Raises `TrainError`.

    A last part that begins like a split (train, validation, test) is one; ``[:1000]`` after it is its first rows.
    """
    name, *more = re.split(r":(?!\d+\])", named.removeprefix(HUB))
    said = more.pop() if more and more[-1].startswith(_SPLITS) else ""
    found = _SPLIT.fullmatch(said or "train")
    if not name or len(more) > 1 or found is None or not all(more):
        raise TrainError(f"{named!r} is not hf:NAME[:CONFIG][:SPLIT], such as 'hf:owner/name:train[:1000]'")
    count = found["count"]
    return HubDataset(
        name=name,
        config=more[0] if more else None,
        split=found["split"],
        count=None if count is None else int(count),
    )


def _from_hub(named: str, hub: HubDataset, folder: Path) -> None:
    count = 0
    with (folder / ROWS).open("w", encoding="utf-8") as out:
        for row in islice(_streamed(named, hub), hub.count):
            out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            count += 1
    if not count:
        raise TrainError(f"{named!r} has no rows")
    _tell(folder, named, {})


def _streamed(named: str, hub: HubDataset) -> Iterator[Mapping[str, Any]]:
    """Yield the rows one after the other, as they come."""
    try:
        library: Any = import_module("datasets")
    except ImportError:
        raise TrainError(
            f"{named!r} is read by the library datasets: pip install 'rostra[datasets]'"
        ) from None
    try:
        yield from library.load_dataset(hub.name, hub.config, split=hub.split, streaming=True)
    except Exception as error:  # it raises what its readers, its network and its many formats raise
        raise TrainError(f"{named!r} cannot be read: {type(error).__name__}: {error}") from error


def _frozen(named: str) -> DatasetVersion:
    """Return the frozen dataset that is called so. Raises `TrainError`."""
    try:
        return in_loop(_found(named))
    except ConfigError as error:
        raise TrainError(f"data is {named!r}: no such file or folder is here, and {error}") from None


async def _found(named: str) -> DatasetVersion:
    from rostra.cli.data_setting import dataset_called
    from rostra.cli.running import store_of

    async with store_of(None) as store:
        by_id = next((one for one in await store.datasets() if one.id == named), None)
        return by_id or await dataset_called(store, named)


async def _export(dataset: DatasetVersion, folder: Path) -> None:
    """Write a frozen dataset to ``folder`` as `rostra data export` does, personal data taken out."""
    from rostra.cli.data_setting import setting_of
    from rostra.cli.running import store_of
    from rostra.feedback.data.export import Order, export
    from rostra.feedback.data.freeze import silent
    from rostra.feedback.data.scrub import installed

    async with store_of(None) as store:
        setting = setting_of(None, silent)
        await export(store, dataset, Order(), folder, setting=setting, scrubber=installed())


async def _recalled(dataset: DatasetVersion, folder: Path) -> bool:
    """Return whether the export in ``folder`` was to be deleted since."""
    from rostra.cli.running import store_of

    async with store_of(None) as store:
        exports = await store.exports(dataset.id)
    return any(one.recalled_at is not None for one in exports if one.uri == absolute(folder))


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a loop in a thread of its own: a notebook has one running already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _best_said(folder: Path, into: Path) -> None:
    """Write the best answer to each question of an export as a conversation, and as a text, a row each."""
    for split in ("train", "validation"):
        if not (folder / f"{split}.jsonl").is_file():
            continue
        rows = list(_best(folder / f"{split}.jsonl"))
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        if lines:
            (into / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    if not (into / "train.jsonl").is_file():
        raise DatasetError(f"{str(folder)!r} has no question to which one answer was better than another")


def _best(file: Path) -> Iterator[Mapping[str, Any]]:
    records = format_called("canonical").read(
        (row for row in read_rows(file) if is_object(row)), Counter[str]()
    )
    for _, group in groupby(records, key=lambda one: one.batch):
        listed = list(group)
        text = best_of(listed)
        if text is not None:
            said = [{"role": one.role, "content": one.text} for one in listed[0].context]
            messages = [*said, {"role": "assistant", "content": text}]
            yield {"messages": messages, "text": "\n\n".join(one["content"] for one in messages)}


def best_of(judged: Iterable[Record]) -> str | None:
    """Return the answer that stood best on average in judgments of one question; None if no answer was above another.

    Where an answer stands is the share of those compared with it that are above it, ties half.
    """
    beaten: dict[str, list[float]] = {}
    for record in judged:
        ranked = [one for one in record.answers if record.outcome == "ranked" and one.tier is not None]
        for one in ranked:
            others = [other for other in ranked if other is not one]
            above = sum((other.tier or 0) < (one.tier or 0) for other in others)
            level = sum(other.tier == one.tier for other in others)
            if others:
                beaten.setdefault(one.text, []).append((above + level / 2) / len(others))
    means = {text: sum(shares) / len(shares) for text, shares in beaten.items()}
    if len(set(means.values())) < 2:  # noqa: PLR2004  one above another
        return None
    return min(means, key=lambda text: means[text])
