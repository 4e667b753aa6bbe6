"""What every store must do with accounts, sessions, and conversations that are found again, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ..accounts import Account, Session, new_token
from ..errors import StoreError
from ..events import Message
from ..places import Person
from ..stores import Store
from ..talks import Talk
from .dockets import NEVER
from .samples import ANN, AWKWARD, NOON

HASH = "$argon2id$…"
ACCOUNT = Account(adapter="web", name="Änn Ötter", roles=frozenset({"operator"}), password=HASH, made_at=NOON)
TALK = Talk(id="0192f0a1b2c37d4e8f90a1b2c3d4e5f6", adapter="web", owner="ann", title=AWKWARD, at=NOON)


def session(account: Account, at: datetime = NOON) -> Session:
    """Return a session that began just now."""
    return Session(account=account.id, made_at=at, seen_at=at, expires_at=at + timedelta(days=1))


def asked(ident: str, talk: Talk = TALK) -> Message:
    """Return a question of a conversation."""
    author = Person(id=talk.owner)
    return Message(id=ident, place=talk.place, author=author, text=f"{ident}?", sent_at=NOON)


async def told(store: Store, ident: str, talk: Talk = TALK, *, instead_of: str = "") -> str:
    """Ask something in a conversation, and have it remembered; return the reply's id."""
    assert await store.ask(talk, ident, instead_of=instead_of)
    event = asked(ident, talk)
    reply = (await store.accept(event)).reply
    store.remember(event, reply, f"{ident}?", f"{ident}!")
    return reply


