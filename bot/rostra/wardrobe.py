"""Personas that people made in a chat: kept by workspace, beside those of the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from .places import Place
from .stores import Drawer

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
LONGEST = 4000
"""Characters of a persona's prompt."""
MOST = 25
"""Personas of one workspace: as many as platforms list."""
REMEMBERED = 10_000


class Wardrobe:
    """The personas of each workspace, over a drawer of the store."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        self._kept: dict[tuple[str, str], Mapping[str, str]] = {}

    async def of(self, place: Place) -> Mapping[str, str]:
        """Return the prompts of the personas made in the workspace of ``place``, by name. Raises `StoreError`."""
        key = place.adapter, place.workspace
        found = self._kept.get(key)
        if found is None:
            prefix = _prefix(place)
            made: dict[str, str] = {}
            for name in sorted(await self._drawer.names(place.adapter, prefix)):
                value = await self._drawer.get(place.adapter, name)
                if value is not None:
                    made[name.removeprefix(prefix)] = value.decode("utf-8", "surrogatepass")
            if len(self._kept) >= REMEMBERED:
                self._kept.clear()
            self._kept[key] = found = made
        return found

    async def keep(self, place: Place, name: str, prompt: str) -> None:
        """Keep a persona. Raises `ValueError` for one that cannot be, with what would be right, and `StoreError`."""
        if NAME.fullmatch(name) is None:
            raise ValueError(f"{name[:40]!r} is no name; write up to 32 small letters, digits, - and _")
        if not prompt.strip():
            raise ValueError(
                "a persona needs a prompt, such as 'You are a librarian. Answer in one sentence.'"
            )
        if len(prompt) > LONGEST:
            raise ValueError(f"a prompt has at most {LONGEST} characters; this one has {len(prompt)}")
        there = await self.of(place)
        if name not in there and len(there) >= MOST:
            raise ValueError(f"there are {MOST} personas already; remove one first")
        await self._drawer.put(place.adapter, _prefix(place) + name, prompt.encode("utf-8", "surrogatepass"))
        self._kept.pop((place.adapter, place.workspace), None)

    async def remove(self, place: Place, name: str) -> None:
        """Remove a persona. Raises `ValueError` if there is none, and `StoreError`."""
        if name not in await self.of(place):
            raise ValueError(f"nobody has made a persona {name[:40]!r} here")
        await self._drawer.remove(place.adapter, _prefix(place) + name)
        self._kept.pop((place.adapter, place.workspace), None)


def _prefix(place: Place) -> str:
    # Quoted, so that no workspace is the beginning of another.
    return f"persona/{quote(place.workspace, safe='')}/"
