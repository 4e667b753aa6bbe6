"""What was found out about texts that come back: a conversation is counted anew with every question."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Generic, TypeVar

Found = TypeVar("Found")

MOST = 2048
"""Texts whose result is kept; beginnings of long ones, which were tried when something was cut, are among them."""


class Remembered(Generic[Found]):
    """Calls ``find`` once for each of the last 2,048 texts. It keeps their hashes, so no words outlive their erasure."""

    def __init__(self, find: Callable[[str], Found], *, most: int = MOST) -> None:
        self._find = find
        self._most = most
        self._found: dict[bytes, Found] = {}

    def __call__(self, text: str) -> Found:
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        # What was asked for last is put last, so that the first is what to forget.
        found = self._found.pop(key) if key in self._found else self._find(text)
        self._found[key] = found
        if len(self._found) > self._most:
            del self._found[next(iter(self._found))]
        return found
