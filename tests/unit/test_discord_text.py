"""Discord: what a text becomes before it is sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra_adapters.discord.text import escaped, seen, shortened

Z = "\u200b"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("plain *words* and _more_", "plain *words* and _more_"),
        ("@everyone and @HERE", f"@{Z}everyone and @{Z}HERE"),
        (
            "<@123456> <@!123456> <@&123456> <#123456>",
            f"<{Z}@123456> <{Z}@!123456> <{Z}@&123456> <{Z}#123456>",
        ),
        ("</ask:123456> <id:browse>", f"<{Z}/ask:123456> <{Z}id:browse>"),
        ("[my bank](https://evil.example/a)", "my bank (<https://evil.example/a>)"),
        ('[my bank](<https://evil.example/a> "title")', "my bank (<https://evil.example/a>)"),
        ("![picture](https://evil.example/a.png)", "picture (<https://evil.example/a.png>)"),
        ("[](https://evil.example)", "<https://evil.example>"),
        ("[https://a.example](https://a.example)", "<https://a.example>"),
        ("see https://a.example/x", "see https://a.example/x"),
        ("<:smile:123456789> <a:wave:123456789>", ":smile: :wave:"),
        ("join discord.gg/abc now", "join `discord.gg/abc` now"),
        ("https://discord.com/invite/abc", "`https://discord.com/invite/abc`"),
        ("a\u202eb\u2066c\u200bd\ufeffe\U000e0041f", "abcdef"),
        ("1\r\n2\r3\u20284", "1\n2\n3\n4"),
        ("\ud800 half", "\ufffd half"),
        ("nul \0 and \x1b[31m", "nul  and [31m"),
        ("`@everyone` stays", "`@everyone` stays"),
        ("``a ` @everyone``", "``a ` @everyone``"),
        ("```py\n@everyone [a](https://b.example)\n```", "```py\n@everyone [a](https://b.example)\n```"),
        ("```\nstill growing @everyone", "```\nstill growing @everyone"),
        ("```\na\n``` @everyone ```\nb\n```", f"```\na\n``` @{Z}everyone ```\nb\n```"),
        ("`open @everyone", f"`open @{Z}everyone"),
        ("👩\u200d👩\u200d👧 a\u200cb", "👩\u200d👩\u200d👧 a\u200cb"),
    ],
)
def test_a_text_is_seen_as_what_it_is(written: str, sent: str) -> None:
    assert escaped(written) == sent


@given(st.text(alphabet="@everyonh<>&!#:[]()`/ \n\u200b\u202ehtps.", max_size=80))
def test_nothing_outside_of_code_mentions_everybody_or_hides_a_link(text: str) -> None:
    sent = escaped(text)
    plain = re.sub(r"```.*?(```|\Z)|(?<!`)(`{1,2})(?!`)[^\n]+?(?<!`)\2(?!`)", "", sent, flags=re.DOTALL)
    assert not re.search(r"@(everyone|here)", plain)
    assert not re.search(r"\[[^\]\n]*\]\(https?:[^)\s]*\)", plain)
    assert "\u202e" not in sent


@given(st.text(max_size=200))
def test_what_is_sent_can_be_encoded(text: str) -> None:
    assert escaped(text).encode().decode() == escaped(text)
    assert seen(seen(text)) == seen(text)


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("one\ntwo", 20, "one two"), ("abcdef", 4, "abc…"), ("a bcdef", 3, "a…"), ("\u200b", 5, "")],
)
def test_labels_are_one_line_of_the_length_there_is(text: str, length: int, short: str) -> None:
    assert shortened(text, length) == short
