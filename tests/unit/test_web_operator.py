"""The operator's pages: who gets in, the queue, the tester, campaigns as they come in, people, and how the bot is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from web_stand import MEMORY, Browser, Stand, Stream, standing

from rostra.actions import Address, Finish
from rostra.delivery.reply import Reply, ask, failed, give_up
from rostra.events import Message
from rostra.feedback.values import Campaign
from rostra.places import Person, Place
from rostra.protocols import Accepted
from rostra.stores import Case, Sanction
from rostra.testing.ballots import asked, begun, consent, ranked
from rostra.testing.clock import ManualClock
from rostra.testing.samples import NOON
from rostra.verdicts import Decision, Span, Verdict
from rostra_adapters.web.drawing import open_drawing
from rostra_adapters.web.operator import open_operator
from rostra_adapters.web.settings import WebSettings
from rostra_adapters.web.signin import SignIn

TALK = "0192f0a1b2c37d4e8f90a1b2c3d4e5f6"
HOME = Place(adapter="web", channel=TALK)
ABROAD = Place(adapter="discord", workspace="1", channel="2")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
STRICT = f"{MEMORY}\n[policies.default.strikes]\nlimit = 1\ntimeout = [5]\n"
DISK = ""
"""The storage of a bot that keeps things."""


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


@pytest.fixture
async def olga(stand: Stand) -> Browser:
    return await stand.signed_in("olga", "operator")


@pytest.fixture
async def oskar(stand: Stand) -> Browser:
    return await stand.signed_in("oskar", "owner")


async def sent(browser: Browser, path: str, **filled: str) -> httpx.Response:
    """Send a form."""
    filled = {"csrf": browser.csrf, **filled}
    return await browser.client.post(f"/operator/{path}", data=filled, headers={"Accept": "text/html"})


async def done(browser: Browser, path: str, **filled: str) -> str:
    """Send a form that does something; return the page that it leads to."""
    answer = await sent(browser, path, **filled)
    assert answer.status_code == 303, answer.text
    return await browser.page(answer.headers["Location"])


async def status(browser: Browser, path: str, method: str = "GET") -> int:
    headers = {"Accept": "text/html"}
    filled = {"csrf": browser.csrf} if method == "POST" else None
    return (
        await browser.client.request(method, f"/operator{path}", data=filled, headers=headers)
    ).status_code


async def case(
    stand: Stand, place: Place = HOME, text: str = "the rosebud thing", author: str = "ann"
) -> str:
    """Put a case into the queue; return its id."""
    store = stand.app.parts.store
    event = Message(id=f"m-{author}", place=place, author=Person(id=author), text=text, sent_at=NOON)
    verdict = Verdict(
        decision=Decision.FLAG,
        source="rules",
        categories={"custom": 0.75, "hate": 0.1},
        spans=(Span(start=4, end=11, category="custom"),),
        rule="custom>=0.5",
    )
    one = Case(direction="question", verdict=verdict, text=text, action="review")
    return await store.queue(event, (await store.accept(event)).reply, one)


async def dead(stand: Stand, error: str, text: str = "a secret") -> None:
    """Have a reply that could not be delivered."""
    store = stand.app.parts.store
    event = Message(id=f"d-{error}", place=HOME, author=Person(id="ann"), text=text, sent_at=NOON)
    taken = await store.accept(event)
    assert isinstance(taken, Accepted)
    reply = ask(Reply(id=taken.reply, address=Address.of(event)), Finish(reply=taken.reply, text=text))
    await store.advance(reply)
    await store.advance(give_up(failed(reply, error)))


async def poll(stand: Stand, name: str = "eggs", place: Place = HOME, tasks: int = 2) -> Campaign:
    """Begin a campaign of pairs that two raters get each."""
    store = stand.app.parts.store
    plan = await begun(store, name, place=place, k=2, overlap=2)
    for number in range(tasks):
        await asked(store, plan, f"{number}?", answers=("yes", "no"))
    return plan


@asynccontextmanager
async def looking(browser: Browser, path: str) -> AsyncGenerator[Stream]:
    """Look at a page whose part changes, from where it was drawn."""
    page = await browser.page(f"/operator/{path}")
    found = re.search(r'data-events="([^"]+)" data-since="([^"]+)"', page)
    assert found
    async with browser.client.stream("GET", f"{found[1]}?since={found[2]}") as answer:
        assert answer.status_code == 200
        yield Stream(answer.aiter_lines())


async def every_path(stand: Stand) -> Sequence[tuple[str, str]]:
    """Return method and path of every route of the operator's, about things that are there."""
    sign_in = SignIn(
        adapter="web",
        settings=WebSettings(accounts=True),
        store=stand.app.parts.store,
        clock=stand.app.parts.clock,
    )
    routes = open_operator(stand.services, WebSettings(accounts=True), sign_in, open_drawing("x")).routes()
    ids = {
        "case": await case(stand),
        "campaign": (await poll(stand)).id,
        "person": await stand.app.parts.store.pseudonym("web", Person(id="ann")),
    }
    filled = [re.sub(r"\{(\w+):.*?\]\{32\}\}", lambda found: ids[found[1]], one.path) for one in routes]
    assert not any("{" in path for path in filled)
    return [(one.method, path.removeprefix("/operator")) for one, path in zip(routes, filled, strict=True)]


