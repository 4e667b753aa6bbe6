"""From tokens to text that may be shown: whole characters only, nothing of a stop string, no lone surrogates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""What decoders make of bytes that are no character, or none yet."""


def clean(text: str) -> str:
    r"""Return ``text`` as tokenizers take it: surrogates joined to the characters they stand for, lone ones replaced.

    >>> clean("a\ud83d\ude00b\ud800")
    'a😀b�'
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Detokenizer:
    """Turns tokens into text as they come, and holds a character back until all of its bytes are there.

    ``decode`` is a tokenizer's: what it makes of tokens must not depend on what follows, but for an unfinished
    character at the end, which it shows as U+FFFD.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[
            int
        ] = []  # since a few tokens ago: some decoders treat the first of a text differently
        self._settled = 0  # tokens that ended with a whole character
        self._shown = 0  # characters of the decoded tokens that `push` has returned

    def push(self, token: int) -> str:
        """Return the text that ``token`` completes; often none, where characters take several tokens."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        whole = text.rstrip(INCOMPLETE)
        new = whole[self._shown :]
        self._shown = max(self._shown, len(whole))
        if len(whole) == len(text):
            self._tokens = self._tokens[self._settled :]
            self._settled = len(self._tokens)
            self._shown = len(self._decode(self._tokens))
        return new


class Stops:
    """Ends a text before the first of some strings, and holds back what could become one.

    An empty string stops nothing.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(filter(None, strings))
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """Return what may be shown now. Once a string is ``found``, that is nothing more."""
        if self.found:
            return ""
        text = self._held + text
        ends = [at for at in map(text.find, self._strings) if at >= 0]
        if ends:
            self.found, self._held = True, ""
            return text[: min(ends)]
        keep = max((_overlap(text, string) for string in self._strings), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return what was held back: nothing follows that could complete it."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, string: str) -> int:
    """Return how many characters at the end of ``text`` begin ``string``."""
    longest = min(len(text), len(string) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(string[:size])), 0)
