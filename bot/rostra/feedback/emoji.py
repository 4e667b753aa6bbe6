"""What an emoji under an answer says of it."""

from __future__ import annotations


def thumb_of(emoji: str) -> str:
    """Return ``good`` or ``bad`` for a thumb of any colour, by its character or by Slack's name for it; nothing for others."""
    name = emoji.partition("::")[0]
    if name in {"+1", "thumbsup"} or name.startswith("\N{THUMBS UP SIGN}"):
        return "good"
    if name in {"-1", "thumbsdown"} or name.startswith("\N{THUMBS DOWN SIGN}"):
        return "bad"
    return ""
