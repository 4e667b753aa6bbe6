"""The moderation of a configuration, without its bot: for commands that store texts which others will read."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ..components import Component
    from ..config import Settings
    from ..protocols import Moderation, Moderator


@asynccontextmanager
async def moderation_of(settings: Settings) -> AsyncGenerator[Moderation]:
    """Open what ``settings`` name of moderation, and close it again; models only where a moderator may ask one.

    Raises `ConfigError`.
    """
    from ..components import Services, find
    from ..config import moderation_settings
    from ..opening import open_all, open_models
    from ..refusals import Refusals
    from ..routes import Routes

    component = cast("Component[Any, Moderation]", find("stages", "moderation", settings.base))
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
        moderators = cast("dict[str, Moderator]", await open_all("moderators", settings, services, stack))
        services = replace(services, moderators=moderators, name="moderation")
        options = moderation_settings(component, settings)
        yield await stack.enter_async_context(component.open(options, services))
