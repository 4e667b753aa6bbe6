"""What a community puts up with: scores of moderators in, one decision out. Pure, and data all the way."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rostra.places import Person, Place
from rostra.verdicts import Decision, Direction, Passage, Span, Verdict, VerdictKind

from .guard import Hold
from .sheets import Choice, Risk, Sheet, Thresholds, choice, sheet, thresholds
from .tables import (
    DEFAULTS,
    Action,
    Limits,
    OnError,
    PlaceSettings,
    PolicySettings,
    StrikeSettings,
    Threshold,
)

__all__ = [
    "DEFAULTS",
    "Action",
    "Limits",
    "OnError",
    "PlaceSettings",
    "Policy",
    "PolicySettings",
    "Risk",
    "Ruling",
    "Sheet",
    "Threshold",
    "Thresholds",
    "thresholds",
    "unjudged",
    "version",
]

_TEMPLATE = re.compile(r"[\w./-]{1,64}")
_STRICTER: Mapping[Hold | None, int] = {None: 0, "none": 1, "sentence": 2, "paragraph": 3, "full": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A decision, and what it rests on: the ``category`` whose ``score`` reached ``threshold``, where one did.

    ``verdict`` is what the rest of the project sees of it.

    ``action`` says what follows where the decision is a block: ``refuse`` and ``review`` have people read a refusal,
    ``silent`` nothing; ``mask`` has the spans in ``masked``, which cover all that was found, blotted out, and the rest
    passes. The one action of a flag is ``warn``: it passes with a warning. Whoever does not know an action refuses, and
    loses nothing but politeness. ``reason`` and ``wording`` say what is read.

    ``hold`` is how the answer to this question is to be held, at least (None: as the sheet says), and ``judge`` who should
    be asked about it as well: both only where it was flagged. ``aside`` is what a shadow policy would have decided, where
    that differs: for the trace. ``queued`` says that operators are to look at it, and ``strikes`` that it counts against
    who asked, and how; `rostra_moderation.register.Register.record` acts on both.
    """

    verdict: Verdict
    category: str = ""
    score: float = 0.0
    threshold: float = 0.0
    action: Action = "refuse"
    template: str = ""
    masked: tuple[Span, ...] = ()
    hold: Hold | None = None
    judge: str = ""
    aside: str = ""
    queued: bool = False
    strikes: StrikeSettings | None = None

    @property
    def decision(self) -> Decision:
        return self.verdict.decision

    @property
    def blocks(self) -> bool:
        return self.verdict.decision is Decision.BLOCK

    @property
    def reason(self) -> str:
        """The reason that `rostra.refusals.Refusals.render` takes."""
        if self.verdict.kind != "judged":
            return "broken"
        if _TEMPLATE.fullmatch(self.template):
            return self.template
        return "review" if self.action == "review" else self.category or "blocked"

    @property
    def wording(self) -> str:
        """What people read as the policy words it, or an empty string: then the template for `reason` serves."""
        if self.verdict.kind != "judged" or _TEMPLATE.fullmatch(self.template):
            return ""
        return self.template


