"""Texts without their disguises, for classifiers: only what is disguised is written otherwise."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from .needles import sought
from .normalise import Plain, clean
from .skeleton import skeleton
from .wordlists import BUILT_IN
from .words import Words

_CHUNK = re.compile(r"\S+")
_LETTER = re.compile(r"[A-Za-z]")
_ORDINARY = re.compile(
    "[\u0020-\u007e\u00a0-\u024f\u200c\u200d\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u245f\u2500-\u2bff\u3001\u3002\ufe0e\ufe0f"
    "\U0001f200-\U0001faff]*"
)
"""What words of European languages are written in, with signs and emoji; letters in circles and squares are not."""

_ACCENTED = re.compile("[\u00c0-\u024f]")
_WORD = re.compile(r"[a-z]+")


@cache
def _words() -> Words:
    return Words(sought(BUILT_IN, Path(), words={}, patterns={}, allow=()).words)


def read(text: str) -> str:
    """Do what `rostra_moderation.normalise.readable` promises."""
    seen = text
    if not text.isascii():
        seen = _CHUNK.sub(_undecorated, clean(text))
    if not _words().suspects(seen, seen.lower().encode("utf-8", "replace")):
        return seen
    said = _words().read(Plain(text=seen))
    return seen if said is None else said.text


def _undecorated(found: re.Match[str]) -> str:
    """Return a chunk as a skeleton if it is decorated or written in look-alikes, else as it is."""
    chunk = found[0]
    if chunk.isascii():
        return chunk
    bare = skeleton(chunk).text
    if _LETTER.search(bare) is None:
        return chunk
    written = unicodedata.normalize("NFC", chunk)
    if _ORDINARY.fullmatch(written) is None:
        return bare
    accents = len(_ACCENTED.findall(written))
    words = _WORD.findall(bare.lower())
    lexicon = _words().reader.lexicon
    strange = accents and (
        any(word in lexicon.listed for word in words)
        or (accents > 1 and all(word in lexicon for word in words))
    )
    return bare if strange else chunk
