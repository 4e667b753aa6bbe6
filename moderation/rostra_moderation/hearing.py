"""How one passage comes to its ruling: those who answer at once, those who take their time, a judge in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rostra.clock import Clock
from rostra.protocols import Moderator
from rostra.verdicts import Decision, Passage, Verdict

from .combine import AT_ONCE, ask, ask_now
from .panel import Panel, knowing
from .policy import Policy, Ruling, Sheet, unjudged
from .risk import raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that a moderator has, and one that is asked as a judge."""

    moderator: float
    judge: float
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """One passage before its moderators. ``level`` is the harm that has added up before it (`rostra_moderation.risk`)."""

    passage: Passage
    panel: Panel
    policy: Policy
    patience: Patience
    language: str = ""
    level: float = 0.0

    def now(self, verdicts: Sequence[Verdict]) -> Ruling | None:
        """Return the ruling of those who answer at once, who said ``verdicts``; None in doubt. Never raises."""
        ruling = self._ruled(verdicts)
        return None if _doubtful(ruling) else ruling

    async def rule(self, heard: Sequence[Verdict] = ()) -> Ruling:
        """Return the ruling of everybody. ``heard``: what those who answer at once have said already. Never raises."""
        verdicts = list(heard)
        others = self.panel.slow
        if not heard and len(self.passage.text) > AT_ONCE:
            others = self.panel.everybody
        elif not heard:
            verdicts += ask_now(self.panel.quick, self.passage, self.policy)
        if verdicts and self.policy.certain(verdicts[-1], self.passage, self.language):
            return self._ruled(verdicts)
        knows = knowing(others, self.language)
        unknown = len(knows) < len(others)
        if unknown:
            match self._sheet().unknown_language:
                case "classify":
                    knows, unknown = others, False
                case "refuse":
                    return self._refused()
                case "judge" | "rules":
                    pass
        verdicts += await self._ask(knows, self.patience.moderator)
        if unknown and self._sheet().unknown_language == "judge":
            verdicts += await self._ask_judge(self._sheet().judge)
            return self._ruled(verdicts)
        ruling = self._ruled(verdicts)
        return await self._second(ruling) if _doubtful(ruling) else ruling

    async def _second(self, first: Ruling) -> Ruling:
        """Return what the judge makes of a ``first`` ruling that only flags."""
        verdicts = await self._ask_judge(first.judge)
        second = self.policy.rule(verdicts, self.passage, self.language)
        failed = verdicts[0].kind != "judged"
        if failed and not second.blocks:  # … and the policy puts up with that
            return _worded(first, f"{first.verdict.rule}; without {first.judge}")
        if second.decision is Decision.ALLOW:
            cleared = replace(first, verdict=replace(first.verdict, decision=Decision.ALLOW), queued=False)
            return _worded(cleared, f"{first.verdict.rule}; {first.judge} allows it")
        scores = {**first.verdict.categories}
        for category, score in second.verdict.categories.items():
            scores[category] = max(score, scores.get(category, 0.0))
        joined = replace(second.verdict, categories=MappingProxyType(scores))
        return replace(second, verdict=joined, hold=second.hold or first.hold, judge="")

    def _ruled(self, verdicts: Sequence[Verdict]) -> Ruling:
        ruling = self.policy.rule(verdicts, self.passage, self.language)
        if self.passage.direction == "answer" or self.policy.settings.shadow is True or not self.level:
            return ruling
        return raised(ruling, self.level, self._sheet())

    def _refused(self) -> Ruling:
        rule = f"language {self.language} is not judged here"
        verdict = Verdict(decision=Decision.BLOCK, source="language", rule=rule, policy=self.policy.version)
        return Ruling(verdict=verdict, template="language")

    async def _ask_judge(self, name: str) -> Sequence[Verdict]:
        judge = self.panel.judge(name)
        if judge is None:
            return [unjudged(name or "judge", "there is none of that name").verdict]
        return await self._ask([judge], self.patience.judge)

    async def _ask(self, moderators: Sequence[Moderator], seconds: float) -> Sequence[Verdict]:
        if not moderators:
            return []
        asked = self.panel.cached(moderators, self.policy.version)
        return await ask(asked, self.passage, self.policy, clock=self.patience.clock, seconds=seconds)

    def _sheet(self) -> Sheet:
        return self.policy.at(self.passage.place, self.passage.author, self.language)


def _doubtful(ruling: Ruling) -> bool:
    """Say whether a judge is to be asked: it is flagged, not blocked, and not settled by a warning."""
    return ruling.decision is Decision.FLAG and bool(ruling.judge) and ruling.action != "warn"


def _worded(ruling: Ruling, rule: str) -> Ruling:
    return replace(ruling, verdict=replace(ruling.verdict, rule=rule.removeprefix("; ")), judge="")