# Who gets in


async def test_for_who_is_no_operator_there_is_nothing_and_whoever_is_nobody_signs_in(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=DISK) as stand:
        paths = await every_path(stand)
        assert len(paths) == 18
        assert {("POST", "/policy"), ("GET", "/health/events")} < set(paths)
        ann, rita = await stand.signed_in("ann"), await stand.signed_in("rita", "rater")
        olga = await stand.signed_in("olga", "operator")
        for method, path in paths:
            assert [await status(one, path, method) for one in (ann, rita)] == [404, 404], path
            stranger = stand.browser()
            answer = await stranger.client.request(method, f"/operator{path}")
            if path.endswith("/events"):
                assert answer.status_code == 401
                continue
            assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
            if method == "GET":
                assert await status(olga, path) in {200, 303}, path
        assert "/operator" not in await ann.page("/")
        assert 'href="/operator"' in await olga.page("/")


async def test_nothing_is_done_without_the_token_or_for_another_page(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=DISK) as stand:
        oskar = await stand.signed_in("oskar", "owner")
        paths = [path for method, path in await every_path(stand) if method == "POST"]
        assert len(paths) == 6
        filled = {"label": "block", "turn": "pause", "direction": "answer", "text": "x", "adapter": "web"}
        more = {"who": "ann", "word": "ann", "sure": "yes"}
        before = await stand.app.parts.store.audited(None, 100)
        for path in paths:
            assert (await sent(oskar, path[1:], **filled, **more, csrf="0" * 64)).status_code == 403, path
            away = await oskar.client.post(
                f"/operator{path}",
                data={"csrf": oskar.csrf, **filled, **more},
                headers={"Origin": "https://evil.example"},
            )
            assert away.status_code == 403, path
        assert await stand.app.parts.store.audited(None, 100) == before


async def test_operators_see_what_is_theirs_and_owners_all(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=DISK) as stand:
        store = stand.app.parts.store
        theirs = await case(stand, ABROAD, "far away")
        plan = await poll(stand, "abroad", ABROAD)
        person = await store.pseudonym("discord", Person(id="ann"))
        own = await store.pseudonym("web", Person(id="ben"))
        olga, oskar = await stand.signed_in("olga", "operator"), await stand.signed_in("oskar", "owner")
        for path in (
            f"/reviews/{theirs}",
            f"/campaigns/{plan.id}",
            f"/campaigns/{plan.id}/events",
            f"/people/{person}",
        ):
            assert await status(olga, path) == 404, path
            assert path.endswith("/events") or await status(oskar, path) == 200, path
        for path, filled in ((f"reviews/{theirs}", "label"), (f"campaigns/{plan.id}", "turn")):
            answer = await sent(olga, path, **{filled: "block" if filled == "label" else "pause"})
            assert answer.status_code == 404
        for path in ("reviews", "campaigns"):
            assert ("far away" in await olga.page(f"/operator/{path}")) is False
            assert ("abroad" in await olga.page(f"/operator/{path}")) is False
        # A campaign of another workspace is changed there, by whoever may; an owner here only reads it.
        assert (await sent(oskar, f"campaigns/{plan.id}", turn="pause")).status_code == 400
        # What is kept is handed over and erased by owners alone, also of people whom operators see.
        assert await status(olga, f"/people/{own}") == 200
        for act in ("export", "erase"):
            assert (await sent(olga, f"people/{own}/{act}", word="ben")).status_code == 404
        assert (await sent(olga, "people", adapter="discord", who="ann")).status_code == 400
        assert await store.review(theirs) == (await store.reviews(None))[0]


