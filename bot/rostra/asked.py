"""A conversation that wants an answer at once, from somebody who keeps it and waits on the line."""

from __future__ import annotations

from dataclasses import dataclass

from .chat import Answerer, Utterance
from .places import Person, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A conversation that wants an answer.

    ``reply`` is the answer's id, thirty-two hexadecimal digits. ``said`` has no system prompt in it, and one utterance of a
    user at least: the last of them is the question. ``system`` is what the asker wants the model to be told; without any, the
    answerer's persona speaks. An author with an empty id is nobody in particular: nothing is held against anybody.
    """

    reply: str
    place: Place
    author: Person
    answerer: Answerer
    said: tuple[Utterance, ...]
    system: str = ""
    streams: bool = False

    @property
    def asked_at(self) -> int:
        """The index in ``said`` of the question. Raises `ValueError` where nobody asks anything."""
        for at in range(len(self.said) - 1, -1, -1):
            if self.said[at].role == "user":
                return at
        raise ValueError("no message has the role 'user'")
