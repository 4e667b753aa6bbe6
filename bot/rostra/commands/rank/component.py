"""All commands about rankings, as one component: they share the ballots that people have in their hands."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from ...command import Command
from ...components import Component, ComponentSettings, Services
from . import ballots, campaigns, edits, making, permission, thumbs, web
from .office import office

SOURCES = (
    making.commands,
    ballots.commands,
    thumbs.commands,
    edits.commands,
    campaigns.commands,
    permission.commands,
    web.commands,
)


@asynccontextmanager
async def open_rank(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    """Open the commands; there are none where nothing is kept or nothing is judged."""
    del settings
    found = office(services)
    yield () if found is None else tuple(one for source in SOURCES for one in source(found))


component = Component(name="rank", settings=ComponentSettings, open=open_rank)