async def test_what_is_permitted_is_what_the_configuration_says(tmp_path: Path) -> None:
    only = f'{MEMORY}\n[permissions]\noperator = ["discord/*:@operator"]\nowner = ["web/:@owner"]\n'
    async with standing(tmp_path, storage=only) as stand:
        olga = await stand.signed_in("olga", "operator")
        assert await status(olga, "/reviews") == 404
        assert 'href="/operator"' not in await olga.page("/")


@pytest.mark.slow
async def test_nothing_that_people_write_becomes_part_of_a_page(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, storage=DISK) as stand:
        store = stand.app.parts.store
        oskar = await stand.signed_in("oskar", "owner")
        id_ = await case(stand, text=f"the rosebud {HOSTILE}")
        plan = await poll(stand, HOSTILE)
        for name in ("ann", "ben"):
            await ranked(store, plan, name, "A > B")
        eve = await stand.account(HOSTILE[:64])
        person = await store.pseudonym("web", Person(id=eve.id))
        await dead(stand, HOSTILE, HOSTILE)
        pages = [
            await oskar.page(f"/operator/{path}")
            for path in (
                "reviews",
                f"reviews/{id_}",
                "campaigns",
                f"campaigns/{plan.id}",
                f"people/{person}",
                "health",
            )
        ]
        pages.append((await sent(oskar, "policy", direction="answer", text=f"rosebud {HOSTILE}")).text)
        pages.append(await done(oskar, f"campaigns/{plan.id}", turn="pause"))
        async with looking(oskar, f"campaigns/{plan.id}") as stream:
            await store.save_campaign(plan)
            pages.append((await passing(clock, stream))["html"])
        for page in pages:
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "style=" not in page, "nothing is styled in place: the policy would not let it"
        assert "&lt;script&gt;alert" in pages[1]


async def test_what_goes_wrong_says_nothing_of_what_it_was_and_no_text_is_logged(
    stand: Stand, oskar: Browser
) -> None:
    with structlog.testing.capture_logs() as logs:
        for path, filled in (
            ("policy", {"direction": "sideways", "text": "secret"}),
            ("policy", {"direction": "answer", "text": "secret" * 10_000}),
            ("people", {"adapter": "nowhere", "who": "secret"}),
            (f"reviews/{await case(stand, text='secret')}", {"label": "secret"}),
            (f"campaigns/{(await poll(stand)).id}", {"turn": "close"}),
        ):
            answer = await sent(oskar, path, **filled)
            assert answer.status_code in {400, 413}
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
        assert "block" in (await sent(oskar, "policy", direction="answer", text="a secret rosebud")).text
        assert await status(oskar, f"/reviews/{'0' * 32}") == 404
    assert "secret" not in str(logs)


# The queue


async def test_a_case_is_decided_with_all_that_the_command_does(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=STRICT) as stand:
        olga, store = await stand.signed_in("olga", "operator"), stand.app.parts.store
        assert "Nothing waits" in await olga.page("/operator/reviews")
        assert "Nothing has been decided here yet." in await olga.page(
            (await olga.client.get("/operator/reviews/labelled.jsonl")).headers["Location"]
        )
        id_ = await case(stand)
        assert "the rosebud thing" in await olga.page("/operator/reviews")
        page = await olga.page(f"/operator/reviews/{id_}")
        assert re.search(r"the <mark>rosebud<span[^>]*> custom</span></mark> thing", page)
        for fact in ("custom&gt;=0.5", "rules", "0.750", HOME.key, "flag"):
            assert fact in page
        page = await done(olga, f"reviews/{id_}", label="block")
        assert "it may not pass. That leads to a time-out until" in page
        assert "by olga" in page
        assert "time-out" not in await olga.page(f"/operator/reviews/{id_}"), "it is told once"
        held = await store.sanctions(Person(id="ann"), HOME)
        assert [one.kind for one in held] == ["strike", "timeout"]
        account = await store.account_named("web", "olga")
        (audited,) = [one for one in await store.audited(HOME) if one.action == "review block"]
        assert account
        assert (audited.by, audited.detail["case"]) == (account.id, id_)
        assert "The strike for it is forgiven." in await done(olga, f"reviews/{id_}", label="wrong")
        assert "the rosebud" not in await olga.page("/operator/reviews")
        assert "the rosebud" in await olga.page("/operator/reviews?show=decided")
        lines = (await olga.client.get("/operator/reviews/labelled.jsonl")).text.splitlines()
        assert [json.loads(line)["review"] for line in lines] == ["wrong"]


