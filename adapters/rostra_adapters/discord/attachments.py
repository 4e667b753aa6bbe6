"""What is sent along with a message: texts are read within a limit; the rest is named, and moderation decides about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import discord

from rostra.clock import Clock
from rostra.events import Attachment

READING = 20.0
"""Seconds for reading all attachments of a message; what is not read by then counts as not text."""

_TEXTS = (
    "application/json",
    "application/xml",
    "application/yaml",
    "application/toml",
    "application/x-yaml",
    "application/x-sh",
    "application/sql",
    "application/javascript",
    "application/typescript",
    "application/x-httpd-php",
)
_ENDINGS = [
    ".c",
    ".cc",
    ".cfg",
    ".conf",
    ".cpp",
    ".cs",
    ".css",
    ".csv",
    ".diff",
    ".go",
    ".h",
    ".hpp",
    ".htm",
    ".html",
    ".ini",
    ".ipynb",
    ".java",
    ".js",
    ".json",
    ".jsonl",
    ".kt",
    ".log",
    ".lua",
    ".md",
    ".patch",
    ".php",
    ".pl",
    ".ps1",
    ".py",
    ".r",
    ".rb",
    ".rs",
    ".rst",
    ".scala",
    ".sh",
    ".sql",
    ".svg",
    ".swift",
    ".tex",
    ".toml",
    ".ts",
    ".tsv",
    ".tsx",
    ".txt",
    ".vue",
    ".xml",
    ".yaml",
    ".yml",
    ".zig",
]
"""Endings of texts for which clients often send no media type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How much is read: ``most`` attachments of a message, each up to ``size`` bytes."""

    most: int
    size: int


async def attached(
    found: Sequence[discord.Attachment], reading: Reading, clock: Clock
) -> tuple[Attachment, ...]:
    """Return what was attached, with the text of what is text and not too much."""
    if not found:
        return ()
    texts: dict[int, str | None] = {}
    try:
        async with clock.timeout(READING):
            for one in found[: reading.most]:
                if _is_text(one) and one.size <= reading.size:
                    texts[one.id] = await _text(one, reading.size)
    except TimeoutError:
        pass  # what was not read stays without a text, and is judged as such
    return tuple(
        Attachment(
            name=one.filename,
            media_type=(one.content_type or "application/octet-stream").partition(";")[0].strip(),
            size=one.size,
            text=texts.get(one.id),
        )
        for one in found
    )


def forwarded(message: discord.Message) -> tuple[Attachment, ...]:
    """Return the texts that a message forwards: they are somebody else's words, read like a file."""
    snapshots = (shot for shot in message.message_snapshots if shot.content)
    return tuple(quoted("forwarded message", shot.content) for shot in snapshots)


def quoted(name: str, text: str) -> Attachment:
    """Return a text of another message as something sent along."""
    return Attachment(name=name, media_type="text/plain", size=len(text.encode(errors="replace")), text=text)


def _is_text(one: discord.Attachment) -> bool:
    media = (one.content_type or "").partition(";")[0].strip().lower()
    if media:
        return media.startswith("text/") or media in _TEXTS or media.endswith(("+json", "+xml"))
    return one.filename.lower().endswith(tuple(_ENDINGS))


async def _text(one: discord.Attachment, size: int) -> str | None:
    try:
        data = await one.read()
    except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError):
        return None
    if len(data) > size:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
