"""How far a choice reaches: a workspace, a channel of it, or a thread of that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

from .places import Place

Scope: TypeAlias = Literal["workspace", "channel", "thread"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


def at(place: Place, scope: Scope) -> Place:
    """Return the place that stands for all of ``scope`` around ``place``. Raises `ValueError` if there is no such thing."""
    match scope:
        case "workspace" if place.workspace:
            return Place(adapter=place.adapter, workspace=place.workspace, channel="")
        case "channel":
            return Place(adapter=place.adapter, workspace=place.workspace, channel=place.channel)
        case "thread" if place.thread is not None:
            return place
        case _:
            raise ValueError(f"there is no {scope} here; there is: {', '.join(s for s, _ in around(place))}")


@lru_cache(maxsize=1_000)  # every stage that asks what was chosen in a place asks for the same one
def around(place: Place) -> Sequence[tuple[Scope, Place]]:
    """Return the scopes around ``place``, widest first, each with the place that stands for it."""
    found: list[tuple[Scope, Place]] = []
    if place.workspace:
        found.append(("workspace", at(place, "workspace")))
    found.append(("channel", at(place, "channel")))
    if place.thread is not None:
        found.append(("thread", place))
    return tuple(found)


def usual(place: Place) -> Scope:
    """Return how far a choice reaches unless somebody says otherwise.

    That is the channel; a thread where there is no workspace, as in a terminal, is a conversation of its own.
    """
    return "thread" if place.thread is not None and not place.workspace else "channel"


def scope_of(text: str) -> Scope:
    """Return the scope that is called ``text``. Raises `ValueError`."""
    for scope in SCOPES:
        if scope == text:
            return scope
    raise ValueError(f"{text!r} is no scope; there are: {', '.join(SCOPES)}")
