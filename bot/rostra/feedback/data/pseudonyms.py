"""Names that hold in one export alone: with another key nobody is called the same."""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from .record import DatasetError

BYTES = 32

REMEMBERED = 16_384
"""Pseudonyms that are remembered: the same raters, tasks and questions come again and again."""


class Pseudonyms:
    """Makes pseudonyms of ids with one key, which is not in the export."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of = lru_cache(maxsize=REMEMBERED)(self._of)
        """Takes a kind and an id, and returns thirty-two hexadecimal digits, nothing for none. The kind keeps equal ids of different things apart."""

    def _of(self, kind: str, id_: str) -> str:
        if not id_:
            return ""
        return blake2b(f"{kind}\0{id_}".encode(), digest_size=16, key=self._key).hexdigest()


class Keys:
    """Keys of exports, one a file in a folder for its owner alone. Without its key an export can never be made again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self) -> str:
        """Draw a key, and return its name."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = secrets.token_hex(8)
        key = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(key, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        return name

    def get(self, name: str) -> bytes:
        """Return a key. Raises `DatasetError`."""
        if not name.isalnum():
            raise DatasetError(f"{name!r} is no name of a key; `rostra data show NAME` has them")
        try:
            key = (self._folder / name).read_bytes()
        except OSError as error:
            raise DatasetError(f"there is no key {name!r} for pseudonyms in {str(self._folder)!r}") from error
        if len(key) != BYTES:
            raise DatasetError(f"the key {name!r} is damaged: it has {len(key)} bytes, not {BYTES}")
        return key
