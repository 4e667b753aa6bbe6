"""The gateway as an adapter: its routes, who may use them, and how what goes wrong is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, TypeAlias

import structlog
from aiohttp import web

from rostra.actions import Action, Address, Capabilities, Receipt
from rostra.chat import Answerer
from rostra.clock import Clock
from rostra.endpoints import Endpoint
from rostra.errors import ModelError, PromptTooLong, Rejected, RostraError
from rostra.places import Place
from rostra.protocols import Accept, Model
from rostra.stores import Store

from .chat import CHANNEL, Chat, gone
from .door import Door
from .openapi import document
from .refused import (
    BAD_REQUEST,
    BAD_UPSTREAM,
    BROKEN,
    BUSY,
    NOT_ALLOWED,
    NOT_FOUND,
    SLOW_UPSTREAM,
    TIMED_OUT,
    TOO_LARGE,
    Refused,
)
from .repeats import HEADER, Repeats
from .settings import GatewaySettings

log = structlog.get_logger(__name__)

Handle: TypeAlias = Callable[[web.Request, dict[str, str]], Awaitable[web.StreamResponse]]
READING = 30.0
"""Seconds that a body may take to arrive."""
METHODS = "GET, POST, OPTIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The adapter of kind ``gateway``. It has no events and performs nothing: whoever asks waits on the line."""

    name: str
    url: str
    settings: GatewaySettings
    door: Door
    chat: Chat
    repeats: Repeats
    store: Store
    clock: Clock
    answerers: Callable[[], dict[str, tuple[Answerer, Model]]]
    endpoints: Sequence[Endpoint] = ()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def run(self, accept: Accept) -> None:
        """Wait to be cancelled: the server that this is mounted on answers."""
        del accept
        await asyncio.Event().wait()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        del address, action, key
        raise Rejected("nobody waits on this line any more")

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes by the prefix to mount them at."""
        handles: dict[tuple[str, str], Handle] = {
            ("POST", "/v1/chat/completions"): self._completions,
            ("GET", "/v1/models"): self._models,
            ("GET", "/v1/models/{id:(?s:.+)}"): self._model,
            ("GET", "/v1/why/{id}"): self._why,
            ("GET", "/v1/openapi.json"): self._document,
        }
        for one in self.endpoints:
            handles["POST", one.path] = self._endpoint(one)
        found: dict[str, list[web.RouteDef]] = {}
        for (method, path), handle in handles.items():
            first = "/" + path.split("/")[1]
            found.setdefault(first, []).append(
                web.route(method, path.removeprefix(first), self._answering(handle))
            )
        for routes in found.values():
            allowed: dict[str, list[str]] = {}
            for route in routes:
                allowed.setdefault(route.path, []).append(route.method)
            routes.extend(
                web.route("*", path, self._answering(_only(*those))) for path, those in allowed.items()
            )
            routes.append(web.route("*", "/{rest:(?s:.*)}", self._answering(_nowhere)))
        return found

    def _answering(self, handle: Handle) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler that tells what goes wrong as OpenAI's clients read it, and never by whose words."""

        async def answer(request: web.Request) -> web.StreamResponse:
            headers = {"x-request-id": f"req_{token_hex(12)}", **self._sharing(request)}
            try:
                if request.method == "OPTIONS" and "Access-Control-Allow-Origin" in headers:
                    return web.Response(status=204, headers=headers)
                return await handle(request, headers)
            except (web.HTTPException, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001  models and stages are foreign code: their words stay here
                if isinstance(error, ConnectionError) and gone(request):
                    return web.Response()  # to nobody
                refused = _told_of(error, headers["x-request-id"])
            return web.json_response(
                refused.body, status=refused.status, headers={**headers, **refused.headers}
            )

        return answer

    def _sharing(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin", "")
        if not origin or origin not in self.settings.origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
            "Access-Control-Expose-Headers": "x-request-id, Retry-After",
            "Vary": "Origin",
        }

    async def _completions(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        key = await self.door.admit(request, "chat")
        body = await self._body(request)
        question = self.chat.read(body, key)
        if question.asked[0].streams:
            return await self.chat.stream(
                question, request, headers, lambda error: _told_of(error, headers["x-request-id"])
            )
        answer = await self.repeats.once(
            key.id or key.application,
            request.headers.get(HEADER, ""),
            body,
            lambda: self.chat.whole(question, request),
        )
        return web.json_response(answer, headers=headers)

    async def _models(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        await self.door.admit(request, "chat")
        data = [_told(name) for name in self.answerers()]
        return web.json_response({"object": "list", "data": data}, headers=headers)

    async def _model(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        await self.door.admit(request, "chat")
        name = request.match_info["id"]
        if name not in self.answerers():
            raise Refused(
                NOT_FOUND, f"there is no model {name[:80]!r}", code="model_not_found", param="model"
            )
        return web.json_response(_told(name), headers=headers)

    async def _why(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        key = await self.door.admit(request, "why")
        reply = request.match_info["id"].removeprefix("chatcmpl-")
        found = await self.store.explanation(self._place(key.application), reply)
        if found is None:
            raise Refused(NOT_FOUND, "there is no such answer of this application, or it is forgotten")
        steps = [{"stage": one.stage, "what": one.what, "facts": dict(one.facts)} for one in found.steps]
        body = {"id": f"chatcmpl-{found.reply}", "at": found.at.isoformat(), "steps": steps}
        return web.json_response(body, headers=headers)

    async def _document(self, _: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        return web.json_response(document(self.endpoints), headers=headers)

    def _endpoint(self, endpoint: Endpoint) -> Handle:
        async def handle(request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
            key = await self.door.admit(request, endpoint.scope)
            try:
                asked: object = json.loads(await self._body(request))
            except (ValueError, RecursionError):
                raise Refused(BAD_REQUEST, "the body is no JSON") from None
            reply = await endpoint.respond(asked, self._place(key.application))
            return web.json_response(dict(reply.body), status=reply.status, headers=headers)

        return handle

    def _place(self, application: str) -> Place:
        return Place(adapter=self.name, workspace=application, channel=CHANNEL)

    async def _body(self, request: web.Request) -> bytes:
        most = self.settings.body_bytes
        large = Refused(TOO_LARGE, f"the body is too large; {most:,} bytes are allowed")
        if (request.content_length or 0) > most:
            raise large
        try:
            async with self.clock.timeout(READING):
                return await request.clone(client_max_size=most).read()
        except TimeoutError:
            raise Refused(TIMED_OUT, "the body did not come") from None
        except web.HTTPRequestEntityTooLarge:
            raise large from None
        except web.RequestPayloadError:
            raise Refused(BAD_REQUEST, "the body is not encoded as its headers say") from None


def _told(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "rostra"}


def _told_of(error: Exception, request: str) -> Refused:
    """Return what a client is told of ``error``; the log gets the rest."""
    if isinstance(error, Refused):
        return error
    refused = _failed(error)
    if refused.status == BROKEN:
        log.error("request failed", request=request, error=type(error).__name__, exc_info=error)
    else:
        log.warning("request failed", request=request, error=str(error))
    return refused


def _failed(error: Exception) -> Refused:
    """Return what a client is told of a failure: what kind it is, and nothing else."""
    if isinstance(error, PromptTooLong):
        what = "the conversation is longer than the model's context window"
        return Refused(BAD_REQUEST, what, code="context_length_exceeded", param="messages")
    if isinstance(error, TimeoutError):
        return Refused(SLOW_UPSTREAM, "the model did not answer in time", code="timeout")
    if isinstance(error, ModelError):
        return Refused(BAD_UPSTREAM, "the model failed", code="model_failed")
    if isinstance(error, RostraError):
        return Refused(BUSY, "the service is out of order; try again later", retry_after=10.0)
    return Refused(BROKEN, "internal error")


async def _nowhere(_: web.Request, __: dict[str, str]) -> web.StreamResponse:
    raise Refused(
        NOT_FOUND, "there is nothing at this path; /v1/openapi.json says what there is", code="unknown_url"
    )


def _only(*methods: str) -> Handle:
    """Return what refuses every other method."""

    async def refuse(_: web.Request, __: dict[str, str]) -> web.StreamResponse:
        allow = ", ".join(methods)
        raise Refused(NOT_ALLOWED, f"this path is for {allow} alone", code="method_not_allowed", allow=allow)

    return refuse
