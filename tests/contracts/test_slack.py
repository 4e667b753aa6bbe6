"""Slack as a platform: the real adapter, slack_bolt and slack_sdk over sockets against the test server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from slack_platform import SlackPlatform, slack_platform

from rostra.testing.adapters import AdapterContract

OBEYED = ("<!channel>", "<!here>", "<!everyone>", "<@U2>", "<!subteam^S1>", "<#C1>")
"""What notifies people, or looks like something that Slack wrote."""


class TestPrivateSlack(AdapterContract):
    """Direct messages, over Socket Mode."""

    dangerous = OBEYED
    patience = 30.0  # a day's jump of the clock is 86,400 looks at the connection

    @pytest.fixture
    async def platform(self, tmp_path: Path) -> AsyncGenerator[SlackPlatform]:
        async with slack_platform(tmp_path, private=True) as platform:
            yield platform


class TestSlackChannel(AdapterContract):
    """Mentions in a channel, over HTTP, answered in threads with native streams."""

    dangerous = OBEYED

    @pytest.fixture
    async def platform(self, tmp_path: Path) -> AsyncGenerator[SlackPlatform]:
        async with slack_platform(tmp_path, private=False, http=True) as platform:
            yield platform
