"""What a text becomes before Discord gets it: nothing in it pings, hides where a link leads, or hides itself.

`discord.AllowedMentions.none()` already keeps Discord from notifying anybody. What is done here is about what people
see: a model that writes ``@everyone`` or ``[your bank](https://evil.example)`` is to be seen doing so. Inside of code
Discord interprets nothing, so that there only what cannot be seen is taken out.
"""

from __future__ import annotations

import re

_UNSEEN = [
    *(code for code in range(0x20) if code not in (0x09, 0x0A)),
    *range(0x7F, 0xA0),
    0xAD,  # soft hyphen
    0x061C,
    0x115F,
    0x1160,
    0x180E,
    0x200B,  # zero width space; the joiners U+200C and U+200D belong to scripts and emoji
    *range(0x200E, 0x2010),
    *range(0x202A, 0x202F),  # directions: CVE-2021-42574
    *range(0x2060, 0x2070),
    0x3164,
    0xFEFF,
    0xFFA0,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),  # tags: text that nobody sees and models read
]
_CLEAN: dict[int, str | None] = {
    **dict.fromkeys(_UNSEEN),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # half a pair cannot be sent as UTF-8
    0x2028: "\n",
    0x2029: "\n",
}

_CODE = re.compile(r"(```.*?(?:```|\Z)|(?<!`)(`{1,2})(?!`)[^\n]+?(?<!`)\2(?!`))", re.DOTALL)
"""A fenced block, closed or still growing, or code in a line: what Discord shows as it is."""

BREAK = "\u200b"
"""What keeps two characters apart: people see nothing of it, and Discord sees no mention."""

_MASKED = re.compile(
    r"!?\[([^\[\]\n]{0,300})\]\(\s*<?((?:https?|ftp|discord|mailto|tel):[^\s<>()]*)>?[^)\n]{0,300}\)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"<(@[!&]?|#|/[^:<>\n]{1,100}:|id:)(?=\w)")
_EVERYONE = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_ORDINARY = re.compile(r"[\n\t !-.0-;=?A-Z\]-_a-z{-~]*")
"""ASCII without controls and without what any of the other patterns needs: most answers are nothing else."""

_EMOJI = re.compile(r"<a?:(\w{2,32}):[0-9]{5,25}>")
_INVITE = re.compile(
    r"<?(?:https?://)?(?:www\.|ptb\.|canary\.)?(?:discord(?:app)?\.com/invite|discord\.gg|dsc\.gg)/([\w-]+)>?",
    re.IGNORECASE,
)


def seen(text: str) -> str:
    """Return ``text`` without what cannot be seen, and with line feeds as its only line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CLEAN)


def escaped(text: str) -> str:
    r"""Return ``text`` as it may be sent to Discord as Markdown.

    >>> escaped("ask @everyone or [here](https://a.example), `@everyone`")
    'ask @\u200beveryone or here (<https://a.example>), `@everyone`'
    """
    if _ORDINARY.fullmatch(text):
        return text
    pieces = _CODE.split(seen(text))
    # The pattern has two groups: plain text, code, and the ticks around it, by turns.
    return "".join(
        piece if number % 3 else _plain(piece)
        for number, piece in enumerate(pieces)
        if number % 3 < 2  # noqa: PLR2004  see above
    )


def _plain(text: str) -> str:
    text = _INVITE.sub(lambda found: f"`{found[0].strip('<>')}`", text)
    text = _MASKED.sub(_unmasked, text)
    text = _EMOJI.sub(r":\1:", text)
    text = _MENTION.sub(rf"<{BREAK}\1", text)
    return _EVERYONE.sub(f"@{BREAK}", text)


def _unmasked(found: re.Match[str]) -> str:
    words, link = found[1].strip(), found[2]
    return f"<{link}>" if words in {"", link} else f"{words} (<{link}>)"


def shortened(text: str, length: int) -> str:
    """Return ``text`` in one line of at most ``length`` characters: for labels, which Discord refuses when longer."""
    line = " ".join(seen(text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
