"""Passes to the ranking page, in a store that forgets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeAlias

from ..clock import Clock
from ..passes import Pass
from .accounts import check
from .passes import unknown

Who: TypeAlias = Callable[[str], Awaitable[tuple[str, str] | None]]
"""Takes a pseudonym, and returns the adapter and the id there of whose it is."""


class MemoryPasses:
    """A `rostra.passes.Passes` that lives as long as the process."""

    def __init__(self, clock: Clock, who: Who) -> None:
        self._pass_clock = clock
        self._pass_who = who
        self._passes: dict[bytes, tuple[tuple[str, str], Pass]] = {}

    async def open_pass(self, one: Pass, token: str) -> None:
        check(token)
        account = await self._pass_who(one.person)
        if account is None:
            raise unknown(one.person)
        self._passes[_hash(token)] = account, one

    async def pass_of(self, token: str) -> Pass | None:
        found = self._passes.get(_hash(token))
        return None if found is None else found[1]

    async def end_pass(self, token: str) -> bool:
        return self._passes.pop(_hash(token), None) is not None

    def forget_passes(self) -> None:
        """Forget those that are over."""
        now = self._pass_clock.now()
        self._passes = {name: one for name, one in self._passes.items() if one[1].expires_at >= now}

    def forget_passes_of(self, adapter: str, person: str) -> None:
        """Forget those of somebody."""
        self._passes = {name: one for name, one in self._passes.items() if one[0] != (adapter, person)}


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
