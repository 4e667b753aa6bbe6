"""The front of the Web API: reads a call, checks its token and scope, plays what a test scripted, answers it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from aiohttp import web

from . import chat, directory, files, streams, surfaces
from .asking import Ask, Method
from .oauth import OAuth
from .socket_mode import SocketMode
from .values import Call, Json, SlackError, Workspace
from .world import World

METHODS: Mapping[str, Method] = {
    **chat.METHODS,
    **streams.METHODS,
    **directory.METHODS,
    **surfaces.METHODS,
    **files.METHODS,
}
"""Everything a bot token can ask; ``apps.connections.open`` and ``oauth.v2.access`` are asked without one."""

_SECRET = re.compile(r"(xox[a-z.]*|xapp)-[\w.-]+")


@dataclass(slots=True, kw_only=True)
class Scripted:
    """What the next ``calls`` calls of the methods that fit ``pattern`` get instead of an answer."""

    pattern: str
    calls: int
    status: int
    body: Json
    headers: dict[str, str]
    after: bool = False


class WebApi:
    """Answers ``/api/METHOD``, whether asked with GET or POST, a form or JSON."""

    def __init__(self, world: World, socket: SocketMode, oauth: OAuth) -> None:
        self._world = world
        self._socket = socket
        self._oauth = oauth
        self.app_token = "xapp-1-A0LOOPBACK-1-secret"  # noqa: S105  of a server in memory
        self.scripted: deque[Scripted] = deque()
        self.gates: dict[str, asyncio.Event] = {}
        self.waiting: dict[str, int] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        method, arguments = request.match_info["method"], await _arguments(request)
        token = _token(request, arguments)
        team, gone = "", self._play(method, after=False)
        if gone is None:
            await self._gate(method)
            gone = self._play(method, after=True)
        code, status, headers = "", 200, dict[str, str]()
        body: Json = {}
        try:
            if gone is not None and not gone.after:
                body, status, headers = gone.body, gone.status, gone.headers
            else:
                workspace, body = self._ask(method, arguments, token, request)
                team = workspace.id if workspace is not None else ""
                headers = _headers(workspace)
                if gone is not None:
                    body, status, headers = gone.body, gone.status, gone.headers
        except SlackError as error:
            body = error.body
        code = "" if body.get("ok") else str(body.get("error", f"http_{status}"))
        self._record(method, arguments, team, code)
        return web.json_response(body, status=status, headers=headers)

    def _ask(
        self, method: str, arguments: Mapping[str, Any], token: str, request: web.Request
    ) -> tuple[Workspace | None, Json]:
        if method == "oauth.v2.access":
            return None, self._oauth.access(arguments, request.headers.get("Authorization", ""))
        if not token:
            raise SlackError("not_authed")
        if method == "apps.connections.open":
            if token != self.app_token:
                raise SlackError("invalid_auth" if not token.startswith("xoxb") else "not_allowed_token_type")
            return None, self._socket.open()
        if method == "apps.event.authorizations.list" and token == self.app_token:
            workspace = next(iter(self._world.workspaces.values()))
        else:
            workspace = self._world.of_token(token)
        known = METHODS.get(method)
        if known is None:
            raise SlackError("unknown_method", req_method=method)
        if known.scopes and not set(known.scopes) & workspace.scopes:
            provided = ",".join(sorted(workspace.scopes))
            raise SlackError("missing_scope", needed=known.scopes[0], provided=provided)
        return workspace, known.answer(
            self._world, Ask(method=method, arguments=arguments, workspace=workspace)
        )

    def _play(self, method: str, *, after: bool) -> Scripted | None:
        for one in self.scripted:
            if one.after == after and one.calls > 0 and fnmatch(method, one.pattern):
                one.calls -= 1
                return one
        return None

    async def _gate(self, method: str) -> None:
        gate = self.gates.get(method)
        if gate is not None and not gate.is_set():
            self.waiting[method] = self.waiting.get(method, 0) + 1
            self._world.touch()
            try:
                await gate.wait()
            finally:
                self.waiting[method] -= 1

    def _record(self, method: str, arguments: Mapping[str, Any], team: str, error: str) -> None:
        masked = {name: _masked(value) for name, value in arguments.items() if name != "client_secret"}
        at = self._world.clock.monotonic()
        self._world.calls.append(Call(method=method, arguments=masked, team=team, error=error, at=at))
        self._world.touch()


async def _arguments(request: web.Request) -> Json:
    arguments: Json = dict(request.query)
    if request.can_read_body:
        if request.content_type == "application/json":
            try:
                body = json.loads(await request.text() or "{}")
            except ValueError:
                body = {}
            arguments |= body if isinstance(body, dict) else {}
        else:
            arguments |= dict(await request.post())
    return {name: value for name, value in arguments.items() if value is not None}


def _token(request: web.Request, arguments: Json) -> str:
    given = str(arguments.pop("token", ""))
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" else given


def _headers(workspace: Workspace | None) -> dict[str, str]:
    return {} if workspace is None else {"x-oauth-scopes": ",".join(sorted(workspace.scopes))}


def _masked(value: Any) -> Any:
    return _SECRET.sub(r"\1-***", value) if isinstance(value, str) else value
