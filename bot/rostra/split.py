"""Cut a long text into messages of a platform's size, without spoiling code blocks, words or characters.

What is cut off goes into the next message. Each piece is as full as a good place to cut allows: the end of a paragraph,
else of a line, a sentence, a word, else between two characters as people see them (UAX #29, the rules that matter here).
A code block that goes on in the next message is closed in this one and opened again there.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHORTEST = 100
"""Code points that a piece must be allowed to have: there must be room for text beside the fences."""
FENCE_SHARE = 5
"""A line longer than the limit divided by this opens no code block: it would leave no room for code."""
LOOK_BACK = 64
"""Code points that are looked back at for a place between two characters."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What opened a code block: the line as it was written, and the run of backticks or tildes in it."""

    line: str
    mark: str


@dataclass(frozen=True, slots=True)
class Cut:
    """One piece: ``text[start:end]`` between what was added to open and to close its code blocks."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    def of(self, text: str) -> str:
        """Return the piece."""
        return self.before + text[self.start : self.end] + self.after


def split(text: str, limit: int) -> Sequence[str]:
    """Return ``text`` in pieces of at most ``limit`` (at least 100) code points; none of them is blank.

    Nothing is lost but whitespace between two pieces. If something is added to the end of ``text``, all pieces but the
    last stay as they are. Every piece closes the code blocks that are open in it.
    Raises `ValueError` if ``limit`` is too low.
    """
    if SHORTEST <= limit >= len(text) and "```" not in text and "~~~" not in text:
        return [text] if text.strip() else []
    return [cut.of(text) for cut in cuts(text, limit)]


def cuts(text: str, limit: int) -> Sequence[Cut]:
    """Return where `split` cuts."""
    if limit < SHORTEST:
        raise ValueError(f"limit is {limit!r}; a piece must be allowed at least {SHORTEST} characters")
    found: list[Cut] = []
    start, fence = 0, None
    while start < len(text):
        window = _Window(text, start, fence, limit)
        end = window.stop if window.whole else window.best()
        after = window.fence_at(end)
        trimmed = end if after is not None or window.whole else _trimmed(text, start, end)
        body = text[start:trimmed]
        if body.strip():
            before = "" if fence is None else f"{fence.line}\n"
            found.append(Cut(start, trimmed, before, _closing(body, after)))
        start, fence = (len(text) if window.whole else _beyond(text, end, after)), after
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """A line from ``start`` to its line feed at ``end``, and the code block open before it and after it."""

    start: int
    end: int
    before: Fence | None
    after: Fence | None

    @property
    def opens(self) -> bool:
        return self.before is None and self.after is not None

    @property
    def closes(self) -> bool:
        return self.before is not None and self.after is None


class _Window:
    """What may be looked at to cut one piece: no more than stays the same whatever is added to the text.

    That is the shortest beginning that does not fit into one piece, up to ``stop``; where all of the rest fits,
    ``whole`` is true. A beginning that does not fit never does when it grows, because what is added to close a code
    block is the least that would close it in the text itself.
    """

    def __init__(self, text: str, start: int, fence: Fence | None, limit: int) -> None:
        self._text = text
        self._start = start
        self._longest = limit // FENCE_SHARE
        self._room = limit - (0 if fence is None else len(fence.line) + 1)
        self._lines: list[_Line] = []
        self._last = (start, fence)
        """Where the line that is not complete begins, and the code block open there."""
        self.stop = len(text)
        self.whole = self._read(start, fence)
        self._starts = [line.start for line in self._lines]

    def fence_at(self, position: int) -> Fence | None:
        """Return the code block that is open at ``position``."""
        line = self._line_at(position)
        if line is not None and position == line.end:
            return line.after
        begin, fence = self._last if line is None else (line.start, line.before)
        if fence is not None and _closes(self._text[begin:position], fence):
            return None
        return fence

    def best(self) -> int:
        """Return where to cut: the last place of the best kind that leaves the piece reasonably full."""
        half, quarter = ((self.stop - self._start) // share + self._start for share in (2, 4))
        kinds = (self._paragraphs, self._gaps, self._line_ends, self._sentences, self._words)
        for least in (half, quarter):
            for kind in kinds:
                place = max((end for end in kind() if end >= least), default=0)
                if place:
                    return place
        return self._between_characters()

    def _read(self, start: int, fence: Fence | None) -> bool:
        """Read lines until one does not fit; return whether all did."""
        text = self._text
        while True:
            self._last = (start, fence)
            end = text.find("\n", start, self._start + self._room + 1)
            line = text[start : self._start + self._room + 1 if end < 0 else end]
            after = self._after(line, fence)
            if end < 0 or self._needs(end + 1, after) > self._room:
                return self._within(start, line, fence, after if end >= 0 else fence)
            self._lines.append(_Line(start, end, fence, after))
            start, fence = end + 1, after

    def _within(self, start: int, line: str, fence: Fence | None, after: Fence | None) -> bool:
        """Find where in the last line, or right after it, the text no longer fits; return False if it does not."""
        for length in range(len(line) + 1):
            held = fence
            if fence is not None and _closes(line[:length], fence):
                held = None
            closing = 0 if held is None else len(_closing("\n" + line[:length], held))
            if start - self._start + length + closing > self._room:
                self.stop = start + length
                return False
        end = start + len(line)
        if end < len(self._text):
            # All of the line fits, but not its line feed with what closes the block then open.
            self._lines.append(_Line(start, end, fence, after))
            self.stop = end + 1
            return False
        return True

    def _needs(self, end: int, fence: Fence | None) -> int:
        return end - self._start + (0 if fence is None else len(fence.mark))

    def _after(self, line: str, fence: Fence | None) -> Fence | None:
        if fence is not None:
            return None if _closes(line, fence) else fence
        return _opened(line) if len(line.strip()) <= self._longest else None

    def _line_at(self, position: int) -> _Line | None:
        number = bisect_right(self._starts, position) - 1
        if number < 0 or position > self._lines[number].end:
            return None
        return self._lines[number]

    def _good_ends(self) -> Iterator[tuple[_Line, _Line | None]]:
        """Yield the lines after which a cut leaves no code block empty, each with the next that is complete."""
        for number, line in enumerate(self._lines):
            following = self._lines[number + 1] if number + 1 < len(self._lines) else None
            if line.end > self._start and not line.opens and not (following and following.closes):
                yield line, following

    def _paragraphs(self) -> Iterator[int]:
        for line, following in self._good_ends():
            ends = line.closes or (following is not None and (following.opens or self._is_blank(following)))
            if ends and line.after is None:
                yield line.end

    def _gaps(self) -> Iterator[int]:
        return (line.end for line, following in self._good_ends() if following and self._is_blank(following))

    def _is_blank(self, line: _Line) -> bool:
        return not self._text[line.start : line.end].strip()

    def _line_ends(self) -> Iterator[int]:
        return (line.end for line, _ in self._good_ends())

    def _sentences(self) -> Iterator[int]:
        return (
            found.end()
            for found in _SENTENCE.finditer(self._text, self._start, self.stop)
            if found.end() < self.stop and self._is_prose(found.end())
        )

    def _words(self) -> Iterator[int]:
        return (
            found.start()
            for found in _SPACE.finditer(self._text, self._start, self.stop)
            if self._may_break(found.start())
        )

    def _is_prose(self, position: int) -> bool:
        return self.fence_at(position) is None and self._may_break(position)

    def _may_break(self, position: int) -> bool:
        """Whether a cut in the middle of a line makes or unmakes no fence."""
        if _FENCE_NEXT.match(self._text, position, self.stop):
            return False
        line = self._line_at(position)
        begin = self._last[0] if line is None else line.start
        return begin == self._start or not _FENCE_NEXT.match(self._text, begin, self.stop)

    def _between_characters(self) -> int:
        last = self.stop - 1
        places = range(last, max(self._start, last - LOOK_BACK), -1)
        return next((place for place in places if is_boundary(self._text, place)), last)


def is_boundary(text: str, position: int) -> bool:
    """Return whether there are two characters, as people see them, before and after ``position``."""
    if not 0 < position < len(text):
        return True
    before, after = text[position - 1], text[position]
    if before == "\\" or (before == "\r" and after == "\n"):
        return False
    if _extends(after) or before == _JOINER or ("\u1100" <= before <= "\u115f" and after > "\u10ff"):
        return False
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return False
    if unicodedata.combining(before) == _VIRAMA and unicodedata.category(after) == "Lo":
        return False
    return not (_is_indicator(before) and _is_indicator(after) and _indicators_before(text, position) % 2)


def _extends(character: str) -> bool:
    if unicodedata.category(character) in {"Mn", "Me", "Mc"}:
        return True
    return character in "\u200c\u200d" or any(first <= character <= last for first, last in _EXTENDING)


def _is_indicator(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _indicators_before(text: str, position: int) -> int:
    """Return how many letters of flags stand in a row before ``position``, as far as is looked back."""
    count = 0
    while count < LOOK_BACK and position > count and _is_indicator(text[position - count - 1]):
        count += 1
    return count


def _opened(line: str) -> Fence | None:
    """Return the code block that ``line`` opens (CommonMark 0.31, 4.5; indented further too, as in nested lists)."""
    found = _OPENING.fullmatch(line)
    if found is None or ("`" in found["info"] and found["mark"][0] == "`"):
        return None
    return Fence(line.strip(), found["mark"])


def _closes(line: str, fence: Fence) -> bool:
    bare = line.strip(" \t\r")
    return len(bare) >= len(fence.mark) and not bare.strip(fence.mark[0])


def _closing(body: str, fence: Fence | None) -> str:
    """Return the least that closes ``fence`` after ``body``."""
    if fence is None:
        return ""
    last = body[body.rfind("\n") + 1 :].lstrip(" \t")
    if last.strip(fence.mark[0]):
        return f"\n{fence.mark}"
    # A fence that was begun, or the beginning of a line.
    return fence.mark[len(last) :]


def _trimmed(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())


def _beyond(text: str, end: int, fence: Fence | None) -> int:
    """Return where the next piece begins: in code after the line feed, else after the whitespace.

    What the next line is indented by is kept: it may belong to a list.
    """
    if fence is not None:
        return end + 1 if text.startswith("\n", end) else end
    found = _SPACES.match(text, end)
    stop = end if found is None else found.end()
    lines = text.rfind("\n", end, stop)
    begin = stop if lines < 0 else lines + 1
    return begin if begin == end or is_boundary(text, begin) else begin - 1


_JOINER = "\u200d"
_VIRAMA = 9
_EXTENDING = (
    ("\U0001f3fb", "\U0001f3ff"),  # skin tones
    ("\U000e0020", "\U000e007f"),  # tags, in flags of regions
    ("\u1160", "\u11ff"),  # vowels and final consonants of Hangul
    ("\uff9e", "\uff9f"),
)
_OPENING = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_FENCE_NEXT = re.compile(r"\s*(?:```|~~~)")
_SENTENCE = re.compile(r"[.!?…][\"')\]»”’*_]*(?=\s)|[。！？][」』）]*")  # noqa: RUF001  the stops of Chinese and Japanese
_SPACE = re.compile(r"\s")
_SPACES = re.compile(r"\s*")
