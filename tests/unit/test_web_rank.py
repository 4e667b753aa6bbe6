"""The ranking page in browsers: the queue, ballots of each kind, drafts, links from chats, and who may do what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from web_stand import Browser, Stand, standing

from rostra.feedback.values import Axis, Batch, Campaign, Candidate, Judgment, Line, Task, new_id
from rostra.places import Permission, Person, Place
from rostra.testing.clock import ManualClock

HERE = Place(adapter="web", channel="elsewhere")
HOUSE = Place(adapter="discord", workspace="house", channel="hall")
HOSTILE = "<img src=x onerror=alert(1)> [go](javascript:alert(2)) **<b>&</b>**"
ANSWERS = ("Seven minutes.", "Ask a hen.", f"Three. {HOSTILE}", "In water.")
HTML = {"Accept": "text/html"}


@dataclass(slots=True, kw_only=True)
class Polls:
    """A bot with the page, a browser of a rater's, and campaigns that are made in its store."""

    stand: Stand
    ann: Browser

    @property
    def store(self) -> Any:
        return self.stand.app.parts.store

    async def campaign(self, *, place: Place = HERE, questions: int = 1, k: int = 4, **more: Any) -> Campaign:
        """Make an open campaign with so many questions."""
        plan = Campaign(id=new_id(), name=f"Eggs {HOSTILE}", place=place, k=k, **more)
        await self.store.save_campaign(plan)
        for number in range(questions):
            id_ = new_id()
            context = (
                Line(role="user", text="Hello"),
                Line(role="user", text=f"How do I boil egg {number}? {HOSTILE}"),
            )
            batch = Batch(id=id_, place=place, asker="", context=context, at=self.stand.app.parts.clock.now())
            made = [
                Candidate(id=new_id(), batch=id_, ordinal=at, text=ANSWERS[at], answerer="secret-model")
                for at in range(k)
            ]
            task = Task(
                id=new_id(),
                campaign=plan.id,
                batch=id_,
                candidates=tuple(one.id for one in made),
                required=plan.overlap,
            )
            await self.store.add_batch(batch, made, [task])
        return plan

    async def begun(self, browser: Browser | None = None, **more: Any) -> str:
        """Make a campaign, and have somebody start it; return the ballot."""
        plan = await self.campaign(**more)
        return await self.next(browser or self.ann, plan)

    async def next(self, browser: Browser, plan: Campaign | None = None) -> str:
        """Press Start, or Next; return the ballot, empty where there is none."""
        answer = await form(browser, "/rank/next", campaign=plan.id if plan else "")
        assert answer.status_code == 303, answer.text
        found = re.fullmatch(r"/rank/([0-9a-f]{32})", answer.headers["Location"])
        return found[1] if found else ""

    async def said(self, ballot: str) -> Sequence[Judgment]:
        """Return what is stored of a ballot."""
        return list(await self.store.revisions(ballot))


