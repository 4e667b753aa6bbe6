"""Read the formats that public sets come in."""

from __future__ import annotations

# What is in these files is known when they are read.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def table(path: Path, *, tabs: bool = False) -> Iterator[Mapping[str, str]]:
    """Yield the rows of a file of comma- or tab-separated values, by the names of its columns."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t" if tabs else ",")


def whole(path: Path) -> Any:
    """Return what is in a file of JSON."""
    return json.loads(path.read_text("utf-8"))


def lines(path: Path) -> Iterator[Any]:
    """Yield what is in each line of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def leaves(value: Any) -> Iterator[str]:
    """Yield every string in nested lists and tables."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
