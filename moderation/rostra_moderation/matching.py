"""Many patterns in one pass over a text, in time linear in its length: google-re2 behind two typed classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs]  google-re2 has none; this module is its only user

_re2: Any = re2

_MEMORY = 8 << 20
"""Bytes that the automaton of one pattern may take. With less, texts made for it cost more; the time stays linear."""


def _options(*, cased: bool = False) -> Any:
    made = _re2.Options()
    made.case_sensitive = cased
    made.dot_nl = True
    made.log_errors = False
    made.never_capture = True
    made.max_mem = _MEMORY
    return made


def escape(text: str) -> str:
    """Return the pattern that matches ``text`` and nothing else."""
    escaped: str = _re2.escape(text)
    return escaped


class Pattern:
    """One pattern. Matches in any case; a dot takes any character."""

    def __init__(self, pattern: str) -> None:
        """Raise `ValueError` with google-re2's reason if it does not take ``pattern``."""
        try:
            self._pattern = _re2.compile(pattern, _options())
        except _re2.error as error:
            raise ValueError(_reason(error)) from None

    def spans(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of every match that is not empty, as offsets in bytes."""
        return _spans(self._pattern, text)

    def occurs(self, text: bytes) -> bool:
        """Say whether there is a match: a microsecond for a message."""
        return self._pattern.search(text) is not None


class Patterns:
    """Many patterns, for texts in lower case. One pass over a text finds the words without which a pattern cannot match; few are then tried.

    All patterns in one automaton were measured too, as a ``re2.Set`` and as one alternation: 110 to 210 µs for a message
    of chat against 5 to 15, because every new text makes new states of it.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raise `ValueError` if google-re2 does not take one of ``patterns``."""
        made = _re2.Filter()
        for pattern in (*patterns, _CANARY):
            try:
                made.Add(pattern, _options(cased=_is_lower(pattern)))
            except _re2.error:
                Pattern(pattern)  # says what is wrong with it
                raise
        made.Compile()
        self._filter = made
        self._match = made.Match
        if len(patterns) not in self.which(_CANARY.encode()):
            raise ValueError(f"google-re2 cannot hold {len(patterns)} patterns")

    def which(self, text: bytes) -> Sequence[int]:
        """Return the indices of the patterns that occur in ``text``, in order."""
        found: Sequence[int] | None = self._match(text)
        return found or ()

    def tried(self, text: bytes) -> Sequence[int]:
        """Return the indices of the patterns that ``text`` has to be tried against: each costs about a microsecond."""
        found: Sequence[int] | None = self._match(text, potential=True)
        return found or ()

    def spans(self, index: int, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of every match of one pattern that is not empty, as offsets in bytes."""
        return _spans(self._filter.re(index), text)


_ESCAPE = re.compile(r"\\[dDsSwWbBAztnrfv\W_]")
"""Escapes that mean the same whether or not case counts; others may name capitals."""


def _is_lower(pattern: str) -> bool:
    """Say whether ``pattern`` matches the same of a text in lower case whether or not case counts.

    Then it may count: such a pattern compiles in two thirds of the time.
    """
    bare = _ESCAPE.sub("", pattern)
    return bare == bare.lower() and "\\" not in bare and "upper" not in bare


_CANARY = "a canary that no text of anybody holds"


def _spans(pattern: Any, text: bytes) -> Iterator[tuple[int, int]]:
    for found in pattern.finditer(text):
        start, end = found.span()
        if start < end:
            yield start, end


def _reason(error: Exception) -> str:
    reason: object = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
