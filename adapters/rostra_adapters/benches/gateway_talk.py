"""What the bench of the gateway says: no question twice, and the one answer to each, so that nothing comes from a cache."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = (
    "acorn anchor apple arrow badge banjo barrel basket beacon bottle bridge bucket button candle canoe carpet castle"
    " cellar chimney cloud clover compass cottage cradle curtain desk dial drawer easel feather fence fiddle flute fountain"
    " garden glove hammer harbour hinge island jacket kettle ladder lantern lemon marble mirror needle orchard paddle pebble"
    " pillow puzzle quilt ribbon saddle saucer shelf spoon statue teapot thimble ticket tower trumpet tunnel umbrella vase"
    " violin wagon whistle window"
)
NOUNS = tuple(_WORDS.split())

_ASKED = re.compile(rb"compare a (\w+), a (\w+) and a (\w+) for")


def words(number: int) -> tuple[str, str, str]:
    """Return three different words; they come again after some ninety thousand numbers."""
    size = len(NOUNS)
    first = number % size
    second = (first + 1 + number // size % (size // 2 - 1)) % size
    third = (second + 1 + number // (size * (size // 2 - 1)) % (size // 2 - 1)) % size
    return NOUNS[first], NOUNS[second], NOUNS[third]


def question(number: int) -> str:
    """Return a question that was not asked under another number."""
    one, two, three = words(number)
    return f"Please compare a {one}, a {two} and a {three} for me."


def asked(body: bytes) -> tuple[str, str, str]:
    """Return the words of the last question in a request. Raises `ValueError` if there is none."""
    found = _ASKED.findall(body)
    if not found:
        raise ValueError("no question of this bench; ask as in question()")
    one, two, three = (word.decode() for word in found[-1])
    return one, two, three


def answer(one: str, two: str, three: str) -> str:
    """Return the answer about these words: five sentences, each of them with all three."""
    return (
        f"A {one}, a {two} and a {three} have less in common than it seems."
        f" Put the {one} beside the {two}, and the {three} looks small."
        f" Nobody who saw a {three} took it for a {one} or a {two}."
        f" So the {two} comes first, then the {one}, and the {three} last."
        f" Tell me whether you meant the {one}, the {two} or the {three}."
    )


def tokens(text: str) -> Sequence[str]:
    """Return the text in pieces as a model would send them: words with the space before."""
    return re.findall(r"\s?\S+", text)
