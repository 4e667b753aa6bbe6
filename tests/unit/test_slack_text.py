"""What goes to Slack cannot be obeyed there, and what comes from it reads as people wrote it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra_adapters.slack.text import APART, clean, escape, markdown, mentions, read, settled, short, spelled

OBEYED = re.compile(
    r"<(?:!(?:channel|here|everyone|group|subteam|date)\b|[@#][A-Za-z0-9]|[A-Za-z][\w+.-]*:[^\s<>]*\|)",
    re.IGNORECASE,
)
FRAGMENTS = st.lists(
    st.sampled_from(
        ["<", ">", "!", "@", "#", "|", "channel", "here", "U1", "C1", "https://x.org", "[", "](", ")", "`", "```",
         "\n", " ", "javascript:", "subteam^S1", "a", "&", "&lt;", "!date^1^x", "\u200b", "http://y.org/|z"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["<!channel>", "<!here|here>", "<!EVERYONE>", "<@U12>", "<@w1|x>", "<#C1|general>", "<!subteam^S1>",
     "<https://evil.example|https://bank.example>", "<mailto:a@b.example|x>", "<!date^1^{date}|x>",
     "in code: `<!channel>`", "```\n<!channel>\n```"],
)  # fmt: skip
def test_markdown_is_never_a_command(text: str) -> None:
    assert OBEYED.search(text)
    assert not OBEYED.search(markdown(text))
    assert markdown(text).replace(APART, "") == text


@given(FRAGMENTS)
def test_no_text_is_a_command_in_either_markup(text: str) -> None:
    assert not OBEYED.search(markdown(text))
    assert not re.search(r"<|>", escape(text))


@given(FRAGMENTS)
def test_markdown_keeps_every_word(text: str) -> None:
    kept = markdown(text).replace(APART, "")
    assert [word for word in re.findall(r"\w+", clean(text)) if word not in kept] == []


@given(FRAGMENTS, FRAGMENTS)
def test_what_is_settled_stays_unless_code_or_a_link_closes_late(text: str, more: str) -> None:
    first, whole = settled(markdown(text)), markdown(text + more)
    # Where it does not, the message is changed; what was sent of it was safe all the same.
    assert whole.startswith(first) or not OBEYED.search(first)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[a](javascript:alert(1))", f"[a]({APART}javascript:alert(1))"),
        ("[a](!channel)", f"[a]({APART}!channel)"),
        ("[a](https://x.org)", "[a](https://x.org)"),
        ("![a](https://x.org/p.png)", "![a](https://x.org/p.png)"),
        ("[https://bank.example](https://evil.example)", "https://bank.example (https://evil.example)"),
        ("[bank.example](https://evil.example)", "bank.example (https://evil.example)"),
        ("[x.org](https://x.org/a)", "[x.org](https://x.org/a)"),
        ("[the docs](https://x.org/a)", "[the docs](https://x.org/a)"),
        ("[https://x.org](https://x.org/)", "[https://x.org](https://x.org/)"),
        ("`calls[0](x)` and ```\ncalls[0](x)\n```", "`calls[0](x)` and ```\ncalls[0](x)\n```"),
        ("[a]: slack://open", f"[a]: {APART}slack://open"),
        ("<!DOCTYPE html> <div> <https://x.org>", "<!DOCTYPE html> <div> <https://x.org>"),
    ],
)
def test_links_go_where_they_say(written: str, shown: str) -> None:
    assert markdown(written) == shown


def test_what_is_no_character_is_left_out() -> None:
    assert clean("a\x00b\x1b[2Jc\u202ed\ud800e\r\nf\u2028g") == "ab[2Jcd\ufffde\nf\ng"
    clean("\ud83d").encode()


@pytest.mark.parametrize(
    "text",
    ["[" + "://" * 20_000, "[" + "www." * 20_000, "[a.bc" * 20_000, "[a](https://" * 20_000, "`" * 60_000],
    ids=range(5),
)
def test_a_text_that_is_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    markdown(text)
    settled(text)
    read(text, "UB")
    assert time.process_time() - began < 1


def test_commands_are_written_as_slack_takes_them() -> None:
    said = spelled(
        "`/help` lists all, `/persona NAME` switches; `/etc/help` and /help stay.", {"help", "persona"}, "/r"
    )
    assert said == "`/r help` lists all, `/r persona NAME` switches; `/etc/help` and /help stay."


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("<@UB> hello", "hello"),
        ("<@UB|rostra>, hello", "hello"),
        ("ask <@U2|ann> in <#C1|general>", "ask @ann in #general"),
        ("ask <@U2>", "ask @U2"),
        ("&lt;@UB&gt; &amp;amp;", "<@UB> &amp;"),
        ("<https://x.org>", "https://x.org"),
        ("<https://x.org|x.org>", "https://x.org"),
        ("<mailto:a@b.example|a@b.example>", "mailto:a@b.example"),
        ("<!here> <!subteam^S1|@team>", "@here @team"),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
    ],
)
def test_what_people_wrote_is_read(sent: str, said: str) -> None:
    assert read(sent, "UB") == said


def test_a_mention_is_one_of_the_bot_itself() -> None:
    assert mentions("hey <@UB>", "UB")
    assert not mentions("hey <@UBX>", "UB")
    assert not mentions("hey <@>", "")


def test_what_is_too_long_for_its_place_says_so() -> None:
    assert short("abcdef", 4) == "abc\u2026"
    assert short("abcd", 4) == "abcd"
