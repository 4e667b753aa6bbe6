"""For pytest: ``-p rostra.testing.slack_server.plugin``, or ``pytest_plugins``, gives the fixture ``slack_server``."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio

from .server import SlackServer


@pytest_asyncio.fixture
async def slack_server() -> AsyncGenerator[SlackServer]:
    """Run a Slack as long as the test, in its loop."""
    async with SlackServer() as server:
        yield server
