"""Conversations as what a model is trained on: token ids, with a loss only where an answer stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rostra.chat import Utterance
from rostra.errors import ModelError

from ..conversation import Conversation
from .errors import TrainError

Answers: TypeAlias = Literal["all", "last"]
"""Whether all answers of a conversation are learnt, or the last one only."""

SHOWN = 60
"""Characters of a layout that an error shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One conversation: its tokens, and which of them are to be learnt (each from those before it)."""

    tokens: NDArray[np.int32]
    wanted: NDArray[np.bool_]


class Unusable(ValueError):
    """A conversation that nothing can be learnt from; the message says why, and nothing of what was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A conversation laid out: its text, its tokens, and with which character each begins."""

    text: str
    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]

    def token(self, before: str) -> int:
        """Return the number of the first token behind the text ``before``, with which this begins. Raises `Unusable`."""
        if not self.text.startswith(before):
            raise Unusable("a layout that changes with what is said later")
        at = int(np.searchsorted(self.starts, len(before)))
        if at < len(self.starts) and self.starts[at] != len(before):
            raise Unusable("an answer that begins within a token")
        return at


class ChatEncoder:
    """Lays conversations out as `Conversation` does when a model answers, and marks what it would have had to say itself.

    Learnt are an answer's words and the token that ends it; what a template puts behind that is never generated. The tokens
    before an answer are exactly those of the prompt that the answer would be asked for with.
    """

    def __init__(self, tokenizer: Any, *, window: int, answers: Answers = "all") -> None:
        """``window``: tokens of an example. Raises `TrainError` for a template that prompts differently than it remembers."""
        self._tokenizer = tokenizer
        self._conversation = Conversation(tokenizer)
        self._window = window
        self._answers = answers
        self._end: int | None = tokenizer.eos_token_id
        self._check(tokenizer)

    def encode(self, said: Sequence[Utterance]) -> Example:
        """Return the example. What is too long loses its oldest turns (but for a system prompt), then its end.

        Raises `Unusable`.
        """
        kept = [replace(one, text=one.text.strip()) if one.role == "assistant" else one for one in said]
        while kept and kept[-1].role != "assistant":
            kept.pop()
        if not any(one.role == "user" for one in kept):
            raise Unusable("no answer to a question")
        try:
            laid = self._laid(kept)
            while len(laid.tokens) > self._window and (rest := self._younger(kept, laid)):
                kept = rest
                laid = self._laid(kept)
            wanted = self._wanted(kept, laid)[: self._window]
        except ModelError as error:
            raise Unusable(str(error)) from error
        if not wanted.any():
            raise Unusable("a question longer than the window, or an empty answer")
        return Example(tokens=laid.tokens[: self._window], wanted=wanted)

    def _laid(self, said: Sequence[Utterance]) -> _Laid:
        text = self._conversation.text(said, answering=False)
        found = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return _Laid(
            text=text,
            tokens=np.array(found["input_ids"], dtype=np.int32),
            starts=np.array([start for start, _ in found["offset_mapping"]], dtype=np.int64),
        )

    def _younger(self, said: Sequence[Utterance], laid: _Laid) -> list[Utterance] | None:
        """Return the conversation from a later question on, about as much as has to go; None where there is no other."""
        head = [one for one in said[:1] if one.role == "system"]
        asked = [at for at in range(len(head) + 1, len(said)) if said[at].role == "user"]
        over = len(laid.tokens) - self._window
        if not asked:
            return None
        try:
            enough = (
                at for at in asked if laid.token(self._conversation.text(said[:at], answering=False)) >= over
            )
            return [*head, *said[next(enough, asked[-1]) :]]
        except Unusable:  # earlier answers are laid out differently now
            return [*head, *said[asked[0] :]]

    def _wanted(self, said: Sequence[Utterance], laid: _Laid) -> NDArray[np.bool_]:
        wanted = np.zeros(len(laid.tokens), dtype=np.bool_)
        found = [at for at, one in enumerate(said) if one.role == "assistant" and one.text]
        for at in found if self._answers == "all" else found[-1:]:
            start = laid.token(self._conversation.text(said[:at], answering=True))
            if start >= self._window:
                break
            end = laid.token(self._conversation.text(said[: at + 1], answering=False))
            ends = np.flatnonzero(laid.tokens[start:end] == self._end)
            wanted[start : start + int(ends[-1]) + 1 if len(ends) else end] = True
        return wanted

    def _check(self, tokenizer: Any) -> None:
        if not tokenizer.chat_template:
            raise TrainError(
                "the tokenizer has no chat template, so nothing says where an answer begins;"
                " give it one (`with_template`) or take a model that has one"
            )
        lay = self._conversation.text
        prompt, answered = lay(_PROBE[:1], answering=True), lay(_PROBE[:2], answering=False)
        if not answered.startswith(prompt):
            raise TrainError(
                f"the chat template is not prefix-stable: it asks for an answer with {_tail(prompt)!r}, and remembers"
                f" {_tail(answered)!r}; what is learnt after the one would not be said after the other"
            )
        later = lay(_PROBE, answering=False)
        if self._answers == "all" and not later.startswith(answered):
            raise TrainError(
                "the chat template is not prefix-stable: it lays an answer out differently once more is said"
                f" ({_tail(answered)!r} is no beginning of {_tail(later)!r});"
                " answers = 'last' learns only the last answer of each conversation"
            )


_PROBE = (
    Utterance(role="user", text="One?"),
    Utterance(role="assistant", text="Two."),
    Utterance(role="user", text="Three?"),
    Utterance(role="assistant", text="Four."),
)


def _tail(text: str) -> str:
    return text if len(text) <= SHOWN else "…" + text[-SHOWN:]


def encoded(
    encode: Callable[[Sequence[Utterance]], Example], conversations: Iterable[Sequence[Utterance]]
) -> tuple[list[Example], Counter[str]]:
    """Return the examples, and how many conversations were left out by reason."""
    examples: list[Example] = []
    lost: Counter[str] = Counter()
    for said in conversations:
        try:
            examples.append(encode(said))
        except Unusable as reason:
            lost[str(reason)] += 1
    return examples, lost


def with_template(tokenizer: Any, model: Any) -> None:
    """Give a tokenizer without a chat template ours (ChatML), and ``model`` embeddings for its tokens if they are new.

    An answer then ends with ``<|im_end|>``. A tokenizer that has a template stays as it is.
    """
    if tokenizer.chat_template:
        return
    from .tokenizer import TEMPLATE

    opening, closing = "<|im_start|>", "<|im_end|>"
    added: int = tokenizer.add_special_tokens({"additional_special_tokens": [opening], "eos_token": closing})
    tokenizer.chat_template = TEMPLATE
    if added:
        model.resize_token_embeddings(len(tokenizer))
    model.config.eos_token_id = tokenizer.eos_token_id
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
