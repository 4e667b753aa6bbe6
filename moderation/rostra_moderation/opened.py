"""The configured moderation without a bot around it: for the command line and for benches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from rostra.components import Component, Services
from rostra.config import Settings, moderation_settings
from rostra.opening import open_all, open_models
from rostra.protocols import Moderation, Moderator
from rostra.refusals import Refusals
from rostra.routes import Routes

from .moderation import component


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Moderation]:
    """Open what ``settings`` name of moderation, and close it again; models only where a moderator may ask one.

    Raises `ConfigError`.
    """
    services = Services(
        name="",
        data=settings.data,
        base=settings.base,
        routes=Routes(settings.routes),
        refusals=Refusals(folder=settings.refusals.folder, language=settings.refusals.language),
    )
    async with AsyncExitStack() as stack:
        if any(table.kind == "judge" for table in settings.moderators.values()):
            services = await open_models(settings, services, stack)
        moderators = cast("Mapping[str, Moderator]", await open_all("moderators", settings, services, stack))
        services = replace(services, moderators=moderators, name="moderation")
        options = moderation_settings(cast("Component[Any, object]", component), settings)
        yield await stack.enter_async_context(component.open(cast("Any", options), services))
