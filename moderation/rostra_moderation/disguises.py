"""What a disguised text says: its words read one by one, in runs of letters, or all turned round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from .normalise import Plain, covering
from .reading import EDGE, LEET, PIECES, RUN, Reader, is_strange, put
from .skeleton import is_turned as has_turned_letters
from .skeleton import lookalikes, turned

_CHUNK = re.compile(r"\S+")
_SAMPLE = 160
"""Characters of a text that tell whether it is in a language known here."""

_SCRAMBLED = 2_000
"""Chunks of a text that are looked at for shuffled letters."""

_ROT13 = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM",
)

_Way: TypeAlias = Literal["rot13", "backwards", "foreign", "upside down"]

_STRANGE, _FAMILIAR = 0.3, 0.6
"""Shares of known words up to which a text is turned round, and from which what comes out is taken for it."""

_READ = 5_000
"""Different chunks of one text that are read: what a text made of disguises costs is bounded by it."""

_JOINED = 10_000
"""Chunks of one letter in one text that are joined to words."""

_SEVERAL = 2
"""Disguised words from which a text is taken for a disguised one, and its short words are read as well..."""

_RARE = 5
"""...if they are no less than one of so many chunks."""

_MOST = 0.75
"""Share of the unknown words of a text that must be others with their letters shuffled for any to be read so."""

_HEX_BYTE = re.compile(r"(?:0x|\\x)?[0-9a-fA-F]{2}")
_BYTE_OF_BITS = re.compile(r"[01]{8}")
_LETTER, _HEX, _BITS = 1, 2, 4


@dataclass(frozen=True, slots=True)
class _Chunk:
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """What some chunks in a row say together."""

    chunks: Sequence[_Chunk]
    said: str

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Yield for each character of ``said`` what it stands for: a letter of a run for itself, else all chunks."""
        chunks = self.chunks
        letters = len(self.said) - self.said.count(" ")
        if letters != len(chunks) or letters == 1:
            yield from [(chunks[0].start, chunks[-1].end)] * len(self.said)
            return
        index = 0
        for character in self.said:
            yield chunks[min(index, letters - 1)].start, chunks[min(index, letters - 1)].end
            index += character != " "


def undisguised(reader: Reader, view: Plain) -> Plain | None:
    """Return the skeleton ``view`` with what is disguised in it read; None if nothing is.

    Offsets still lead into the text that ``view`` was made of.
    """
    whole = _turned(reader, view)
    if whole is not None:
        return whole
    chunks = [_Chunk(found.start(), found.end(), found[0]) for found in _CHUNK.finditer(view.text)]
    readings = {(first, last): said for first, last, said in _runs(reader, chunks)}
    taken = {index for first, last in readings for index in range(first, last)}
    for read in (reader.read, reader.loosely):
        if read == reader.loosely and (len(readings) < _SEVERAL or _RARE * len(readings) < len(chunks)):
            break
        known: dict[str, str | None] = {}
        for index, chunk in enumerate(chunks):
            if index in taken:
                continue
            if chunk.text not in known:
                if len(known) >= _READ:
                    continue
                known[chunk.text] = read(chunk.text)
            said = known[chunk.text]
            if said is not None and said != chunk.text:
                readings[index, index + 1] = said
                taken.add(index)
    readings.update(_scrambled(reader, chunks, taken))
    if not readings:
        return None
    return _replaced(
        view,
        [_Reading(chunks[first:last], said) for (first, last), said in sorted(readings.items())],
    )


def _scrambled(
    reader: Reader, chunks: Sequence[_Chunk], taken: AbstractSet[int]
) -> Mapping[tuple[int, int], str]:
    """Read words whose inner letters are shuffled, if they are several and nearly all that is unknown."""
    unknown: set[str] = set()
    known: set[str] = set()
    read: dict[tuple[int, int], str] = {}
    for index, chunk in enumerate(chunks[:_SCRAMBLED]):
        core = chunk.text.strip(EDGE)
        if index in taken or not is_strange(core) or core in reader.lexicon:
            continue
        unknown.add(core)
        said = reader.lexicon.unscrambled(core)
        if said is not None:
            known.add(core)
            read[index, index + 1] = put(chunk.text, core, said) or said
    return read if len(known) >= _SEVERAL and len(known) >= _MOST * len(unknown) else {}


def _turned(reader: Reader, view: Plain) -> Plain | None:
    """Return ``view`` the other way round or in rot13, if that is what makes most of its words known ones."""
    text = view.text
    how = _way(reader, text)
    if how == "rot13":
        return Plain(text=text.translate(_ROT13), starts=view.starts, ends=view.ends)
    if how == "foreign":
        return Plain(text=_foreign(text), starts=view.starts, ends=view.ends)
    if how is None:
        return None
    upright = _upright(text) if how == "upside down" else text
    starts = range(len(text)) if view.starts is None else view.starts
    ends = range(1, len(text) + 1) if view.ends is None else view.ends
    order = list(reversed(range(len(text))))
    return Plain(
        text=upright[::-1],
        starts=tuple(map(starts.__getitem__, order)),
        ends=tuple(map(ends.__getitem__, order)),
    )


