"""What a policy would have decided on recorded traffic: from the scores in the journal, no text needed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from rostra.places import Person, Place
from rostra.stores import Judgement
from rostra.turns import Step
from rostra.verdicts import Decision, Direction, Judged, Passage, Verdict

from .policy import Policy, Ruling

PolicyOf: TypeAlias = Callable[[Place], Policy | None]
NOBODY = Person(id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One recorded decision that would be another. ``trace`` is what ``/why`` takes."""

    trace: str
    place: Place
    direction: Direction
    before: Decision
    after: Decision
    action: str
    category: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """``decided`` counts what was gone through, by direction and recorded decision; ``skipped`` are without a policy."""

    decided: Counter[tuple[Direction, Decision]] = field(default_factory=Counter[tuple[Direction, Decision]])
    changed: tuple[Changed, ...] = ()
    skipped: int = 0

    @property
    def total(self) -> int:
        """How many decisions were gone through."""
        return self.decided.total()


def replay(judgements: Iterable[Judgement], policy_of: PolicyOf) -> Replay:
    """Return what ``policy_of`` a place would have decided, and where that differs from what was decided.

    It goes by the scores that the journal keeps. What a moderator said in words instead of scores is taken at its word
    again, and one that failed has failed again. Who is asked does not change: a judge whom only the new policy would ask
    is not heard.
    """
    decided: Counter[tuple[Direction, Decision]] = Counter()
    changed: list[Changed] = []
    skipped = 0
    for judgement in judgements:
        policy = policy_of(judgement.place)
        if policy is None:
            skipped += len(judgement.verdicts)
            continue
        for judged in judgement.verdicts:
            before = judged.verdict.decision
            decided[judged.direction, before] += 1
            ruling = _again(judgement, judged, policy)
            if ruling.decision is not before:
                changed.append(_changed(judgement, judged, ruling))
    return Replay(decided=decided, changed=tuple(changed), skipped=skipped)


def counted(changed: Iterable[Changed]) -> Counter[tuple[Direction, str, str, str, str]]:
    """Return how many decisions change, by direction, before, after, category and place."""
    return Counter(
        (one.direction, one.before.name.lower(), one.after.name.lower(), one.category, _where(one.place))
        for one in changed
    )


def _again(judgement: Judgement, judged: Judged, policy: Policy) -> Ruling:
    step = _step(judgement.steps, judged)
    facts = {} if step is None else dict(step.facts)
    passage = Passage(
        text="", direction=judged.direction, place=judgement.place, author=judgement.author or NOBODY
    )
    by_score = step is None or bool(facts.get("category")) or judged.verdict.decision is Decision.ALLOW
    return policy.rule(_verdicts(judged.verdict, by_score), passage, str(facts.get("language", "")))


def _verdicts(verdict: Verdict, by_score: bool) -> Sequence[Verdict]:  # noqa: FBT001  what it rests on
    """Return verdicts of moderators that would have led to what is recorded as the policy's."""
    scored = replace(verdict, decision=Decision.ALLOW, kind="judged", rule="", policy="", source="recorded")
    if verdict.kind != "judged":
        failed = replace(verdict, categories={}, spans=(), policy="")
        return (failed, scored) if verdict.categories else (failed,)
    if verdict.rule.startswith("without "):
        missing = verdict.rule.removeprefix("without ").split(", ")
        failures = [
            Verdict(decision=Decision.BLOCK, source=name, kind="error", rule="missing") for name in missing
        ]
        return (*failures, scored)
    own = replace(verdict, policy="")
    if by_score:
        return (replace(own, decision=Decision.ALLOW, rule=""),)
    said = replace(own, categories={}, spans=())
    return (said, scored) if verdict.categories else (said,)


def _step(steps: Sequence[Step], judged: Judged) -> Step | None:
    """Return the step of the trace that says what a verdict rests on."""
    wanted = {
        "direction": judged.direction,
        "source": judged.verdict.source,
        "rule": judged.verdict.rule,
        "kind": judged.verdict.kind,
    }
    for step in steps:
        facts = dict(step.facts)
        if step.stage == "moderation" and all(facts.get(name) == value for name, value in wanted.items()):
            return step
    return None


def _changed(judgement: Judgement, judged: Judged, ruling: Ruling) -> Changed:
    return Changed(
        trace=judgement.reply,
        place=judgement.place,
        direction=judged.direction,
        before=judged.verdict.decision,
        after=ruling.decision,
        action=ruling.action if ruling.blocks else "",
        category=ruling.category or judged.verdict.worst,
        rule=ruling.verdict.rule,
    )


def _where(place: Place) -> str:
    return f"{place.adapter}/{place.workspace}/{place.channel}"
