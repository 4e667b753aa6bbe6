"""One Chromium for all tests in a real browser, a bot and a window of its own for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser_windows import PATIENCE, Visit, Windows
from playwright.async_api import Browser, async_playwright, expect
from visitor import Visitor
from whole_bot import Stand, standing

from rostra.accounts import AccountRole

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
NOWHERE = "127.0.0.1:9"
"""A proxy that is not there: whatever asks for another machine gets no further."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Have these tests share the loop that the browser lives in."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.slow)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    """Debian's Chromium, or Google's."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("for the browser tests: apt install chromium")
    arguments = [f"--proxy-server={NOWHERE}", "--process-per-site"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to sandbox what root runs
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        expect.set_options(timeout=PATIENCE)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Stand]:
    """Run a bot that keeps things in memory; on disk for tests that give it ``"disk"``."""
    async with standing(tmp_path, disk=getattr(request, "param", "") == "disk") as stand:
        yield stand


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def windows(chromium: Browser) -> Windows:
    return Windows(browser=chromium)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(windows: Windows, stand: Stand) -> AsyncGenerator[Visit]:
    """Return what opens a window for somebody new: signed in under a name, or not."""
    visitors: list[Visitor] = []
    async with AsyncExitStack() as stack:

        async def visit(name: str = "", *roles: AccountRole, **options: Any) -> Visitor:
            page = await windows.take(**options)
            stack.push_async_callback(windows.give_back, page, **options)
            if name:
                token = await stand.session(await stand.account(name, *roles))
                await page.context.add_cookies([{"name": "rostra", "value": token, "url": stand.url}])
            visitor = Visitor(page=page, url=stand.url)
            stack.callback(visitor.leave)
            visitor.watch()
            visitors.append(visitor)
            if name:
                await visitor.open()
            return visitor

        yield visit
    assert [said for visitor in visitors for said in visitor.complaints] == []
