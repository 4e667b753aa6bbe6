"""The hold-back window of a streamed answer: which text may be shown, given what was judged. Pure: it does no I/O.

Text goes in as it comes (`Guard.feed`). The guard says which prefix should be judged next (`Guard.due`), takes verdicts
for prefixes in any order (`Guard.allow`, `Guard.block`) and gives out what may be shown. It promises:

- What it gave out, joined, is a prefix of what was fed.
- A character is given out only after `allow` was called for a prefix that contains it, and only with the whole unit it
  belongs to: a word, a sentence, a paragraph, or all of the text, as ``hold`` says.
- After `block` it gives out nothing. So of a passage that is blocked whenever a prefix contains all of it, the last
  character is never given out; nor is anything of the unit that this character lies in.
- When every prefix that was due has been allowed and the text is closed, all of it has been given out.

A unit ends at the latest after `MOST` characters, at a word's end where there is one, so that text without sentences
flows too; with hold ``full`` there is no such limit.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from typing import Literal, TypeAlias

Hold: TypeAlias = Literal["none", "sentence", "paragraph", "full"]

STRICTNESS: tuple[Hold, ...] = ("none", "sentence", "paragraph", "full")

MOST: dict[Hold, int] = {"none": 400, "sentence": 400, "paragraph": 2000}
"""Characters held back at most, by hold."""

_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf al fig no vol pp approx ca dept est inc ltd co corp u.s u.k a.m p.m ph.d
    z.b d.h u.a o.ä bzw usw nr bspw ggf evtl inkl zzgl sog vgl hr fr dipl ing abb bd
    """.split()  # noqa: SIM905  sixty quoted strings would read worse
)
"""Words whose dot ends no sentence by itself: English and German, without the last dot."""

_MARK = re.compile(r"```|\n++|(?<![.!?…])[.!?…]++[\"')\]”’»*_]*+(?=\s)|[。！？]++")  # noqa: RUF001  these are what is looked for
"""Where a unit may end, and where a block of code starts or ends. Nothing in it goes back, so its time is linear."""

_NUMBER = 2
"""Digits before a dot that may number the entry of a list."""

_SHORT = 4
"""Letters before a dot that may be an abbreviation nobody listed, where a small letter follows."""

_TAIL = 24
"""Characters at the end that are looked at again with more text: a mark that was cut in two starts among them."""

_LAST_WORD = re.compile(r"[^\s(\[\"'“‘„]*$")  # noqa: RUF001  as above


