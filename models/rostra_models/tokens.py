"""Counts tokens where no model is loaded: in the process that talks to people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rostra.errors import ModelError

from .remembered import Remembered
from .text import clean

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FAR_TOO_LONG = 8
"""Characters a token of the window from which on a text is not tokenized: 100,000 characters take 0.1 s."""


class TokenCounter:
    """Counts as the tokenizer of a folder does; loading it (once, 0.1 s for 49,000 tokens) is up to `read`."""

    def __init__(self, folder: Path, *, window: int) -> None:
        self._file = folder / "tokenizer.json"
        self._most = window * FAR_TOO_LONG
        self._tokenizer: Tokenizer | None = None
        self._tokens = Remembered(self._tokenized)

    def read(self) -> None:
        """Load the tokenizer, if there is a ``tokenizer.json`` and the library for it. Raises `ModelError`."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            return
        if self._file.is_file():
            try:
                self._tokenizer = Tokenizer.from_file(str(self._file))
            except Exception as error:  # the library raises nothing narrower
                raise ModelError(f"{str(self._file)!r} is damaged: {' '.join(str(error).split())}") from error

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, or one that is not lower.

        Without a tokenizer, and for texts that fill the window in any case, that is the number of bytes: no
        byte-level or byte-fallback vocabulary, which all current models have, needs more tokens.
        """
        text = clean(text)
        if self._tokenizer is None or len(text) > self._most:
            return len(text.encode())
        return self._tokens(text)

    def _tokenized(self, text: str) -> int:
        assert self._tokenizer is not None  # noqa: S101  only asked with one
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)