class Policy:
    """What a community settles for itself: thresholds by category, direction, place, role and language, and what follows."""

    def __init__(
        self, settings: PolicySettings | None = None, *, beside: tuple[str, Policy] | None = None
    ) -> None:
        """``beside``: name and policy that decides too, for the record only."""
        self.settings = settings or PolicySettings()
        self.version: str = version(self.settings, *(() if beside is None else (beside[1].version,)))
        self._beside = beside
        self._shadow = self.settings.shadow is True
        self._plain = not (self.settings.places or self.settings.roles or self.settings.languages)
        self._sheets: dict[Choice, Sheet] = {}
        self._fine: dict[str, Ruling] = {}

    def at(self, place: Place, author: Person | None = None, language: str = "") -> Sheet:
        """Return the policy as it is in ``place``, for ``author``, in ``language`` (a BCP 47 tag; empty: not known)."""
        chosen = _PLAIN if self._plain else choice(self.settings, place, author, language)
        found = self._sheets.get(chosen)
        if found is None:
            found = self._sheets[chosen] = sheet(self.settings, chosen)
        return found

    def decide(self, verdicts: Sequence[Verdict], passage: Passage, language: str = "") -> Verdict:
        """Return the strictest decision that the ``verdicts`` and the thresholds give together.

        A verdict without categories is taken at its word. One of kind error or timeout blocks with its kind, unless
        ``on_error`` allows its moderator to be missing; a block that was judged goes before one that was not.
        Without any verdict nothing was judged, and that blocks too.
        """
        return self.rule(verdicts, passage, language).verdict

    def rule(self, verdicts: Sequence[Verdict], passage: Passage, language: str = "") -> Ruling:
        """Do what `decide` does, and say what the decision rests on and what follows."""
        fine = self.fine(verdicts)
        if fine is not None:
            return fine
        ruling = self.alone(verdicts, passage, language)
        if self._shadow:
            ruling = _watched(ruling)
        if self._beside is not None:
            name, other = self._beside
            ruling = _compared(ruling, name, other.alone(verdicts, passage, language))
        return ruling

    def fine(self, verdicts: Sequence[Verdict]) -> Ruling | None:
        """Return the ruling where there is one verdict, which found nothing at all: it is the same for everybody."""
        if len(verdicts) == 1 and _clean(verdicts[0]):
            return self._allowed(verdicts[0].source)
        return None

    def certain(self, verdict: Verdict, passage: Passage, language: str = "") -> bool:
        """Say whether ``verdict`` alone blocks, whatever others say: then nobody else needs to be asked."""
        if verdict.kind != "judged" or _clean(verdict):
            return False
        ruling = self.alone((verdict,), passage, language)
        return ruling.blocks and ruling.action != "mask"

    def alone(self, verdicts: Sequence[Verdict], passage: Passage, language: str = "") -> Ruling:
        """Return what this policy decides as if it were no shadow, and nobody decided beside it."""
        if not verdicts:
            return unjudged("policy", "nobody was asked", policy=self.version)
        held = self.at(passage.place, passage.author, language)
        table = held.table(passage.direction)
        rulings = [ruling for verdict in verdicts for ruling in self._each(verdict, table, held)]
        if not rulings:  # each failed, and each may
            rulings = [self._worded(verdicts[0], Decision.ALLOW, "")]
        return _with_consequences(_joined(rulings, verdicts, held), held, passage.direction)

    def _allowed(self, source: str) -> Ruling:
        found = self._fine.get(source)
        if found is None:
            verdict = Verdict(decision=Decision.ALLOW, source=source, policy=self.version)
            found = self._fine[source] = Ruling(verdict=verdict)
        return found

    def _each(self, verdict: Verdict, table: Mapping[str, Thresholds], held: Sheet) -> Sequence[Ruling]:
        """Return what ``verdict`` comes to: one ruling a category that reached anything, or one for all of it, or none."""
        if verdict.kind != "judged":
            if held.on_error.get(verdict.source, "block") == "allow":
                return ()
            return (unjudged(verdict.source, verdict.rule, kind=verdict.kind, policy=self.version),)
        if not verdict.categories:
            return (self._worded(verdict, verdict.decision, verdict.rule),)
        reached = [
            self._measured(verdict, category, score, limits)
            for category, score in verdict.categories.items()
            if (limits := thresholds(table, category)).flag <= score or limits.block <= score
        ]
        # One ruling for all scores that reach nothing: most texts have a dozen of them.
        return reached or (self._worded(verdict, Decision.ALLOW, "", verdict.score),)

    def _measured(self, verdict: Verdict, category: str, score: float, limits: Thresholds) -> Ruling:
        decision, threshold = Decision.FLAG, limits.flag
        if score >= limits.block:
            decision, threshold = Decision.BLOCK, limits.block
        action: Action = limits.action if decision is Decision.BLOCK else "refuse"
        masked: tuple[Span, ...] = ()
        if action == "mask":
            masked = tuple(span for span in verdict.spans if span.category == category)
            action = "mask" if masked else "refuse"
        elif action == "warn":
            decision = Decision.FLAG
        worded = self._worded(verdict, decision, verdict.rule or f"{category} >= {threshold:g}")
        flagged = decision is Decision.FLAG
        return Ruling(
            verdict=worded.verdict,
            category=category,
            score=score,
            threshold=threshold,
            action=action,
            template=limits.template,
            masked=masked,
            hold=limits.hold if flagged else None,
            judge=limits.judge if flagged else "",
        )

    def _worded(self, verdict: Verdict, decision: Decision, rule: str, score: float = 0.0) -> Ruling:
        made = Verdict(decision=decision, source=verdict.source, rule=rule, policy=self.version)
        return Ruling(verdict=made, score=score)


def unjudged(source: str, rule: str, *, kind: VerdictKind = "error", policy: str = "") -> Ruling:
    """Return the block that stands for a judgement that could not be had."""
    return Ruling(
        verdict=Verdict(decision=Decision.BLOCK, source=source, kind=kind, rule=rule, policy=policy)
    )


