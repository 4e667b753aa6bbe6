"""Rows as lines of JSON, the same bytes for the same rows, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .record import DatasetError, Plain, is_object

LONGEST = 50_000_000
"""Bytes of one line that are read."""


encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Returns plain data as JSON, as it stands in a line."""


def line_of(row: Mapping[str, Any]) -> bytes:
    """Return ``row`` as one line of UTF-8, with its newline. Numbers are written as short as they can be read back exactly."""
    return encoded(row).encode("utf-8", "replace") + b"\n"


def rows_of(path: Path) -> Iterator[Plain]:
    """Yield the rows of a file of JSON lines; a file that is one JSON list is read as well. Raises `DatasetError`."""
    with path.open("rb") as file:
        if file.read(1) == b"[":
            file.seek(0)
            yield from _listed(path, file.read())
            return
        file.seek(0)
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
            if len(line) > LONGEST:
                raise DatasetError(f"{path.name!r}, line {number}: longer than {LONGEST:,} bytes")
            if line.strip():
                yield _row(path, number, line)


def _listed(path: Path, content: bytes) -> Iterator[Plain]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name!r} is no JSON: {error}") from error
    for number, row in enumerate(found, start=1):
        yield _object(path, number, row)


def _row(path: Path, number: int, line: bytes) -> Plain:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name!r}, line {number}, is no JSON: {error}") from error
    return _object(path, number, found)


def _object(path: Path, number: int, found: object) -> Plain:
    if not is_object(found):
        raise DatasetError(f"{path.name!r}, row {number}, is no object but {type(found).__name__}")
    return found
