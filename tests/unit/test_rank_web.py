"""`/rank web` in a chat: who gets a link, and what is said where there is no page or nobody could open it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from ranking_stand import asking

from rostra.pages import Link
from rostra.places import Permission, Place
from rostra.testing.chats import Chat

HINT = "`/rank web` leads to a page to rank on."


@dataclass(slots=True, kw_only=True)
class Page:
    """A page to rank on that gives links to nowhere, and remembers for whom."""

    chat: Chat
    adapter: str = "web"
    local: bool = False
    known: bool = True
    asked: list[tuple[str, Place, Permission, str]] = field(
        default_factory=list[tuple[str, Place, Permission, str]]
    )

    async def link(self, person: str, place: Place, permission: Permission, ballot: str = "") -> Link | None:
        self.asked.append((person, place, permission, ballot))
        until = self.chat.app.parts.clock.now() + timedelta(minutes=15)
        return (
            Link(url="https://chat.example/rank/link/x", until=until, local=self.local)
            if self.known
            else None
        )


async def test_without_a_page_there_is_no_link_and_no_word_of_one() -> None:
    async with asking() as chat:
        await chat.ask("/privacy allow rate")
        assert "/rank web" not in await chat.ask("/rank new")
        assert "There is no page to rank on here" in await chat.ask("/rank web")


async def test_a_rater_gets_a_link_for_their_eyes_alone_to_the_ballot_in_hand() -> None:
    async with asking() as chat:
        page = Page(chat=chat)
        with chat.app.parts.pages.open(page):
            said = await chat.ask("/rank web")
            assert said.startswith("[Rank in a browser](https://chat.example/rank/link/x)")
            assert "good once, for 15 minutes" in said
            assert chat.view.private
            await chat.ask("/privacy allow rate")
            assert HINT in await chat.ask("/rank new")
            assert HINT in await chat.ask("/rank resume")
            await chat.ask("/rank web")
    (_, place, permission, none), (who, _, _, ballot) = page.asked
    assert (place.adapter, permission, none) == ("fake", Permission.RATER, "")
    held = await chat.app.parts.store.assignment(ballot)
    assert held is not None
    assert held.person == who


async def test_whoever_may_not_rank_gets_no_link() -> None:
    async with asking() as chat:
        page = Page(chat=chat)
        with chat.app.parts.pages.open(page):
            assert "is for raters; you are an asker here" in await chat.ask("/rank web", author="cat")
    assert page.asked == []


@pytest.mark.parametrize(
    ("local", "known", "says"),
    [(True, True, "only on the machine that this bot runs on"), (False, False, "`public_url`")],
)
async def test_where_others_could_not_open_the_page_that_is_said_plainly(
    local: bool, known: bool, says: str
) -> None:
    async with asking() as chat:
        with chat.app.parts.pages.open(Page(chat=chat, local=local, known=known)):
            assert says in await chat.ask("/rank web")
            await chat.ask("/privacy allow rate")
            assert (HINT in await chat.ask("/rank new")) is not local


async def test_ballots_on_the_page_itself_do_not_lead_to_it() -> None:
    async with asking() as chat:
        with chat.app.parts.pages.open(Page(chat=chat, adapter="fake")):
            await chat.ask("/privacy allow rate")
            assert HINT not in await chat.ask("/rank new")
