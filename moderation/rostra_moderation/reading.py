"""What a disguised text says: chunk by chunk, through every way of disguise that `Lexicon` can check the outcome of."""

from __future__ import annotations

import re

from .decoding import decoded as decode
from .lexicon import Lexicon
from .skeleton import is_turned, lookalikes, skeleton, turned

_LONGEST = 200
"""Characters of a chunk that is looked at as one disguised word; encoded ones may be longer."""

_DEPTH = 2
"""Encodings within one another that are undone."""

RUN = 3
"""Single letters in a row from which they may be a word."""

_WINDOW = 300
"""Letters of a run that are taken apart at once."""

_ACCENTED = re.compile("[\u00c0-\u024f]")
LEET = str.maketrans("0123456789@$!|+\u20ac\u00a3(<{[", "oizeasgtbgasiiteicccc")
_AMBIGUOUS_SIX = str.maketrans("6", "b")
_SIGNS = re.compile(r"[^a-z0-9]+")
_NO_LETTER = re.compile(r"[^a-z]+")
PIECES = re.compile(r"[^\W_]+(?:'[a-z]+)?")
EDGE = " \t.,;:?!\"')]}>(<[{*_~`|/\\-=#\u2026\u2022\u00b7"
_SOFT_EDGE = ".,;:?\"')]}>[{~`\u2026"
_TRIPLE = re.compile(r"([^\W\d_])\1\1")
_LEET_INSIDE = re.compile(r"[a-z][0-9@$!|+\u20ac]{1,2}[a-z]")
_MARKUP = re.compile(r"[a-z]+(?:[*|~`\\\u2022\u00b7=]+[a-z]+)+")
_LETTERS_APART = re.compile(r"[a-z0-9](?:[^a-z0-9]+[a-z0-9])+")
_WILD = re.compile(r"[*#@$%&!?\u2022\u00b7.\u2217_-]")
_STARRED = re.compile(r"[a-z]*+(?:\*++[a-z]*+)++|[a-z]+(?:[*#@$%&!?._-]+[a-z]+)+")
_CODED = re.compile(r"[&%\\|]|/\\|\\/|\d<|<\d")
"""Signs of letters that are encoded, or drawn with several signs."""

_NUMBER = 8
"""Digits from which a number may be letters in hexadecimal."""

_SHORTEST_CODE = 6
"""Letters from which a chunk in mixed case may be base64."""

_HEAVY_LETTERS = {
    "|\\/|": "m",
    "/\\/\\": "m",
    "\\/\\/": "w",
    "|\\|": "n",
    "|-|": "h",
    "}{": "h",
    "|_|": "u",
    "(_)": "u",
    "|_": "l",
    "|<": "k",
    "|{": "k",
    "|)": "d",
    "|>": "p",
    "|*": "p",
    "|=": "f",
    "|2": "r",
    "|3": "b",
    "/\\": "a",
    "\\/": "v",
    "><": "x",
    "'/": "y",
    "()": "o",
    "[]": "o",
}
_HEAVY = re.compile("|".join(map(re.escape, sorted(_HEAVY_LETTERS, key=len, reverse=True))))
_HEAVY_SHORT = re.compile(rf"\|_(?=\|)|{_HEAVY.pattern}")
"""The same, for an l before another letter that begins with a bar."""


