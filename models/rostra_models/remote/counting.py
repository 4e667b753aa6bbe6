"""How many tokens a text has where nobody knows the tokenizer: an estimate that the server's own counts correct."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Sequence

from rostra.chat import Sampling, Utterance

from ..remembered import Remembered
from ..text import clean

MESSAGE = 4
"""Tokens that a message takes beside its text, where templates mark its role and its end."""

_WORD = re.compile(r"[A-Za-z]+")
_LETTERS = 3
"""Letters of a word that a token has at least, on average: English words have about four and a half, made-up ones two."""

_REPORTS = 32
_ENOUGH = 200
"""Estimated tokens that a prompt must have to teach something: in shorter ones the template counts for too much."""

_FIRST, _MOST = 1.25, 8.0
"""The rate to start with, and the highest one.

At the first one the vocabulary of SmolLM2 (49,152 tokens) gets about twice what it needs for English prose and code,
1.2 for German, 0.7 to 0.8 for random letters and base64; bytes would be 3 to 4 times for English.
"""


class Estimate:
    """Counts tokens by kind of character, times a rate that is learned.

    A text counts a token for each three letters of an ASCII word that are begun, one for each other ASCII character
    but a single space before a word, and one for each byte of UTF-8 of everything else; times the rate, but never
    more than its bytes, which no vocabulary of bytes exceeds.

    The rate is the highest ratio of what the server counted to what was estimated over the last 32 prompts of 200
    tokens or more, and at least 1.25 until there were so many. So an estimate is not lower than the truth for texts like
    those of these prompts; it may be for others (long words of a language that the vocabulary does not have, random
    letters), until the first prompt that shows it. It knows no more.
    """

    def __init__(self) -> None:
        self._ratios = deque([_FIRST] * _REPORTS, maxlen=_REPORTS)
        self._rate = _FIRST
        self._kinds = Remembered(_kinds)  # the rate changes, and these do not

    @property
    def rate(self) -> float:
        """Tokens that the server counts for one that is estimated, at most."""
        return self._rate

    def count(self, text: str) -> int:
        """Return the number of tokens; see above for what it guarantees."""
        letters, words, others, wide = self._kinds(clean(text))
        rate = self._rate
        total = min(letters, words * rate) + min(others[0], others[1] * rate) + min(wide, wide * rate)
        return math.ceil(total)

    def learn(self, messages: Sequence[Utterance], sampling: Sampling, counted: int) -> None:
        """Take note that the server counted ``counted`` tokens in a prompt."""
        texts = [text for message in messages for text in _texts(message)]
        texts += [text for tool in sampling.tools for text in (tool.name, tool.description, tool.parameters)]
        kinds = [_kinds(clean(text)) for text in texts]
        estimated = MESSAGE * (len(messages) + len(sampling.tools)) + sum(
            words + others[1] + wide for _, words, others, wide in kinds
        )
        if estimated >= _ENOUGH and counted > 0:
            self._note(counted / estimated)

    def was_too_low(self) -> None:
        """Take note that a prompt was too long though the estimate said that it is not."""
        self._note(max(_FIRST, self._rate) * 1.25)

    def _note(self, ratio: float) -> None:
        self._ratios.append(min(ratio, _MOST))
        self._rate = max(self._ratios)


def _texts(message: Utterance) -> Sequence[str]:
    return (message.text, *(text for call in message.calls for text in (call.name, call.arguments)))


def _kinds(text: str) -> tuple[int, int, tuple[int, int], int]:
    """Return letters and tokens of words; other ASCII characters, and their tokens; bytes of everything else."""
    plain = text if text.isascii() else text.encode("ascii", "ignore").decode()
    words = [len(word) for word in _WORD.findall(text)]
    letters = sum(words)
    tokens = sum(-(-length // _LETTERS) for length in words)
    others = len(plain) - letters
    spaces = len(re.findall(r"(?<=\S) (?=[A-Za-z])", text))
    return letters, tokens, (others, others - spaces), len(text.encode()) - len(plain)
