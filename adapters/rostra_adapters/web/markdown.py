"""Markdown of models and people as HTML that can do nothing: what they wrote is hostile until proven otherwise.

Two libraries stand behind one another: markdown-it-py writes out no HTML that it was given, and nh3 (ammonia) lets only
what is listed here through, whatever the first may have missed. Pictures are none of it: an address of a picture can
carry away what a model was told.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from ..console_text import clean

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 20_000
"""Characters that are read as Markdown; a longer text is shown as it is. Some texts take time by the square of their length."""
LONGEST_TAIL = 4_000
"""Characters at the end of a growing text that are read anew whenever it grows."""
NESTED = 20
TAGS = frozenset(
    {
        "p",
        "br",
        "hr",
        "em",
        "strong",
        "s",
        "del",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "blockquote",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
)
ATTRIBUTES = {"a": {"href", "title", "target"}, "p": {"class"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
REL = "noopener noreferrer nofollow ugc"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_GOES_ON = re.compile(r"\s|[-*+>|]|\d{1,9}[.)]")
"""Beginnings of lines that may go on with the list, quotation or table before a blank line."""


def html(text: str) -> str:
    """Return ``text``, Markdown as people write it in chats, as safe HTML."""
    text = clean(text)
    if len(text) > LONGEST:
        return plain(text)
    return _sanitised(_reader().render(text))


def line(text: str) -> str:
    """Return ``text``, a line of Markdown, as safe HTML without a paragraph around it."""
    text = clean(text)
    return escape(text) if len(text) > LONGEST_TAIL else _sanitised(_reader().renderInline(text))


def plain(text: str) -> str:
    """Return ``text`` as it is, as safe HTML."""
    return f"<pre>{escape(clean(text))}</pre>" if text.strip() else ""


class Growing:
    """A text that grows, as HTML that need not be made anew: blocks that are over stay as they are."""

    def __init__(self, text: str = "") -> None:
        self.text = ""
        self._from = 0
        self.settled = ""
        """The HTML of all blocks that are over."""
        self.grow(text)

    @property
    def tail(self) -> str:
        """The HTML of what may still grow."""
        left = self.text[self._from :]
        return html(left) if len(left) <= LONGEST_TAIL else plain(left)

    def grow(self, text: str) -> str:
        """Add ``text``; return the HTML of the blocks that are over since."""
        self.text += text
        end = self._from + _over(self.text[self._from :])
        over = html(self.text[self._from : end]) if end > self._from else ""
        self.settled += over
        self._from = end
        return over


def _over(text: str) -> int:
    """Return how many characters at the beginning of ``text`` are blocks that nothing can be added to any more."""
    fence, end, at, blank = "", 0, 0, False
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if blank and not fence and line.strip() and not _GOES_ON.match(line):
            end = at
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        blank = not line.strip()
        at += len(line)
    return end


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    def fence(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        del self, options, env
        # What stands behind the fence is shown: it may be no language, but the end of a sentence.
        info = escape(tokens[index].info.strip())
        label = f'<p class="lang">{info}</p>' if info else ""
        return f"{label}<pre><code>{escape(tokens[index].content)}</code></pre>\n"

    options = {"html": False, "linkify": False, "breaks": True, "maxNesting": NESTED}
    reader = MarkdownIt("commonmark", options)
    reader.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    reader.add_render_rule("fence", fence)
    return reader


def _sanitised(given: str) -> str:
    import nh3

    return nh3.clean(
        given,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_attribute,
        url_schemes=SCHEMES,
        link_rel=REL,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return value if value == "lang" else None
    if tag == "a" and name == "href":
        # What leads nowhere else than to a page of our own would act as whoever reads it.
        return value if re.match(r"(?:https?://|mailto:)", value, re.IGNORECASE) else None
    return value
