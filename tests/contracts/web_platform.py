"""The chat page as a platform for the contract of adapters: a browser in memory that talks to the real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx

from rostra.components import Services
from rostra.protocols import Adapter
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf, absent
from rostra_adapters.web.adapter import Web
from rostra_adapters.web.component import opened_with
from rostra_adapters.web.settings import WebSettings

ACCEPTED, BUSY = 202, 503
LEFT_OUT = frozenset({"tools", "note", "dots", "sr"})
"""Classes of what the page adds of itself."""
VOID = frozenset({"input", "img", "br", "hr"})
TALK = "0" * 31 + "1"


@dataclass(slots=True)
class Page:
    """What a browser shows of a conversation: the HTML of each turn's answer, and of what came after it."""

    turns: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def change(self, kind: str, what: Mapping[str, Any]) -> None:
        """Do what the page's script does."""
        turn = self.turns.setdefault(what["turn"], {"answer": "", "after": "", "tail": ""})
        if kind in {"answer", "after"}:
            turn[kind] = what["html"]
            if kind == "answer":
                turn["tail"] = ""
        elif kind == "grow":
            settled, _, _ = turn["answer"].partition('<div class="tail">')
            turn["answer"] = settled.removesuffix("</div>") + what["over"] + "</div>"
            turn["tail"] = what["tail"]
        elif kind == "gone":
            del self.turns[what["turn"]]

    def parts(self) -> list[tuple[str, str, str]]:
        """Return turn, what is shown in, and HTML, oldest first."""
        return [
            (name, where, html + (turn["tail"] if where == "answer" else ""))
            for name, turn in self.turns.items()
            for where, html in (("answer", turn["answer"]), ("after", turn["after"]))
            if html
        ]


class Reader(HTMLParser):
    """Reads HTML as somebody who looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._left_out: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag not in VOID:
            self._left_out.append(bool(LEFT_OUT.intersection(classes)) or any(self._left_out[-1:]))
        self.seen.append("\n" if tag in {"p", "div", "li", "tr", "br", "pre"} else "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._left_out:
            self._left_out.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._left_out[-1:]):
            self.seen.append(data)


def seen(html: str) -> str:
    """Return what somebody reads in ``html``."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.seen).strip()


