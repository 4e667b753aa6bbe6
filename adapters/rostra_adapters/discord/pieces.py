"""From the text of an answer to the messages that show it."""

from __future__ import annotations

from collections.abc import Sequence

from rostra.split import split

from .drafts import Draft
from .text import escaped, seen

LENGTH = 2000
"""Characters in a message. Source: https://docs.discord.com/developers/resources/message#create-message"""

PENDING = "…"
"""What stands for an answer that has begun and has no text yet."""

WHOLE = "\n\n*This is the beginning; all of it is in the file.*"


def pieces(text: str) -> Sequence[str]:
    """Return ``text`` in messages of Discord, the last of which may still grow."""
    shown = escaped(text).strip("\n")
    return split(shown, LENGTH) if shown.strip() else ()


def growing(text: str, most: int) -> Sequence[Draft]:
    """Return what is shown of an answer that is not over: at most ``most`` messages of it."""
    return [Draft(content=piece) for piece in pieces(text)[:most]]


def finished(text: str, most: int) -> Sequence[Draft]:
    """Return an answer that is over: in at most ``most`` messages, or else its beginning and a file with all of it."""
    found = pieces(text)
    if len(found) <= most:
        return [Draft(content=piece) for piece in found]
    beginning = split(escaped(text).strip("\n"), LENGTH - len(WHOLE))[0]
    return [Draft(content=beginning + WHOLE, files=(("answer.md", seen(text).encode()),))]
