"""An adapter that says on standard output that those before it are open: so a test knows when ``rostra serve`` is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rostra.actions import Action, Address, Capabilities, Receipt
from rostra.components import Component, ComponentSettings, Services
from rostra.errors import Rejected
from rostra.protocols import Accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Has nothing to hand over, and takes nothing."""

    name: str

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def run(self, accept: Accept) -> None:
        print("ready", flush=True)
        await asyncio.Event().wait()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        raise Rejected("nobody is here")


@asynccontextmanager
async def _opened(_: ComponentSettings, services: Services) -> AsyncGenerator[Ready]:
    yield Ready(name=services.name)


ready = Component(name="ready", settings=ComponentSettings, open=_opened)
