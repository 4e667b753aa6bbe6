"""Documents from local files: plain text, JSON lines and Parquet, one after the other without holding them all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from .errors import TrainError

KINDS = (".txt", ".md", ".jsonl", ".parquet")
PART = 1 << 22
"""Characters of a text file that are held at once."""

_SEAM = re.compile(r"\S\n(?=\S)")
"""Where a text can be cut so that tokenizers see the same words: they take white space together."""

_SEARCHED = 1 << 16
"""Characters at the end of a part in which a seam is looked for."""


def files(path: Path) -> Sequence[Path]:
    """Return the files of a folder that hold documents, by name, or the one file. Raises `TrainError`."""
    if path.is_file():
        return (path,)
    found = sorted(one for one in path.rglob("*") if one.suffix in KINDS and one.is_file())
    if not found:
        raise TrainError(f"no documents in {str(path)!r}: files that end with {', '.join(KINDS)} are read")
    return found


def documents(path: Path, field: str) -> Iterator[str]:
    """Yield what `parts` does without saying where documents end."""
    return (text for text, _ in parts(path, field))


def parts(path: Path, field: str) -> Iterator[tuple[str, bool]]:
    """Yield the documents of a file or folder in parts, each with whether its document ends there.

    Each text file is a document, and so is the ``field`` of each line or row of another. Only text files beyond `PART` come
    in several parts. Empty ones are left out. Raises `TrainError` for what cannot be read.
    """
    for file in files(path):
        found: Iterator[tuple[str, bool]]
        match file.suffix:
            case ".jsonl":
                found = ((text, True) for text in _lines(file, field))
            case ".parquet":
                found = ((text, True) for text in _parquet(file, field))
            case _:
                found = _text(file)
        yield from ((text, ends) for text, ends in found if text)


def _text(file: Path) -> Iterator[tuple[str, bool]]:
    try:
        with file.open(encoding="utf-8") as opened:
            held = opened.read(PART)
            while more := opened.read(PART):
                seams = list(_SEAM.finditer(held, max(0, len(held) - _SEARCHED)))
                cut = seams[-1].end() if seams else len(held)
                yield held[:cut], False
                held = held[cut:] + more
            yield held, True
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"{str(file)!r} cannot be read as UTF-8: {error}") from error


def _lines(file: Path, field: str) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row: object = json.loads(line)
            except ValueError as error:
                raise TrainError(f"{str(file)!r}, line {number}: {error}") from None
            text = cast("dict[str, object]", row).get(field) if isinstance(row, dict) else None
            if not isinstance(text, str):
                raise TrainError(f"{str(file)!r}, line {number}: no text under {field!r}")
            yield text


def _parquet(file: Path, field: str) -> Iterator[str]:
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise TrainError(f"{str(file)!r} needs pyarrow: pip install 'rostra[train]'") from None
    opened: Any = parquet.ParquetFile(file)
    if field not in opened.schema_arrow.names:
        raise TrainError(
            f"{str(file)!r} has no column {field!r}; it has {', '.join(opened.schema_arrow.names)}"
        )
    for batch in opened.iter_batches(columns=[field], batch_size=1024):
        yield from (str(text) for text in batch.column(0).to_pylist() if text is not None)
