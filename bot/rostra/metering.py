"""What asking a model takes: at most, before it is asked, and what it took, however the answer ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from .chat import Piece, Usage
from .errors import ModelError
from .protocols import Model
from .turns import Turn


def most_of(model: Model, prompt: int, completion: int) -> Usage:
    """Return what a question takes at most whose prompt has ``prompt`` tokens and whose answer may have ``completion``.

    A model that does not say (`rostra.protocols.Metered`) is asked once and has no price.
    """
    told = getattr(model, "most", None)
    if not callable(told):
        return Usage(prompt=prompt, completion=completion)
    return cast("Callable[[int, int], Usage]", told)(prompt, completion)


def taken_by(model: Model) -> frozenset[str]:
    """Return what ``model`` takes beyond what every model does (`rostra.protocols.Obliging`)."""
    found: frozenset[str] = getattr(model, "takes", frozenset[str]())
    return found


class Meter:
    """Adds up what one question took: what the model says of it, and where it could not say, an estimate."""

    def __init__(self, model: Model, prompt: int) -> None:
        self._model = model
        self._prompt = prompt
        self._said: list[str] = []
        self._told: Usage | None = None

    def take(self, piece: Piece) -> None:
        """Take note of a piece of the answer."""
        if piece.text:
            self._said.append(piece.text)
        if piece.usage is not None:
            self._told = piece.usage if self._told is None else added(self._told, piece.usage)

    @property
    def empty(self) -> bool:
        """Whether the model has said nothing so far."""
        return not self._said and self._told is None

    def usage(self) -> Usage:
        """Return what the question took so far."""
        if self._told is not None:
            return self._told
        written = self._model.count("".join(self._said)) if self._said else 0
        return most_of(self._model, self._prompt, written)


class metered:  # noqa: N801  it is used like a function
    """Put what the question of ``turn`` took into its trace, also where the answer is broken off.

    A model that fails before it has said anything took nothing.
    """

    __slots__ = ("_meter", "_turn")

    def __init__(self, turn: Turn, model: Model, prompt: int) -> None:
        self._turn = turn
        self._meter = Meter(model, prompt)

    def __enter__(self) -> Meter:
        return self._meter

    def __exit__(self, kind: type[BaseException] | None, error: object, where: object) -> None:
        if not (self._meter.empty and kind is not None and issubclass(kind, ModelError)):
            self._turn.trace.used.append(self._meter.usage())


def added(one: Usage, other: Usage) -> Usage:
    """Return both together."""
    costs = [usage.cost for usage in (one, other) if usage.cost is not None]
    return Usage(
        prompt=one.prompt + other.prompt,
        completion=one.completion + other.completion,
        cached=one.cached + other.cached,
        cost=sum(costs) if costs else None,
    )