class Guard:
    """Holds one answer back."""

    def __init__(self, hold: Hold = "sentence", *, most: int | None = None) -> None:
        """``most``: characters held back at most, where it is not the hold's own of `MOST`."""
        self.hold: Hold = hold
        self._most = None if hold == "full" else (most or MOST[hold])
        self._text = ""
        self._closed = False
        self._blocked = False
        self._judged = 0
        self._released = 0
        self._ends: list[int] = []  # of complete units, ascending, beyond what is released
        self._scanned = 0
        self._fenced = False

    @property
    def text(self) -> str:
        """All that was fed."""
        return self._text

    @property
    def released(self) -> int:
        """How many characters were given out."""
        return self._released

    @property
    def judged(self) -> int:
        """The length of the longest prefix that was allowed."""
        return self._judged

    @property
    def blocked(self) -> bool:
        return self._blocked

    def tighten(self, hold: Hold) -> None:
        """Hold back by ``hold`` from here on, if that is stricter. What was complete by then stays complete."""
        if STRICTNESS.index(hold) > STRICTNESS.index(self.hold):
            self.hold = hold
            self._most = None if hold == "full" else max(self._most or 0, MOST[hold])

    def feed(self, text: str) -> None:
        """Take more of the text."""
        if self._closed:
            raise ValueError("a closed guard takes no more text")
        self._text += text
        if not self._blocked:
            self._scan()

    def close(self) -> None:
        """Say that the text is complete, so that its last unit is."""
        if not self._closed:
            self._closed = True
            self._end(len(self._text))

    def due(self) -> int | None:
        """Return the length of the prefix to judge next, or None if there is none yet."""
        if self._blocked or not self._ends or self._ends[-1] <= self._judged:
            return None
        return self._ends[-1]

    def allow(self, length: int) -> str:
        """Take an allowing verdict on the first ``length`` characters; return what may be shown because of it."""
        if not 0 <= length <= len(self._text):
            raise ValueError(f"{length} is no length of a prefix of {len(self._text)} characters")
        self._judged = max(self._judged, length)
        return self.release()

    def release(self) -> str:
        """Return what may be shown and was not given out yet."""
        count = bisect_right(self._ends, self._judged)
        if count == 0:
            return ""
        start, self._released = self._released, self._ends[count - 1]
        del self._ends[:count]
        return self._text[start : self._released]

    def block(self) -> None:
        """Take a blocking verdict on any prefix: nothing is given out any more."""
        self._blocked = True
        self._ends.clear()

    def _end(self, position: int) -> None:
        """Note that a unit ends before ``position``."""
        if not self._blocked and position > self._last():
            self._ends.append(position)

    def _last(self) -> int:
        return self._ends[-1] if self._ends else self._released

    def _scan(self) -> None:
        match self.hold:
            case "full":
                return
            case "none":
                self._scan_words()
            case "sentence" | "paragraph":
                self._scan_marks()
        self._limit()

    def _scan_words(self) -> None:
        """Only the last word's end matters: judging up to it judges all words before it."""
        end = word_end(self._text, self._last(), len(self._text))
        if end is not None:
            self._end(end)

    def _scan_marks(self) -> None:
        text = self._text
        for mark in _MARK.finditer(text, self._scanned):
            following = mark.end()
            while following < min(len(text), mark.end() + _TAIL) and text[following] == " ":
                following += 1
            if following == len(text):
                # What comes next decides: a longer run of marks, a small letter, a paragraph.
                self._scanned = mark.start()
                return
            if mark[0] == "```":
                self._fenced = not self._fenced
            elif self._ends_unit(mark, following):
                self._end(mark.end())
            self._scanned = mark.end()
        self._scanned = max(self._scanned, len(text) - _TAIL)

    def _ends_unit(self, mark: re.Match[str], following: int) -> bool:
        found = mark[0]
        if self.hold == "paragraph":
            return len(found) > 1 and found[0] == "\n" and not self._fenced
        if found[0] == "\n":
            return True
        if self._fenced:
            return False
        return found[0] != "." or len(found) > 1 or not self._abbreviated(mark.start(), following)

    def _abbreviated(self, dot: int, following: int) -> bool:
        """Say whether the dot belongs to an abbreviation, an initial or the number of a list's entry."""
        word = _LAST_WORD.search(self._text, max(0, dot - 20), dot)
        last = word[0].casefold() if word is not None else ""
        if last in _ABBREVIATIONS or (last.isdigit() and len(last) <= _NUMBER):
            return True
        return last.isalpha() and len(last) <= (_SHORT if self._text[following].islower() else 1)

    def _limit(self) -> None:
        """End units by force where text has been held for too long."""
        while self._most is not None and len(self._text) - self._last() > self._most:
            start = self._last()
            most = start + self._most
            self._end(word_end(self._text, start, most) or cluster_end(self._text, start, most))


def word_end(text: str, start: int, limit: int) -> int | None:
    """Return the last position in ``start < position ≤ limit`` that no word goes over, or None.

    Words end at white space; in scripts that write no spaces, at every character. What comes after the end of
    ``text`` is not known, so a word is never taken to end there.
    """
    if start < len(text) <= limit and text[-1].isspace():
        return len(text)
    for position in range(min(limit, len(text) - 1), start, -1):
        before, after = text[position - 1], text[position]
        if after.isspace() or before.isspace() or (_unspaced(before) and not _clings(after)):
            return position
    return None


def cluster_end(text: str, start: int, limit: int) -> int:
    """Return the last position up to ``limit`` that splits no character from its marks, or ``limit`` if there is none."""
    for position in range(min(limit, len(text) - 1), start, -1):
        if not _clings(text[position]) and text[position - 1] != "\u200d":
            return position
    return limit


def _unspaced(character: str) -> bool:
    """Say whether the script of ``character`` puts no spaces between words (Han, kana, Thai, Lao, Khmer, Burmese)."""
    return (
        "\u3040" <= character <= "\u9fff"
        or "\u0e00" <= character <= "\u0eff"
        or "\u1000" <= character <= "\u17ff"
    )


def _clings(character: str) -> bool:
    """Say whether ``character`` belongs to the one before it: marks, joiners, selectors, skin tones."""
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
