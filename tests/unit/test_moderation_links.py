"""Links: where they lead, what they hide, and what a community allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from rostra.testing.moderators import passage
from rostra_moderation.links import LinkSettings, find, imitates, is_allowed, judge
from rostra_moderation.rules import RulesSettings, build

HOUSE = LinkSettings(allow=("rostra.example", "wiki.example"), block=("evil.example",))


@pytest.mark.parametrize(
    ("text", "why", "what"),
    [
        ("see https://evil.example/x.", "blocked", "https://evil.example/x"),
        ("see https://a.b.evil.example", "blocked", "https://a.b.evil.example"),
        ("join discord.gg/abc now", "invite", "discord.gg/abc"),
        ("https://discord.com/invite/abc", "invite", "https://discord.com/invite/abc"),
        ("https://t.me/+abcdef", "invite", "https://t.me/+abcdef"),
        ("https://google.com@bad.example/x", "disguised", "https://google.com@bad.example/x"),
        ("https://%67oogle.com/", "disguised", "https://%67oogle.com/"),
        ("http://134744072/", "disguised", "http://134744072/"),
        ("go to steamcornmunity.com/trade", "lookalike", "steamcornmunity.com/trade"),
        ("p\u0430ypal.com is fine", "lookalike", "p\u0430ypal.com"),
        ("http://xn--pypal-4ve.com/", "lookalike", "http://xn--pypal-4ve.com/"),
        ("www.example.org, or not", "other", "www.example.org"),
        ("hxxps://example.org/a?b=c", "other", "hxxps://example.org/a?b=c"),
    ],
)
def test_a_link_is_found_and_judged(text: str, why: str, what: str) -> None:
    links = find(text)
    assert [text[link.start : link.end] for link in links] == [what]
    assert judge(links[0], HOUSE) == why


def test_words_of_a_link_that_name_another_address_are_a_disguise() -> None:
    text = "[https://bank.com](https://bad.example/login)"
    assert [judge(link, HOUSE) for link in find(text)][-1] == "disguised"
    assert all(judge(link, HOUSE) == "other" for link in find("[bank.com](https://www.bank.com/login)"))


@pytest.mark.parametrize(
    "text",
    [
        "file.py and node.js",
        "e.g. i.e. U.S. 3.5 v1.2.3",
        "Hello.So it goes",
        "a@b.com",
        "...",
        "x.y.z",
        "http://",
    ],
)
def test_what_is_no_link_is_left_alone(text: str) -> None:
    assert find(text) == []


def test_known_addresses_do_not_imitate_themselves() -> None:
    for host in ("discord.com", "www.google.com", "de.wikipedia.org", "example.org"):
        assert imitates(host) == ""
    assert imitates("dlscord.com") == "discord.com"
    assert imitates("login.paypa1.com") == "paypal.com"


def test_what_is_allowed_is_allowed_with_all_below_it_and_only_openly() -> None:
    assert is_allowed(find("https://docs.rostra.example/x")[0], HOUSE)
    assert not is_allowed(find("https://notrostra.example/x")[0], HOUSE)
    assert not is_allowed(find("https://x.com@rostra.example/x")[0], HOUSE)


def scores(text: str, **links: object) -> dict[str, float]:
    settings = RulesSettings.model_validate({"lists": [], "links": links})
    return dict(build("rules", settings, Path()).judge_now(passage(text)).categories)


def test_a_community_says_how_severe_each_is() -> None:
    assert scores("https://example.org") == {}
    assert scores("https://example.org", others=0.9) == {"spam": 0.9}
    assert scores("https://example.org", others=0.9, allow=["example.org"]) == {}
    assert scores("discord.gg/abc") == {"spam": 0.5}
    assert scores("discord.gg/abc", invites="off") == {}
    assert scores("steamcornmunity.com") == {"spam": 0.85}
