"""What every store must do with the keys of applications, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ..api_keys import HINT, ApiKey, new_secret, refusal
from ..errors import StoreError
from ..stores import Store
from .dockets import NEVER
from .samples import ANN, AWKWARD, NOON, ROOM

KEY = ApiKey(
    application="chat-page",
    scopes=frozenset({"chat", "why"}),
    per_minute=60,
    made_at=NOON,
    expires_at=NOON + timedelta(days=90),
)


class KeyContract:
    """Tests for the keys of applications. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_key_is_found_by_its_secret_as_it_was_made(self, store: Store) -> None:
        secret = new_secret()
        made = await store.add_key(KEY, secret)
        assert replace(made, id="", hint="") == KEY
        assert (len(made.id), made.hint) == (32, secret[-HINT:])
        assert await store.key_of(secret) == made
        bare = await store.add_key(ApiKey(application="x"), new_secret())
        assert bare.made_at is not None
        assert sorted(bare.scopes) == ["chat", "moderations", "why"]
        assert (bare.per_minute, bare.expires_at, bare.revoked_at) == (None, None, None)

    @pytest.mark.asyncio
    async def test_no_other_secret_leads_to_a_key(self, store: Store) -> None:
        secret = new_secret()
        made = await store.add_key(KEY, secret)
        for wrong in ("", made.id, secret[:-1], f"{secret} ", secret.swapcase(), new_secret(), AWKWARD, "\0"):
            assert await store.key_of(wrong) is None

    @pytest.mark.asyncio
    async def test_keys_come_back_newest_first(self, store: Store) -> None:
        assert list(await store.api_keys()) == []
        made = [await store.add_key(KEY, new_secret()) for _ in range(3)]
        assert list(await store.api_keys()) == made[::-1]

    @pytest.mark.asyncio
    async def test_a_secret_is_that_of_one_key_and_long_enough_and_never_repeated(self, store: Store) -> None:
        secret = new_secret()
        made = await store.add_key(KEY, secret)
        for wrong in (secret, "rk-too-short", f"rk-{'x' * 300}", f"rk-{'ü' * 40}", f"rk-{' x' * 20}"):
            (refused,) = await asyncio.gather(store.add_key(KEY, wrong), return_exceptions=True)
            assert isinstance(refused, StoreError)
            assert wrong not in str(refused)
        assert list(await store.api_keys()) == [made]

    @pytest.mark.asyncio
    async def test_a_key_that_is_ended_is_refused_from_then_on_and_stays(self, store: Store) -> None:
        secret = new_secret()
        made = await store.add_key(KEY, secret)
        at = NOON + timedelta(days=1)
        ended = await store.end_key(made.id, at)
        assert ended == replace(made, revoked_at=at)
        assert await store.key_of(secret) == ended
        assert list(await store.api_keys()) == [ended]
        assert refusal(ended, at - timedelta(seconds=1)) is None
        assert refusal(ended, at) == "revoked"

    @pytest.mark.asyncio
    async def test_an_end_comes_earlier_but_never_later(self, store: Store) -> None:
        made = await store.add_key(KEY, new_secret())
        first = NOON + timedelta(days=2)
        assert (await store.end_key(made.id, NOON + timedelta(days=91))) == made, "it expires before that"
        assert (await store.end_key(made.id, first)).revoked_at == first
        assert (await store.end_key(made.id, first + timedelta(days=1))).revoked_at == first
        assert (await store.end_key(made.id, NOON)).revoked_at == NOON
        assert [one.action for one in await store.audited(None)] == ["end key", "end key", "add key"]

    @pytest.mark.asyncio
    async def test_while_a_key_is_replaced_both_are_good(self, store: Store) -> None:
        secrets = new_secret(), new_secret()
        old = await store.add_key(KEY, secrets[0])
        other = await store.add_key(KEY, secrets[1])
        await store.end_key(old.id, NOON + timedelta(hours=24))
        found = [await store.key_of(secret) for secret in secrets]
        meanwhile, after = NOON + timedelta(hours=23), NOON + timedelta(hours=24)
        assert [refusal(one, meanwhile) for one in found] == [None, None]
        assert [refusal(one, after) for one in found] == ["revoked", None]
        assert found[1] == other

    @pytest.mark.asyncio
    async def test_what_is_no_key_cannot_be_ended_and_is_not_repeated_if_it_may_be_a_secret(
        self, store: Store
    ) -> None:
        secret = new_secret()
        await store.add_key(KEY, secret)
        for wrong, said in (("0" * 32, f"no API key with the id '{'0' * 32}'"), (secret, "32 hexadecimal")):
            (refused,) = await asyncio.gather(store.end_key(wrong, NOON), return_exceptions=True)
            assert isinstance(refused, StoreError)
            assert said in str(refused)
            assert secret not in str(refused)

    @pytest.mark.asyncio
    async def test_every_change_of_a_key_is_in_the_log_of_changes_without_its_secret(
        self, store: Store
    ) -> None:
        secret = new_secret()
        made = await store.add_key(KEY, secret, actor=ANN, adapter=ROOM.adapter)
        await store.end_key(made.id, NOON, actor=ANN, adapter=ROOM.adapter)
        entries = await store.audited(None)
        assert [(one.action, one.subject, one.by) for one in entries] == [
            ("end key", "application chat-page", ANN.id),
            ("add key", "application chat-page", ANN.id),
        ]
        assert [one.detail["key"] for one in entries] == [made.id, made.id]
        assert entries[1].detail["scopes"] == "chat why"
        assert all(secret not in value for one in entries for value in one.detail.values())

    @pytest.mark.asyncio
    async def test_keys_outlive_a_purge(self, store: Store) -> None:
        made = await store.add_key(KEY, new_secret())
        await store.end_key(made.id, NOON)
        await store.purge(NEVER)
        assert [one.id for one in await store.api_keys()] == [made.id]
