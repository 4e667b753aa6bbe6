"""The skeleton of a text: letters for what looks like letters, nothing for what shows nothing (after UTS #39)."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from .normalise import Plain

_CACHED = 20_000
"""Characters whose skeleton is remembered; the others are worked out each time."""

_DROPPED = (
    (0x00AD, 0x00AD),
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x20D0, 0x20FF),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0x1F3FB, 0x1F3FF),
    (0xE0000, 0xE0FFF),
)
"""What shows nothing, and marks that decorate Latin, Greek and Cyrillic letters. Vowel signs of other scripts stay."""

_ALPHABETS = ((0x1F150, "A"), (0x1F170, "A"), (0x1F1E6, "A"), (0x249C, "a"))
"""Where alphabets begin that have no normal form of single letters: circled, squared, regional, parenthesised."""

_SIGNS = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc\u00b4"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-"),
}

_LAST_PLAIN = "\x7f"
_FEW = 8

_OVERRIDDEN = re.compile("\u202e([^\u202a-\u202e\u2066-\u2069\n\r]*)")
_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z]")


class _Table(dict[int, str]):
    """What each character is in a skeleton, found when it is first met."""

    def __missing__(self, point: int) -> str:
        made = _folded(point)
        if len(self) < _CACHED:
            self[point] = made
        return made


_TABLE = _Table()


def _folded(point: int) -> str:
    if any(first <= point <= last for first, last in _DROPPED):
        return ""
    for first, letter in _ALPHABETS:
        if first <= point < first + 26:
            return chr(ord(letter) + point - first)
    if point in _SIGNS:
        return _SIGNS[point]
    character = chr(point)
    if character in _small():
        return _small()[character]
    broken = unicodedata.normalize("NFKD", character)
    if broken == character:
        return character
    if any(each.isascii() for each in broken):
        broken = "".join(each for each in broken if not unicodedata.combining(each))
        return broken if broken.strip() else " "
    return unicodedata.normalize("NFKC", character)


@cache
def lookalikes() -> dict[int, str]:
    """Return the Latin letter that each letter beyond ASCII looks like, in both cases, for `str.translate`."""
    return {
        ord(form): letter
        for letter, alike in _data()["letters"].items()
        for each in alike
        for form in {each, each.upper(), each.lower()}
        if len(form) == 1 and not form.isascii()
    }


@cache
def _small() -> Mapping[str, str]:
    return {alike: letter for letter, alike in _data()["small"].items()}


@cache
def turned() -> dict[int, str]:
    """Return the letters that letters are when a text is turned upside down, for `str.translate`."""
    table = {ord(alike): letter for letter, alike in _data()["turned"].items()}
    return {**table, **{ord(a): b for a, b in zip("bdnpqu", "qpudbn", strict=True)}}


@cache
def is_turned() -> re.Pattern[str]:
    """Return the pattern of a letter that only texts turned upside down have."""
    return re.compile(f"[{''.join(_data()['turned'].values())}]")


@cache
def _data() -> Mapping[str, Mapping[str, str]]:
    text = files("rostra_moderation").joinpath("words", "lookalikes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def skeleton(text: str) -> Plain:
    """Return ``text`` with what looks like Latin letters as such, and without what shows nothing; case stays.

    A letter of another script is taken for a Latin one only in a word that has Latin letters too, so that Russian and
    Greek stay themselves. What a bidirectional override turns round stands as it is shown. ASCII is its own skeleton.
    Takes time and memory linear in the length of ``text``.
    """
    if text.isascii():
        return Plain(text=text)
    order = _shown(text) if "\u202e" in text else None
    seen = text if order is None else "".join(map(text.__getitem__, order))
    forms = {each: _TABLE[ord(each)] for each in set(seen) if each > _LAST_PLAIN}
    made = _put(seen, forms)
    alike = lookalikes()
    if any(ord(each) in alike for form in forms.values() for each in form) and _LATIN.search(made):
        made = _WORD.sub(_latin, made)
    if order is None and all(len(form) == 1 for form in forms.values()):
        return Plain(text=made)
    starts = [
        index if order is None else order[index]
        for index, each in enumerate(seen)
        for _ in forms.get(each, each)
    ]
    return Plain(text=made, starts=tuple(starts), ends=tuple(at + 1 for at in starts))


def _put(text: str, forms: Mapping[str, str]) -> str:
    """Return ``text`` with the form of each character that has one. Few are replaced faster than many are looked up."""
    if len(forms) > _FEW or any(other in forms for form in forms.values() for other in form if form != other):
        return text.translate(_TABLE)
    for each, form in forms.items():
        if form != each:
            text = text.replace(each, form)
    return text


def _latin(found: re.Match[str]) -> str:
    """Return a word with look-alikes made Latin, if it has Latin letters beside them."""
    word = found[0]
    if word.isascii() or not any(each.isascii() and each.isalpha() for each in word):
        return word
    return word.translate(lookalikes())


def _shown(text: str) -> list[int]:
    """Return the offsets of the characters of ``text`` in the order in which they are shown."""
    order = list(range(len(text)))
    for found in _OVERRIDDEN.finditer(text):
        start, end = found.span(1)
        order[start:end] = reversed(order[start:end])
    return order
