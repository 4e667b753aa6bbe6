"""Signing in to the chat page: sessions, forged forms, guessing, other people's conversations, what browsers are told."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from web_stand import PASSWORD, Browser, Stand, standing

from rostra.accounts import Account, Session, new_token
from rostra.components import Services
from rostra.errors import ConfigError
from rostra.events import Event
from rostra.protocols import Accepted
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra_adapters.web.component import opened_with
from rostra_adapters.web.guard import HEADERS
from rostra_adapters.web.settings import WebSettings
from rostra_adapters.web.signin import SignIn

TALK = "0192f0a1b2c37d4e8f90a1b2c3d4e5f6"
CHANGES = ("messages", "stop", "presses", "submits", "delete")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def stand(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[Stand]:
    async with standing(tmp_path, clock=clock) as stand:
        yield stand


def cookie(browser: Browser, name: str = "rostra") -> str:
    return browser.client.cookies.get(name) or ""


async def test_nobody_gets_in_without_signing_in(stand: Stand) -> None:
    browser = stand.browser()
    for path in ("/", f"/chat/{TALK}"):
        answer = await browser.client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert (await browser.client.get(f"/chat/{TALK}/events")).status_code == 401
    for change in CHANGES:
        assert (await browser.send(f"{TALK}/{change}", text="hi")).status_code == 401


@pytest.mark.slow
async def test_a_wrong_name_and_a_wrong_password_are_told_the_same(stand: Stand) -> None:
    await stand.account("ann")
    told = [
        (await stand.browser().sign_in(name, password))
        for name, password in (("ann", "wrong password"), ("nobody", PASSWORD), ("operator", ""))
    ]
    assert [answer.status_code for answer in told] == [403, 403, 403]
    bodies = {re.sub(r'value="[^"]*"', "", answer.text) for answer in told}
    assert len(bodies) == 1


async def test_a_session_is_new_at_every_sign_in_whatever_the_browser_brought(stand: Stand) -> None:
    await stand.account("ann")
    planted = new_token()
    browser = stand.browser()
    browser.client.cookies.set("rostra", planted)
    assert (await browser.sign_in("ann")).status_code == 303
    first = browser.client.cookies.jar
    values = [one.value for one in first if one.name == "rostra" and one.value != planted]
    assert len(values) == 1
    stranger = stand.browser()
    stranger.client.cookies.set("rostra", planted)
    assert (await stranger.client.get("/")).status_code == 303, "the planted session is nobody's"


async def test_signing_in_again_ends_the_session_before(stand: Stand) -> None:
    await stand.account("ann")
    browser = stand.browser()
    await browser.sign_in("ann")
    before = cookie(browser)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', await browser.page()))
    assert (await browser.client.post("/sign-out", data=form)).status_code == 303
    browser.client.cookies.set("rostra", before)
    assert (await browser.client.get("/")).status_code == 303


async def test_the_token_of_a_session_is_not_in_the_store(stand: Stand) -> None:
    ann = await stand.signed_in("ann")
    assert len(cookie(ann)) == 43
    assert cookie(ann) not in repr(vars(stand.app.parts.store))


async def test_a_session_ends_when_nobody_was_there_for_long_and_at_the_latest(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    sign_in = SignIn(adapter="web", settings=WebSettings(accounts=True), store=store, clock=clock)
    made = await store.add_account(Account(adapter="web", name="ann"))
    lasted: list[float] = []
    for hours in (23.0, 25.0):
        token, now = new_token(), clock.now()
        until = now + timedelta(days=30)
        await store.open_session(Session(account=made.id, made_at=now, seen_at=now, expires_at=until), token)
        while await sign_in.visit_of(token) is not None:
            await clock.advance(hours * 3600)
        assert await store.session_of(token) is None, "what is over is gone"
        lasted.append((clock.now() - now) / timedelta(hours=1))
    assert lasted == [32 * 23.0, 25.0]


async def test_a_session_is_for_one_page(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    made = await store.add_account(Account(adapter="web", name="ann"))
    token, now = new_token(), clock.now()
    until = now + timedelta(days=30)
    await store.open_session(Session(account=made.id, made_at=now, seen_at=now, expires_at=until), token)
    found = [
        await SignIn(adapter=name, settings=WebSettings(), store=store, clock=clock).visit_of(token)
        for name in ("web", "page")
    ]
    assert [one is not None for one in found] == [True, False]


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(tmp_path: Path) -> None:
    async with standing(tmp_path, trusted_proxies=("127.0.0.1",)) as stand:
        await stand.account("ann")
        host = stand.url.removeprefix("http://")
        behind = stand.browser(**{"X-Forwarded-Proto": "https", "Origin": f"https://{host}"})
        for browser, name, secure in ((stand.browser(), "rostra", False), (behind, "__Host-rostra", True)):
            page = await browser.client.get("/sign-in")
            greeting = page.headers["Set-Cookie"]
            assert greeting.startswith(f"{name}-greeting=")
            form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
            value = greeting.partition(";")[0]
            answer = await browser.client.post(
                "/sign-in", data={**form, "name": "ann", "password": PASSWORD}, headers={"Cookie": value}
            )
            (line,) = [one for one in answer.headers.get_list("Set-Cookie") if one.startswith(f"{name}=")]
            parts = {part.strip().partition("=")[0].lower() for part in line.split(";")}
            assert {"httponly", "samesite", "path"} <= parts
            assert ("secure" in parts) is secure
            assert "samesite=lax" in line.lower()
            assert "domain" not in parts


async def test_a_change_needs_the_token_of_its_own_session(stand: Stand) -> None:
    ann, ben = await stand.signed_in("ann"), await stand.signed_in("ben")
    turn = await ann.say("hello", TALK)
    for wrong in ("", "x" * 64, ben.csrf, cookie(ann)):
        for change in CHANGES:
            answer = await ann.client.post(
                f"/chat/{TALK}/{change}",
                json={"id": token_hex(16), "text": "forged", "on": turn},
                headers={"X-CSRF-Token": wrong},
            )
            assert answer.status_code == 403
        assert (await ann.client.post("/sign-out", data={"csrf": wrong})).status_code == 403
    await stand.app.reception.drain()
    assert "forged" not in await ann.page(f"/chat/{TALK}")


async def test_a_change_from_another_site_is_refused_even_with_the_token(stand: Stand) -> None:
    ann = await stand.signed_in("ann")
    for origin in ("https://evil.example", "null", stand.url.replace("http", "https"), f"{stand.url}0"):
        headers = {"X-CSRF-Token": ann.csrf, "Origin": origin}
        body = {"id": token_hex(16), "text": "forged"}
        answer = await ann.client.post(f"/chat/{TALK}/messages", json=body, headers=headers)
        assert answer.status_code == 403
    del ann.client.headers["Origin"]
    headers = {"X-CSRF-Token": ann.csrf}
    body = {"id": token_hex(16), "text": "hi"}
    assert (await ann.client.post(f"/chat/{TALK}/messages", json=body, headers=headers)).status_code == 403
    headers["Sec-Fetch-Site"] = "same-origin"
    assert (await ann.client.post(f"/chat/{TALK}/messages", json=body, headers=headers)).status_code == 202
    await stand.app.reception.drain()


async def test_nobody_is_signed_in_by_a_form_of_another_browser(stand: Stand) -> None:
    await stand.account("ann")
    form = await stand.browser().form("/sign-in")
    victim = stand.browser()
    filled = {**form, "name": "ann", "password": PASSWORD}
    assert (await victim.client.post("/sign-in", data=filled)).status_code == 403
    await victim.page("/sign-in")
    assert (await victim.client.post("/sign-in", data=filled)).status_code == 403
    assert not cookie(victim)


@pytest.mark.slow
async def test_guessing_is_slowed_down_for_an_account_and_for_an_address(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, sign_ins_per_minute=2) as stand:
        await stand.account("ann")
        told = [await stand.browser().sign_in("ANN", "wrong password") for _ in range(2)]
        assert [one.status_code for one in told] == [403, 403]
        refused = await stand.browser().sign_in("ann")
        assert refused.status_code == 429, "even with the right password"
        assert int(refused.headers["Retry-After"]) > 0
        await clock.advance(31)
        assert (await stand.browser().sign_in("ann")).status_code == 303
        others = [(await stand.browser().sign_in(f"name{number}", "x")).status_code for number in range(8)]
        assert 429 in others, "one address may not try one name after the other"


async def test_other_peoples_conversations_are_not_there(stand: Stand) -> None:
    ann, ben = await stand.signed_in("ann"), await stand.signed_in("ben", "owner")
    await ann.say("a secret of mine", TALK)
    await stand.app.reception.drain()
    reply = re.search(r'data-press="(\w+)\.0"', await ann.page(f"/chat/{TALK}"))
    assert reply
    paths = (f"/chat/{TALK}", f"/chat/{TALK}/events", f"/chat/{TALK}/files/{reply[1]}/0")
    for path in paths:
        assert (await ben.client.get(path)).status_code == 404
    for change in CHANGES:
        answer = await ben.send(
            f"{TALK}/{change}", text="let me in", control=f"{reply[1]}.0", form=f"{reply[1]}.0", fields={}
        )
        assert answer.status_code == 404, change
    assert "secret" not in await ben.page()
    page = await ann.page(f"/chat/{TALK}")
    assert "let me in" not in page
    assert TALK not in await ben.page()
    # Neither does a control that was shown to somebody else work in a conversation of one's own.
    own = "f" * 32
    await ben.say("hello", own)
    await ben.send(f"{own}/presses", control=f"{reply[1]}.0", on=f"{TALK}.x", base="answer")
    await stand.app.reception.drain()
    assert [one async for one in _thumbs(stand)] == []


async def _thumbs(stand: Stand) -> AsyncGenerator[object]:
    for one in await stand.app.parts.store.audited(None, 100):
        if "thumb" in one.action:
            yield one


async def test_every_answer_tells_browsers_what_they_may_do(stand: Stand) -> None:
    ann = await stand.signed_in("ann")
    page = await ann.page()
    style = re.search(r'href="(/static/page\.[0-9a-f]+\.css)"', page)
    assert style
    paths = ("/", "/sign-in", "/nowhere", style[1], f"/chat/{TALK}", f"/chat/{TALK}/events", "/link/x")
    for path in paths:
        headers = (await ann.client.get(path)).headers
        for name, value in HEADERS.items():
            assert headers[name] == value, path
    policy = HEADERS["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for found in (page, await stand.browser().page("/sign-in")):
        assert not re.search(r"<script(?![^>]*\ssrc=)", found)
        assert not re.search(r"<style|\sstyle=|\son\w+=", found)


@pytest.mark.slow
async def test_errors_have_pages_of_their_own_and_tell_no_internals(stand: Stand) -> None:
    ann = await stand.signed_in("ann")
    for path in ("/nowhere", "/chat/..%2f..%2fetc", "/static/../settings.py", "/link/%00"):
        answer = await ann.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert "Back to the conversation" in answer.text

    async def broken(event: Event) -> Accepted:
        del event
        raise RuntimeError("a password in clear")

    stand.web.accept = broken
    answer = await ann.send(f"{TALK}/messages", text="hi")
    assert (answer.status_code, answer.json()) == (500, {"error": "Something went wrong here."})
    assert (await ann.client.delete("/")).status_code in {404, 405}


async def test_a_printed_link_signs_in_once(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, accounts=False) as stand:
        link = re.search(r"/link/\S+", stand.told[0])
        assert link
        thief = stand.browser()
        thief.client.cookies.set("rostra", link[0].rpartition("/")[2])
        assert (await thief.client.get("/")).status_code == 303, "a link is no session"
        first, second = stand.browser(), stand.browser()
        forms = [await first.form(link[0]), await second.form(link[0])]
        assert (await first.client.post("/link", data=forms[0])).status_code == 303
        await first.page()
        account = await stand.app.parts.store.account_named("web", "operator")
        assert account is not None
        assert account.roles == {"owner"}
        assert (await second.client.post("/link", data=forms[1])).status_code == 404
        assert (await second.client.get(link[0])).status_code == 404
        assert (await second.sign_in("operator", "")).status_code == 403, "there are no passwords here"


async def test_a_printed_link_is_good_for_minutes_only(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, accounts=False) as stand:
        link = re.search(r"/link/\S+", stand.told[0])
        assert link
        browser = stand.browser()
        form = await browser.form(link[0])
        await clock.advance(16 * 60)
        assert (await browser.client.post("/link", data=form)).status_code == 404


async def test_anything_but_this_machine_needs_accounts_and_an_owner(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="accounts = true"):
        WebSettings(listen="0.0.0.0:0")
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    services = Services(name="web", data=tmp_path, base=tmp_path, clock=clock, store=store)
    open_to_all = WebSettings(listen="0.0.0.0:0", accounts=True)
    told: list[str] = []
    await store.add_account(Account(adapter="web", name="ann", password="x"))
    with pytest.raises(ConfigError, match="rostra account new NAME --role owner"):
        async with opened_with(open_to_all, services, announce=told.append):
            pass
    await store.add_account(Account(adapter="web", name="eve", roles=frozenset({"owner"}), password="x"))
    async with opened_with(open_to_all, services, announce=told.append):
        pass
    assert told == [], "no link lets anybody in from elsewhere"


async def test_roles_are_those_of_the_account(stand: Stand) -> None:
    ann, eve = await stand.signed_in("ann"), await stand.signed_in("eve", "owner")
    for browser, talk in ((ann, "a" * 32), (eve, "e" * 32)):
        await browser.say("/audit", talk)
    await stand.app.reception.drain()
    denied = "is for operators"
    assert denied in await ann.page(f"/chat/{'a' * 32}")
    assert denied not in await eve.page(f"/chat/{'e' * 32}")


async def test_a_stream_ends_with_its_session(stand: Stand, clock: ManualClock) -> None:
    ann = await stand.signed_in("ann")
    await ann.say("hello", TALK)
    await stand.app.reception.drain()
    async with ann.listening(TALK) as stream:
        await stream.until("all")
        await stand.app.parts.store.end_session(cookie(ann))
        await clock.advance(16)
        await stream.until("over")


async def test_one_person_has_so_many_streams(tmp_path: Path) -> None:
    async with standing(tmp_path, streams_per_person=1) as stand:
        ann = await stand.signed_in("ann")
        await ann.say("hello", TALK)
        async with ann.listening(TALK) as stream:
            await stream.until("all")
            assert (await ann.client.get(f"/chat/{TALK}/events")).status_code == 429
        await stand.app.reception.drain()


def test_a_session_holds_until_its_end(clock: ManualClock) -> None:
    now = clock.now()
    one = Session(account="x", made_at=now, seen_at=now, expires_at=now + timedelta(hours=2))
    assert one.good(now)
    assert not one.good(now + timedelta(hours=2))
    assert not one.good(now + timedelta(hours=1), timedelta(hours=1))
