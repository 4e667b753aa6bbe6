"""The drawers of components in a store that forgets."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import StoreError

LARGEST = 64 * 1024
"""Bytes of one value."""


def check(value: bytes) -> None:
    """Raise `StoreError` if ``value`` is too large."""
    if len(value) > LARGEST:
        raise StoreError(f"a value in a drawer has at most {LARGEST} bytes; this one has {len(value)}")


class MemoryDrawer:
    """A `rostra.stores.Drawer` that lives as long as the process."""

    def __init__(self) -> None:
        self._drawers: dict[tuple[str, str], bytes] = {}

    async def put(self, adapter: str, name: str, value: bytes) -> None:
        check(value)
        self._drawers[adapter, name] = bytes(value)

    async def get(self, adapter: str, name: str) -> bytes | None:
        return self._drawers.get((adapter, name))

    async def names(self, adapter: str, prefix: str = "") -> Sequence[str]:
        return sorted(name for whose, name in self._drawers if whose == adapter and name.startswith(prefix))

    async def remove(self, adapter: str, name: str) -> None:
        self._drawers.pop((adapter, name), None)
