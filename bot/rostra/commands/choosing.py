"""The values that options of commands may have, where they come from a list; and how far a choice reaches."""

from __future__ import annotations

from collections.abc import Sequence

from ..command import Call, Choosing, Desk, Option
from ..places import Place
from ..scopes import Scope, around, scope_of, usual

SCOPE_HELP = "how far it reaches: thread, channel or workspace; by default, the channel"


async def answerers(desk: Desk, place: Place) -> Sequence[str]:
    """Return the answerers to switch to."""
    del place
    return tuple(dict.fromkeys(["default", *desk.answerers()]))


async def personas(desk: Desk, place: Place) -> Sequence[str]:
    """Return the personas to switch to."""
    return tuple(dict.fromkeys(["default", *await desk.personas(place)]))


async def scopes(desk: Desk, place: Place) -> Sequence[str]:
    """Return how far a choice may reach in the place, nearest first."""
    del desk
    return tuple(scope for scope, _ in reversed(around(place)))


async def commands(desk: Desk, place: Place) -> Sequence[str]:
    """Return the names of the commands."""
    del place
    return tuple(one.name for one in desk.commands())


async def quotas_set(desk: Desk, place: Place) -> Sequence[str]:
    """Return the quotas that were set in the workspace of the place."""
    return tuple(await desk.quotas.set_in(place))


def one_of(*values: str) -> Choosing:
    """Return what always offers ``values``."""

    async def choices(desk: Desk, place: Place) -> Sequence[str]:
        del desk, place
        return values

    return choices


SCOPE = Option(name="scope", help=SCOPE_HELP, choices=scopes)


def scope(call: Call) -> Scope:
    """Return how far the choice of a call reaches. Raises `ValueError` where there is no such scope."""
    given = call.options.get("scope", "")
    return scope_of(given) if given else usual(call.place)


async def chosen(call: Call, name: str, value: str) -> str:
    """Choose ``value`` as the call says, and return how far that reaches, in words. Raises `ValueError`."""
    reach = scope(call)
    await call.desk.choose(call.turn, name, None if value == "default" else value, reach)
    holds = (await call.desk.chosen(call.place)).get(name, "default")
    where = "here" if reach == usual(call.place) else f"in this {reach}"
    if holds == value:
        return where
    return f"{where}, but `{holds}` still holds right here: it was chosen {_elsewhere(value)}"


def _elsewhere(value: str) -> str:
    return "for more than that" if value == "default" else "for less than that"
