"""The gateway: sessions over WebSockets that can be lost, resumed, replayed and silenced.

https://docs.discord.com/developers/events/gateway. What is said while no session is there waits for the first one to
come, so that a test may speak before its bot listens; the real gateway would never tell.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from . import payloads
from .watch import Watch
from .world import Guild, Json, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11

KNOWN_INTENTS = (1 << 26) - 1
GUILDS, MEMBERS, PRESENCES, CONTENT = 1, 1 << 1, 1 << 8, 1 << 15
PRIVILEGED = MEMBERS | PRESENCES | CONTENT

_GUILD = {"MESSAGE": 1 << 9, "MESSAGE_REACTION": 1 << 10, "TYPING": 1 << 11}
_DIRECT = {"MESSAGE": 1 << 12, "MESSAGE_REACTION": 1 << 13, "TYPING": 1 << 14}
_HIDDEN: Json = {"content": "", "embeds": [], "attachments": [], "components": []}


@dataclass(slots=True, kw_only=True)
class Event:
    """Something to tell a session. ``plain`` says that the message-content intent does not matter."""

    name: str
    data: Json
    guild: int | None = None
    plain: bool = True

    def belongs(self, session: Session) -> bool:
        """Whether it is for the session's shard; direct messages are for the first."""
        number, count = session.shard
        return number == ((self.guild or 0) >> 22) % count

    def wanted(self, session: Session) -> bool:
        """Whether the session's intents ask for it. Interactions come unasked."""
        if self.name.startswith("INTERACTION"):
            return True
        kinds = _DIRECT if self.guild is None else _GUILD
        topic = max((kind for kind in kinds if self.name.startswith(kind)), key=len, default="")
        needed = kinds.get(topic, 0 if self.guild is None else GUILDS)
        return not needed or bool(session.intents & needed)

    def told(self, session: Session) -> Json:
        """Return what the session may read of it."""
        if self.plain or session.intents & CONTENT:
            return self.data
        return {**self.data, **{name: _HIDDEN[name] for name in _HIDDEN if name in self.data}}


