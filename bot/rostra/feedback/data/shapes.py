"""Files of rows with known columns, written as they come: JSON lines or Parquet, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

from .lines import line_of, rows_of
from .record import DatasetError, Plain, is_list, is_object

Kind: TypeAlias = Literal["jsonl", "parquet"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GROUP = 4096
"""Rows of a row group of Parquet: what a reader holds at a time."""

COMPRESSION = "zstd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that is done. ``size`` is in bytes."""

    name: str
    rows: int
    size: int
    sha256: str


class Sink(Protocol):
    """A file that is being written."""

    def write(self, rows: Sequence[Plain | bytes]) -> None:
        """Add rows. Bytes are lines already, which only a file of lines takes."""
        ...

    def close(self) -> Written:
        """Finish the file."""
        ...


def open_sink(path: Path, kind: Kind, shape: Plain) -> Sink:
    """Begin a file. Raises `DatasetError` where Parquet is asked for and pyarrow is missing."""
    return Lines(path) if kind == "jsonl" else Columns(path, shape)


class Lines:
    """JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._hash = sha256()
        self._rows = 0

    def write(self, rows: Sequence[Plain | bytes]) -> None:
        content = b"".join([row if isinstance(row, bytes) else line_of(row) for row in rows])
        self._file.write(content)
        self._hash.update(content)
        self._rows += len(rows)

    def close(self) -> Written:
        size = self._file.tell()
        self._file.close()
        return Written(name=self._path.name, rows=self._rows, size=size, sha256=self._hash.hexdigest())


class Columns:
    """Parquet with row groups of a fixed number of rows; nothing in it tells when or where it was written."""

    def __init__(self, path: Path, shape: Plain) -> None:
        arrow, parquet = _pyarrow()
        self._path = path
        self._schema = _schema(arrow, shape)
        self._writer = parquet.ParquetWriter(
            path, self._schema, compression=COMPRESSION, version="2.6", store_schema=False
        )
        self._pending: list[Plain | bytes] = []
        self._rows = 0

    def write(self, rows: Sequence[Plain | bytes]) -> None:
        self._pending += rows
        self._rows += len(rows)
        while len(self._pending) >= GROUP:
            self._flush()

    def close(self) -> Written:
        if self._pending:
            self._flush()
        self._writer.close()
        return Written(
            name=self._path.name,
            rows=self._rows,
            size=self._path.stat().st_size,
            sha256=digest_of(self._path),
        )

    def _flush(self) -> None:
        arrow, _ = _pyarrow()
        group, self._pending = self._pending[:GROUP], self._pending[GROUP:]
        table = arrow.Table.from_pylist([_utf8(row) for row in group], schema=self._schema)
        self._writer.write_table(table, row_group_size=GROUP)


def read_rows(path: Path) -> Iterator[Plain]:
    """Yield the rows of a file, by its name: ``.parquet``, or JSON. Raises `DatasetError`."""
    if not path.is_file():
        raise DatasetError(f"there is no file {str(path)!r}")
    if path.suffix != ".parquet":
        yield from rows_of(path)
        return
    arrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=GROUP):
                yield from batch.to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise DatasetError(f"{path.name!r} is no Parquet file: {error}") from error


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _utf8(value: Any) -> Any:
    """Return plain data without halves of surrogate pairs, which Arrow refuses."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if is_object(value):
        return {name: _utf8(each) for name, each in value.items()}
    return [_utf8(each) for each in value] if is_list(value) else value


def _schema(arrow: Any, shape: Plain) -> Any:
    return arrow.schema([(name, _type(arrow, each)) for name, each in shape.items()])


def _type(arrow: Any, shape: Any) -> Any:
    if is_list(shape):
        return arrow.list_(_type(arrow, shape[0]))
    if is_object(shape):
        return arrow.struct([(name, _type(arrow, each)) for name, each in shape.items()])
    return {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}[shape]


def _pyarrow() -> tuple[Any, Any]:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise DatasetError("Parquet needs pyarrow; pip install 'rostra[analysis]', or say jsonl") from error
    return arrow, parquet
