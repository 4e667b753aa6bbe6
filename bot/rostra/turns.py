"""One question on its way through the pipeline, and the shapes of what handles it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from .actions import Capabilities, Emit
from .chat import Answerer, Piece, Usage, Utterance
from .events import Event
from .places import Permission, Person, Place
from .verdicts import Direction, Judged, Verdict

Hear: TypeAlias = Callable[[Piece], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a stage decided, for ``/why``: facts and figures, never the text of anybody."""

    stage: str
    what: str
    facts: tuple[tuple[str, str | int | float | bool], ...] = ()


@dataclass(slots=True)
class Trace:
    """The decisions made about one turn, in order. The only thing in a turn that grows."""

    steps: list[Step] = field(default_factory=list[Step])
    verdicts: list[Judged] = field(default_factory=list[Judged])
    used: list[Usage] = field(default_factory=list[Usage])
    """What models were asked for on the way, each time: whoever asks one adds what that took."""

    def note(self, stage: str, what: str, **facts: str | float | bool) -> None:
        """Add a step. Facts are numbers and names, never what somebody wrote."""
        self.steps.append(Step(stage=stage, what=what, facts=tuple(facts.items())))

    def judged(self, direction: Direction, verdict: Verdict) -> None:
        """Add a verdict of the policy."""
        self.verdicts.append(Judged(direction=direction, verdict=verdict))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One event on its way inward. A stage that enriches it passes ``replace(turn, …)`` on.

    ``question`` is the text to answer: the message and what could be read of its attachments, as
    `rostra.attached.joined` puts them together, so that whoever judges the question judges all of it. ``reply`` is the
    id that every action about this turn carries, and the trace id that refusals name. ``replies`` has the reply that
    each utterance of ``history`` belongs to; ``summary`` tells what was said before, where that is kept. ``since`` is what
    came after the question: calls that the model made to answer it, and what they gave. ``hear`` is told each piece as the
    model says it, before it is judged: for figures, and never to be shown.
    """

    event: Event
    author: Person
    permission: Permission
    reply: str
    question: str
    answerer: Answerer
    capabilities: Capabilities
    trace: Trace
    history: tuple[Utterance, ...] = ()
    replies: tuple[str, ...] = ()
    summary: str = ""
    system: str = ""
    since: tuple[Utterance, ...] = ()
    hear: Hear | None = None

    @property
    def place(self) -> Place:
        """Where the turn happens."""
        return self.event.place


Handler: TypeAlias = Callable[[Turn, Emit], Awaitable[None]]
Stage: TypeAlias = Callable[[Handler], Handler]
