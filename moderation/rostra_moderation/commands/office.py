"""What the operators' commands work with, and how they say what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps

from rostra.clock import Clock
from rostra.command import Call, Run
from rostra.components import Services
from rostra.errors import StoreError
from rostra.places import Person, Place
from rostra.routes import Routes
from rostra.stores import Store
from rostra.views import View

from ..moderation import Moderation
from ..register_store import StoreRegister

Act = Callable[[Call], Awaitable[View | str]]

LARGEST = 5_000_000.0
"""Minutes or hours that anything may take: centuries, but a date still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A moderation that runs, and the store that it keeps its register in."""

    moderation: Moderation
    register: StoreRegister
    store: Store
    routes: Routes
    clock: Clock
    moderators: tuple[str, ...]

    def policy_of(self, place: Place) -> str:
        """Return the name of the policy that holds in ``place``."""
        return self.routes.of(place).policy


def office(services: Services) -> Office | None:
    """Return what commands work with, None where nothing is moderated or nothing is kept."""
    moderation, store = services.moderation, services.store
    if not isinstance(moderation, Moderation) or store is None:
        return None
    register = moderation.register
    if not isinstance(register, StoreRegister):
        register = StoreRegister(store, clock=services.clock)
    return Office(
        moderation=moderation,
        register=register,
        store=store,
        routes=services.routes,
        clock=services.clock,
        moderators=tuple(services.moderators),
    )


def explained(act: Act) -> Run:
    """Return ``act`` with what its arguments lack, or the store refuses, said to whoever called it."""

    @wraps(act)
    async def run(call: Call) -> View | str:
        try:
            return await act(call)
        except ValueError as error:
            return f"That does not work: {error}"
        except StoreError as error:
            return f"Nothing was changed: {error}"

    return run


def person_of(text: str) -> Person:
    """Return whom ``text`` names: an id, or a mention as platforms write it (``<@123>``, ``<@!123>``, ``<@U1|ann>``).

    Raises `ValueError`.
    """
    name = text.strip()
    if name.startswith("<@") and name.endswith(">"):
        name = name[2:-1].lstrip("!").partition("|")[0]
    name = name.removeprefix("@")
    if not name or any(character.isspace() for character in name):
        raise ValueError(f"{text!r} names nobody; mention somebody, or write their id")
    return Person(id=name)


def number_of(text: str, what: str) -> float:
    """Return ``text`` as a number above 0. Raises `ValueError` that says ``what`` it should be."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= LARGEST:
        raise ValueError(f"{text!r} is no number of {what}")
    return number
