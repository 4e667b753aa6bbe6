"""Windows of the one browser that all tests share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from playwright.async_api import Browser, Page
from visitor import DESK, WATCH, Visitor

PATIENCE = 30_000
"""Milliseconds until something that should be seen is missed: far more than it takes, for machines that are busy."""

Visit: TypeAlias = Callable[..., Awaitable[Visitor]]


@dataclass(slots=True, kw_only=True)
class Windows:
    """Windows of one browser, which are used again: it takes a second of work to open one.

    Every bot has a port of its own, so nothing that a browser keeps for one is seen by another, but for cookies.
    """

    browser: Browser
    free: list[Page] = field(default_factory=list[Page])

    async def take(self, **options: Any) -> Page:
        """Return an empty page in a window where nobody is signed in. One with ``options`` of its own is new."""
        if not options and self.free:
            page = self.free.pop()
            await page.emulate_media(color_scheme="null")
            await page.set_viewport_size(DESK)
            return page
        options = {"reduced_motion": "reduce", "viewport": DESK, **options}
        context = await self.browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        await context.add_init_script(WATCH)
        return await context.new_page()

    async def give_back(self, page: Page, **options: Any) -> None:
        """Empty a window, or close it."""
        if options:
            await page.context.close()
            return
        for other in page.context.pages:
            if other is not page:
                await other.close()
        await page.goto("about:blank")
        await page.context.clear_cookies()
        self.free.append(page)
