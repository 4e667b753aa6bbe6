"""A whole bot behind the chat page, and browsers that talk to it over a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
from argon2 import PasswordHasher

from rostra.accounts import Account, AccountRole
from rostra.app import App, open_app
from rostra.clock import Clock
from rostra.components import Services
from rostra.config import load
from rostra.protocols import Adapter
from rostra.routes import Routes
from rostra_adapters.web.adapter import Web
from rostra_adapters.web.component import opened_with
from rostra_adapters.web.settings import WebSettings

CONFIG = """
data = "data"
{storage}
[models.canned]
kind = "canned"
otherwise = "You said something."
seconds = {seconds}
piece = 8
[models.canned.answers]
"greet me" = "Hello **there**, and `welcome`."
"spoil it" = "It all begins on a quiet evening in the old house by the lake, where nobody has lived for years. The sledge is called rosebud."
[moderators.rules]
kind = "rules"
lists = []
words.spoilers = ["rosebud"]
"""
MEMORY = '[storage]\nurl = "memory:"'
PASSWORD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Made cheaply: what it takes to check a hash stands in the hash."""


@dataclass(slots=True)
class Browser:
    """Somebody's browser."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def page(self, path: str = "/") -> str:
        """Open a page, which must be there."""
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, answer.text
        found = re.search(r'name="csrf" content="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer.text

    async def form(self, path: str) -> dict[str, str]:
        """Open a page with a form; return its hidden fields."""
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', await self.page(path)))

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the form."""
        filled = {**await self.form("/sign-in"), "name": name, "password": password}
        answer = await self.client.post("/sign-in", data=filled, headers={"Accept": "text/html"})
        if answer.status_code == 303:
            await self.page()
        return answer

    async def send(self, path: str, /, **what: Any) -> httpx.Response:
        """Do something in a conversation."""
        body = {"id": token_hex(16), **what}
        return await self.client.post(f"/chat/{path}", json=body, headers={"X-CSRF-Token": self.csrf})

    async def say(self, text: str, talk: str, **more: Any) -> str:
        """Ask something; return the turn's id."""
        answer = await self.send(f"{talk}/messages", text=text, **more)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["turn"])

    @asynccontextmanager
    async def listening(self, talk: str, since: str = "", **headers: str) -> AsyncGenerator[Stream]:
        """Listen to what changes in a conversation."""
        path = f"/chat/{talk}/events?since={since}"
        async with self.client.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200
            yield Stream(answer.aiter_lines())


@dataclass(slots=True)
class Stream:
    """Server-sent events as they come."""

    lines: AsyncIterator[str]
    seen: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list[tuple[str, str, dict[str, Any]]])

    async def until(self, kind: str, **what: str) -> dict[str, Any]:
        """Return the next event of this kind that says ``what``."""
        at = name = ""
        async with asyncio.timeout(10):
            async for line in self.lines:
                key, _, value = line.partition(": ")
                if key == "id":
                    at = value
                elif key == "event":
                    name = value
                elif key == "data":
                    said = json.loads(value)
                    self.seen.append((at, name, said))
                    if name == kind and what.items() <= said.items():
                        return dict(said)
        raise AssertionError(f"the stream ended before {kind!r}")


@dataclass(slots=True, kw_only=True)
class Stand:
    """A bot that runs."""

    app: App
    web: Web
    url: str
    told: list[str]
    services: Services
    clients: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def browser(self, **headers: str) -> Browser:
        """Return a browser without any cookie."""
        client = httpx.AsyncClient(
            base_url=self.url, headers={"Origin": self.url, **headers}, timeout=10, verify=False
        )
        self.clients.append(client)
        return Browser(client)

    async def account(self, name: str, *roles: AccountRole) -> Account:
        """Make an account with the password of all."""
        wanted = Account(adapter="web", name=name, roles=frozenset(roles), password=HASH)
        return await self.app.parts.store.add_account(wanted)

    async def signed_in(self, name: str, *roles: AccountRole) -> Browser:
        """Return the browser of somebody new who is signed in."""
        await self.account(name, *roles)
        browser = self.browser()
        assert (await browser.sign_in(name)).status_code == 303
        return browser


@asynccontextmanager
async def standing(
    folder: Path, *, clock: Clock | None = None, seconds: float = 0.0, storage: str = MEMORY, **options: Any
) -> AsyncGenerator[Stand]:
    """Run a bot with the page, where people sign in with passwords unless ``options`` say otherwise."""
    file = folder / "rostra.toml"
    file.write_text(CONFIG.format(storage=storage, seconds=seconds))
    adapters: dict[str, Adapter] = {}
    told: list[str] = []
    settings = WebSettings.model_validate({"listen": "127.0.0.1:0", "accounts": True, **options})
    async with open_app(load(file, {}), adapters=adapters, clock=clock) as app:
        parts = app.parts
        services = Services(
            name="web",
            data=folder,
            base=folder,
            clock=parts.clock,
            store=parts.store,
            commands=parts.commands,
            routes=parts.routes or Routes(),
            models=parts.models,
            moderation=parts.moderation,
            desk=app.desk,
            metrics=parts.metrics,
            vitals=parts.vitals,
            pages=parts.pages,
        )
        async with opened_with(settings, services, announce=told.append) as web:
            adapters["web"] = web
            found = re.search(r"http://[^/]+", told[0]) if told else None
            url = found[0] if found else f"http://{settings.listen}"
            run = asyncio.ensure_future(app.run())
            stand = Stand(app=app, web=web, url=url, told=told, services=services)
            try:
                yield stand
            finally:
                for client in stand.clients:
                    await client.aclose()
                app.stop()
                await run
