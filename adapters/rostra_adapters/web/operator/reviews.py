"""The review queue: texts that moderation has set aside, and what operators say of them.

Deciding is ``/review``'s own code, run by `rostra.errands`: what a decision leads to, such as a strike, is the moderation's
to know, and a page of its own for it would have to be kept in step with the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import get_args

from aiohttp import web

from rostra.stores import Label, Review
from rostra.views import File

from ..guard import Refused
from .marked import marked
from .office import Guest, Office

LISTED = 100
LABELS: tuple[Label, ...] = get_args(Label)
SAID: Mapping[str, str] = {
    "approve": "it may pass",
    "block": "it may not pass",
    "wrong": "the moderation was mistaken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """Handlers of the queue."""

    office: Office

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        case = "/operator/reviews/{case:[0-9a-f]{32}}"
        return (
            web.get("/operator/reviews", self._list),
            web.get("/operator/reviews/labelled.jsonl", self._labelled),
            web.get(case, self._show),
            web.post(case, self._decide),
        )

    async def _list(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        decided = request.query.get("show") == "decided"
        where = None if guest.owner else guest.place
        found = await self.office.store.reviews(where, LISTED, decided=decided)
        return self.office.page(
            guest,
            "reviews",
            "operator_reviews.html",
            cases=found,
            decided=decided,
            said=SAID,
            most=LISTED,
            exports=self.office.errands.knows("review export"),
        )

    async def _show(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        found = await self._case(request, guest)
        verdict = found.case.verdict
        return self.office.page(
            guest,
            "reviews",
            "operator_review.html",
            one=found,
            pieces=marked(found.case.text, verdict.spans),
            scores=sorted(verdict.categories.items(), key=lambda each: -each[1]),
            said=SAID,
            labels=[one for one in LABELS if self.office.errands.knows(f"review {one}")],
            names=await self.office.names(),
        )

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        filled = await self.office.form(request, guest)
        found = await self._case(request, guest)
        label = filled.get("label", "")
        if label not in LABELS:
            raise Refused(HTTPStatus.BAD_REQUEST)
        return await self.office.done(
            guest, f"review {label}", {"case": found.id}, f"/operator/reviews/{found.id}"
        )

    async def _labelled(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        view = await self.office.run(guest, "review export", {})
        file = next((part for part in view.parts if isinstance(part, File)), None)
        if file is None:
            return self.office.told(
                guest, "Nothing has been decided here yet.", "/operator/reviews?show=decided"
            )
        headers = {"Content-Disposition": 'attachment; filename="labelled.jsonl"'}
        return web.Response(body=file.data, content_type="application/octet-stream", headers=headers)

    async def _case(self, request: web.Request, guest: Guest) -> Review:
        found = await self.office.store.review(request.match_info["case"])
        if found is None or not guest.sees(found.place):
            raise Refused(HTTPStatus.NOT_FOUND)
        return found
