"""A message's components, walked: https://docs.discord.com/developers/components/reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, cast

Json: TypeAlias = dict[str, Any]

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SECTION, TEXT_DISPLAY, LABEL = 9, 10, 18
SELECTS = frozenset({3, 5, 6, 7, 8})


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Yield every component, outer ones before those in them."""
    for one in components:
        yield one
        yield from walk(one.get("components", ()))
        for name in ("accessory", "component"):
            if isinstance(one.get(name), dict):
                yield from walk([cast("Json", one[name])])


def buttons(components: Iterable[Json]) -> Sequence[Json]:
    """Return the buttons."""
    return [one for one in walk(components) if one["type"] == BUTTON]


def selects(components: Iterable[Json]) -> Sequence[Json]:
    """Return the select menus."""
    return [one for one in walk(components) if one["type"] in SELECTS]


def texts(components: Iterable[Json]) -> list[str]:
    """Return what is to be read in them."""
    found: list[str] = []
    for one in walk(components):
        found += [str(one.get(name) or "") for name in ("content", "label", "placeholder", "description")]
        for option in one.get("options", ()):
            found += [str(option["label"]), str(option.get("description") or "")]
    return found
