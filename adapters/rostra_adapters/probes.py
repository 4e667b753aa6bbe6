"""What machines ask of a bot: whether it is ready, and its figures. Nothing in either is anybody's.

``GET /readyz`` answers 200 while the database does, else 503; ``GET /metrics`` has the counters in Prometheus' text form,
for those who ask from the networks that the configuration names, and is not there for others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from aiohttp import web

from rostra.clock import Clock
from rostra.components import Services
from rostra.errors import StoreError
from rostra.metrics import CONTENT_TYPE, Metrics
from rostra.stores import Store

from .server import Server, is_in, networks

PATIENCE = 2.0
"""Seconds that the database has to answer."""
LOCAL = ("127.0.0.0/8", "::1/128")


@contextmanager
def probed(server: Server, services: Services, figures_for: Sequence[str] = LOCAL) -> Generator[None]:
    """Answer the probes on ``server`` within the block, unless another adapter there does."""
    store, metrics = services.store, services.metrics
    if store is None or metrics is None or server.has("/readyz"):
        yield
        return
    ready, figures = _ready(store, services.clock), _figures(store, metrics, figures_for)
    with server.mount("/readyz", [web.get("", ready)]), server.mount("/metrics", [web.get("", figures)]):
        yield


Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _ready(store: Store, clock: Clock) -> Handle:
    async def ready(_: web.Request) -> web.StreamResponse:
        try:
            async with clock.timeout(PATIENCE):
                await store.backlog()
        except (StoreError, TimeoutError):
            return web.Response(status=503, text="the database does not answer\n")
        return web.Response(text="ready\n")

    return ready


def _figures(store: Store, metrics: Metrics, figures_for: Sequence[str]) -> Handle:
    allowed = networks(figures_for)

    async def figures(request: web.Request) -> web.StreamResponse:
        # Whoever comes through a proxy that nobody told us to trust looks as near as the proxy is.
        if "X-Forwarded-For" in request.headers or not is_in(request.remote or "", allowed):
            raise web.HTTPNotFound
        body = metrics.exposed(dead=(await store.backlog()).dead)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    return figures
