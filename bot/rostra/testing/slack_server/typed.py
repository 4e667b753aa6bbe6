"""Text as people type it, and as Slack sends it on."""

from __future__ import annotations

import re

_KEPT = re.compile(r"(<[@#][A-Z0-9]+(?:\|[^<>]*)?>)")
_LINK = re.compile(r"https?://[^\s<>|]+")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def typed(text: str) -> str:
    """Return what somebody typed as it goes over the wire: escaped, links in angle brackets.

    >>> typed("1 < 2 & https://example.org <@U1>")
    '1 &lt; 2 &amp; <https://example.org> <@U1>'
    """
    pieces = _KEPT.split(text)
    return "".join(piece if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    escaped = re.sub("[&<>]", lambda found: _ESCAPES[found.group()], text)
    return _LINK.sub(lambda found: f"<{found.group()}>", escaped)