async def form(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """Send a form, as a browser without scripts does."""
    data = {"csrf": browser.csrf, "id": token_hex(16), **fields}
    return await browser.client.post(path, data=data, headers=HTML)


async def send(browser: Browser, path: str, **what: Any) -> httpx.Response:
    """Send JSON, as the page's script does."""
    body = {"id": token_hex(16), **what}
    return await browser.client.post(path, json=body, headers={"X-CSRF-Token": browser.csrf})


async def rater(stand: Stand, name: str) -> Browser:
    """Return the browser of a rater who agreed."""
    browser = await stand.signed_in(name, "rater")
    assert "Before you rank" in await browser.page("/rank")
    assert (await form(browser, "/rank/consent", scope="rate")).headers["Location"] == "/rank"
    return browser


@pytest.fixture
async def polls(tmp_path: Path) -> AsyncGenerator[Polls]:
    async with standing(tmp_path) as stand:
        yield Polls(stand=stand, ann=await rater(stand, "ann"))


def letters(page: str) -> str:
    """Return the cards in the order in which a page has them, ``=`` before those that are tied."""
    cards = re.findall(r'data-letter="(\w)" data-tied="(\w+)"', page)
    return "".join(("=" if tied == "yes" else "") + letter for letter, tied in cards)


async def test_a_rater_starts_ranks_reads_back_and_goes_on(polls: Polls) -> None:
    plan = await polls.campaign(questions=2)
    queue = await polls.ann.page("/rank")
    assert 'data-own="0"' in queue
    assert 'data-done="0" data-tasks="2"' in queue
    first = await polls.next(polls.ann, plan)
    assert "Go on" in await polls.ann.page("/rank")
    answer = await send(polls.ann, f"/rank/{first}/answer", ranking="B > A = C > D")
    assert answer.json() == {"said": "Saved: B > A = C > D", "ranking": "B > A = C > D", "changed": False}
    (said,) = await polls.said(first)
    assert said.ranking.tiers == ((1,), (0, 2), (3,))
    assert (said.surface, said.outcome) == ("page", "ranked")
    assert "Saved: B &gt; A = C &gt; D" in await polls.ann.page(f"/rank/{first}")
    second = await polls.next(polls.ann, plan)
    assert second not in {"", first}
    assert (await form(polls.ann, f"/rank/{second}/answer", say="!")).status_code == 303
    assert await polls.next(polls.ann, plan) == ""
    queue = await polls.ann.page("/rank?idle=1")
    assert "nothing for you to rank right now" in queue
    assert 'data-own="2"' in queue
    assert "B &gt; A = C &gt; D" in queue
    assert "all bad" in queue
    await polls.store.save_campaign(replace(plan, status="paused"))
    assert await polls.next(polls.ann, plan) == "", "there is nothing of a campaign that pauses"
    changed = await send(polls.ann, f"/rank/{first}/answer", ranking="D > A = C > B")
    assert changed.json()["said"] == "Changed: D > A = C > B"
    assert len(await polls.said(first)) == 2
    assert letters(await polls.ann.page(f"/rank/{first}")) == "DA=CB"


async def test_nothing_is_handed_out_or_kept_before_somebody_agreed(polls: Polls) -> None:
    ben = await polls.stand.signed_in("ben", "rater")
    plan = await polls.campaign()
    notice = await ben.page("/rank")
    assert "I keep your ranking" in notice
    assert "Start" not in notice
    assert await polls.next(ben, plan) == ""
    who = await polls.store.pseudonym("web", (await polls.store.account_named("web", "ben")).person)
    ballot = (await polls.store.lease(plan.id, who)).id
    assert (await ben.client.get(f"/rank/{ballot}")).headers["Location"] == f"/rank?then={ballot}"
    for path in ("draft", "answer", "text"):
        answer = await send(ben, f"/rank/{ballot}/{path}", ranking="B > A > C > D", text="mine")
        assert answer.status_code == 403
    assert await polls.said(ballot) == []
    assert (await polls.store.assignment(ballot)).draft == ""
    agreed = await form(ben, "/rank/consent", scope="train", then=ballot)
    assert agreed.headers["Location"] == f"/rank/{ballot}"
    assert (await ben.client.get(f"/rank/{ballot}")).status_code == 200
    consents = await polls.store.consents(who, HERE)
    assert {scope: (one.granted, one.evidence) for scope, one in consents.items()} == {
        "rate": (True, "page"),
        "train": (True, "page"),
    }


async def test_a_page_is_rendered_safely_and_gives_no_model_away(polls: Polls) -> None:
    ballot = await polls.begun(guideline=f"Be fair. {HOSTILE}", guideline_version="1")
    page = await polls.ann.page(f"/rank/{ballot}")
    queue = await polls.ann.page("/rank")
    for text in (page, queue):
        assert "<img src=x" not in text
        assert "javascript:" not in text.replace("(javascript:alert(2))", "")
        assert "Eggs &lt;img" in text
    assert '<details id="guideline" open>' in page
    assert "secret-model" not in page
    held = await polls.store.assignment(ballot)
    for id_ in (*held.shown_order, held.task, held.batch, held.person):
        assert id_ not in page
    shown = [one.text for one in (await polls.store.shown([held.batch]))[0].candidates]
    assert len(shown) == page.count("data-slot=") == 4
    await send(polls.ann, f"/rank/{ballot}/answer", ranking="+A")
    assert '<details id="guideline" open>' not in await polls.ann.page(f"/rank/{ballot}")


async def test_a_draft_is_kept_on_every_move_and_shown_here_and_in_the_chat(polls: Polls) -> None:
    ballot = await polls.begun()
    for ranking in ("B > A > C > D", "B > A = C > D"):
        answer = await send(polls.ann, f"/rank/{ballot}/draft", ranking=ranking)
        assert answer.json() == {"held": True}
    page = await polls.ann.page(f"/rank/{ballot}")
    assert letters(page) == "BA=CD"
    assert 'data-moved="yes"' in page
    assert (await polls.ann.client.get(f"/rank/{ballot}/draft")).json() == {
        "ranking": "B > A = C > D",
        "held": True,
    }
    await polls.ann.page("/")
    await polls.ann.say("/rank guideline", talk := "a" * 32)
    async with polls.ann.listening(talk) as stream:
        await stream.until("all")
        turn = await polls.ann.say("/rank resume", talk)
        shown = await stream.until("answer", turn=turn, state="view")
    assert "So far: B &gt; A = C &gt; D" in shown["html"]
    assert await polls.said(ballot) == []
    wrong = await send(polls.ann, f"/rank/{ballot}/draft", ranking="B > A")
    assert (wrong.status_code, wrong.json()["error"]) == (422, "C has no place yet; each answer needs one.")
    await send(polls.ann, f"/rank/{ballot}/answer", ranking="B > A = C > D")
    late = await send(polls.ann, f"/rank/{ballot}/draft", ranking="D > C > B > A")
    assert late.json() == {"held": False}
    assert letters(await polls.ann.page(f"/rank/{ballot}")) == "BA=CD"


async def test_a_press_that_is_repeated_is_stored_once(polls: Polls) -> None:
    ballot = await polls.begun()
    once = token_hex(16)
    answers = await asyncio.gather(
        *(send(polls.ann, f"/rank/{ballot}/answer", id=once, ranking="B > A > C > D") for _ in range(3))
    )
    assert {one.json()["ranking"] for one in answers} == {"B > A > C > D"}
    assert len(await polls.said(ballot)) == 1
    other_tab = await send(polls.ann, f"/rank/{ballot}/answer", ranking="B > A > C > D")
    assert other_tab.json()["ranking"] == "B > A > C > D"
    assert len(await polls.said(ballot)) == 1
    late = await send(polls.ann, f"/rank/{ballot}/answer", id=once, ranking="A > B > C > D")
    assert late.json()["ranking"] == "B > A > C > D", "what is read back is what was stored"
    assert len(await polls.said(ballot)) == 1


async def test_points_are_given_by_radio_buttons_or_as_text(polls: Polls) -> None:
    axes = (Axis(name="helpful"), Axis(name="true", maximum=3))
    ballot = await polls.begun(mode="rate", k=2, axes=axes)
    page = await polls.ann.page(f"/rank/{ballot}")
    assert page.count('type="radio"') == 2 * (5 + 3)
    await send(polls.ann, f"/rank/{ballot}/draft", ranking="A: helpful 4")
    assert await polls.said(ballot) == []
    await send(polls.ann, f"/rank/{ballot}/draft", ranking="A: helpful 5, true 3; B: helpful 1, true 1")
    assert await polls.said(ballot) == [], "a draft that has all points is a draft still"
    assert len(re.findall(r'value="(\d)" checked', await polls.ann.page(f"/rank/{ballot}"))) == 4
    answer = await send(polls.ann, f"/rank/{ballot}/answer", ranking="A: helpful 5, true 2; B: helpful 1")
    assert answer.json()["said"] == "Saved: A: helpful 5, true 2; B: helpful 1, true 1"
    (said,) = await polls.said(ballot)
    assert sorted((one.axis, one.value) for one in said.ratings) == [
        ("helpful", 1),
        ("helpful", 5),
        ("true", 1),
        ("true", 2),
    ]


async def test_an_answer_is_written_judged_and_kept_once(polls: Polls) -> None:
    ballot = await polls.begun(mode="write", k=1)
    assert "<textarea" in await polls.ann.page(f"/rank/{ballot}")
    held = await polls.store.assignment(ballot)
    bad = await send(polls.ann, f"/rank/{ballot}/text", text="It is called rosebud.")
    assert (bad.status_code, await polls.said(ballot)) == (422, [])
    once = token_hex(16)
    for _ in range(2):
        good = await send(polls.ann, f"/rank/{ballot}/text", id=once, text="Eight minutes, in salted water.")
        assert good.status_code == 200
    (shown,) = await polls.store.shown([held.batch])
    assert [one.text for one in shown.candidates if one.origin == "human"] == [
        "Eight minutes, in salted water."
    ]
    assert len(await polls.said(ballot)) == 1


async def test_without_scripts_a_form_takes_the_ranking_as_text(polls: Polls) -> None:
    ballot = await polls.begun()
    hidden = await polls.ann.form(f"/rank/{ballot}")
    wrong = await form(polls.ann, f"/rank/{ballot}/answer", id=hidden["id"], ranking="X > <b>")
    assert wrong.status_code == 422
    assert "put the best first" in wrong.text
    assert 'value="X &gt; &lt;b&gt;"' in wrong.text
    answer = await form(polls.ann, f"/rank/{ballot}/answer", id=hidden["id"], ranking="B > A = C")
    assert answer.headers["Location"] == f"/rank/{ballot}?saved=1"
    assert "Saved: B &gt; A = C" in await polls.ann.page(f"/rank/{ballot}?saved=1")


async def test_a_ballot_in_a_conversation_is_the_same_list_of_cards(polls: Polls) -> None:
    plan = await polls.campaign()
    await polls.ann.page("/")
    await polls.ann.say("/rank guideline", talk := "c" * 32)
    async with polls.ann.listening(talk) as stream:
        await stream.until("all")
        turn = await polls.ann.say(f"/rank next {plan.name}", talk)
        html = (await stream.until("answer", turn=turn, state="view"))["html"]
        assert letters(html) == "ABCD"
        assert "<img src=x" not in html
        ballot = re.search(r'class="ballot" data-ballot="([0-9a-f]{32})"', html)
        control = re.search(r'data-submit="([^"]+)"', html)
        assert ballot
        assert control
        answer = await send(polls.ann, f"/rank/{ballot[1]}/draft", ranking="D > A = B = C")
        assert answer.json() == {"held": True}
        fields = {"ranking": "D > A = B = C"}
        await polls.ann.send(f"{talk}/submits", form=control[1], fields=fields, on=turn, base="view")
        saved = await stream.until("answer", turn=turn)
    assert "Saved: D &gt; A = B = C" in saved["html"]
    (said,) = await polls.said(ballot[1])
    assert said.ranking.tiers == ((3,), (0, 1, 2))


async def test_two_raters_work_on_one_campaign(polls: Polls) -> None:
    plan = await polls.campaign(questions=3, overlap=2)
    ben = await rater(polls.stand, "ben")
    for _ in range(3):
        for browser, ranking in ((polls.ann, "A > B > C > D"), (ben, "D > C > B > A")):
            ballot = await polls.next(browser, plan)
            assert (await send(browser, f"/rank/{ballot}/answer", ranking=ranking)).status_code == 200
    progress = await polls.store.progress(plan.id)
    assert (progress.done, progress.submitted, progress.raters) == (3, 6, 2)
    for browser in (polls.ann, ben):
        assert 'data-own="3"' in await browser.page("/rank")


async def test_anothers_ballot_is_not_there(polls: Polls) -> None:
    ballot = await polls.begun()
    ben = await rater(polls.stand, "ben")
    assert (await ben.client.get(f"/rank/{ballot}", headers=HTML)).status_code == 404
    assert (await ben.client.get(f"/rank/{ballot}/draft")).status_code == 404
    for path, what in (("draft", "B > A > C > D"), ("answer", "B > A > C > D"), ("text", "mine")):
        assert (await send(ben, f"/rank/{ballot}/{path}", ranking=what, text=what)).status_code == 404
    assert await polls.said(ballot) == []
    assert (await polls.store.assignment(ballot)).draft == ""


async def test_whoever_may_not_rank_gets_and_says_nothing(polls: Polls) -> None:
    plan = await polls.campaign(raters=Permission.OPERATOR)
    queue = await polls.ann.page("/rank")
    assert "for operators; you are a rater here" in queue
    assert "data-start" not in queue
    assert await polls.next(polls.ann, plan) == ""
    who = await polls.store.pseudonym("web", (await polls.store.account_named("web", "ann")).person)
    ballot = (await polls.store.lease(plan.id, who)).id
    assert (await polls.ann.client.get(f"/rank/{ballot}", headers=HTML)).status_code == 403
    for path in ("draft", "answer"):
        assert (await send(polls.ann, f"/rank/{ballot}/{path}", ranking="B > A > C > D")).status_code == 403
    assert await polls.said(ballot) == []
    asker = await polls.stand.signed_in("cat")
    assert 'id="to-rank"' not in await asker.page("/")
    assert 'id="to-rank"' in await polls.ann.page("/")


async def test_a_change_needs_the_sessions_token_and_our_origin(polls: Polls) -> None:
    ballot = await polls.begun()
    paths = (f"/rank/{ballot}/answer", f"/rank/{ballot}/draft", "/rank/next", "/rank/consent")
    for path in paths:
        body = {"id": token_hex(16), "ranking": "B > A > C > D", "scope": "rate"}
        for headers in ({}, {"X-CSRF-Token": "0" * 64}):
            assert (await polls.ann.client.post(path, json=body, headers=headers)).status_code == 403
        assert (await polls.ann.client.post(path, data=body)).status_code == 403
        headers = {"X-CSRF-Token": polls.ann.csrf, "Origin": "https://elsewhere.example"}
        assert (await polls.ann.client.post(path, json=body, headers=headers)).status_code == 403
    assert await polls.said(ballot) == []
    nobody = polls.stand.browser()
    assert (await nobody.client.get("/rank")).headers["Location"] == "/sign-in"
    assert (await send(nobody, f"/rank/{ballot}/answer", ranking="?")).status_code == 401


async def linked(polls: Polls, *, place: Place = HOUSE, who: str = "U1", ballot: str = "") -> str:
    """Return the path of a link as `/rank web` gives it."""
    page = polls.stand.services.pages.rank
    assert page is not None
    person = await polls.store.pseudonym(place.adapter, Person(id=who))
    link = await page.link(person, place, Permission.RATER, ballot)
    assert link is not None
    assert link.local
    return link.url.removeprefix(polls.stand.url)


async def came(polls: Polls, path: str, browser: Browser | None = None) -> tuple[Browser, httpx.Response]:
    """Open a link and press its button; return the browser and where it led."""
    guest = browser or polls.stand.browser()
    hidden = await guest.form(path)
    answer = await guest.client.post("/rank/link", data=hidden, headers=HTML)
    if answer.status_code == 303 and "before you rank" in (await guest.page("/rank")).lower():
        await form(guest, "/rank/consent", scope="rate")
    return guest, answer


async def test_a_link_from_a_chat_lets_somebody_rank_there_once(polls: Polls) -> None:
    plan = await polls.campaign(place=HOUSE, questions=2)
    path = await linked(polls)
    preview = polls.stand.browser()
    for _ in range(3):
        assert "Go on" in await preview.page(path)
    guest, answer = await came(polls, path)
    assert answer.headers["Location"] == "/rank"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    ballot = await polls.next(guest, plan)
    assert (await send(guest, f"/rank/{ballot}/answer", ranking="B > A > C > D")).status_code == 200
    (said,) = await polls.said(ballot)
    assert said.person == await polls.store.pseudonym("discord", Person(id="U1"))
    assert (await polls.stand.browser().client.get(path)).status_code == 404, "a link that was used"
    late = await preview.client.post("/rank/link", data=await preview.form(await linked(polls, who="U2")))
    assert late.status_code == 303
    token = path.rsplit("/", 1)[1]
    hidden = await preview.form(await linked(polls, who="U2"))
    assert (await preview.client.post("/rank/link", data={**hidden, "token": token})).status_code == 404


async def test_a_link_that_knows_the_ballot_in_hand_leads_to_it(polls: Polls) -> None:
    plan = await polls.campaign(place=HOUSE)
    person = await polls.store.pseudonym("discord", Person(id="U1"))
    held = await polls.store.lease(plan.id, person, surface="discord")
    guest, answer = await came(polls, await linked(polls, ballot=held.id))
    assert answer.headers["Location"] == f"/rank/{held.id}"
    assert letters(await guest.page(f"/rank/{held.id}")) == "ABCD"


async def test_a_link_for_one_workspace_ranks_in_no_other(polls: Polls) -> None:
    other = replace(HOUSE, workspace="garden")
    theirs = await polls.campaign(place=other)
    person = await polls.store.pseudonym("discord", Person(id="U1"))
    held = await polls.store.lease(theirs.id, person, surface="discord")
    guest, _ = await came(polls, await linked(polls))
    assert theirs.id not in await guest.page("/rank")
    assert (await guest.client.get(f"/rank/{held.id}", headers=HTML)).status_code == 404
    assert (await send(guest, f"/rank/{held.id}/answer", ranking="B > A > C > D")).status_code == 404
    assert (await form(guest, "/rank/next", campaign=theirs.id)).status_code == 404
    assert await polls.next(guest) == ""
    assert await polls.said(held.id) == []


async def test_who_came_by_a_link_opens_nothing_but_the_ranking_page(polls: Polls) -> None:
    guest, _ = await came(polls, await linked(polls))
    for path in ("/", "/operator", f"/chat/{'a' * 32}"):
        assert (await guest.client.get(path, headers=HTML)).status_code in {303, 401, 404}
    asked = await guest.send(f"{'a' * 32}/messages", text="Hello?")
    assert asked.status_code == 401
    # The cookie of one session is none of the other, and a link is no session.
    token, link = guest.client.cookies["rostra-rank"], (await linked(polls)).rsplit("/", 1)[1]
    for cookie in (
        f"rostra={token}",
        f"rostra-rank={polls.ann.client.cookies['rostra']}",
        f"rostra-rank={link}",
    ):
        thief = polls.stand.browser(Cookie=cookie)
        assert (await thief.client.get("/")).headers["Location"] == "/sign-in"
        assert (await thief.client.get("/rank")).status_code in {303, 401}


async def test_leaving_ends_the_session_and_so_does_an_erasure(polls: Polls) -> None:
    for how in ("leave", "erase"):
        guest, _ = await came(polls, await linked(polls))
        token = guest.client.cookies["rostra-rank"]
        assert (await form(polls.ann, "/rank/leave")).status_code == 403, "a token of another session"
        if how == "leave":
            assert "Goodbye" in (await form(guest, "/rank/leave")).text
        else:
            await polls.store.erase("discord", "U1")
        again = polls.stand.browser(Cookie=f"rostra-rank={token}")
        assert (await again.client.get("/rank", headers=HTML)).status_code == 401
        assert await polls.store.pass_of(token) is None


async def test_links_and_the_sessions_they_begin_are_over_in_time(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, link_minutes=0.1, rank_hours=0.005) as stand:
        polls = Polls(stand=stand, ann=stand.browser())
        late, path = await linked(polls), await linked(polls)
        guest, _ = await came(polls, path)
        hidden = await (slow := stand.browser()).form(late)
        await clock.advance(7.0)
        assert (await slow.client.post("/rank/link", data=hidden)).status_code == 404
        assert (await slow.client.get(late)).status_code == 404
        await guest.page("/rank")
        await clock.advance(18.0)
        answer = await guest.client.get("/rank", headers=HTML)
        assert (answer.status_code, "/rank web" in answer.text) == (401, True)


async def test_a_link_is_taken_only_with_the_form_that_came_with_it(polls: Polls) -> None:
    path = await linked(polls)
    thief, victim = polls.stand.browser(), polls.stand.browser()
    hidden = await thief.form(path)
    assert (await victim.client.post("/rank/link", data=hidden)).status_code == 403
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert (await thief.client.post("/rank/link", data=hidden, headers=elsewhere)).status_code == 403
    assert (await thief.client.post("/rank/link", data=hidden)).status_code == 303


async def test_the_command_gives_a_link_for_the_page_that_is_open(polls: Polls) -> None:
    await polls.ann.page("/")
    await polls.ann.say("/rank guideline", talk := "b" * 32)
    async with polls.ann.listening(talk) as stream:
        await stream.until("all")
        turn = await polls.ann.say("/rank web", talk)
        html = (await stream.until("answer", turn=turn, state="view"))["html"]
    found = re.search(rf'href="{polls.stand.url}(/rank/link/[\w-]{{43}})"', html)
    assert found, html
    assert "only on the machine that this bot runs on" in html
    guest, answer = await came(polls, found[1])
    assert answer.status_code == 303
    assert "Rank answers" in await guest.page("/rank")
