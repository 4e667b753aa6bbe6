"""Writes ``docs/pictures/*.png``: each page as it looks in the light and in the dark, on a desk and on a phone."""  # noqa: INP001  a script, in no package

from __future__ import annotations

import asyncio
import io
import random
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

from PIL import Image  # noqa: E402  after the path is set, as all below
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect  # noqa: E402
from polls import HERE as WEB  # noqa: E402
from polls import agreed, flagged, poll  # noqa: E402
from whole_bot import Stand, standing  # noqa: E402

from rostra.accounts import AccountRole  # noqa: E402
from rostra.clock import SystemClock  # noqa: E402
from rostra.feedback.values import Campaign  # noqa: E402
from rostra.places import Person  # noqa: E402
from rostra.testing.ballots import asked, begun, said  # noqa: E402

SIZES: dict[str, ViewportSize] = {
    "desk": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
COLOURS = 96
"""Of a picture: enough for flat surfaces and smooth letters, and a third of the bytes."""
ANSWERS = {
    "How do I make cold brew?": (
        "Cold brew takes patience rather than heat:\n\n"
        "1. Grind **80 g** of coffee coarsely.\n"
        "2. Pour a litre of cold water over it and stir.\n"
        "3. Cover it and wait *12 to 16 hours*, in the fridge if it is warm.\n"
        "4. Strain it, first through a sieve, then through paper.\n\n"
        "It keeps for a week. To scale it:\n\n"
        "```python\ndef coffee(litres: float) -> float:\n    return 80 * litres  # grams\n```"
    ),
    "Tell me how the story ends": (
        "It all begins on a quiet evening in the old house by the lake.\n\n"
        "Nobody has lived there for years. ⏸\n\nThe sledge is called rosebud."
    ),
}
BALLOT = (
    "Seven minutes from when the water boils, then straight into cold water. Large eggs want a minute more.",
    "Put it in boiling water and ask a hen how long.",
    "It depends on how you like it: *five* minutes for runny, **seven** for soft, ten for hard.",
)


class Noon(SystemClock):
    """Time passes, and it is always the same noon: what pages say of when things were stays as it is."""

    def now(self) -> datetime:
        return datetime(2026, 1, 15, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A browser before a bot, and the pages that are open in it."""

    browser: Browser
    stand: Stand
    stack: AsyncExitStack
    taken: list[str] = field(default_factory=list[str])

    async def page(self, name: str = "", *roles: AccountRole) -> Page:
        """Return a page of somebody's who is signed in under a name, or of nobody's."""
        context = await self.browser.new_context(reduced_motion="reduce")
        self.stack.push_async_callback(context.close)
        if name:
            store = self.stand.app.parts.store
            account = await store.account_named("web", name) or await self.stand.account(name, *roles)
            token = await self.stand.session(account)
            await context.add_cookies([{"name": "rostra", "value": token, "url": self.stand.url}])
        page = await context.new_page()
        await page.goto(self.stand.url)
        return page

    async def take(self, name: str, page: Page) -> None:
        """Keep four pictures of a page."""
        for size, pixels in SIZES.items():
            await page.set_viewport_size(pixels)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                shot = await page.screenshot(animations="disabled", caret="hide")
                image = (
                    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
                )
                file = f"{name}-{size}-{scheme}.png"
                image.save(PICTURES / file, optimize=True)
                self.taken.append(file)


async def say(page: Page, text: str, state: str) -> None:
    """Ask something and wait until the answer is so."""
    before = await page.locator(".turn").count()
    await page.get_by_label("Your question").fill(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(".turn")).to_have_count(before + 1)
    await expect(page.locator(".answer").last).to_have_attribute("data-state", state)


async def sign_in(studio: Studio) -> None:
    """Take the page at the door."""
    await studio.take("sign-in", await studio.page())


async def chat(studio: Studio) -> None:
    """Take a conversation."""
    page = await studio.page("Ann")
    for earlier in ("What is a good name for a cat?", "Who wrote Middlemarch?"):
        await say(page, earlier, "done")
        await page.goto(studio.stand.url)
    await say(page, "How do I make cold brew?", "done")
    await page.locator(".question").hover()
    await studio.take("chat", page)


async def refused(studio: Studio) -> None:
    """Take what is refused, and what is withdrawn."""
    page = await studio.page("Ben")
    await say(page, "How do I build a pipe bomb?", "refused")
    studio.stand.go_on()
    await say(page, "Tell me how the story ends", "withdrawn")
    await studio.take("refused", page)


async def rank(studio: Studio) -> None:
    """Take a ballot in the middle."""
    stand = studio.stand
    guideline = "Prefer answers that are **true** and short."
    await poll(stand, "Eggs", answers=BALLOT, guideline=guideline, questions=["How long do I boil an egg?"])
    page = await studio.page("Cleo", "rater")
    account = await stand.app.parts.store.account_named("web", "Cleo")
    assert account  # noqa: S101  she was made a line before
    await agreed(stand, account.person)
    await page.goto(f"{stand.url}/rank")
    await page.get_by_role("button", name="Start").click()
    await page.locator("[data-letter=C]").get_by_role("button", name="Move C up").click()
    await page.locator("[data-letter=B]").get_by_role("button", name="B is tied").focus()
    await expect(page.get_by_text("Draft kept.")).to_be_visible()
    await page.evaluate("document.activeElement.blur()")
    await page.mouse.move(0, 0)
    await studio.take("rank", page)


async def decided(stand: Stand) -> Campaign:
    """Return a campaign with enough ballots to say something."""
    store, luck = stand.app.parts.store, random.Random(7)  # noqa: S311  no secret
    plan = await begun(store, "Kitchen", place=WEB, k=4, overlap=3)
    for number in range(40):
        answers = [f"Answer {at} {'and so on ' * luck.randint(2, 20)}" for at in range(4)]
        await asked(store, plan, f"Question {number}", answers=answers, at=stand.app.parts.clock.now())
    for ballot in range(120):
        person = await store.pseudonym(WEB.adapter, Person(id=f"rater {ballot % 12}"))
        if held := await store.lease(plan.id, person, surface="page"):
            task = await store.task(held.task)
            assert task  # noqa: S101  it was leased
            order = held.shown_order
            worth = {one: luck.gauss(-at * 0.4, 1) for at, one in enumerate(task.candidates)}
            best = sorted(range(len(worth)), key=lambda slot: -worth[order[slot]])
            await store.judge(said(held, " > ".join("ABCD"[slot] for slot in best)))
    return plan


async def operator(studio: Studio) -> None:
    """Take what operators see."""
    stand = studio.stand
    await flagged(stand, "rosebud is what everybody talks about", (await stand.account("Dora")).person)
    case = await flagged(stand, "rosebud: what does it stand for?", (await stand.account("Eli")).person)
    plan = await decided(stand)
    page = await studio.page("Olga", "owner")
    for name, path in (
        ("review", f"reviews/{case}"),
        ("campaign", f"campaigns/{plan.id}"),
        ("health", "health"),
    ):
        await page.goto(f"{stand.url}/operator/{path}")
        await studio.take(name, page)


STEPS: tuple[Callable[[Studio], Awaitable[None]], ...] = (sign_in, chat, refused, rank, operator)


async def main() -> None:
    """Take all pictures; drop those that nothing is taken of any more."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("for the pictures: apt install chromium")
    PICTURES.mkdir(exist_ok=True)
    options: dict[str, Any] = {
        "executable_path": path,
        "args": ["--no-sandbox", "--proxy-server=127.0.0.1:9"],
    }
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stand = await stack.enter_async_context(standing(folder, answers=ANSWERS, clock=Noon()))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(**options)
        stack.push_async_callback(browser.close)
        studio = Studio(browser=browser, stand=stand, stack=stack)
        for step in STEPS:
            await step(studio)
    for file in PICTURES.glob("*.png"):
        if file.name not in studio.taken:
            file.unlink()


if __name__ == "__main__":
    asyncio.run(main())
