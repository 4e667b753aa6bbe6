"""Which answerer and which policy a place gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from .places import Place

REMEMBERED = 10_000
"""Places whose route is kept; more come and go, and the patterns are cheap to ask again."""


DEFAULT = "default"
"""The answerer that a place has where nothing else is said, and that deployments take the part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One ``[[routes]]`` of the configuration. ``place`` is a pattern over `Place.key`, such as ``discord/*``."""

    place: str = "*"
    answerer: str = DEFAULT
    policy: str = "default"


def fits(place: Place, pattern: str) -> bool:
    """Return whether a pattern such as ``discord/*`` fits the key of ``place``; case counts."""
    return fnmatchcase(place.key, pattern)


class Routes:
    """The routes in their order: the first whose pattern fits a place is its route.

    ``deployed`` are patterns of places and answerers, newest first: where a route leads to the answerer ``default``, the
    first of them that fits the place answers instead.
    """

    def __init__(self, routes: Sequence[Route] = (), *, deployed: Sequence[tuple[str, str]] = ()) -> None:
        self._routes = (*routes, Route())
        self._deployed = tuple(deployed)
        self._only = None if routes or deployed else self._routes[0]
        self._found: dict[Place, Route] = {}

    def of(self, place: Place) -> Route:
        """Return the route of ``place``; the one after all others fits everything."""
        if self._only is not None:
            return self._only
        found = self._found.get(place)
        if found is None:
            found = self._with_deployed(place, self._configured(place))
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[place] = found
        return found

    def found(self, place: Place) -> tuple[Route, str]:
        """Return the route of ``place`` and the pattern that made it so; none, where no route was configured for it."""
        configured = self._configured(place)
        return self.of(place), "" if configured is self._routes[-1] else configured.place

    def deployed(self, place: Place) -> str:
        """Return the pattern of the deployment that makes the answerer of ``place`` another than its route says; none."""
        if self._configured(place).answerer != DEFAULT:
            return ""
        return next((pattern for pattern, _ in self._deployed if fits(place, pattern)), "")

    def _configured(self, place: Place) -> Route:
        return next(route for route in self._routes if fits(place, route.place))

    def _with_deployed(self, place: Place, route: Route) -> Route:
        if route.answerer != DEFAULT:
            return route
        answerer = next((name for pattern, name in self._deployed if fits(place, pattern)), DEFAULT)
        return route if answerer == DEFAULT else replace(route, answerer=answerer)
