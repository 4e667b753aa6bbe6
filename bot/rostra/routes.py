"""Which answerer and which policy a place gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .places import Place

REMEMBERED = 10_000
"""Places whose route is kept; more come and go, and the patterns are cheap to ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One ``[[routes]]`` of the configuration. ``place`` is a pattern over `Place.key`, such as ``discord/*``."""

    place: str = "*"
    answerer: str = "default"
    policy: str = "default"


def fits(place: Place, pattern: str) -> bool:
    """Return whether a pattern such as ``discord/*`` fits the key of ``place``; case counts."""
    return fnmatchcase(place.key, pattern)


class Routes:
    """The routes in their order: the first whose pattern fits a place is its route."""

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self._routes = (*routes, Route())
        self._only = None if routes else self._routes[0]
        self._found: dict[Place, Route] = {}

    def of(self, place: Place) -> Route:
        """Return the route of ``place``; the one after all others fits everything."""
        if self._only is not None:
            return self._only
        found = self._found.get(place)
        if found is None:
            found = next(route for route in self._routes if fits(place, route.place))
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[place] = found
        return found

    def found(self, place: Place) -> tuple[Route, str]:
        """Return the route of ``place`` and the pattern that made it so; none, where no route was configured for it."""
        route = self.of(place)
        return route, "" if route is self._routes[-1] else route.place
