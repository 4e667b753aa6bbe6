"""Encodings in which a message can carry another one: base64, hexadecimal, binary, percent signs, entities, escapes."""

from __future__ import annotations

import base64
import binascii
import html
import re
from urllib.parse import unquote_to_bytes

_LONGEST = 20_000
"""Characters of one piece that are decoded; a longer one is data, not words."""

_LETTER_IN_PERCENT = re.compile(r"%[46][1-9A-Fa-f]|%[57][0-9Aa]")
"""A letter that no address needs to write like that."""

_ENTITY = re.compile(r"&#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});?")
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|\\u\{?([0-9a-fA-F]{4,6})\}?|\\U([0-9a-fA-F]{8})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}){3,})")
_BITS = re.compile(r"(?:[01]{8}){2,}")
_TEXT = re.compile(r"[^\W\d_]")
_UNPRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")


def decoded(piece: str) -> str | None:
    """Return the text that ``piece``, which has no spaces, encodes; None if it encodes none."""
    if len(piece) > _LONGEST:
        return None
    for decode in (_percents, _entities, _escapes, _binary, _hexadecimal, _base64):
        found = decode(piece)
        if found is not None and _TEXT.search(found) and not _UNPRINTED.search(found):
            return found
    return None


def _percents(piece: str) -> str | None:
    if "%" not in piece or _LETTER_IN_PERCENT.search(piece) is None:
        return None
    return unquote_to_bytes(piece).decode("utf-8", "replace")


def _entities(piece: str) -> str | None:
    if "&#" not in piece or _ENTITY.search(piece) is None:
        return None
    return _ENTITY.sub(lambda found: html.unescape(found[0]), piece)


def _escapes(piece: str) -> str | None:
    if "\\" not in piece or _ESCAPE.search(piece) is None:
        return None

    def character(found: re.Match[str]) -> str:
        point = int(found[1] or found[2] or found[3], 16)
        return html.unescape(f"&#{point};")  # which knows what is no character

    return _ESCAPE.sub(character, piece)


def _binary(piece: str) -> str | None:
    if _BITS.fullmatch(piece) is None:
        return None
    return _utf8(bytes(int(piece[at : at + 8], 2) for at in range(0, len(piece), 8)))


def _hexadecimal(piece: str) -> str | None:
    found = _HEX.fullmatch(piece)
    return None if found is None else _utf8(bytes.fromhex(found[1]))


def _base64(piece: str) -> str | None:
    if _BASE64.fullmatch(piece) is None:
        return None
    bare = piece.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) % 4 == 1:
        return None
    try:
        return _utf8(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except binascii.Error:
        return None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
