"""Somebody leaves the page to sign in at another site, and comes back: what the page tells browsers about forms and cookies lets them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from html import escape
from pathlib import Path

import pytest_asyncio
from aiohttp import web
from browser_windows import Visit
from playwright.async_api import expect
from whole_bot import Stand, standing

from rostra.clock import SystemClock
from rostra_adapters.server import Server

SIGN_IN = """
[adapters.web.sign_in.discord]
kind = "discord"
client_id = "1"
client_secret = "x"
issuer = "{url}"
people = ["1001"]
"""


async def asked(request: web.Request) -> web.Response:
    """Show a page on which somebody says whether they want that."""
    back = f"{request.query['redirect_uri']}?state={request.query['state']}"
    text = (
        f'<a href="{escape(back)}&code=c">Allow</a> <a href="{escape(back)}&error=access_denied">Cancel</a>'
    )
    return web.Response(text=f"<!doctype html><title>Elsewhere</title>{text}", content_type="text/html")


def saying(what: dict[str, str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(what)

    return answer


@pytest_asyncio.fixture(loop_scope="session")
async def stand(tmp_path: Path) -> AsyncGenerator[Stand]:
    """Run the bot, and somebody to sign in with: under another name, so that to browsers it is another site."""
    server = Server(address="127.0.0.1:0", clock=SystemClock())
    routes = (
        web.get("/oauth2/authorize", asked),
        web.get("/favicon.ico", saying({})),
        web.post("/api/oauth2/token", saying({"access_token": "t"})),
        web.get("/api/v10/users/@me", saying({"id": "1001", "username": "ann"})),
    )
    with server.mount("", routes):
        await server.open()
        url = f"http://localhost:{server.port}"
        async with standing(tmp_path, more=SIGN_IN.format(url=url)) as stand:
            yield stand
        await server.close()


async def test_somebody_signs_in_at_another_site(visit: Visit) -> None:
    ann = await visit()
    await ann.open("/sign-in")
    await ann.accessible()
    button = ann.page.get_by_role("link", name="Sign in with Discord", exact=True)
    await button.focus()
    await ann.page.keyboard.press("Enter")
    await ann.page.get_by_role("link", name="Cancel").click()
    await expect(ann.page.get_by_role("alert")).to_contain_text("it was cancelled")
    await button.click()
    await ann.page.get_by_role("link", name="Allow").click()
    await expect(ann.page.get_by_label("Your question")).to_be_visible()
    await expect(ann.page.locator(".who")).to_contain_text("ann")
    assert ann.page.url == f"{ann.url}/"
    elsewhere = [one for one in ann.complaints if one.startswith("asked for http://localhost:")]
    assert sum("/oauth2/authorize?" in one for one in elsewhere) == 2
    refused = [one for one in ann.complaints if one not in elsewhere]
    assert [one.rpartition(" (")[2] for one in refused] == ["Forbidden)"], (
        "and nothing was against the policy"
    )
    ann.complaints.clear()
