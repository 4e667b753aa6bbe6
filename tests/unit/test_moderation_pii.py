"""Personal data and secrets: what is found, where, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rostra.testing.moderators import passage
from rostra.verdicts import Decision
from rostra_moderation.pii import find, is_iban, is_luhn
from rostra_moderation.policy import Policy
from rostra_moderation.rules import RulesSettings, build

TOKEN = "ghp_" + "aB3" * 12
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLXRoaXM"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("write to jane.doe+x@mail.example.co.uk.", "email", "jane.doe+x@mail.example.co.uk"),
        ("jane (at) example (dot) org please", "email", "jane (at) example (dot) org"),
        ("call +49 170 1234567 tonight", "phone", "+49 170 1234567"),
        ("call (555) 234-5678!", "phone", "(555) 234-5678"),
        ("Tel. 030/12345678", "phone", "030/12345678"),
        ("my card 4111 1111 1111 1111, exp 12/30", "card", "4111 1111 1111 1111"),
        ("5500-0000-0000-0004", "card", "5500-0000-0000-0004"),
        ("pay to DE89 3704 0044 0532 0130 00 today", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
        ("SSN 123-45-6789", "social", "123-45-6789"),
        ("from 8.8.8.8 at night", "ip", "8.8.8.8"),
        ("2001:4860:4860::8888 answers", "ip", "2001:4860:4860::8888"),
        (f"token {TOKEN}", "token", TOKEN),
        ("key AKIAIOSFODNN7EXAMPLE", "token", "AKIAIOSFODNN7EXAMPLE"),
        ("xoxb-1234567890-abcdefghij", "token", "xoxb-1234567890-abcdefghij"),
        ("sk-proj-" + "a1B2" * 8, "token", "sk-proj-" + "a1B2" * 8),
        (
            "bot MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "x" * 38,
            "token",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "x" * 38,
        ),
        (f"Bearer {JWT}", "token", JWT),
        (f"here: {KEY} ok", "key", KEY),
    ],
)
def test_each_kind_is_found_where_it_stands(text: str, kind: str, what: str) -> None:
    assert [(each.kind, text[each.start : each.end]) for each in find(text)] == [(kind, what)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "on 2024-01-02 at 10:33:12",
        "1,000,000.50 and 3.14159265",
        "order 12345678901 of 2023",
        "0000 0000 0000 0000",
        "192.168.0.1 and 10.0.0.1 and 999.1.1.1",
        "a @ b . c and @bob",
        "meet me at (the) pub",
        "version 1.2.3.4.5",
        "sk-short ghp_short eyJ.a.b",
        "000-12-3456",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert find(text) == []


def test_check_digits() -> None:
    assert is_luhn("79927398713")
    assert not is_luhn("79927398710")
    assert not is_luhn("0000000000000000")
    assert is_iban("GB82 WEST 1234 5698 7654 32")
    assert not is_iban("GB82 WEST 1234 5698 7654 33")
    assert not is_iban("GB82")


def judged(text: str, **table: object) -> tuple[dict[str, float], Decision, list[str]]:
    settings = RulesSettings.model_validate({"lists": [], **table})
    asked = passage(text, "answer")
    verdict = build("rules", settings, Path()).judge_now(asked)
    ruled = Policy().decide([verdict], asked)
    return dict(verdict.categories), ruled.decision, [text[span.start : span.end] for span in verdict.spans]


def test_a_secret_in_an_answer_is_flagged_and_not_blocked_with_spans_to_mask() -> None:
    assert judged(f"use {TOKEN} and a@b.example") == (
        {"pii": 0.95},
        Decision.FLAG,
        [TOKEN, "a@b.example"],
    )


def test_each_kind_has_its_severity_or_is_off() -> None:
    text = "8.8.8.8 a@b.example"
    assert judged(text)[2] == ["a@b.example"]
    assert judged(text, pii={"ip": 0.2, "email": "off"}) == ({"pii": 0.2}, Decision.ALLOW, ["8.8.8.8"])
    everything = ("email", "phone", "card", "iban", "social", "ip", "token", "key")
    assert judged(text, pii=dict.fromkeys(everything, "off"))[0] == {}


def test_offsets_hold_behind_letters_that_are_longer_elsewhere() -> None:
    text = "ﬃ Straße 🔥\u200b me@example.org"
    assert judged(text)[2] == ["me@example.org"]
