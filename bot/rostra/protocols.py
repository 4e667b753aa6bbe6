"""What other packages and plugins implement. Members are read-only, so that frozen dataclasses fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .actions import Action, Address, Capabilities, Emit, Receipt
from .asked import Asked
from .chat import Piece, Sampling, Usage, Utterance
from .events import Event
from .turns import Handler, Hear, Trace
from .verdicts import Passage, Verdict
from .versions import ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The event is stored; it will be answered, or its asker told. ``reply`` is the id of what it gets."""

    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The event was accepted before, as ``reply``; nothing more happens."""

    reply: str


Accept: TypeAlias = Callable[[Event], Awaitable[Accepted | Duplicate]]
"""Take an event. When it returns, the event is durable and may be acknowledged to the platform.

Raises `rostra.errors.StoreError` when it could not be stored: then do not acknowledge, so that the platform
sends it again.
"""


class Adapter(Protocol):
    """One chat platform."""

    @property
    def name(self) -> str:
        """The name of its table in the configuration, and of `Place.adapter` in its events."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def run(self, accept: Accept) -> None:
        """Pass each event to ``accept`` until the platform is closed or the task is cancelled.

        Acknowledge to the platform only what ``accept`` returned for. Raises `AdapterError`.
        """
        ...

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        """Do one thing on the platform and say which messages show the reply now.

        ``key`` is the same whenever the same action is tried again; a platform that honours a nonce gets it,
        so that a repeated `Begin` or `Finish` shows one message. A `Finish`, `Replace` or `Retract` with
        ``address.shown`` changes those messages; without it a `Finish` or `Show` sends a new one.
        An adapter only gets actions that its capabilities allow: no `Append` without ``append``, no `Begin`
        without ``streams``, and `Retract` after something was shown only with ``retracts``.
        Raises `AdapterError`, with ``retry_after`` where the platform said so, or `Rejected`.
        """
        ...


class Moderator(Protocol):
    """A judge of text. It must not act: acting on verdicts is the moderation stage's job."""

    @property
    def name(self) -> str: ...

    async def judge(self, passage: Passage) -> Verdict:
        """Return scores by category, and what was found where.

        Raises `ModerationError`, or anything else: whatever it raises counts as "could not judge".
        """
        ...


class Moderation(Protocol):
    """The moderators and the policy together: what the pipeline asks, and the stage that acts on it."""

    async def judge(self, passage: Passage) -> Verdict:
        """Return the policy's verdict. Never raises: a failure is a verdict of kind error or timeout."""
        ...

    def stage(self, inner: Handler) -> Handler:
        """Judge the question before ``inner`` runs and hold back what it emits until it was judged."""
        ...


class Direct(Protocol):
    """What answers those who bring their conversation along and wait on the line, such as the clients of an API."""

    async def answer(self, asked: Asked, emit: Emit, *, trace: Trace, hear: Hear | None = None) -> None:
        """Answer by actions, the last of which is a `Finish` or a `Retract`; ``trace`` has the decisions as they are made.

        ``hear`` is told what the model says as it says it, before it is judged: what comes that way is for figures, or for
        when an action has released it. Raises `ModelError`, `TimeoutError` and `StoreError`: then there is no last action.
        """
        ...


class Model(Protocol):
    """A text generator, local or remote."""

    @property
    def name(self) -> str: ...

    @property
    def window(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has, or a number that is not lower.

        A conversation is counted anew with every question, because an estimate may have changed. Where counting takes
        time, the model remembers its counts.
        """
        ...

    def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncIterator[Piece]:
        """Yield the answer piece by piece; the last piece has ``finish``.

        Closing the iterator, or cancelling the task that reads it, stops the generation.
        Raises `ModelError`.
        """
        ...


class Versioned(Protocol):
    """What a `Model` may be as well: one that says what it is, so that ``/why`` and rankings can name it.

    `rostra.versions.version_of` asks. Whatever changes its answers for good makes another version: weights, tokenizer,
    template. A wrapper around one model passes on that one's; a wrapper around several has none.
    """

    @property
    def version(self) -> ModelVersion | None:
        """What answers now, at once and without reading from disk; None while that is not known."""
        ...


class Metered(Protocol):
    """What a `Model` may be as well: one that says beforehand what a question can take, so that quotas can reserve it.

    `rostra.metering.most_of` asks. A model that is none takes what it is given, once, and costs nothing.
    """

    def most(self, prompt: int, completion: int) -> Usage:
        """Return the most that a question takes whose prompt has so many tokens and whose answer may have so many.

        A wrapper that asks several times, or several models, adds up what all of them take.
        """
        ...


class Obliging(Protocol):
    """What a `Model` may be as well: one that takes more of a request than `Sampling` names.

    `rostra.metering.taken_by` asks. A model that is none takes nothing more, and a request that wants it is refused.
    """

    @property
    def takes(self) -> frozenset[str]:
        """The names that `Sampling.more` may have, and ``tools`` where the model can call any. A wrapper passes on its model's."""
        ...


class Scorer(Protocol):
    """How good answers are: a reward model, or a model that is asked."""

    @property
    def name(self) -> str: ...

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        """Return a number for the last utterance of each conversation, higher for better.

        Numbers of one scorer can be compared for answers to the same question; their scale means nothing else.
        Raises `ModelError`.
        """
        ...