class AccountContract:
    """Tests for accounts and their sessions. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_an_account_is_found_by_its_name_however_that_is_capitalised(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        assert replace(made, id="") == ACCOUNT
        assert len(made.id) == 32
        assert made.person == Person(id=made.id, roles=frozenset({"operator"}))
        for name in ("Änn Ötter", "ÄNN ÖTTER", "a\u0308nn o\u0308tter"):
            assert await store.account_named("web", name) == made
        assert await store.account_named("web", "Ann Otter") is None
        assert await store.account_named("page", ACCOUNT.name) is None
        assert list(await store.accounts_of("web")) == [made]
        assert list(await store.accounts_of("page")) == []

    @pytest.mark.asyncio
    async def test_a_name_is_had_by_one(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        with pytest.raises(StoreError, match="taken"):
            await store.add_account(replace(ACCOUNT, name=ACCOUNT.name.upper()))
        other = await store.add_account(replace(ACCOUNT, adapter="page"))
        assert other.id != made.id
        assert list(await store.accounts_of("web")) == [made]

    @pytest.mark.asyncio
    async def test_whoever_signs_in_elsewhere_has_one_account(self, store: Store) -> None:
        by = f"oidc:https://id.example.org:{AWKWARD}"
        made = await store.add_account(replace(ACCOUNT, password="", by=by))
        assert made.by == by
        assert await store.account_by("web", by) == made
        for adapter, wrong in (("page", by), ("web", by.upper()), ("web", f"{by} "), ("web", "")):
            assert await store.account_by(adapter, wrong) is None
        with pytest.raises(StoreError, match="has an account already"):
            await store.add_account(replace(ACCOUNT, name="somebody else", by=by))
        for name in ("ann", "ben"):
            await store.add_account(replace(ACCOUNT, name=name))
        assert await store.account_by("web", "") is None
        elsewhere = await store.add_account(replace(ACCOUNT, adapter="page", by=by))
        assert await store.account_by("page", by) == elsewhere
        await store.change_account(replace(made, roles=frozenset({"owner"})))
        assert await store.account_by("web", by) == replace(made, roles=frozenset({"owner"}))
        await store.erase("web", made.id)
        assert await store.account_by("web", by) is None
        again = await store.add_account(replace(ACCOUNT, by=by))
        assert await store.account_by("web", by) == again

    @pytest.mark.asyncio
    async def test_a_session_leads_to_its_account_until_it_is_ended(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        token, link = new_token(), new_token()
        await store.open_session(session(made), token)
        await store.open_session(replace(session(made), kind="link"), link)
        found = await store.session_of(token)
        assert found is not None
        assert (found.session, found.account) == (session(made), made)
        later = NOON + timedelta(hours=1)
        await store.touch_session(token, later)
        found = await store.session_of(token)
        assert found is not None
        assert found.session == replace(session(made), seen_at=later)
        one_time = await store.session_of(link)
        assert one_time is not None
        assert one_time.session.kind == "link"
        for wrong in ("", token[:-1], f"{token} ", token.swapcase(), made.id, new_token()):
            assert await store.session_of(wrong) is None
            assert not await store.end_session(wrong)
        assert await store.end_session(token)
        assert await store.session_of(token) is None
        assert await store.session_of(link) is not None

    @pytest.mark.asyncio
    async def test_of_several_who_end_one_session_one_did(self, store: Store) -> None:
        token = new_token()
        await store.open_session(session(await store.add_account(ACCOUNT)), token)
        ended = await asyncio.gather(*(store.end_session(token) for _ in range(5)))
        assert sorted(ended) == [False, False, False, False, True]

    @pytest.mark.asyncio
    async def test_a_session_has_an_account_and_a_token_that_cannot_be_guessed(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        for wrong in ("short", "x" * 42, f"{'x' * 42} ", ""):
            with pytest.raises(StoreError, match="token") as failure:
                await store.open_session(session(made), wrong)
            assert not wrong or wrong not in str(failure.value)
        with pytest.raises(StoreError, match="no account"):
            await store.open_session(session(replace(made, id="0" * 32)), new_token())

    @pytest.mark.asyncio
    async def test_a_changed_account_has_to_sign_in_again(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        token = new_token()
        await store.open_session(session(made), token)
        now = replace(made, roles=frozenset({"owner"}), password=f"{HASH}2")
        await store.change_account(now, actor=ANN, adapter="test")
        assert await store.session_of(token) is None
        assert await store.account_named("web", made.name) == now
        for wrong in (replace(now, id="0" * 32), replace(now, adapter="page")):
            with pytest.raises(StoreError, match="no account"):
                await store.change_account(wrong)
        assert [one.action for one in await store.audited(None)] == ["change account", "add account"]

    @pytest.mark.asyncio
    async def test_sessions_that_are_over_are_purged(self, store: Store) -> None:
        made = await store.add_account(ACCOUNT)
        over, open_ = new_token(), new_token()
        await store.open_session(session(made, NOON.replace(year=1990)), over)
        await store.open_session(replace(session(made), expires_at=NEVER), open_)
        await store.purge(NOON)
        assert await store.session_of(over) is None
        assert await store.session_of(open_) is not None

    @pytest.mark.asyncio
    async def test_an_erasure_takes_account_sessions_and_conversations_with_it(self, store: Store) -> None:
        anns, bens = [await store.add_account(replace(ACCOUNT, name=name)) for name in ("ann", "ben")]
        tokens = [new_token(), new_token()]
        for made, token in zip((anns, bens), tokens, strict=True):
            await store.open_session(session(made), token)
        hers = replace(TALK, owner=anns.id)
        await told(store, "m1", hers)
        await store.erase("web", anns.id)
        assert await store.account_named("web", "ann") is None
        assert [await store.session_of(token) is None for token in tokens] == [True, False]
        assert await store.talk("web", anns.id, hers.id) is None
        assert list(await store.accounts_of("web")) == [bens]


class TalkContract:
    """Tests for conversations that are found again. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_conversation_is_its_owners_and_nobody_elses(self, store: Store) -> None:
        assert await store.ask(TALK, "m1")
        assert await store.talk("web", "ann", TALK.id) == TALK
        for adapter, owner, id_ in (
            ("web", "ben", TALK.id),
            ("page", "ann", TALK.id),
            ("web", "ann", "0" * 32),
            ("web", "ann", "../x"),
        ):
            assert await store.talk(adapter, owner, id_) is None
        assert list(await store.talks("web", "ben")) == []
        with pytest.raises(StoreError, match="somebody else"):
            await store.ask(replace(TALK, owner="ben"), "m2")

    @pytest.mark.asyncio
    async def test_what_was_asked_last_comes_first(self, store: Store) -> None:
        talks = [replace(TALK, id=f"{number:032x}", title=str(number)) for number in range(1, 4)]
        for talk in talks:
            await store.ask(talk, f"m-{talk.id}")
        later = replace(talks[1], title="another title", at=NOON + timedelta(hours=1))
        await store.ask(later, "again")
        found = await store.talks("web", "ann")
        assert [one.title for one in found] == ["2", "3", "1"], "a title stays"
        assert [one.title for one in await store.talks("web", "ann", limit=1)] == ["2"]

    @pytest.mark.asyncio
    async def test_events_come_back_in_the_order_they_were_put_down(self, store: Store) -> None:
        for ident in ("m1", "m2", "m3"):
            assert await store.ask(TALK, ident)
        assert not await store.ask(TALK, "m2")
        for ident in ("m3", "m1"):
            await store.accept(asked(ident))
        await store.accept(asked("elsewhere"))
        assert [entry.event.id for entry in await store.asked_in(TALK)] == ["m1", "m3"]

    @pytest.mark.asyncio
    async def test_what_is_asked_instead_takes_the_place_of_all_that_followed(self, store: Store) -> None:
        for ident in ("m1", "m2", "m3"):
            await told(store, ident)
        assert len(await store.recall(TALK.place, 10)) == 6
        await told(store, "m4", instead_of="m2")
        assert [entry.event.id for entry in await store.asked_in(TALK)] == ["m1", "m4"]
        assert [one.text for one in await store.recall(TALK.place, 10)] == ["m1?", "m1!", "m4?", "m4!"]
        assert not await store.ask(TALK, "m4", instead_of="m1"), "a repeat changes nothing"
        assert [entry.event.id for entry in await store.asked_in(TALK)] == ["m1", "m4"]

    @pytest.mark.asyncio
    async def test_a_conversation_that_is_ended_is_not_shown_and_not_remembered(self, store: Store) -> None:
        await told(store, "m1")
        await store.end_talk(TALK)
        assert await store.talk("web", "ann", TALK.id) is None
        assert list(await store.asked_in(TALK)) == []
        assert list(await store.recall(TALK.place, 10)) == []

    @pytest.mark.asyncio
    async def test_conversations_in_which_nothing_is_asked_any_more_go(self, store: Store) -> None:
        old = replace(TALK, id="1" * 32, at=NOON - timedelta(days=60))
        await store.ask(old, "m1")
        await store.ask(TALK, "m2")
        await store.purge(NOON - timedelta(days=30))
        assert [one.id for one in await store.talks("web", "ann")] == [TALK.id]
