"""All of the operator's pages together, and what they take of the bot."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from rostra.components import Services
from rostra.errands import Errands
from rostra.kept import PersonalData

from ..drawing import Drawing
from ..guard import Handler
from ..levels import levels
from ..settings import WebSettings
from ..signin import SignIn
from .campaigns import Campaigns
from .figures import Ledger
from .health import Health
from .live import Live
from .office import Office
from .people import People
from .reviews import Reviews
from .tester import Tester


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The pages, as routes without the guard that they need, and the lines that are open from them."""

    found: tuple[web.RouteDef, ...] = ()
    live: Live | None = None

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes."""
        return self.found

    def close(self) -> None:
        """Let everybody go who looks."""
        if self.live is not None:
            self.live.close()


def open_operator(services: Services, settings: WebSettings, sign_in: SignIn, drawing: Drawing) -> Operator:
    """Return the pages of the bot that ``services`` are of; there are none where it has no desk."""
    store, desk, commands = services.store, services.desk, services.commands
    moderation, vitals, metrics = services.moderation, services.vitals, services.metrics
    if store is None or desk is None or commands is None:
        return Operator()
    if moderation is None or vitals is None or metrics is None:
        return Operator()
    office = Office(
        sign_in=sign_in,
        drawing=drawing,
        store=store,
        clock=services.clock,
        errands=Errands(commands=commands, desk=desk, clock=services.clock),
        level=levels(desk),
    )
    live = Live(office=office, most=settings.streams_per_person)
    data = store if isinstance(store, PersonalData) else None
    health = Health(office=office, live=live, vitals=vitals, metrics=metrics, models=services.models)
    found = (
        web.get("/operator", _first(office)),
        *Reviews(office=office).routes(),
        *Tester(office=office, moderation=moderation, most=settings.message_characters).routes(),
        *Campaigns(office=office, live=live, ledger=Ledger(store=store)).routes(),
        *People(office=office, data=data, vitals=vitals).routes(),
        *health.routes(),
    )
    return Operator(found=found, live=live)


def _first(office: Office) -> Handler:
    async def first(request: web.Request) -> web.StreamResponse:
        await office.guest(request)
        raise web.HTTPSeeOther("/operator/reviews")

    return first