@dataclass(slots=True, kw_only=True)
class WebPlatform:
    """The page, its server, and somebody who is signed in to it."""

    adapter: Adapter
    web: Web
    client: httpx.AsyncClient
    csrf: str
    controls: Shelf = field(default_factory=Shelf)
    roles: frozenset[str] = frozenset({"owner"})
    clock: ManualClock
    taken: int = 0
    last: tuple[str, dict[str, Any]] | None = None
    online: asyncio.Event = field(default_factory=asyncio.Event)
    page: Page = field(default_factory=Page)
    _number: int = 0
    _said: asyncio.Queue[tuple[str, dict[str, Any]]] = field(
        default_factory=asyncio.Queue[tuple[str, dict[str, Any]]]
    )

    @property
    def people(self) -> WebPlatform:
        return self

    @property
    def faults(self) -> WebPlatform:
        return self

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self.last = ("messages", {"id": token_hex(16), "text": text})
            self._said.put_nowait(self.last)

    def users_see(self) -> Sequence[str]:
        self._look()
        return [text for _, _, html in self.page.parts() if (text := seen(html))]

    def acknowledged(self) -> int:
        return self.taken

    async def send(self) -> None:
        """Send what people say, again under its id until it is taken."""
        while True:
            kind, what = await self._said.get()
            while True:
                await self.online.wait()
                headers = {"X-CSRF-Token": self.csrf}
                answer = await self.client.post(f"/chat/{TALK}/{kind}", json=what, headers=headers)
                if answer.status_code == ACCEPTED:
                    self.taken += 1
                    break
                assert answer.status_code == BUSY, answer.text

    def press(self, label: str) -> None:
        for turn, where, html in self._newest():
            if re.search(rf"<summary>{label}</summary>", html):
                return  # it opens: nobody is told
            for control, more, inside in re.findall(
                r'<button[^>]*data-press="([^"]+)"([^>]*)>(.*?)</button>', html, re.DOTALL
            ):
                if seen(inside).startswith(label) or f'aria-label="{label}' in more:
                    self._pressed(turn, where, html, control, [])
                    return
        raise LookupError(f"nothing to press that begins with {label!r}")

    def pick(self, *labels: str) -> None:
        for turn, where, html in self._newest():
            found = re.findall(r'data-press="([^"]+)" data-value="([^"]*)">([^<]*)</button>', html)
            values = [
                (control, unescape(value)) for control, value, label in found if unescape(label) in labels
            ]
            if values:
                self._pressed(turn, where, html, values[0][0], [value for _, value in values])
                return
        raise LookupError("nothing to pick")

    def fill(self, fields: Mapping[str, str]) -> None:
        for turn, where, html in self._newest():
            form = re.search(r'data-submit="([^"]+)"', html)
            if form:
                what = {"form": form[1], "fields": dict(fields), **self._where(turn, where, html)}
                self._said.put_nowait(("submits", what))
                return
        raise LookupError("no form")

    def attach(self, text: str, name: str, media_type: str, data: bytes) -> None:
        absent("the page takes no files")

    def edit(self, text: str) -> None:
        absent("an edited question is asked anew in its place")

    def delete(self) -> None:
        absent("a question is not taken back, it is asked anew")

    def react(self, emoji: str) -> None:
        absent("the page has buttons under answers instead")

    # Faults

    def repeat(self) -> None:
        assert self.last is not None
        self._said.put_nowait(self.last)

    def drop(self) -> None:
        self.online.clear()

    async def reconnect(self) -> None:
        self.online.set()

    async def fall_silent(self) -> None:
        absent("a browser notices by itself that a stream broke")

    def storm(self, calls: int, retry_after: float) -> None:
        absent("the bot calls nobody: pages come to it")

    def unanswered(self) -> int:
        absent("a page waits until what was pressed is stored")

    def restart(self) -> Adapter:
        absent("after a restart pages are made of the store, which the kit does not fill")

    def _pressed(self, turn: str, where: str, html: str, control: str, values: list[str]) -> None:
        what = {"control": control, "values": values, **self._where(turn, where, html)}
        self._said.put_nowait(("presses", what))

    def _where(self, turn: str, where: str, html: str) -> dict[str, str]:
        marks = 'class="settled"></div><div class="tail"></div>'  # a view has no text of its own
        base = "view" if where == "answer" and marks in html else "answer"
        return {"id": token_hex(16), "on": turn, "base": base}

    def _newest(self) -> list[tuple[str, str, str]]:
        self._look()
        return self.page.parts()[::-1]

    def _look(self) -> None:
        """Take in what changed since the last look, as an open page has."""
        changes = self.web.feed.channel(TALK).since(self._number)
        assert changes is not None
        for self._number, kind, what in changes:
            self.page.change(kind, what)


@asynccontextmanager
async def web_platform(folder: Path) -> AsyncGenerator[WebPlatform]:
    """Open the page and sign in by the link that is printed."""
    clock = ManualClock()
    services = Services(name="web", data=folder, base=folder, clock=clock, store=MemoryStore(clock=clock))
    told: list[str] = []
    async with opened_with(
        WebSettings(listen="127.0.0.1:0", idle_hours=72.0), services, announce=told.append
    ) as web:
        found = re.search(r"(http://[^/]+)(/link/\S+)", told[0])
        assert found
        async with httpx.AsyncClient(base_url=found[1], headers={"Origin": found[1]}) as client:
            form = (await client.get(found[2])).text
            filled = dict(re.findall(r'name="(csrf|token)" value="([^"]+)"', form))
            await client.post("/link", data=filled)
            csrf = re.search(r'name="csrf" content="([^"]+)"', (await client.get("/")).text)
            assert csrf
            platform = WebPlatform(adapter=web, web=web, client=client, csrf=csrf[1], clock=clock)
            platform.online.set()
            sending = asyncio.ensure_future(platform.send())
            try:
                yield platform
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