# The tester


async def test_a_text_is_tried_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=STRICT) as stand:
        olga, store = await stand.signed_in("olga", "operator"), stand.app.parts.store
        before = (await store.audited(None, 100), await store.reviews(None), await store.backlog())
        for direction in ("question", "answer"):
            for _ in range(2):
                answer = await sent(olga, "policy", direction=direction, text="a rosebud,\r\nhere")
                assert answer.status_code == 200
                assert 'Verdict: <span class="tag block">block</span>' in answer.text
                assert re.search(r"a <mark>rosebud<span[^>]*> custom</span></mark>,\nhere", answer.text)
                assert re.search(r"words/spoilers, says rules; \d+\.\d ms", answer.text)
        answer = await sent(olga, "policy", direction="question", text="a rose")
        assert 'Verdict: <span class="tag allow">allow</span>' in answer.text
        assert (await store.audited(None, 100), await store.reviews(None), await store.backlog()) == before
        account = await store.account_named("web", "olga")
        assert account
        assert await store.sanctions(account.person, HOME) == []


async def test_owners_try_the_policy_of_any_place(tmp_path: Path) -> None:
    lax = f'{MEMORY}\n[[routes]]\nplace = "discord/*"\npolicy = "lax"\n[policies.lax.categories]\ncustom = {{ block = "never" }}\n'
    async with standing(tmp_path, storage=lax) as stand:
        olga, oskar = await stand.signed_in("olga", "operator"), await stand.signed_in("oskar", "owner")
        filled = {"direction": "answer", "text": "a rosebud"}
        for where, decision in (("", "block"), ("discord/1/2", "flag"), ("web//x", "block")):
            answer = await sent(oskar, "policy", where=where, **filled)
            assert f'<span class="tag {decision}">' in answer.text, where
        assert (await sent(oskar, "policy", where="nowhere", **filled)).status_code == 400
        answer = await sent(olga, "policy", where="discord/1/2", **filled)
        assert '<span class="tag block">' in answer.text, "for others it is the policy of their own place"


# Campaigns


@pytest.mark.slow
async def test_a_campaign_shows_what_came_in_as_it_comes_in(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock) as stand:
        olga, store = await stand.signed_in("olga", "operator"), stand.app.parts.store
        plan = await poll(stand)
        assert "0 of 2 tasks done" in await olga.page("/operator/campaigns")
        page = await olga.page(f"/operator/campaigns/{plan.id}")
        assert "Nothing to decide yet" in page
        assert "<svg class" not in page
        async with looking(olga, f"campaigns/{plan.id}") as stream:
            for name in ("ann", "ben"):
                await ranked(store, plan, name, "A > B")
            part = await passing(clock, stream)
            assert part["said"] == "2 ballots now"
            assert '<svg class="plot" role="img" aria-labelledby="plot-board"' in part["html"]
            assert '<title id="plot-board">Leaderboard of 2 answerers' in part["html"]
            assert "Chance to be best" in part["html"], "the same as a table"
            assert "Krippendorff&#39;s alpha, pairs, ordinal" in part["html"]
            assert len(re.findall(r'<circle class="value', part["html"])) >= 2
            await store.save_campaign(plan)  # nothing that is shown has changed
            page = await olga.page(f"/operator/campaigns/{plan.id}")
            assert part["html"].strip() in page, "a reload shows the same"
            await olga.client.post("/sign-out", data={"csrf": olga.csrf})
            await passing(clock, stream, "over")
            assert [kind for _, kind, _ in stream.seen] == ["part", "over"]


async def test_a_campaign_is_paused_opened_and_closed_by_the_commands(stand: Stand, olga: Browser) -> None:
    store, plan = stand.app.parts.store, await poll(stand)
    path = f"campaigns/{plan.id}"

    async def state() -> str:
        found = await store.campaign(plan.id)
        assert found
        return found.status

    assert "<code>eggs</code> rests" in await done(olga, path, turn="pause")
    assert await state() == "paused"
    assert "<code>eggs</code> is open" in await done(olga, path, turn="open")
    assert (await sent(olga, path, turn="close")).status_code == 400, "it has to be confirmed"
    assert await state() == "open"
    page = await done(olga, path, turn="close", sure="yes")
    assert await state() == "closed"
    assert 'value="open"' not in page
    assert "closed for good" in await done(olga, path, turn="open")
    assert await state() == "closed"
    done_ = [one.action for one in await store.audited(HOME) if one.subject == plan.id]
    assert done_ == ["closed campaign", "open campaign", "paused campaign"]


