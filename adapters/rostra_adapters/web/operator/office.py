"""What every page of the operator's needs: who is there and may be, how a page is drawn, and commands run as in a chat.

Whatever has a command is done by that command (`rostra.errands`), so that permission, consequences and the log of changes
are the same wherever it is done. What is only read comes from the store, by the same calls that the command makes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.clock import Clock
from rostra.errands import Errands, NotAllowed, said
from rostra.places import Permission, Person, Place
from rostra.stores import Store
from rostra.views import View

from ..drawing import Drawing
from ..guard import Refused, form_of
from ..levels import Level, home
from ..signin import SignIn, Visit, fits

SECTIONS: Sequence[tuple[str, str]] = (
    ("reviews", "Reviews"),
    ("policy", "Policy"),
    ("campaigns", "Campaigns"),
    ("people", "People"),
    ("health", "Health"),
)
TOLD = 1_000
"""Accounts for which it is kept what came of the last thing they did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """An operator or an owner who is signed in."""

    visit: Visit
    level: Permission

    @property
    def owner(self) -> bool:
        """Whether all workspaces are theirs to see."""
        return self.level >= Permission.OWNER

    @property
    def person(self) -> Person:
        """Who they are."""
        return self.visit.account.person

    @property
    def place(self) -> Place:
        """Where they are."""
        return home(self.visit.account.adapter)

    def sees(self, place: Place | None) -> bool:
        """Return whether what happened in ``place`` is theirs to see; None: nobody knows any more where it was."""
        if self.owner:
            return True
        return place is not None and (place.adapter, place.workspace) == (
            self.place.adapter,
            self.place.workspace,
        )


@dataclass(slots=True, kw_only=True)
class Office:
    """What the pages share."""

    sign_in: SignIn
    drawing: Drawing
    store: Store
    clock: Clock
    errands: Errands
    level: Level
    _told: OrderedDict[str, str] = field(default_factory=OrderedDict[str, str])

    async def guest(self, request: web.Request) -> Guest:
        """Return who sent ``request``. Raises `Refused`: for others there is nothing here, or they have to sign in first."""
        visit = await self.sign_in.visit(request)
        if visit is None:
            if request.path.endswith("/events"):
                raise Refused(HTTPStatus.UNAUTHORIZED)
            raise web.HTTPSeeOther("/sign-in")
        guest = Guest(visit=visit, level=self.level(visit.account))
        if guest.level < Permission.OPERATOR:
            raise Refused(HTTPStatus.NOT_FOUND)
        return guest

    async def owner(self, request: web.Request) -> Guest:
        """Return who sent ``request``, who is an owner. Raises `Refused`."""
        guest = await self.guest(request)
        if not guest.owner:
            raise Refused(HTTPStatus.NOT_FOUND)
        return guest

    async def still(self, guest: Guest) -> bool:
        """Return whether ``guest`` is signed in and an operator still."""
        visit = await self.sign_in.visit_of(guest.visit.token)
        return visit is not None and self.level(visit.account) >= guest.level

    async def form(self, request: web.Request, guest: Guest) -> Mapping[str, str]:
        """Return a form that ``guest`` was given by one of these pages. Raises `Refused`."""
        filled = await form_of(request)
        if not fits(guest.visit.token, filled.get("csrf", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        return filled

    async def run(
        self, guest: Guest, path: str, options: Mapping[str, str], *, confirmed: bool = False
    ) -> View:
        """Run a command as ``guest``. Raises `Refused` where they may not, or there is no such command."""
        if not self.errands.knows(path):
            raise Refused(HTTPStatus.NOT_FOUND)
        try:
            return await self.errands.run(
                path, options, person=guest.person, place=guest.place, confirmed=confirmed
            )
        except NotAllowed:
            raise Refused(HTTPStatus.NOT_FOUND) from None
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST) from None

    async def done(self, guest: Guest, path: str, options: Mapping[str, str], back: str) -> web.Response:
        """Run a command as ``guest`` and go ``back`` to a page, where they are told what it said."""
        view = await self.run(guest, path, options, confirmed=True)
        return self.told(guest, said(view), back)

    def told(self, guest: Guest, what: str, back: str) -> web.Response:
        """Go ``back`` to a page, where ``guest`` is told ``what`` once."""
        self._told[guest.visit.account.id] = what
        if len(self._told) > TOLD:
            self._told.popitem(last=False)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": back})

    def page(self, guest: Guest, section: str, template: str, **values: Any) -> web.Response:
        """Return a page of ``section``."""
        account = guest.visit.account
        text = self.drawing.page(
            template,
            section=section,
            sections=SECTIONS,
            csrf=guest.visit.csrf,
            name=account.name,
            owner=guest.owner,
            told=_pieces(self._told.pop(account.id, "")),
            **values,
        )
        return web.Response(text=text, content_type="text/html")

    async def names(self) -> Mapping[str, str]:
        """Return what accounts of this adapter are called, by their ids."""
        return {one.id: one.name for one in await self.store.accounts_of(self.sign_in.adapter)}


def _pieces(words: str) -> Sequence[str]:
    """Return what a command said in pieces: every second one stood between backticks."""
    return words.split("`") if words else ()
