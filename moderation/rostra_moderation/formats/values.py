"""What a prompt format of a judge is made of: a case, what a model is asked about it, and what it said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from rostra.chat import FinishReason, Utterance
from rostra.errors import ModerationError
from rostra.verdicts import Direction

NOTHING_ASKED = "(nothing was asked)"
"""Stands for the question of an answer that has none: chat templates will not have an empty turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A text to judge, with the markers of all formats made harmless; for an answer, ``question`` gives the context."""

    text: str
    direction: Direction
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the model has said so far.

    ``finish`` is None while more may come. ``first`` is the first token that is not white space and ``certainty`` its
    probability, where the backend gives it.
    """

    text: str = ""
    finish: FinishReason | None = None
    first: str = ""
    certainty: float = 1.0

    @property
    def complete(self) -> bool:
        """Say whether the model ended by itself: only then is nothing missing."""
        return self.finish == "stop"


Labels: TypeAlias = Mapping[str, float]
"""Scores in 0…1 by the format's own labels; empty means safe."""

Reader: TypeAlias = Callable[[Said], Labels | None]
"""Return the labels, or None as long as more must be heard. Raises `ModerationError` for anything that is no answer.

"Safe" is believed only once the model has ended: whatever follows it is a sign that somebody talked the model round.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One prompt, and how its answer is read."""

    messages: tuple[Utterance, ...]
    read: Reader


class Format(Protocol):
    """How one family of models is asked, and how it answers."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]:
        """The format's own labels, and the category of `rostra.verdicts.CATEGORIES` that each stands for."""
        ...

    @property
    def templated(self) -> bool:
        """Whether the chat template that comes with the model writes the prompt, so that it gets the bare conversation."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens that the longest answer takes."""
        ...

    def asks(self, case: Case, *, written: bool) -> Sequence[Ask]:
        """Return what to ask; all of it has to be. ``written``: spell the prompt out instead of leaving it to the template."""
        ...


def unexpected(name: str, what: str) -> ModerationError:
    """Return the error for an answer that is none. ``what`` says what would be right, and never quotes."""
    return ModerationError(f"the judge's answer is not of the format {name!r}: {what}")


def conversation(case: Case) -> tuple[Utterance, ...]:
    """Return the bare conversation, as the chat templates of guard models take it."""
    if case.direction == "question":
        return (Utterance(role="user", text=case.text),)
    return (
        Utterance(role="user", text=case.question or NOTHING_ASKED),
        Utterance(role="assistant", text=case.text),
    )
