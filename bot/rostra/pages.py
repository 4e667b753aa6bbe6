"""Pages that people of a chat can be sent to: whoever serves them opens them here, and commands ask for a link when one is wanted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .places import Permission, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where somebody goes on in a browser, once, until ``until``; ``local``: only on the machine that the bot runs on."""

    url: str
    until: datetime
    local: bool = False


class RankPage(Protocol):
    """A page on which answers are ranked."""

    @property
    def adapter(self) -> str:
        """The name of the adapter that serves it."""
        ...

    @property
    def local(self) -> bool:
        """Whether it can be opened only on the machine that the bot runs on."""
        ...

    async def link(self, person: str, place: Place, permission: Permission, ballot: str = "") -> Link | None:
        """Return a link by which ``person`` (a pseudonym) ranks in the workspace of ``place``, with this permission.

        ``ballot`` is what they have in hand, which it then leads to. None where the page does not know the address under
        which people reach it. Raises `StoreError`.
        """
        ...


@dataclass(slots=True)
class Pages:
    """The pages that are open now."""

    _rank: list[RankPage] = field(default_factory=list[RankPage])

    @property
    def rank(self) -> RankPage | None:
        """The page to rank on, one that everybody can open if there is one."""
        return min(self._rank, key=lambda page: page.local, default=None)

    @contextmanager
    def open(self, page: RankPage) -> Generator[None]:
        """Have links lead to ``page`` for as long as the context lasts."""
        self._rank.append(page)
        try:
            yield
        finally:
            self._rank.remove(page)
