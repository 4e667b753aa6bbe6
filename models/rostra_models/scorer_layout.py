"""From a conversation to the tokens a reward model reads: all that was said, laid out as its chat template has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rostra.chat import Utterance
from rostra.errors import ModelError

from .conversation import Conversation


class RewardLayout:
    """Lays out whole conversations for one tokenizer of transformers, as `Conversation` does, with the calls they made."""

    def __init__(self, tokenizer: Any, window: int) -> None:
        """``window``: tokens that a conversation may have."""
        self._conversation = Conversation(tokenizer)
        self._window = window

    def tokens(self, conversation: Sequence[Utterance]) -> list[int]:
        """Return the tokens of ``conversation``, whose last utterance is the one that counts.

        Where it is too long, the oldest utterances are left out, but for a system prompt and the last question; then
        the beginning is. Raises `ModelError` if there is nothing, or the template will not have the roles.
        """
        if not conversation:
            raise ModelError("an empty conversation has no answer to score")
        said = [replace(one, text=_words(one)) for one in conversation]
        ids = self._conversation.whole(said)
        while len(ids) > self._window and (oldest := _oldest(said)) is not None:
            del said[oldest]
            ids = self._conversation.whole(said)
        return ids[-self._window :]


def _words(said: Utterance) -> str:
    """Return the text of an utterance and the calls it made."""
    calls = (f"{call.name}({call.arguments})" for call in said.calls)
    return "\n".join(filter(None, [said.text, *calls]))


def _oldest(said: Sequence[Utterance]) -> int | None:
    """Return which utterance to leave out first; None if the rest is needed."""
    return next((at for at, one in enumerate(said[:-2]) if one.role != "system"), None)
