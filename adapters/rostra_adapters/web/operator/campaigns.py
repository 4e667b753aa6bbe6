"""Campaigns: how far each has come, what it has shown, as it comes in; opened, paused and closed by the commands for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.feedback.values import Campaign, Progress

from ..guard import Refused
from .figures import Ledger
from .live import Live, Part, mark_of
from .office import Guest, Office

TURNS: Mapping[str, str] = {
    "open": "rank campaign open",
    "pause": "rank campaign pause",
    "close": "rank campaign close",
}
LISTED = 100
LAST = "close"
"""What cannot be taken back, and has to be confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """Handlers of the list, and of each campaign."""

    office: Office
    live: Live
    ledger: Ledger

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        one = "/operator/campaigns/{campaign:[0-9a-f]{32}}"
        return (
            web.get("/operator/campaigns", self._list),
            web.get(one, self._show),
            web.post(one, self._turn),
            web.get(f"{one}/events", self._events),
        )

    async def _list(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        store = self.office.store
        found = await store.campaigns(None if guest.owner else guest.place)
        rows = [(one, await store.progress(one.id)) for one in found[:LISTED]]
        return self.office.page(guest, "campaigns", "operator_campaigns.html", rows=rows, most=LISTED)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        found = await self._campaign(request, guest)
        mark, progress = await self._mark(found)
        own = (found.place.adapter, found.place.workspace) == (guest.place.adapter, guest.place.workspace)
        return self.office.page(
            guest,
            "campaigns",
            "operator_campaign.html",
            since=mark,
            turns=[one for one, path in TURNS.items() if own and self._offers(one, path, found)],
            own=own,
            **await self._values(found, progress, mark),
        )

    async def _turn(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        filled = await self.office.form(request, guest)
        found = await self._campaign(request, guest)
        turn = filled.get("turn", "")
        # The command knows campaigns by their names, in the workspace of whoever calls it: one of another has to be changed there.
        own = (found.place.adapter, found.place.workspace) == (guest.place.adapter, guest.place.workspace)
        if turn not in TURNS or not own or (turn == LAST and filled.get("sure") != "yes"):
            raise Refused(HTTPStatus.BAD_REQUEST)
        return await self.office.done(
            guest, TURNS[turn], {"name": found.name}, f"/operator/campaigns/{found.id}"
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        id_ = (await self._campaign(request, guest)).id
        before = (await self.office.store.progress(id_)).submitted

        async def look() -> str:
            found = await self.office.store.campaign(id_)
            return "" if found is None else (await self._mark(found))[0]

        async def draw() -> Part:
            nonlocal before
            found = await self.office.store.campaign(id_)
            if found is None:
                return Part(html="")
            mark, progress = await self._mark(found)
            html = self.office.drawing.page(
                "operator_campaign_live.html", **await self._values(found, progress, mark)
            )
            more, before = progress.submitted - before, progress.submitted
            return Part(html=html, said=f"{progress.submitted:,} ballots now" if more else "")

        return await self.live.stream(request, guest, look, draw)

    async def _campaign(self, request: web.Request, guest: Guest) -> Campaign:
        found = await self.office.store.campaign(request.match_info["campaign"])
        if found is None or not guest.sees(found.place):
            raise Refused(HTTPStatus.NOT_FOUND)
        return found

    async def _mark(self, found: Campaign) -> tuple[str, Progress]:
        """Return a mark of all that the page shows of a campaign, from counts alone, and how far it has come."""
        store = self.office.store
        progress = await store.progress(found.id)
        return mark_of(progress, found, len(await store.exclusions())), progress

    async def _values(self, found: Campaign, progress: Progress, mark: str) -> dict[str, Any]:
        return {"one": found, "progress": progress, "figures": await self.ledger.figures(found, mark)}

    def _offers(self, turn: str, path: str, found: Campaign) -> bool:
        if found.status == "closed" or not self.office.errands.knows(path):
            return False
        return turn == LAST or (turn == "pause") == (found.status == "open")
