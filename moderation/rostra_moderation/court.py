"""Who decides, what people are told of it, and what the trace keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rostra.actions import Finish, Retract
from rostra.places import Person, Place
from rostra.refusals import Refusals
from rostra.turns import Turn
from rostra.verdicts import Decision, Direction, Passage, Verdict

from .policy import Ruling
from .register import Standing
from .sheets import Sheet


class Court(Protocol):
    """All moderators, the policy of a place, and the register, as the stage sees them. Nothing here raises."""

    @property
    def hears(self) -> bool:
        """Whether anybody answers at once (`hear`)."""
        ...

    @property
    def waits(self) -> bool:
        """Whether there is anybody who has to be waited for (`rule`)."""
        ...

    def sheet(self, place: Place, author: Person | None = None, language: str = "") -> Sheet:
        """Return the policy as it is in ``place``, for ``author``, in ``language``."""
        ...

    def language(self, text: str, place: Place) -> str:
        """Return the language of ``text``, empty if it is not known."""
        ...

    def level(self, person: Person, place: Place) -> float:
        """Return how much harm ``person`` has added up in ``place``."""
        ...

    async def standing(self, person: Person, place: Place) -> Standing:
        """Return whether ``person`` may ask at present."""
        ...

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        """Note what ``ruling`` has for consequences."""
        ...

    def fit(self, said: str, place: Place) -> str:
        """Return what was ``said`` before with everything blotted out that a question now would have."""
        ...

    def hear(self, passage: Passage) -> Sequence[Verdict]:
        """Return what those say who answer at once."""
        ...

    def weigh(self, verdicts: Sequence[Verdict], passage: Passage) -> Ruling:
        """Return the ruling that ``verdicts`` give when nobody else is asked."""
        ...

    def rule_now(self, passage: Passage) -> Ruling | None:
        """Return a ruling if it can be had without waiting, else None."""
        ...

    async def rule(self, passage: Passage, heard: Sequence[Verdict] = ()) -> Ruling:
        """Return a ruling. ``heard``: what `hear` has returned for all of this text, if it was asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people read in place of an answer, or below it."""

    turn: Turn
    refusals: Refusals
    language: str

    def of(self, reason: str, **facts: float) -> str:
        """Return the template for ``reason``; see `rostra.refusals.Refusals.render`."""
        return self.refusals.render(
            reason, place=self.turn.place, trace=self.turn.reply, language=self.language, **facts
        )

    def refusal(self, ruling: Ruling) -> str:
        """Return what people read instead of what was blocked; nothing where the policy has the bot be silent."""
        if ruling.action == "silent" and ruling.verdict.kind == "judged":
            return ""
        return ruling.wording or self.of(ruling.reason)

    def warning(self, ruling: Ruling) -> str:
        """Return what people read below an answer that passes with a warning."""
        return ruling.wording or self.of(ruling.reason if ruling.template else "warn")

    def instead(self, ruling: Ruling) -> Finish | Retract:
        """Return the action that ends a reply of which nothing was shown."""
        text = self.refusal(ruling)
        if not text:
            return Retract(reply=self.turn.reply)
        return Finish(reply=self.turn.reply, text=text, ending="content_filter")


def note(turn: Turn, ruling: Ruling, direction: Direction, *, language: str = "", level: float = 0.0) -> None:
    """Put a ruling into the trace of its turn: all that explains it, nothing of the text."""
    verdict = ruling.verdict
    facts: dict[str, str | float] = {}
    if ruling.blocks and ruling.action in {"silent", "review"}:
        facts["action"] = ruling.action
    if language:
        facts["language"] = language
    if level:
        facts["risk"] = round(level, 2)
    if ruling.aside:
        facts["shadow"] = ruling.aside
    turn.trace.judged(direction, verdict)
    passed = verdict.decision is Decision.FLAG or ruling.action == "mask"
    turn.trace.note(
        "moderation",
        ruling.action if passed and ruling.action != "refuse" else verdict.decision.name.lower(),
        direction=direction,
        category=ruling.category,
        score=ruling.score,
        threshold=ruling.threshold,
        rule=verdict.rule,
        source=verdict.source,
        policy=verdict.policy,
        kind=verdict.kind,
        **facts,
    )