# People


@pytest.mark.slow
async def test_somebody_is_found_handed_over_and_erased_when_their_name_is_typed(tmp_path: Path) -> None:
    async with standing(tmp_path, storage=DISK) as stand:
        oskar, store = await stand.signed_in("oskar", "owner"), stand.app.parts.store
        ann = await stand.signed_in("ann", "rater")
        await ann.say("greet me", TALK)
        await stand.app.reception.drain()
        account = await store.account_named("web", "ann")
        assert account
        person = await store.pseudonym("web", account.person)
        await store.consent(consent(person, "rate", place=HOME))
        until = stand.app.parts.clock.now() + timedelta(hours=1)
        strike = Sanction(kind="strike", at=NOON, until=until, reply="0" * 32, reason="spam")
        await store.sanction(account.person, HOME, strike)
        assert "Nothing is kept about anybody by that name." in await done(
            oskar, "people", adapter="web", who="nobody"
        )
        for who in ("ann", account.id):
            page = await done(oskar, "people", adapter="web", who=who)
            assert "<h1>ann</h1>" in page
            assert "<b>2</b> messages" in page
            assert re.search(r"<th[^>]*>web/</th><td>no</td><td>yes</td>", page)
            assert re.search(
                r"<th[^>]*>strike</th><td>2026-03-01 12:30</td><td>[^<]+</td><td>spam</td>", page
            )
        export = await sent(oskar, f"people/{person}/export")
        assert export.headers["Content-Disposition"].startswith("attachment")
        assert export.headers["Content-Type"] == "application/octet-stream"
        handed = export.json()
        assert next(one["text"] for one in handed["messages"]) == "greet me"
        assert handed["sign_in"][0]["name"] == "ann"
        assert "Nothing was erased" in await done(oskar, f"people/{person}/erase", word="anne")
        assert await store.account_named("web", "ann")
        assert "Erased: the account and the key" in await done(oskar, f"people/{person}/erase", word="ann")
        assert await store.account_named("web", "ann") is None
        assert await status(oskar, f"/people/{person}") == 404
        assert (await ann.client.get("/")).status_code == 303
        actions = [one.action for one in await store.audited(None, 100)]
        assert actions[:3] == ["erase person", "order erasure", "export person"]


async def test_a_bot_that_keeps_everything_in_memory_says_so(oskar: Browser) -> None:
    assert "in memory" in await oskar.page("/operator/people")
    assert (await sent(oskar, "people", adapter="web", who="ann")).status_code == 404


# Health


async def test_health_shows_what_is_under_way_and_tells_of_what_could_not_be_delivered(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock) as stand:
        olga = await stand.signed_in("olga", "operator")
        for text in ("greet me", "a rosebud"):
            await olga.say(text, TALK)
            await stand.app.reception.drain()
        page = await olga.page("/operator/health")
        hour = re.findall(r'<th scope="row">(.+?)</th><td class="number">([\d,]+)</td>', page)
        counted = {what: many for what, many in hour if many != "0"}
        assert counted.keys() == {"Answered", "Questions blocked", "Tokens read", "Tokens written"}
        assert (counted["Answered"], counted["Questions blocked"]) == ("1", "1")
        assert "canned" in page
        assert "Everything was delivered" in page
        assert re.search(r"running</span> web", page)
        async with looking(olga, "health") as stream:
            await dead(stand, "no such channel")
            part = await passing(clock, stream)
            assert part["said"] == "1 replies could not be delivered"
            assert "no such channel" in part["html"]
            assert "secret" not in part["html"]
            assert "Finish" in part["html"]


async def test_nobody_opens_lines_without_end(tmp_path: Path) -> None:
    async with standing(tmp_path, streams_per_person=1) as stand:
        olga = await stand.signed_in("olga", "operator")
        async with looking(olga, "health"):
            answer = await olga.client.get("/operator/health/events")
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")


async def passing(clock: ManualClock, stream: Stream, kind: str = "part") -> dict[str, str]:
    """Let time pass until something is told."""
    waiting = asyncio.ensure_future(stream.until(kind))
    while not waiting.done():
        await clock.advance(1)
        await asyncio.wait([waiting], timeout=0.02)
    return waiting.result()