def version(settings: PolicySettings, *others: str) -> str:
    """Return a short hash that is the same for policies that say the same, `DEFAULTS` included.

    ``others`` are the versions of what decides along with it.
    """
    said = [layer.model_dump(mode="json") for layer in (DEFAULTS, settings)]
    return hashlib.sha256(json.dumps([*said, *others], sort_keys=True).encode()).hexdigest()[:12]


_PLAIN = Choice()


def _clean(verdict: Verdict) -> bool:
    return (
        verdict.decision is Decision.ALLOW
        and verdict.kind == "judged"
        and not verdict.categories
        and not verdict.rule
    )


def _weight(ruling: Ruling) -> tuple[Decision, bool, bool, float]:
    """Return what rulings are ordered by: what is masked may not pass where something else is to be refused."""
    own = ruling.verdict
    return own.decision, own.kind == "judged", ruling.action != "mask", ruling.score


def _joined(rulings: Sequence[Ruling], verdicts: Sequence[Verdict], held: Sheet) -> Ruling:
    """Return the strictest of ``rulings`` with every verdict's categories and spans."""
    top = max(rulings, key=_weight)
    categories: dict[str, float] = {}
    for verdict in verdicts:
        for name, score in verdict.categories.items():
            categories[name] = max(score, categories.get(name, 0.0))
    own = top.verdict
    missing = ", ".join(verdict.source for verdict in verdicts if verdict.kind != "judged")
    joined = Verdict(
        decision=own.decision,
        source=own.source,
        kind=own.kind,
        rule=own.rule or (missing and f"without {missing}"),
        policy=own.policy,
        categories=MappingProxyType(categories),
        spans=tuple(span for verdict in verdicts for span in verdict.spans),
    )
    if own.decision is Decision.ALLOW:
        return Ruling(verdict=joined, score=top.score)
    if own.decision is Decision.FLAG:
        return _flagged(replace(top, verdict=joined), rulings, held)
    masked = (
        tuple(dict.fromkeys(span for each in rulings for span in each.masked)) if top.action == "mask" else ()
    )
    return replace(top, verdict=joined, masked=masked)


def _flagged(top: Ruling, rulings: Sequence[Ruling], held: Sheet) -> Ruling:
    """Return ``top`` with what follows a flag: the strictest hold of all that was flagged, a judge, a warning."""
    flags = [each for each in rulings if each.decision is Decision.FLAG]
    holds: list[Hold | None] = [each.hold or held.hold_grey for each in flags]
    hold = max(holds, key=lambda each: _STRICTER[each])
    judge = top.judge or next((each.judge for each in flags if each.judge), held.judge)
    warning = next((each for each in flags if each.action == "warn"), None)
    action, template = (top.action, top.template) if warning is None else ("warn", warning.template)
    return replace(top, hold=hold, judge=judge, action=action, template=template)


def _with_consequences(ruling: Ruling, held: Sheet, direction: Direction) -> Ruling:
    decision, judged = ruling.decision, ruling.verdict.kind == "judged"
    if decision is Decision.ALLOW or not judged:
        return ruling
    queued = (ruling.blocks and ruling.action == "review") or (
        "block" if ruling.blocks else "flag"
    ) in held.queue
    # What waits for an operator's decision is held against nobody yet; what was only masked, not at all.
    counts = ruling.blocks and direction == "question" and ruling.action in {"refuse", "silent"}
    spared = {ruling.category, ruling.category.partition("/")[0]} & set(held.strikes.spare)
    strikes = held.strikes if counts and held.strikes.limit and not spared else None
    return replace(ruling, queued=queued, strikes=strikes) if queued or strikes else ruling


def _watched(ruling: Ruling) -> Ruling:
    """Return ``ruling`` of a policy that only watches: everything passes, and what it would have done is said aside."""
    if ruling.decision is Decision.ALLOW:
        return ruling
    own = ruling.verdict
    allowed = replace(own, decision=Decision.ALLOW, kind="judged", rule=f"shadow: {_what(ruling)}")
    return replace(
        ruling,
        verdict=allowed,
        action="refuse",
        masked=(),
        hold=None,
        judge="",
        aside=_what(ruling),
        queued=False,
        strikes=None,
    )


def _compared(ruling: Ruling, name: str, other: Ruling) -> Ruling:
    if (other.decision, other.action) == (ruling.decision, ruling.action):
        return ruling
    aside = f"{name}: {_what(other)}"
    return replace(ruling, aside=f"{ruling.aside}; {aside}" if ruling.aside else aside)


def _what(ruling: Ruling) -> str:
    what = ruling.decision.name.lower()
    if ruling.action != "refuse":
        what = f"{what} ({ruling.action})"
    return f"{what} {ruling.verdict.rule}".rstrip()
