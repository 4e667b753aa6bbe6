"""The folder that keeps models, ``DATA/models``: each in a folder of its own, put there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from rostra.clock import Clock
from rostra.errors import ModelError

from .tensors import WIDTHS, Kept, save, tensors
from .weights import INDEX, Weights, read

RECORD = "rostra.json"
_WORK = ".making-"
KEPT = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model"})
"""What is kept of a model: nothing in these can run."""

TOKENIZERS = ("tokenizer.json", "tokenizer.model")
"""One of these is needed."""

SPARE = 50_000_000
"""Bytes for tokenizer, configuration and the like."""

_DTYPES: Mapping[Kept, str] = {"float32": "F32", "bfloat16": "BF16"}
_LICENCE = re.compile(r"\A---\n(?:.*\n)*?license: *['\"]?([A-Za-z0-9._+-]{1,60})['\"]? *\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where a model came from, kept beside it. ``files`` maps weight files to their SHA-256; ``size`` is theirs in bytes."""

    name: str
    source: str
    licence: str
    parameters: int
    dtype: str
    size: int
    made_at: str
    files: Mapping[str, str]


_FIELDS = frozenset(one.name for one in dataclass_fields(Record))


def record(folder: Path) -> Record | None:
    """Return the record of the model in ``folder``; None if there is none, or the weights are not those recorded."""
    try:
        fields: dict[str, Any] = json.loads((folder / RECORD).read_bytes())
        found = Record(**{key: value for key, value in fields.items() if key in _FIELDS})
        size = sum((folder / name).stat().st_size for name in found.files)
    except (OSError, ValueError, TypeError):
        return None
    return found if size == found.size else None


def kept(models: Path) -> Sequence[tuple[str, Weights, Record | None]]:
    """Return what is kept, by name. Folders that hold no model are left out."""
    found: list[tuple[str, Weights, Record | None]] = []
    folders = sorted(models.iterdir()) if models.is_dir() else []
    for folder in folders:
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        try:
            weights = read(folder)
        except ModelError:
            continue
        found.append((folder.name, weights, record(folder)))
    return found


@contextmanager
def making(folder: Path, *, space: int) -> Generator[Path | None]:
    """Lend an empty folder that becomes ``folder`` when the block ends well, and vanishes if it does not.

    Lends None if another process has put a model there meanwhile. One process works at a time; what a killed one left
    is cleared away. ``space`` is how many bytes are needed. Raises `ModelError`.
    """
    models = folder.parent
    try:
        models.mkdir(parents=True, exist_ok=True)
        with (models / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in models.glob(f"{_WORK}*"):
                shutil.rmtree(left)
            if record(folder) is not None:
                yield None
                return
            check_disk(models, space)
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=models, ignore_cleanup_errors=True) as work:
                made = Path(work) / folder.name
                made.mkdir()
                yield made
                _put(made, folder)
    except OSError as error:
        raise ModelError(
            f"{error.filename or str(models)!r} cannot be written: {error.strerror or error}"
        ) from error


def check_disk(folder: Path, space: int) -> None:
    """Raise a `ModelError` if fewer than ``space`` bytes are free where ``folder`` is."""
    free = shutil.disk_usage(folder).free
    if free < space:
        raise ModelError(f"{str(folder)!r} has {free // 10**6} MB free; {space // 10**6} MB are needed")


def _put(made: Path, folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise ModelError(f"{str(folder)!r} is in the way and holds no whole model; move it away")
    made.rename(folder)


def write_record(
    folder: Path, *, source: str, licence: str, clock: Clock, files: Mapping[str, str]
) -> Record:
    """Say beside the model in ``folder`` where it came from. Raises `ModelError` if it is no model."""
    weights = read(folder)
    made = Record(
        name=folder.name,
        source=source,
        licence=licence,
        parameters=weights.parameters,
        dtype=weights.dtype,
        size=weights.size,
        made_at=clock.now().isoformat(timespec="seconds"),
        files=files,
    )
    (folder / RECORD).write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
    return made


def copy(
    source: Path,
    folder: Path,
    *,
    clock: Clock,
    progress: Callable[[str, float | None], None],
    dtype: Kept | None = None,
) -> Path:
    """Copy the model in ``source`` to ``folder``: weights, configuration and tokenizer, nothing that could run.

    With a ``dtype`` the weights become that. Raises `ModelError` if it is not complete.
    """
    weights = read(source)
    if not any((source / name).is_file() for name in TOKENIZERS):
        raise ModelError(f"{str(source)!r} has no {' or '.join(map(repr, TOKENIZERS))}")
    other = dtype is not None and not is_of(weights, dtype)
    size = weights.parameters * WIDTHS[dtype] if other and dtype else weights.size
    origin = record(source)
    with making(folder, space=size + SPARE) as work:
        if work is None:
            return folder
        if other and dtype:
            hashes = recast(source, work, dtype, progress)
        else:
            hashes = _copied(source, work, weights.size, progress)
        where = origin.source if origin else str(source.resolve())
        write_record(
            work,
            source=f"{where} as {dtype}" if other else where,
            licence=origin.licence if origin else licence_of(source),
            clock=clock,
            files=hashes,
        )
    return folder


def is_of(weights: Weights, dtype: Kept) -> bool:
    """Return whether weights are kept as ``dtype`` already."""
    return weights.dtype == _DTYPES[dtype]


def _copied(
    source: Path, work: Path, size: int, progress: Callable[[str, float | None], None]
) -> Mapping[str, str]:
    hashes: dict[str, str] = {}
    done = 0
    for file in _kept_files(source):
        shutil.copyfile(file, work / file.name)
        if file.suffix == ".safetensors":
            hashes[file.name] = sha256(work / file.name)
            done += file.stat().st_size
            progress(f"copying {file.name}", done / size)
    return hashes


def recast(
    source: Path, work: Path, dtype: Kept, progress: Callable[[str, float | None], None]
) -> Mapping[str, str]:
    """Write the model in ``source`` to ``work`` as ``dtype``, its weights in one file. Return that with its SHA-256."""
    for file in _kept_files(source):
        if file.suffix != ".safetensors" and file.name != INDEX:
            shutil.copyfile(file, work / file.name)
    config: dict[str, Any] = json.loads((source / "config.json").read_bytes())
    config.pop("torch_dtype", None)  # as it was called before transformers 5
    (work / "config.json").write_text(
        json.dumps({**config, "dtype": dtype}, indent=2) + "\n", encoding="utf-8"
    )
    what = f"converting to {dtype}"
    digest = save(
        work / "model.safetensors",
        tensors(source),
        dtype=dtype,
        progress=lambda share: progress(what, share),
    )
    return {"model.safetensors": digest}


def _kept_files(folder: Path) -> Sequence[Path]:
    return sorted(
        file for file in folder.iterdir() if file.suffix in KEPT and file.name != RECORD and file.is_file()
    )


def licence_of(folder: Path) -> str:
    """Return what a model card says (``license:`` in the head of ``README.md``), empty where it says nothing."""
    try:
        found = _LICENCE.match((folder / "README.md").read_text(encoding="utf-8")[:20_000])
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""


def sha256(file: Path) -> str:
    """Return the hash of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