class Line:
    """One WebSocket. Frames leave in order, from a task of their own, so that telling never waits."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self._ws, self._request = ws, request
        self._frames: asyncio.Queue[str | int] = asyncio.Queue()
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self.gone = False
        self.closing = False

    def send(self, frame: Json) -> None:
        self._frames.put_nowait(json.dumps(frame))

    def close(self, code: int) -> None:
        """Close with a code once everything sent so far has left."""
        self.closing = self.gone = True
        self._frames.put_nowait(code)

    def cut(self) -> None:
        """Break the connection, as a network does: no code, no goodbye."""
        self.gone = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        """Send what is to be sent until it is closed."""
        try:
            while not isinstance(frame := await self._frames.get(), int):
                await self._send(frame)
            await self._ws.close(code=frame)
        except ConnectionError:
            self.gone = True

    async def _send(self, frame: str) -> None:
        if self._zlib is None:
            await self._ws.send_str(frame)
        else:
            packed = self._zlib.compress(frame.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self._ws.send_bytes(packed)


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """What one shard has been told. ``silent``: its socket lives, its heartbeats are answered, nothing else comes."""

    id: str
    shard: tuple[int, int]
    intents: int
    line: Line | None
    silent: bool = False
    seq: int = 0
    told: int = 0
    log: list[Json] = field(default_factory=list[Json])

    @property
    def connected(self) -> bool:
        return self.line is not None and not self.line.gone

    def tell(self, name: str, data: Json) -> None:
        """Send an event, or keep it for a RESUME where it cannot be sent."""
        self.seq += 1
        frame: Json = {"op": DISPATCH, "t": name, "s": self.seq, "d": data}
        self.log.append(frame)
        if self.line is not None and self.connected and not self.silent:
            self.told = self.seq
            self.line.send(frame)


@dataclass(kw_only=True)
class Gateway:
    """All sessions of the bot.

    Counts what tests ask for: ``identified``, ``resumed``, ``heartbeats``. ``rewind`` is how many events that a client
    has seen already the next RESUME replays, as the real gateway does now and then; ``allowed`` are the privileged
    intents that the bot was granted.
    """

    world: World
    watch: Watch
    token: str
    base: Callable[[], str]
    shards: int = 1
    heartbeat_ms: int = 41_250
    allowed: int = PRIVILEGED
    rewind: int = 0
    refuse_resume: bool = False
    sessions: dict[str, Session] = field(default_factory=dict[str, Session])
    backlog: list[Event] = field(default_factory=list[Event])
    identified: list[Json] = field(default_factory=list[Json])
    resumed: int = 0
    heartbeats: int = 0
    close_codes: list[int | None] = field(default_factory=list[int | None])
    _lines: set[Line] = field(default_factory=set[Line])

    @property
    def connected(self) -> Sequence[Session]:
        """The sessions with a live socket."""
        return [session for session in self.sessions.values() if session.connected]

    def tell(self, event: Event) -> None:
        """Tell every session that it concerns; keep it if there is none."""
        mine = [each for each in self.sessions.values() if event.belongs(each)]
        if not mine:
            self.backlog.append(event)
        for session in mine:
            if event.wanted(session):
                session.tell(event.name, event.told(session))
        self.watch.changed()

    def drop(self, *, code: int | None = None, rewind: int = 0) -> None:
        """Break every connection: without a goodbye, or closed with ``code``. The next RESUME replays ``rewind`` too."""
        self.rewind = rewind
        for session in self.connected:
            assert session.line is not None
            if code is None:
                session.line.cut()
            else:
                session.line.close(code)

    def ask_to_reconnect(self) -> None:
        """Send RECONNECT, as before a deployment."""
        for session in self.connected:
            assert session.line is not None
            session.line.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send INVALID_SESSION; unless ``resumable`` the sessions are forgotten."""
        for session in list(self.connected):
            assert session.line is not None
            session.line.send({"op": INVALID_SESSION, "d": resumable})
            if not resumable:
                del self.sessions[session.id]

    def fall_silent(self) -> None:
        """Deliver nothing any more on the sockets that are there, and keep answering their heartbeats."""
        for session in self.connected:
            session.silent = True

    def close(self) -> None:
        """Break every connection for good."""
        for line in list(self._lines):
            line.cut()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it closes."""
        ws = web.WebSocketResponse(timeout=1.0, max_msg_size=0)
        await ws.prepare(request)
        line = Line(ws, request)
        self._lines.add(line)
        writer = asyncio.ensure_future(line.write())
        line.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms}, "s": None, "t": None})
        session: Session | None = None
        try:
            async for message in ws:
                if message.type is not WSMsgType.TEXT:
                    continue
                session = self._hear(line, session, json.loads(message.data))
        finally:
            line.gone = True
            self._lines.discard(line)
            self._left(session, line, ws.close_code)
            if not line.closing:
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    def _hear(self, line: Line, session: Session | None, frame: dict[str, Any]) -> Session | None:
        op, data = frame.get("op"), frame.get("d")
        if op == HEARTBEAT:
            self.heartbeats += 1
            line.send({"op": HEARTBEAT_ACK, "d": None, "s": None, "t": None})
        elif op in {IDENTIFY, RESUME} and session is not None:
            line.close(4005)
        elif op == IDENTIFY:
            session = self._identify(line, data or {})
        elif op == RESUME:
            session = self._resume(line, data or {})
        elif session is None:
            line.close(4003)
        elif op == REQUEST_MEMBERS:
            self._members(session, data or {})
        self.watch.changed()
        return session

    def _identify(self, line: Line, data: Json) -> Session | None:
        intents = int(data.get("intents", 0))
        number, count = data.get("shard") or (0, 1)
        shard = int(number), int(count)
        code = self._wrong(str(data.get("token")), intents, shard)
        if code is not None:
            line.close(code)
            return None
        self.identified.append({name: value for name, value in data.items() if name != "token"})
        unheard = self._replace(shard)
        session = Session(id=secrets.token_hex(8), shard=shard, intents=intents, line=line)
        self.sessions[session.id] = session
        guilds = [each for each in self.world.guilds.values() if (each.id >> 22) % shard[1] == shard[0]]
        session.tell("READY", self._ready(session, guilds))
        for guild in guilds:
            session.tell("GUILD_CREATE", payloads.guild(self.world, guild))
        for frame in unheard:
            session.tell(frame["t"], frame["d"])
        waiting, self.backlog = self.backlog, []
        for event in waiting:
            self.tell(event)
        return session

    def _members(self, session: Session, data: Json) -> None:
        """Answer who is a member: those with the ids asked for, or all."""
        guild = self.world.guilds.get(int(data["guild_id"]))
        wanted = {str(ident) for ident in data.get("user_ids") or ()}
        members = list(guild.members) if guild is not None else []
        found = [each for each in members if not wanted or str(each.id) in wanted]
        chunk: Json = {
            "guild_id": str(data["guild_id"]),
            "members": [payloads.member(each, guild) for each in found] if guild is not None else [],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": sorted(wanted - {str(each.id) for each in found}),
            "nonce": data.get("nonce"),
        }
        session.tell("GUILD_MEMBERS_CHUNK", chunk)

    def _wrong(self, token: str, intents: int, shard: tuple[int, int]) -> int | None:
        if token.removeprefix("Bot ") != self.token:
            return 4004
        if not 0 <= shard[0] < shard[1]:
            return 4010
        if intents & ~KNOWN_INTENTS:
            return 4013
        if intents & PRIVILEGED & ~self.allowed:
            return 4014
        return None

    def _replace(self, shard: tuple[int, int]) -> Sequence[Json]:
        """Forget the lost sessions of a shard; return what they were never told."""
        unheard: list[Json] = []
        for old in [each for each in self.sessions.values() if each.shard == shard and not each.connected]:
            unheard += old.log[old.told :]
            del self.sessions[old.id]
        return unheard

    def _ready(self, session: Session, guilds: Sequence[Guild]) -> Json:
        return {
            "v": 10,
            "user": payloads.user(self.world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.base().replace("http", "ws", 1) + "/gateway",
            "shard": list(session.shard),
            "application": {"id": str(self.world.bot.id), "flags": 0},
            "private_channels": [],
            "relationships": [],
            "session_type": "normal",
        }

    def _resume(self, line: Line, data: Json) -> Session | None:
        session = self.sessions.get(str(data.get("session_id")))
        if str(data.get("token")).removeprefix("Bot ") != self.token:
            line.close(4004)
            return None
        if session is None or self.refuse_resume:
            line.send({"op": INVALID_SESSION, "d": False, "s": None, "t": None})
            return None
        if session.line is not None and session.connected:
            session.line.cut()
        session.line, session.silent = line, False
        self.resumed += 1
        seen, rewind = int(data.get("seq") or 0), self.rewind
        self.rewind = 0
        # READY and GUILD_CREATE are not repeated: the real gateway replays what happened since.
        happened = [frame for frame in session.log if frame["t"] not in {"READY", "GUILD_CREATE", "RESUMED"}]
        again = [frame for frame in happened if frame["s"] <= seen]
        for frame in [*again[max(0, len(again) - rewind) :], *happened[len(again) :]]:
            line.send(frame)
        session.told = session.seq
        session.tell("RESUMED", {"_trace": []})
        return session

    def _left(self, session: Session | None, line: Line, code: int | None) -> None:
        """Note that a socket is gone. Closed with 1000 or 1001 its session is over; else it may be resumed."""
        self.close_codes.append(code)
        if session is not None and session.line is line:
            session.line = None
            if code in {1000, 1001} and not line.closing:
                for frame in session.log[session.told :]:
                    guild = int(frame["d"].get("guild_id") or 0) or None
                    self.backlog.append(Event(name=frame["t"], data=frame["d"], guild=guild))
                self.sessions.pop(session.id, None)
        self.watch.changed()
