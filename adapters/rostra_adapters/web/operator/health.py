"""How the bot is: what ``rostra doctor`` and the figures for machines tell cheaply, drawn anew as it changes."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from aiohttp import web

from rostra.components import Finding
from rostra.metrics import Metrics
from rostra.protocols import Model
from rostra.stores import Backlog, Entry
from rostra.versions import Deployment, version_of
from rostra.vitals import Vitals

from .live import Live, Part, mark_of
from .office import Guest, Office

LETTERS = 50
"""Dead letters that are listed, the last ones."""
SHORT, PLACE = 100, 32
"""Characters of an error and of a place that are shown, at most."""
ROWS: Mapping[str, Sequence[str]] = {
    "Answered": ("turn stop", "turn length"),
    "Commands": ("turn shown",),
    "Stopped": ("turn stopped",),
    "Failed": ("turn error",),
    "Questions blocked": ("question block",),
    "Answers blocked": ("answer block",),
    "Flagged": ("question flag", "answer flag"),
    "Tokens read": ("tokens prompt",),
    "Tokens written": ("tokens completion",),
}
"""What is counted, by the names that `rostra.metrics.Metrics.lately` has for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter, without a word of it."""

    id: str
    at: datetime
    where: str
    kind: str
    attempts: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A model, and what is known of its version."""

    name: str
    version: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Handlers of the page."""

    office: Office
    live: Live
    vitals: Vitals
    metrics: Metrics
    models: Mapping[str, Model]

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        return (web.get("/operator/health", self._show), web.get("/operator/health/events", self._events))

    async def _show(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        backlog = await self.office.store.backlog()
        return self.office.page(
            guest,
            "health",
            "operator_health.html",
            since=await self._mark(backlog),
            **await self._values(guest, backlog),
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        dead = (await self.office.store.backlog()).dead

        async def look() -> str:
            return await self._mark(await self.office.store.backlog())

        async def draw() -> Part:
            nonlocal dead
            backlog = await self.office.store.backlog()
            html = self.office.drawing.page("operator_health_live.html", **await self._values(guest, backlog))
            more, dead = backlog.dead - dead, backlog.dead
            return Part(
                html=html, said=f"{backlog.dead:,} replies could not be delivered" if more > 0 else ""
            )

        return await self.live.stream(request, guest, look, draw)

    async def _mark(self, backlog: Backlog) -> str:
        return mark_of(
            backlog,
            self._waiting(),
            self.vitals.adapters,
            sorted(self._lately().items()),
            self._running().total_seconds() // 60,
        )

    async def _values(self, guest: Guest, backlog: Backlog) -> dict[str, Any]:
        store = self.office.store
        letters = [one for one in (await store.dead() if backlog.dead else ()) if guest.sees(one.event.place)]
        lately = self._lately()
        counted = sorted({adapter for adapter, _ in lately} | set(self.vitals.adapters))
        return {
            "findings": [
                (part, finding)
                for part, finding in await asyncio.to_thread(_machine, self.vitals)
                if guest.owner or part != "data folder"  # where files lie is for those who own them
            ],
            "adapters": self.vitals.adapters,
            "models": [_answering(name, one) for name, one in self.models.items()],
            "deployments": _standing(await store.deployments()),
            "backlog": backlog,
            "waiting": self._waiting(),
            "letters": [_letter(one) for one in reversed(letters[-LETTERS:])],
            "hidden": backlog.dead - len(letters),
            "started_at": self.vitals.started_at,
            "running": _long(self._running()),
            "versions": (("Rostra", version("rostra")), ("Python", platform.python_version())),
            "counted": counted,
            "lately": [
                (name, [sum(lately.get((adapter, what), 0) for what in whats) for adapter in counted])
                for name, whats in ROWS.items()
            ],
        }

    def _waiting(self) -> tuple[int, int]:
        lanes = self.vitals.lanes
        return (0, 0) if lanes is None else (lanes.busy, lanes.waiting)

    def _lately(self) -> Mapping[tuple[str, str], int]:
        return self.metrics.lately.counts(self.office.clock.monotonic())

    def _running(self) -> timedelta:
        return self.office.clock.now() - self.vitals.started_at


def _machine(vitals: Vitals) -> Sequence[tuple[str, Finding]]:
    from rostra.cli.health import machine  # what `rostra doctor` tests of the machine

    return machine(vitals.data)


def _answering(name: str, model: Model) -> Answering:
    found = version_of(model)
    if found is None:
        return Answering(name=name)
    known = f"{found.name} {found.content[:12]}".strip()
    return Answering(name=name, version=known, kind=found.kind)


def _standing(found: Sequence[Deployment]) -> Sequence[Deployment]:
    """Return what is deployed now: of each place and state of trial, the newest."""
    newest: dict[str, Deployment] = {}
    for one in found:
        newest.setdefault(one.place, one)
    return [one for one in newest.values() if one.state != "withdrawn"]


def _letter(one: Entry) -> Letter:
    reply = one.reply
    return Letter(
        id=reply.id,
        at=one.received_at,
        where=_cut(reply.address.place.key, PLACE),
        kind="" if reply.action is None else type(reply.action).__name__,
        attempts=reply.attempts,
        error=_cut(" ".join(reply.error.split()), SHORT),  # adapters' own, written for operators
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _long(time: timedelta) -> str:
    """Return how long something takes, as people say it.

    >>> _long(timedelta(days=2, hours=3, minutes=5)), _long(timedelta(minutes=5, seconds=59))
    ('2 d 3 h', '5 min')
    """
    minutes = int(time.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