def is_turned(reader: Reader, text: str) -> bool:
    """Say whether ``text`` as a whole stands the other way round, in rot13 or in letters of another script."""
    return _way(reader, text) is not None


def _way(reader: Reader, text: str) -> _Way | None:
    """Return how all of ``text`` is disguised, by a sample: its words are strange, and otherwise they would not be."""
    sample = text[:_SAMPLE]
    words = " ".join(word for word in PIECES.findall(sample.lower()) if len(word) >= RUN)
    if words.count(" ") < RUN - 1 or _share(reader, words) > _STRANGE:
        return None
    if _share(reader, words.translate(_ROT13)) >= _FAMILIAR:
        return "rot13"
    if _share(reader, words[::-1]) >= _FAMILIAR:
        return "backwards"
    if text.isascii():
        return None
    if _share(reader, _foreign(words)) >= _FAMILIAR:
        return "foreign"
    is_upside_down = (
        has_turned_letters().search(sample) and _share(reader, _upright(words)[::-1]) >= _FAMILIAR
    )
    return "upside down" if is_upside_down else None


def _foreign(text: str) -> str:
    return _lower(text).translate(lookalikes())


def _upright(text: str) -> str:
    return _lower(text).translate(turned())


def _lower(text: str) -> str:
    """Return ``text`` in lower case, character for character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(map(_lower_one, text))


def _lower_one(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _share(reader: Reader, text: str) -> float:
    """Return how many of the different words of ``text`` are known."""
    words = set(text.split())
    return len(words & reader.lexicon.words) / len(words)


def _runs(reader: Reader, chunks: Sequence[_Chunk]) -> Iterator[tuple[int, int, str]]:
    """Yield the words that chunks of one letter, or of one byte each, make together."""
    first = joined = 0
    while first < len(chunks) and joined < _JOINED:
        kind = _kind(chunks[first].text)
        last = first + 1
        while kind and last < len(chunks) and _kind(chunks[last].text) & kind:
            kind &= _kind(chunks[last].text)
            last += 1
        if kind and last - first >= (RUN if kind & (_LETTER | _HEX) else 2):
            last = min(last, first + _JOINED)
            joined += last - first
            said = _run(reader, chunks[first:last], kind)
            if said:
                yield first, last, said
        first = last


def _run(reader: Reader, chunks: Sequence[_Chunk], kind: int) -> str | None:
    if kind & _LETTER:
        gaps = [after.start - before.end for before, after in pairwise(chunks)]
        if min(gaps) != max(gaps):
            words = _grouped(chunks, gaps)
            said = [reader.taken_apart(word) or word for word in words]
            if any(reader.is_known(each) and len(each) >= RUN for each in said):
                return " ".join(said)
        return reader.taken_apart("".join(chunk.text.lower().translate(LEET) for chunk in chunks))
    bare = "".join(chunk.text[-8:] if kind & _BITS else chunk.text[-2:] for chunk in chunks)
    return reader.decoded(bare)


def _kind(chunk: str) -> int:
    """Return which kinds of runs ``chunk`` may belong to."""
    if len(chunk) == 1:
        return _LETTER if chunk.isascii() and (chunk.isalnum() or chunk in "@$!|+(") else 0
    if len(chunk) <= 4 and _HEX_BYTE.fullmatch(chunk):  # noqa: PLR2004  0x6f
        return _HEX
    return _BITS if _BYTE_OF_BITS.fullmatch(chunk) else 0


def _grouped(chunks: Sequence[_Chunk], gaps: Sequence[int]) -> Sequence[str]:
    """Return the letters of ``chunks`` by words, which have wider gaps between them than letters have."""
    narrow = min(gaps)
    words = [[chunks[0].text]]
    for gap, chunk in zip(gaps, chunks[1:], strict=True):
        if gap > narrow:
            words.append([])
        words[-1].append(chunk.text)
    return ["".join(word).lower().translate(LEET) for word in words]


def _replaced(view: Plain, readings: Iterable[_Reading]) -> Plain:
    """Return ``view`` with some chunks of its text said otherwise."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0

    def keep(until: int) -> None:
        pieces.append(view.text[at:until])
        starts.extend(range(at, until) if view.starts is None else view.starts[at:until])
        ends.extend(range(at + 1, until + 1) if view.ends is None else view.ends[at:until])

    for reading in readings:
        keep(reading.chunks[0].start)
        pieces.append(reading.said)
        for start, end in reading.bounds():
            first, last = covering(view, start, end)
            starts.append(first)
            ends.append(last)
        at = reading.chunks[-1].end
    keep(len(view.text))
    return Plain(text="".join(pieces), starts=tuple(starts), ends=tuple(ends))
