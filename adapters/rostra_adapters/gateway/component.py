"""The component: mounts the gateway on the shared server for as long as it is open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from rostra.chat import Answerer
from rostra.components import Component, Finding, Services, find, installed
from rostra.endpoints import Endpoint
from rostra.errors import ConfigError
from rostra.protocols import Model

from ..probes import probed
from ..server import serving
from .chat import Chat
from .door import Door
from .gateway import Gateway
from .repeats import Repeats
from .settings import GatewaySettings

UNREAD = 2**62
"""Bytes, so many that the gateway, and not the server, says that a body is too large, in the shape of its other errors."""


@asynccontextmanager
async def opened(settings: GatewaySettings, services: Services) -> AsyncGenerator[Gateway]:
    """Answer at ``settings.listen``. Raises `ConfigError` where that is taken."""
    store, direct, desk = services.store, services.direct, services.desk
    if store is None or direct is None or desk is None:
        raise ConfigError("the gateway runs within a bot: `rostra serve`")

    def answerers() -> dict[str, tuple[Answerer, Model]]:
        return {
            name: (one, services.models[one.model])
            for name, one in desk.answerers().items()
            if one.model in services.models
        }

    async with AsyncExitStack() as stack:
        endpoints = [one for each in await _endpoints(services, stack) for one in each]
        server = await stack.enter_async_context(
            serving(settings.listen, clock=services.clock, proxies=settings.trusted_proxies)
        )
        gateway = Gateway(
            name=services.name,
            url=server.url,
            settings=settings,
            door=Door(store, services.clock, is_open=settings.open),
            chat=Chat(services.name, settings, direct, answerers, services.clock),
            repeats=Repeats(settings.remembered_seconds, services.clock),
            store=store,
            clock=services.clock,
            answerers=answerers,
            endpoints=endpoints,
        )
        stack.enter_context(probed(server, services, settings.metrics_for))
        for prefix, routes in gateway.routes().items():
            stack.enter_context(server.mount(prefix, routes, body=UNREAD))
        yield gateway


async def _endpoints(services: Services, stack: AsyncExitStack) -> list[Sequence[Endpoint]]:
    found: list[Sequence[Endpoint]] = []
    for point in installed("endpoints"):
        one = cast("Component[Any, Sequence[Endpoint]]", find("endpoints", point.name, services.base))
        found.append(await stack.enter_async_context(one.open(one.settings(), services)))
    return found


async def check(settings: GatewaySettings, _: Services) -> Sequence[Finding]:
    """Say where it will answer, and who may ask."""
    who = "anybody on this machine may ask" if settings.open else "applications with a key may ask"
    return [Finding(ok=True, what=f"http://{settings.listen}/v1: {who}")]


component = Component(name="gateway", settings=GatewaySettings, open=opened, check=check)
