"""From a conversation to the tokens a reward model reads: all that was said, laid out as its chat template has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from rostra.chat import Utterance
from rostra.errors import ModelError

from .text import clean

_NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


class RewardLayout:
    """Lays out whole conversations for one tokenizer of transformers; nothing is left open for an answer to follow.

    What people and models write cannot pass for the layout: special tokens spelt out in a text are broken up with a
    space. A tokenizer without a template gets ``User: …`` and ``Assistant: …`` and, where it has one, the token that
    ends a text.
    """

    def __init__(self, tokenizer: Any, window: int) -> None:
        """``window``: tokens that a conversation may have."""
        self._tokenizer = tokenizer
        self._window = window
        added = tokenizer.added_tokens_decoder.values()
        self._special = sorted(
            {str(token) for token in added if token.special and len(str(token)) > 1}, key=len, reverse=True
        )

    def tokens(self, conversation: Sequence[Utterance]) -> list[int]:
        """Return the tokens of ``conversation``, whose last utterance is the one that counts.

        Where it is too long, the oldest utterances are left out, but for a system prompt and the last question; then
        the beginning is. Raises `ModelError` if there is nothing, or the template will not have the roles.
        """
        if not conversation:
            raise ModelError("an empty conversation has no answer to score")
        said = [{"role": one.role, "content": self._harmless(_words(one))} for one in conversation]
        ids = self._laid_out(said)
        while len(ids) > self._window and (oldest := _oldest(said)) is not None:
            del said[oldest]
            ids = self._laid_out(said)
        return ids[-self._window :]

    def _laid_out(self, said: Sequence[Mapping[str, str]]) -> list[int]:
        if self._tokenizer.chat_template:
            return self._encoded(self._templated(said), whole=True)
        lines = (
            f"{_NAMES[one['role']]}: {one['content']}" if one["role"] in _NAMES else one["content"]
            for one in said
        )
        ids = self._encoded("\n".join(lines), whole=False)
        end: int | None = self._tokenizer.eos_token_id
        return ids if end is None or ids[-1:] == [end] else [*ids, end]

    def _encoded(self, text: str, *, whole: bool) -> list[int]:
        # A template writes the tokens that open a text itself; others are the tokenizer's to add.
        ids: list[int] = self._tokenizer(text, add_special_tokens=not whole)["input_ids"]
        return ids

    def _templated(self, said: Sequence[Mapping[str, str]]) -> str:
        # Templates refuse what their model was not trained on: a system prompt, the same role twice in a row.
        for layout in (said, _alternating(said)):
            try:
                text: str = self._tokenizer.apply_chat_template(
                    list(layout), tokenize=False, add_generation_prompt=False
                )
            except TemplateError:
                continue
            return text
        roles = ", ".join(one["role"] for one in said)
        raise ModelError(f"the model's chat template refuses a conversation of these roles: {roles}")

    def _harmless(self, text: str) -> str:
        text = clean(text)
        for token in self._special:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


def _words(said: Utterance) -> str:
    """Return the text of an utterance and the calls it made."""
    calls = (f"{call.name}({call.arguments})" for call in said.calls)
    return "\n".join(filter(None, [said.text, *calls]))


def _oldest(said: Sequence[Mapping[str, str]]) -> int | None:
    """Return which utterance to leave out first; None if the rest is needed."""
    old = said[:-2]
    return next((at for at, one in enumerate(old) if one["role"] != "system"), None)


def _alternating(said: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """Return the same words with user and assistant taking turns."""
    turns: list[dict[str, str]] = []
    for one in said:
        role = "assistant" if one["role"] == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + one["content"]
        else:
            turns.append({"role": role, "content": one["content"]})
    return turns
