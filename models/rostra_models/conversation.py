"""From a conversation to the tokens of a prompt, as the model's chat template lays them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from rostra.chat import Utterance
from rostra.errors import ModelError

from .text import clean

_NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool"}


class Conversation:
    """Lays out conversations for one tokenizer of transformers.

    What people write cannot pass for the layout: special tokens spelt out in a text are broken up with a space. A
    tokenizer without a template gets ``User: …`` and ``Assistant: …``, and ``stops`` then has what ends an answer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        self._special = sorted(
            {str(token) for token in added if token.special and len(str(token)) > 1}, key=len, reverse=True
        )
        self.stops = () if tokenizer.chat_template else ("\nUser:",)

    def tokens(self, messages: Sequence[Utterance]) -> list[int]:
        """Return the prompt for the next answer. Raises `ModelError` if the template will not have the roles."""
        return self._tokens(messages, answering=True)

    def whole(self, messages: Sequence[Utterance]) -> list[int]:
        """Return a conversation that is over: no answer is to follow. Raises `ModelError` likewise."""
        ids = self._tokens(messages, answering=False)
        end: int | None = None if self.tokenizer.chat_template else self.tokenizer.eos_token_id
        return ids if end is None or ids[-1:] == [end] else [*ids, end]

    def _tokens(self, messages: Sequence[Utterance], *, answering: bool) -> list[int]:
        text = self.text(messages, answering=answering)
        # A template writes the tokens that open a text itself; others are the tokenizer's to add.
        ids: list[int] = self.tokenizer(text, add_special_tokens=not self.tokenizer.chat_template)[
            "input_ids"
        ]
        return ids

    def text(self, messages: Sequence[Utterance], *, answering: bool) -> str:
        """Return a conversation as it is laid out, to be answered or over. Raises `ModelError` likewise."""
        said = [{"role": message.role, "content": self._harmless(message.text)} for message in messages]
        if self.tokenizer.chat_template:
            return self._templated(said, answering=answering)
        return _plain(said, answering=answering)

    def _harmless(self, text: str) -> str:
        text = clean(text)
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _templated(self, said: Sequence[Mapping[str, str]], *, answering: bool) -> str:
        # Templates refuse what their model was not trained on: a system prompt, the same role twice in a row.
        for layout in (said, _alternating(said)):
            try:
                text: str = self.tokenizer.apply_chat_template(
                    list(layout), tokenize=False, add_generation_prompt=answering
                )
            except TemplateError:
                continue
            return text
        roles = ", ".join(message["role"] for message in said) or "none"
        raise ModelError(f"the model's chat template refuses a conversation of these roles: {roles}")


def _alternating(said: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """Return the same words with user and assistant taking turns, the user first."""
    turns: list[dict[str, str]] = []
    for message in said:
        role = "assistant" if message["role"] == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + message["content"]
        else:
            turns.append({"role": role, "content": message["content"]})
    return turns


def _plain(said: Sequence[Mapping[str, str]], *, answering: bool) -> str:
    lines = [
        f"{_NAMES[message['role']]}: {message['content']}"
        if message["role"] in _NAMES
        else message["content"]
        for message in said
    ]
    return "\n".join([*lines, "Assistant:"] if answering else lines)