class Reader:
    """Reads disguised words of one `Lexicon`."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def read(self, chunk: str, depth: int = _DEPTH) -> str | None:
        """Return what ``chunk``, a skeleton without spaces, says in lower case; None if it is no disguise."""
        lower = chunk.lower()
        if lower.isascii() and lower.isalpha():
            return self._letters(lower, chunk)
        if len(chunk) > _LONGEST or (_ACCENTED.search(chunk) and not is_turned().search(chunk)):
            return self.decoded(chunk, depth)
        if self.is_known(lower):
            return None
        core = lower.strip(EDGE)
        soft = lower.strip(_SOFT_EDGE).rstrip("!")
        if core.isascii() and core.isalpha() and not _WILD.search(soft):
            letters = self._letters(core, chunk.strip(EDGE))
            return put(lower, core, letters if letters or soft == core else self._leet(lower))
        found = self.decoded(chunk, depth) or self._foreign(lower)
        return found or put(lower, core, self._starred(lower) or self._leet(lower) or self._heavy(lower))

    def is_known(self, lower: str) -> bool:
        """Say whether ``lower`` is made of known words and short numbers, as nearly every chunk is."""
        if _CODED.search(lower) or _MARKUP.search(lower):
            return False
        pieces = PIECES.findall(lower)
        return bool(pieces) and all(
            piece in self.lexicon or "'" in piece or (piece.isdigit() and len(piece) < _NUMBER)
            for piece in pieces
        )

    def _letters(self, lower: str, chunk: str) -> str | None:
        """Read a chunk of letters: one drawn out, turned round or shuffled."""
        lexicon = self.lexicon
        if len(lower) < RUN or len(lower) > _LONGEST or lower in lexicon:
            return None
        if lower in lexicon.turned:
            return lexicon.turned[lower]
        if len(chunk) >= _SHORTEST_CODE and not (chunk[1:].islower() or chunk.isupper()):
            found = self.decoded(chunk, _DEPTH)
            if found:
                return found
        if _TRIPLE.search(lower):
            found = lexicon.drawn_out(lower, at_least=3)
            if found:
                return found
        if "I" in chunk[1:] and not chunk.isupper():
            found = lexicon.drawn_out(lower)
            if found and found in lexicon.listed:
                return found
        return lexicon.shuffled(lower)

    def decoded(self, chunk: str, depth: int = _DEPTH) -> str | None:
        """Read an encoded chunk, if words come out of it."""
        core = chunk.strip("\"'`,;:()[]{}<>")
        found = decode(core) or decode(core.rstrip(".!?"))
        if found is None or depth == 0:
            return None
        words = [self.read(each, depth - 1) or each for each in skeleton(found).text.split()]
        said = " ".join(words).lower()
        pieces = PIECES.findall(said)
        known = sum(piece in self.lexicon for piece in pieces)
        return said if known and 2 * known >= len(pieces) else None

    def _foreign(self, lower: str) -> str | None:
        """Read a chunk that is upside down, or wholly in letters of another script that look Latin."""
        if lower.isascii():
            return None
        if is_turned().search(lower):
            upright = lower.translate(turned())[::-1]
            return upright if self._pieces_known(upright) else None
        latin = lower.translate(lookalikes())
        if latin == lower:
            return None
        core = latin.strip(EDGE)
        if core in self.lexicon.listed:
            return core
        return self._starred(latin) or self._leet(latin, listed=True)

    def _pieces_known(self, text: str) -> bool:
        pieces = PIECES.findall(text)
        return bool(pieces) and all(piece in self.lexicon for piece in pieces)

    def _starred(self, lower: str) -> str | None:
        """Read a chunk with signs for some letters."""
        for core in (lower.strip(_SOFT_EDGE), lower.strip(EDGE)):
            if _STARRED.fullmatch(core) is None:
                continue
            pattern = _WILD.sub("*", core)
            seen = len(pattern) - pattern.count("*")
            only_stars = "*" in core and not _WILD.search(core.replace("*", ""))
            ends = pattern[0] != "*" and pattern[-1] != "*"
            if seen < 2 or not (ends or 2 * seen >= len(pattern)) or len(pattern) < (3 if only_stars else 4):  # noqa: PLR2004
                continue
            found = self.lexicon.starred(pattern, common=only_stars and seen == len(pattern) - 1 and seen > 2)  # noqa: PLR2004
            if found:
                return found
        return None

    def _leet(self, lower: str, *, listed: bool = False) -> str | None:
        """Read a chunk with digits and signs for letters, or with signs between them."""
        stripped = lower.strip(EDGE)
        soft = lower.strip(_SOFT_EDGE)
        apart = _SIGNS.sub("", stripped)
        signs = _LEET_INSIDE.search(stripped) is not None
        for letters, is_common in (
            (_NO_LETTER.sub("", soft.translate(LEET)), signs and soft == stripped),
            (_NO_LETTER.sub("", stripped.translate(LEET)), signs),
            (_NO_LETTER.sub("", apart.translate(LEET)), self._is_apart(stripped) or signs),
            (_NO_LETTER.sub("", apart.translate(_AMBIGUOUS_SIX).translate(LEET)), False),
        ):
            found = self._word(letters, lower, listed=listed or not is_common)
            if found:
                return found
        return self._joined(stripped, apart)

    @staticmethod
    def _is_apart(core: str) -> bool:
        """Say whether signs stand between letters as they do in no text that means well: f.o.u.r or markup in words."""
        return (len(core) > 2 * RUN and _LETTERS_APART.fullmatch(core) is not None) or (
            _MARKUP.fullmatch(core) is not None
        )

    def _word(self, letters: str, lower: str, *, listed: bool) -> str | None:
        """Return the word that ``letters`` are, in a chunk that holds at least one letter as such."""
        if len(letters) < RUN or not any(each.isalpha() for each in lower):
            return None
        found = self.lexicon.drawn_out(letters, at_least=2)
        if found is None or found in self.lexicon.listed:
            return found
        return None if listed or len(found) <= RUN else found

    def _joined(self, stripped: str, apart: str) -> str | None:
        """Read single letters with signs between them that are more than one word."""
        if len(apart) <= RUN or _LETTERS_APART.fullmatch(stripped) is None:
            return None
        return self.taken_apart(apart.translate(LEET))

    def taken_apart(self, letters: str) -> str | None:
        """Return ``letters`` as words, if most of them belong to words worth the name."""
        letters = _NO_LETTER.sub("", letters)
        words = [
            word
            for at in range(0, len(letters), _WINDOW)
            for word in self.lexicon.segments(letters[at : at + _WINDOW])
        ]
        worth = sum(len(word) for word in words if len(word) >= RUN)
        if any(word in self.lexicon.listed for word in words) or (worth > RUN and 2 * worth >= len(letters)):
            return " ".join(words)
        found = self.lexicon.drawn_out(letters, at_least=2) if len(letters) > RUN else None
        return found if found in self.lexicon.listed else None

    def _heavy(self, lower: str) -> str | None:
        """Read a chunk whose letters are drawn with several signs each."""
        if _HEAVY.search(lower) is None:
            return None
        for pattern in (_HEAVY, _HEAVY_SHORT):
            drawn = pattern.sub(lambda found: _HEAVY_LETTERS[found[0]], lower)
            found = self._word(_NO_LETTER.sub("", drawn.translate(LEET)), drawn, listed=False)
            if found:
                return found
        return None

    def loosely(self, chunk: str) -> str | None:
        """Read a chunk of a text of which much is disguised, so that short words are worth a guess too."""
        lower = chunk.lower()
        core = lower.strip(_SOFT_EDGE)
        if lower.isalpha() and lower.isascii():
            return self.lexicon.drawn_out(lower, shortest=1) if _TRIPLE.search(lower) else None
        if core in self.lexicon or (core.isdigit() and len(core) > 1):
            return None
        latin = core.translate(lookalikes())
        bare = latin.strip(EDGE)
        for letters in (latin.translate(LEET), _SIGNS.sub("", latin).translate(LEET), bare):
            if letters in self.lexicon and letters != core:
                return put(lower, core, letters)
        found = self.lexicon.starred(core) if len(core) > 1 and "*" in core and core.strip("*") else None
        return put(lower, core, found)


def put(lower: str, core: str, said: str | None) -> str | None:
    """Return ``said`` with what ends a sentence or a clause after it."""
    if said is None:
        return None
    tail = lower[lower.rfind(core) + len(core) :] if core else ""
    return said + "".join(each for each in tail if each in ".,;:?!")


def is_strange(core: str) -> bool:
    """Say whether ``core`` looks like a word that may have its letters shuffled: no name, and no number."""
    return len(core) > RUN and core.isascii() and core.isalpha() and core.islower()
