"""Somebody in front of a real browser, and what their browser complains about."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from playwright.async_api import ConsoleMessage, Locator, Page, Request, ViewportSize, expect

from rostra_adapters.web.markdown import ATTRIBUTES
from rostra_adapters.web.markdown import TAGS as MARKDOWN

WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`violates the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
window.ran = (what) => console.error(`ran: ${what}`);
"""
"""Runs in every page before anything else: what the policy of the page stops, and what a text had run, is told."""
SHAPE = """
([tags, attributes]) => {
  const told = (element) => {
    const names = element.getAttributeNames();
    const link = element.getAttribute("href");
    const fine = element.namespaceURI === "http://www.w3.org/1999/xhtml" && tags.includes(element.localName)
      && names.every((name) => (attributes[element.localName] || []).includes(name))
      && (element.localName !== "a" || link === null || /^(https?:|mailto:)/i.test(link))
      && (element.localName !== "p" || !element.className || element.className === "lang");
    return fine && element.closest(".body") ? "" : `${element.localName} ${names.sort()}`;
  };
  return [...new Set([...document.querySelectorAll("*")].map(told))];
}
"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 320, "height": 640}
"""As narrow as WCAG 2.2 asks for (1.4.10, reflow): narrower than any phone that is sold."""
Look: TypeAlias = tuple[Literal["light", "dark"], ViewportSize]
LOOKS: Sequence[Look] = (("dark", PHONE), ("light", DESK))
OTHER_LOOKS: Sequence[Look] = (("light", PHONE), ("dark", DESK))
"""The other half: what it finds beyond the first half would be seen on every page, so that few are looked at."""


@dataclass(kw_only=True)  # without slots: Playwright notes on it which of its methods listen
class Visitor:
    """Somebody with a page open. Whatever their browser complains about is in ``complaints``."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list[str])
    went: list[str] = field(default_factory=list[str])
    """Every address that a frame of the page has gone to."""
    _listening: list[tuple[Any, Callable[[Any], Any]]] = field(
        default_factory=list[tuple[Any, Callable[[Any], Any]]]
    )

    def watch(self) -> None:
        """Listen to what the browser complains about, and to what goes elsewhere."""
        self.on("console", self._said)
        self.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.on("request", self._asked)
        self.on("framenavigated", lambda frame: self.went.append(frame.url))
        self.on("popup", lambda page: self.complaints.append(f"opened {page.url}"))

    def on(self, event: Any, act: Callable[[Any], Any]) -> None:
        """Listen to something of the page until the visitor leaves."""
        self.page.on(event, act)
        self._listening.append((event, act))

    def leave(self) -> None:
        """Listen no more: somebody else may use the window."""
        for event, act in self._listening:
            self.page.remove_listener(event, act)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:image/svg+xml")):
            self.complaints.append(f"asked for {request.url}")

    async def open(self, path: str = "/") -> None:
        """Open a page of the bot."""
        await self.page.goto(self.url + path)

    async def write(self, text: str) -> None:
        """Write a question and send it."""
        await self.page.get_by_label("Your question").fill(text)
        await self.page.keyboard.press("Enter")

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.page.locator(".answer").last

    async def ask(self, text: str, state: str = "done") -> None:
        """Ask something and wait for the end of the answer."""
        before = await self.page.locator(".turn").count()
        await self.write(text)
        await expect(self.page.locator(".turn")).to_have_count(before + 1)
        await self.sees(state)

    async def sees(self, state: str) -> None:
        """Wait until the last answer is so."""
        await expect(self.answer).to_have_attribute("data-state", state)

    async def shape(self) -> set[str]:
        """Return what kinds of elements the page has, but for what the sanitiser lets answers have."""
        attributes = {tag: sorted(names) for tag, names in ATTRIBUTES.items()}
        attributes["a"].append("rel")
        attributes["pre"] = ["tabindex"]  # the page's own: what scrolls can be reached by keyboard
        return set(await self.page.evaluate(SHAPE, [sorted(MARKDOWN), attributes]))

    async def fits(self) -> None:
        """Assert that nothing reaches over the page's side."""
        wide = await self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], f"the page is {wide[0]} px wide on a screen of {wide[1]} px"

    async def accessible(self, *looks: Look) -> None:
        """Assert that axe-core finds nothing wrong with the page: in the dark on a phone, in the light on a desk."""
        found: list[str] = []
        await self.page.evaluate(_axe())
        for scheme, size in looks or LOOKS:
            await self.page.set_viewport_size(size)
            await self.page.emulate_media(color_scheme=scheme)
            await self.page.evaluate("document.querySelector('main').scrollTo(0, 1e9)")
            await self.fits()
            found += [f"{scheme}, {size['width']} px: {one}" for one in await self._violations()]
        assert not found, "\n".join(found)

    async def _violations(self) -> Sequence[str]:
        options = {
            "runOnly": {"type": "tag", "values": TAGS},
            "rules": {"target-size": {"enabled": True}},
            "resultTypes": ["violations"],
            "preload": False,  # of style sheets from elsewhere: there are none
        }
        run = f"axe.run({json.dumps(options)}).then((done) => done.violations)"
        violations: list[dict[str, Any]] = await self.page.evaluate(run)
        return [
            f"{one['id']} ({one['help']}): {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in violations
            for node in one["nodes"]
        ]


@cache
def _axe() -> str:
    """Return axe-core, as a package carries it: no wrapper is needed around it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
