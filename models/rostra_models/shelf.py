"""The folder that keeps models, ``DATA/models``: each in a folder of its own, put there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rostra.clock import Clock
from rostra.errors import ModelError

from .weights import Weights, read

RECORD = "rostra.json"
_WORK = ".making-"
_KEPT = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model"})
"""What is copied of a folder: nothing in these can run."""


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


def record(folder: Path) -> Record | None:
    """Return the record of the model in ``folder``; None if there is none, or the weights are not those recorded."""
    try:
        fields: dict[str, Any] = json.loads((folder / RECORD).read_bytes())
        found = Record(**fields)
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
            free = shutil.disk_usage(models).free
            if free < space:
                raise ModelError(
                    f"{str(models)!r} has {free // 10**6} MB free; {space // 10**6} MB are needed"
                )
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=models, ignore_cleanup_errors=True) as work:
                made = Path(work) / folder.name
                made.mkdir()
                yield made
                _put(made, folder)
    except OSError as error:
        raise ModelError(
            f"{error.filename or str(models)!r} cannot be written: {error.strerror or error}"
        ) from error


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


def copy(source: Path, folder: Path, *, clock: Clock, progress: Callable[[str, float | None], None]) -> Path:
    """Copy the model in ``source`` to ``folder``: weights, configuration and tokenizer, nothing that could run.

    Raises `ModelError` if it is not complete.
    """
    weights = read(source)
    if not (source / "tokenizer.json").is_file() and not (source / "tokenizer.model").is_file():
        raise ModelError(f"{str(source)!r} has no 'tokenizer.json' or 'tokenizer.model'")
    with making(folder, space=weights.size + 50_000_000) as work:
        if work is None:
            return folder
        hashes: dict[str, str] = {}
        done = 0
        for file in sorted(file for file in source.iterdir() if file.suffix in _KEPT and file.name != RECORD):
            shutil.copyfile(file, work / file.name)
            if file.suffix == ".safetensors":
                hashes[file.name] = sha256(work / file.name)
                done += file.stat().st_size
                progress(f"copying {file.name}", done / weights.size)
        write_record(work, source=str(source.resolve()), licence="", clock=clock, files=hashes)
    return folder


def sha256(file: Path) -> str:
    """Return the hash of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
