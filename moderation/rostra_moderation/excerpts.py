"""Cuts a long text into pieces that a judge can read, so that nothing falls between two of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator


def excerpts(text: str, size: int, overlap: int) -> Iterator[str]:
    """Yield pieces of at most ``size`` characters that cover ``text``; each begins with the end of the one before.

    Pieces end between words where a word ends in their second half. ``overlap`` characters, at most half of ``size``,
    are in two pieces. Raises `ValueError` for sizes that cannot work.

    >>> list(excerpts("one two three four", 9, 4))
    ['one two ', 'two three', 'hree four']
    """
    if size < 1 or not 0 <= overlap <= size // 2:
        raise ValueError(
            f"excerpts of {size!r} characters cannot overlap by {overlap!r}; at most half of them"
        )
    start = 0
    while start + size < len(text):
        end = _between(text, start + size // 2 + 1, start + size)
        yield text[start:end]
        start = max(end - overlap, start + 1)
    yield text[start:]


def _between(text: str, first: int, last: int) -> int:
    """Return the last place from ``first`` to ``last`` where a word ends, or ``last``."""
    if text[last].isspace():
        return last
    return next((place for place in range(last, first - 1, -1) if text[place - 1].isspace()), last)
