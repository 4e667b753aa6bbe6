"""The chat page: the conversations of whoever is signed in, and what they do in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from uuid_utils import uuid7

from rostra.actions import Show
from rostra.clock import Clock
from rostra.command import Command
from rostra.events import Event, Invocation, Message, Press, Submit
from rostra.places import Permission, Place
from rostra.protocols import Duplicate
from rostra.stores import Entry, Store
from rostra.talks import SomebodyElses, Talk

from .adapter import Web
from .drawing import Drawing
from .guard import Refused, body_of, text_in
from .levels import Level, by_role
from .settings import WebSettings
from .shown import BASE, ON, PICTURES, QUIET, VIEW, Face, exchange_of, exchanges, files_of
from .signin import SignIn, Visit, fits

ID = re.compile(r"[0-9a-f]{32}")
TITLE = 60
VALUES = 100
FIELD = 20_000
"""Choices of one press, and characters of a field, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Handlers of the chat page."""

    page: Web
    settings: WebSettings
    sign_in: SignIn
    drawing: Drawing
    store: Store
    clock: Clock
    commands: Sequence[Command] = ()
    level: Level = by_role

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, without the guard that they need."""
        talk = "/chat/{talk:[0-9a-f]{32}}"
        return (
            web.get("/", self._new),
            web.get(talk, self._page),
            web.post(f"{talk}/messages", self._say),
            web.post(f"{talk}/stop", self._stop),
            web.post(f"{talk}/presses", self._press),
            web.post(f"{talk}/submits", self._submit),
            web.post(f"{talk}/delete", self._delete),
            web.get(f"{talk}/files/{{reply:[0-9A-Za-z_-]{{1,64}}}}/{{number:[0-9]{{1,3}}}}", self._file),
        )

    async def visitor(self, request: web.Request) -> Visit:
        """Return who sent ``request``, with the token that changes need. Raises `Refused`."""
        visit = await self.sign_in.visit(request)
        if visit is None:
            raise Refused(HTTPStatus.UNAUTHORIZED)
        if request.method == "POST" and not fits(visit.token, request.headers.get("X-CSRF-Token", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        return visit

    async def talk_of(self, request: web.Request, visit: Visit) -> Talk:
        """Return the conversation that ``request`` is about. Raises `Refused` if there is none, or it is another's."""
        found = await self.store.talk(self.page.name, visit.account.id, request.match_info["talk"])
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        return found

    async def shown(self, talk: Talk) -> tuple[str, int, int]:
        """Return the HTML of all that is shown in ``talk``, as of the change with the second number.

        Of the changes between both numbers, those that ended something may be missing from it.
        """
        channel = self.page.feed.channel(talk.id)
        before = channel.number
        entries = await self.store.asked_in(talk)
        found = exchanges(entries, channel.live)
        return "".join(map(self.drawing.exchange, found)), before, channel.number

    async def _new(self, request: web.Request) -> web.StreamResponse:
        visit = await self._reader(request)
        return await self._drawn(visit, uuid7().hex, None)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        visit = await self._reader(request)
        talk = await self.talk_of(request, visit)
        return await self._drawn(visit, talk.id, talk)

    async def _reader(self, request: web.Request) -> Visit:
        visit = await self.sign_in.visit(request)
        if visit is None:
            raise web.HTTPSeeOther("/sign-in")
        return visit

    async def _drawn(self, visit: Visit, id_: str, talk: Talk | None) -> web.Response:
        channel = self.page.feed.channel(id_)
        before = channel.number
        entries = () if talk is None else await self.store.asked_in(talk)
        talks = await self.store.talks(self.page.name, visit.account.id)
        level = self.level(visit.account)
        # Where something changed meanwhile, the page asks for everything anew.
        since = self.page.feed.mark(id_) if channel.number == before else ""
        text = self.drawing.page(
            "chat.html",
            talk=id_,
            talk_title="" if talk is None else talk.title,
            begun=talk is not None,
            since=since,
            csrf=visit.csrf,
            name=visit.account.name,
            talks=talks,
            exchanges=exchanges(entries, channel.live),
            commands=[one for one in self.commands if one.permission <= level],
            operator=level >= Permission.OPERATOR,
            rater=level >= Permission.RATER,
            most=self.settings.message_characters,
        )
        return web.Response(text=text, content_type="text/html")

    async def _say(self, request: web.Request) -> web.StreamResponse:
        visit = await self.visitor(request)
        given = await body_of(request)
        text, instead = (
            text_in(given, "text", self.settings.message_characters),
            text_in(given, "instead_of", 80),
        )
        if not text.strip():
            raise Refused(HTTPStatus.BAD_REQUEST)
        id_ = request.match_info["talk"]
        now = self.clock.now()
        talk = Talk(
            id=id_,
            adapter=self.page.name,
            owner=visit.account.id,
            title=" ".join(text.split())[:TITLE],
            at=now,
        )
        event = Message(
            id=_event_id(id_, given), place=talk.place, author=visit.account.person, text=text, sent_at=now
        )
        return await self._ask(talk, event, instead)

    async def _ask(self, talk: Talk, event: Message, instead: str) -> web.StreamResponse:
        if instead and any(map(_under_way, await self._entries(talk))):
            raise Refused(HTTPStatus.CONFLICT)
        try:
            await self.store.ask(talk, event.id, instead_of=instead)
        except SomebodyElses:
            raise Refused(HTTPStatus.NOT_FOUND) from None
        html = self.drawing.exchange(exchange_of(event, Face()))
        channel = self.page.feed.channel(talk.id)
        channel.publish("asked", {"turn": event.id, "html": html, "instead": instead})
        try:
            taken = await self.page.take(event)
        except BaseException:
            channel.publish("gone", {"turn": event.id})
            raise
        body = {"turn": event.id, "html": html, "duplicate": isinstance(taken, Duplicate)}
        return web.json_response(body, status=HTTPStatus.ACCEPTED)

    async def _entries(self, talk: Talk) -> Sequence[Entry]:
        there = await self.store.talk(talk.adapter, talk.owner, talk.id)
        return () if there is None else await self.store.asked_in(there)

    async def _stop(self, request: web.Request) -> web.StreamResponse:
        visit = await self.visitor(request)
        talk, given = await self.talk_of(request, visit), await body_of(request)
        return await self._taken(
            Invocation(
                id=_event_id(talk.id, given),
                place=talk.place,
                author=visit.account.person,
                path=("stop",),
                options={},
                sent_at=self.clock.now(),
                extra={QUIET: "yes"},
            )
        )

    async def _press(self, request: web.Request) -> web.StreamResponse:
        visit = await self.visitor(request)
        talk, given = await self.talk_of(request, visit), await body_of(request)
        values: object = given.get("values", [])
        if not isinstance(values, list) or len(values) > VALUES:  # pyright: ignore[reportUnknownArgumentType]  JSON
            raise Refused(HTTPStatus.BAD_REQUEST)
        event = Press(
            id=_event_id(talk.id, given),
            place=talk.place,
            author=visit.account.person,
            control=text_in(given, "control", 80),
            sent_at=self.clock.now(),
            values=tuple(text_in({"value": value}, "value", FIELD) for value in values),  # pyright: ignore[reportUnknownVariableType]  JSON
            extra=_where(given),
        )
        await self.store.ask(talk, event.id)
        return await self._taken(event)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        visit = await self.visitor(request)
        talk, given = await self.talk_of(request, visit), await body_of(request)
        fields: object = given.get("fields")
        if not isinstance(fields, dict) or len(fields) > VALUES:  # pyright: ignore[reportUnknownArgumentType]  JSON
            raise Refused(HTTPStatus.BAD_REQUEST)
        filled: dict[str, Any] = fields  # pyright: ignore[reportUnknownVariableType]  JSON
        event = Submit(
            id=_event_id(talk.id, given),
            place=talk.place,
            author=visit.account.person,
            form=text_in(given, "form", 80),
            fields={name: text_in(filled, name, FIELD) for name in filled},
            sent_at=self.clock.now(),
            extra=_where(given),
        )
        await self.store.ask(talk, event.id)
        return await self._taken(event)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        visit = await self.visitor(request)
        talk = await self.talk_of(request, visit)
        if any(map(_under_way, await self.store.asked_in(talk))):
            raise Refused(HTTPStatus.CONFLICT)
        await self.store.end_talk(talk)
        return web.json_response({})

    async def _taken(self, event: Event) -> web.StreamResponse:
        taken = await self.page.take(event)
        body = {"duplicate": isinstance(taken, Duplicate)}
        return web.json_response(body, status=HTTPStatus.ACCEPTED)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        visit = await self._reader(request)
        talk = await self.talk_of(request, visit)
        entry = await self.store.entry(request.match_info["reply"])
        number = int(request.match_info["number"])
        if entry is None or not _is_in(entry, talk.place) or not isinstance(entry.reply.action, Show):
            raise Refused(HTTPStatus.NOT_FOUND)
        files = files_of(entry.reply.action.view)
        if number >= len(files):
            raise Refused(HTTPStatus.NOT_FOUND)
        file = files[number]
        picture = file.media_type in PICTURES
        headers = {} if picture else {"Content-Disposition": "attachment"}
        kind = file.media_type if picture else "application/octet-stream"
        return web.Response(body=file.data, content_type=kind, headers=headers)


def _is_in(entry: Entry, place: Place) -> bool:
    return entry.event.place == place


def _under_way(entry: Entry) -> bool:
    return isinstance(entry.event, Message) and not entry.reply.done


def _event_id(talk: str, given: Mapping[str, Any]) -> str:
    """Return the id of an event: the browser's own, in its conversation, so that nobody's is another's."""
    own = text_in(given, "id", 32)
    if not ID.fullmatch(own):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return f"{talk}.{own}"


def _where(given: Mapping[str, Any]) -> Mapping[str, str]:
    base = VIEW if given.get("base") == VIEW else "answer"
    return {ON: text_in(given, "on", 80), BASE: base}
