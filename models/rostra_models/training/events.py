"""Files that TensorBoard reads: scalars only, written without TensorFlow and without protobuf.

A file is a row of records (length, its checksum, data, its checksum), each an ``Event`` of
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

_CASTAGNOLI = 0x82F63B78
_MASK = 0xA282EAD8


def _table() -> tuple[int, ...]:
    found: list[int] = []
    for byte in range(256):
        left = byte
        for _ in range(8):
            left = (left >> 1) ^ (_CASTAGNOLI if left & 1 else 0)
        found.append(left)
    return tuple(found)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Return Castagnoli's checksum (RFC 3720, appendix B.4)."""
    left = 0xFFFFFFFF
    for byte in data:
        left = (left >> 8) ^ _TABLE[(left ^ byte) & 0xFF]
    return left ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    """Return the checksum as records keep it: turned and shifted, so that it is none of itself."""
    plain = crc32c(data)
    return struct.pack("<I", (((plain >> 15) | (plain << 17)) + _MASK) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """Return ``data`` as one record."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits a byte
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _chunk(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def opening(time: float) -> bytes:
    """Return the record that a file begins with; ``time`` in seconds since 1970."""
    return record(struct.pack("<Bd", 0x09, time) + _chunk(3, b"brain.Event:2"))


def scalars(time: float, step: int, values: Mapping[str, float]) -> bytes:
    """Return the record of what was measured after ``step`` steps."""
    summary = b"".join(
        _chunk(1, _chunk(1, name.encode()) + struct.pack("<Bf", 0x15, value))
        for name, value in values.items()
    )
    return record(struct.pack("<Bd", 0x09, time) + b"\x10" + _varint(step) + _chunk(5, summary))


class Events:
    """One file in a folder of events; a run that goes on begins another, and TensorBoard reads both."""

    def __init__(self, folder: Path, time: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("events.out.tfevents.*")))
        self._file = folder / f"events.out.tfevents.{int(time):010}.rostra.{number}"
        self._file.write_bytes(opening(time))

    def write(self, time: float, step: int, values: Mapping[str, float]) -> None:
        """Add what was measured."""
        with self._file.open("ab") as file:
            file.write(scalars(time, step, values))
