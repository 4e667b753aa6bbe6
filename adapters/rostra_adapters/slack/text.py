"""Texts on their way to and from Slack: what a model writes cannot become a mention, a channel or a disguised link. Pure.

Slack has two markups. ``mrkdwn`` is its own: there ``&``, ``<`` and ``>`` are written as entities, and what stands between
angle brackets is obeyed. Blocks of the type ``markdown`` and streams take Markdown, where entities would be seen inside of
code; there a zero-width space keeps apart what must not be read as one.

Source: https://docs.slack.dev/messaging/formatting-message-text,
https://docs.slack.dev/reference/block-kit/blocks/markdown-block.
"""

from __future__ import annotations

import re
from collections.abc import Collection

APART = "\u200b"
"""Keeps apart what Slack would obey, and is not seen."""

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_BREAKS = re.compile("\r\n|[\r\u2028\u2029\x85]")
_LONE = re.compile("[\ud800-\udfff]")

_OBEYED = re.compile(
    r"<(?=!(?:channel|here|everyone|group|subteam|date)\b|[@#][A-Za-z0-9]|[A-Za-z][A-Za-z0-9+.-]*:[^\s<>]*\|)",
    re.IGNORECASE,
)
_TARGET = re.compile(r"(\]\(\s*<?)(?!https?://|mailto:|\s|<)")
_DEFINED = re.compile(r"^( {0,3}\[[^\]\n]+\]:[ \t]*<?)(?!https?://|mailto:|[ \t<])", re.MULTILINE)
_NAMED = re.compile(r"\[([^\[\]\n]*)\]\((https?://[^\s()<>]+)\)")
"""A link with words of its own. What they say is looked at apart: one expression for both is slow where it fails."""
_ADDRESS = re.compile(r"://|www\.|[\w-]\.[a-z]{2,}(?!\w)", re.IGNORECASE)
_UNDECIDED = re.compile(r"(?:<[^\s<>]*|`[^`\n]*|\[[^\]\n]*(?:\](?:\([^\s)]*)?)?)\Z")
"""How a text may end that goes on as something which is obeyed, or as a link."""

_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_WRITTEN = re.compile(r"(?<=`)/([a-z-]+)(?=[ `])")
"""A command as it stands in a text, between backticks."""

_GIVEN = re.compile(r"<([^<>]*)>")


def clean(text: str) -> str:
    """Return ``text`` without what is no character: control codes, halves of pairs, changes of direction."""
    return _UNFIT.sub("", _LONE.sub("\ufffd", _BREAKS.sub("\n", text)))


def markdown(text: str) -> str:
    """Return ``text``, which is Markdown, so that Slack obeys nothing in it.

    ``<!channel>``, ``<@U1>``, ``<#C1>`` and ``<https://x|y>`` stay visible as they are written. A link goes to the web or
    to an address for mail, or is none; one whose words are another address shows both.

    >>> markdown("<!channel> [a](javascript:x)").replace(APART, "_")
    '<_!channel> [a](_javascript:x)'
    """
    pieces = _CODE.split(_OBEYED.sub("<" + APART, clean(text)))
    return "".join(piece if number % 2 else _honest(piece) for number, piece in enumerate(pieces))


def _honest(text: str) -> str:
    text = _NAMED.sub(_undisguised, text)
    text = _TARGET.sub(r"\1" + APART, text)
    return _DEFINED.sub(r"\1" + APART, text)


def settled(text: str) -> str:
    """Return the beginning of a growing ``text`` that stays as it is whatever follows, apart from a link's last bracket."""
    return text[: found.start()] if (found := _UNDECIDED.search(text, max(0, len(text) - 400))) else text


def escape(text: str) -> str:
    """Return ``text`` so that it stands in mrkdwn as it is written.

    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def spelled(text: str, names: Collection[str], command: str) -> str:
    """Return ``text`` with our commands written as people have to write them in Slack: after ``command``.

    >>> spelled("`/help` lists all; `/etc` does not.", {"help"}, "/rostra")
    '`/rostra help` lists all; `/etc` does not.'
    """
    return _WRITTEN.sub(lambda found: f"{command} {found[1]}" if found[1] in names else found[0], text)


def _undisguised(found: re.Match[str]) -> str:
    words, target = found[1], found[2]
    return found[0] if not _ADDRESS.search(words) or words.rstrip("/") in target else f"{words} ({target})"


def read(text: str, bot: str = "") -> str:
    """Return what a person wrote, from Slack's markup: without mentions of ``bot``, with names instead of codes.

    >>> read("<@UB> is 1 &lt; 2? see <https://x.org|this> in <#C1|general> <!here>", "UB")
    'is 1 < 2? see this (https://x.org) in #general @here'
    """
    if bot:
        text = re.sub(rf"<@{re.escape(bot)}(?:\|[^<>]*)?>[:,]?", "", text)
    text = _GIVEN.sub(_said, text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text.strip()


def _said(found: re.Match[str]) -> str:
    what, bar, label = found[1].partition("|")
    if what.startswith(("@", "#")):
        return what[0] + label.removeprefix(what[0]) if label else what
    if what.startswith("!"):
        name = label or what[1:].partition("^")[0]
        return name if name.startswith("@") or what.startswith("!date") else f"@{name}"
    if not bar or label in what:
        return what
    return f"{label} ({what})"


def mentions(text: str, bot: str) -> bool:
    """Return whether ``text``, in Slack's markup, mentions ``bot``."""
    return bool(bot) and re.search(rf"<@{re.escape(bot)}(?:\|[^<>]*)?>", text) is not None


def short(text: str, most: int) -> str:
    """Return ``text`` in at most ``most`` characters; one that is longer says so with an ellipsis."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"
