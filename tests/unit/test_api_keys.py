"""Keys of applications: what one is, and when it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rostra.api_keys import PREFIX, SECRET, ApiKey, ApiScope, KeyRefusal, new_secret, refusal
from rostra.testing.samples import NOON

KEY = ApiKey(application="chat-page", made_at=NOON, expires_at=NOON + timedelta(days=90))
SECOND = timedelta(seconds=1)


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(SECRET.fullmatch(one) and re.fullmatch(f"{PREFIX}[A-Za-z0-9_-]{{43}}", one) for one in made)


def test_a_key_that_nobody_made_is_refused() -> None:
    assert refusal(None, NOON, "chat") == "unknown"


@pytest.mark.parametrize(
    ("after", "refused"),
    [(timedelta(0), None), (timedelta(days=90) - SECOND, None), (timedelta(days=90), "expired")],
)
def test_a_key_is_good_until_it_expires(after: timedelta, refused: KeyRefusal | None) -> None:
    assert refusal(KEY, NOON + after, "chat") == refused


def test_a_key_that_never_expires_is_good_until_it_is_revoked() -> None:
    key = replace(KEY, expires_at=None)
    late = NOON + timedelta(days=9_999)
    assert refusal(key, late, "why") is None
    assert refusal(replace(key, revoked_at=late), late - SECOND, "why") is None
    assert refusal(replace(key, revoked_at=late), late, "why") == "revoked"


@pytest.mark.parametrize("scope", ["chat", "moderations", "why"])
def test_a_key_is_good_for_what_it_was_made_for_and_for_nothing_else(scope: ApiScope) -> None:
    key = replace(KEY, scopes=frozenset({scope}))
    refused = {other: refusal(key, NOON, other) for other in ("chat", "moderations", "why")}
    assert refused.pop(scope) is None
    assert set(refused.values()) == {"scope"}
    assert refusal(key, NOON) is None


def test_a_key_that_is_over_is_not_said_to_lack_a_scope() -> None:
    key = replace(KEY, scopes=frozenset({"chat"}), revoked_at=NOON)
    assert refusal(key, NOON + timedelta(days=99), "why") == "revoked"
    assert refusal(replace(key, revoked_at=None), NOON + timedelta(days=99), "why") == "expired"


def test_a_key_ends_when_the_first_thing_ends_it_and_its_length_of_life_stays() -> None:
    revoked = replace(KEY, revoked_at=NOON + timedelta(days=1))
    assert (revoked.ends_at, revoked.life) == (NOON + timedelta(days=1), timedelta(days=90))
    assert replace(revoked, revoked_at=NOON + timedelta(days=99)).ends_at == KEY.expires_at
    free = ApiKey(application="x")
    assert (free.ends_at, free.life) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        *(
            ({"application": name}, "no name of an application")
            for name in ("", "A", "-x", "x" * 33, "x y", "x\n")
        ),
        ({"scopes": frozenset[str]()}, "one or more of chat, moderations, why"),
        ({"scopes": frozenset({"chat", "admin"})}, "one or more of chat, moderations, why"),
        ({"per_minute": 0}, "from 1 to 1000000"),
    ],
)
def test_what_is_no_key_says_what_would_be_one(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(KEY, **wrong)
