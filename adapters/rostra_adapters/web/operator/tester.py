"""The policy tester: what the moderation would decide about a text. Nothing of the text is kept, and it counts for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from uuid_utils import uuid7

from rostra.places import Person, Place
from rostra.protocols import Moderation
from rostra.verdicts import Direction, Passage, Verdict

from ..guard import Refused
from .marked import Piece, marked
from .office import Office

LONGEST = 300
"""Characters of a place, at most."""
READ_AS: Mapping[str, Direction] = {"question": "question", "answer": "answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A text that was judged, in pieces, and what came of it in how many milliseconds."""

    text: str
    pieces: tuple[Piece, ...]
    verdict: Verdict
    scores: tuple[tuple[str, float], ...]
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tester:
    """Handlers of the tester."""

    office: Office
    moderation: Moderation
    most: int

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        return (web.get("/operator/policy", self._ask), web.post("/operator/policy", self._try))

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        return self.office.page(
            guest,
            "policy",
            "operator_policy.html",
            most=self.most,
            direction="question",
            where="",
            tried=None,
        )

    async def _try(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        filled = await self.office.form(request, guest)
        # Browsers send every end of a line as two characters.
        text = filled.get("text", "").replace("\r\n", "\n")
        direction = READ_AS.get(filled.get("direction", ""))
        if direction is None or not text.strip():
            raise Refused(HTTPStatus.BAD_REQUEST)
        if len(text) > self.most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        # Somebody new each time: a text that is tried often is no flood, and what they are is held against nobody.
        where = filled.get("where", "").strip() if guest.owner else ""
        place = _place(where) if where else guest.place
        passage = Passage(text=text, direction=direction, place=place, author=Person(id=uuid7().hex))
        before = self.office.clock.monotonic()
        verdict = await self.moderation.judge(passage)
        tried = Tried(
            text=text,
            pieces=tuple(marked(text, verdict.spans)),
            verdict=verdict,
            scores=tuple(sorted(verdict.categories.items(), key=lambda each: -each[1])),
            milliseconds=1000 * (self.office.clock.monotonic() - before),
        )
        return self.office.page(
            guest,
            "policy",
            "operator_policy.html",
            most=self.most,
            direction=direction,
            where=where,
            tried=tried,
        )


def _place(written: str) -> Place:
    """Return the place that is written as ``ADAPTER/WORKSPACE/CHANNEL``. Raises `Refused`."""
    parts = written.split("/")
    if len(parts) != 3 or not parts[0] or len(written) > LONGEST:  # noqa: PLR2004  of three parts
        raise Refused(HTTPStatus.BAD_REQUEST, "A place is written as ADAPTER/WORKSPACE/CHANNEL.")
    adapter, workspace, channel = parts
    return Place(adapter=adapter, workspace=workspace, channel=channel)
