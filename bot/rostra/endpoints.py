"""What a package answers over HTTP beside conversations: JSON in, JSON out, whatever server it is mounted on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .api_keys import ApiScope
from .places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP status and a body to be sent as JSON."""

    status: int
    body: Mapping[str, Any]


Respond: TypeAlias = Callable[[object, Place], Awaitable[Response]]
"""Answer the decoded JSON of a request that comes from ``place``. Never raises for what a client sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``POST path``, for whoever has a key with ``scope``.

    ``request`` and ``response`` are JSON schemas of the bodies, ``statuses`` those that may come back, ``summary`` one line of
    what it does: what a description of the API says of it. ``source`` names the API that it has the shape of.
    """

    path: str
    scope: ApiScope
    respond: Respond
    summary: str
    source: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    error: Mapping[str, Any]
    statuses: tuple[int, ...] = (200, 400, 503)
