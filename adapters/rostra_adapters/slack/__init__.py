"""Slack as a chat platform, through slack_bolt and slack_sdk, which are imported when it is opened."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rostra.components import Component, Finding, Services
from rostra.errors import ConfigError

from .settings import SlackSettings

if TYPE_CHECKING:
    from .adapter import Slack

__all__ = ["SlackSettings", "component"]


@asynccontextmanager
async def _open(settings: SlackSettings, services: Services) -> AsyncGenerator[Slack]:
    try:
        from .adapter import opened
    except ImportError as error:
        raise ConfigError(f"Slack needs more packages ({error.name}): pip install 'rostra[slack]'") from error
    async with opened(settings, services) as slack:
        yield slack


async def _check(settings: SlackSettings, services: Services) -> Sequence[Finding]:
    from .checks import check

    return await check(settings, services)


def _setup(settings: SlackSettings, services: Services) -> str:
    from .manifest import setup

    return setup(settings, services)


component = Component(name="slack", settings=SlackSettings, open=_open, check=_check, setup=_setup)
"""Slack over Socket Mode or HTTP."""
