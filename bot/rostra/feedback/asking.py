"""What is asked of raters and what they say: campaigns, batches of candidates, tasks, assignments, judgments.

Nothing here holds an id of a platform: people are pseudonyms of the store (`rostra.feedback.stores.Feedback.pseudonym`).
All ids are thirty-two hexadecimal digits, made by `new_id` before anything is sent, so that whatever is tried again is
stored once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from uuid_utils import uuid7

from ..chat import Role
from ..places import Permission, Place
from .frozen import NOTHING, Lineage
from .permission import ConsentEvent
from .ranking import MOST, Outcome, Ranking, RankingError

Mode: TypeAlias = Literal["rank", "best_worst", "pair", "rate", "write"]
CampaignStatus: TypeAlias = Literal["draft", "open", "paused", "closed"]
Origin: TypeAlias = Literal["model", "human", "edit", "gold"]
"""A model wrote it; a person did; a person changed what another candidate said; it was put there to check raters."""
DecisionName: TypeAlias = Literal["allow", "flag", "block"]
TaskStatus: TypeAlias = Literal["open", "done", "void"]
AssignmentState: TypeAlias = Literal["leased", "submitted", "skipped", "released"]


def normal_form(question: str) -> str:
    """Return what two askings of the same question have in common: neither case nor spaces nor forms of a letter count."""
    return " ".join(unicodedata.normalize("NFKC", question).casefold().split())


def new_id() -> str:
    """Return a new id: thirty-two hexadecimal digits that grow with time (UUIDv7, RFC 9562)."""
    return uuid7().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Something that answers are rated on, from 1 to ``maximum``."""

    name: str
    maximum: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is asked of raters. ``place`` is somewhere in its workspace.

    ``k`` candidates go on a ballot, which ``overlap`` raters get each. ``gold_rate`` is the share of ballots whose right
    ranking is known. Who has not answered ``lease_seconds`` after a ballot was handed out may find that others got it.
    ``budget`` judgments, and ``caps_per_day`` by one rater in 24 hours, are handed out at most; 0: no limit. ``raters`` may take part.
    ``answerers`` are compared. ``more`` is plain JSON, for what only some modes need.
    """

    id: str
    name: str
    place: Place
    mode: Mode = "rank"
    k: int = 4
    overlap: int = 1
    gold_rate: float = 0.0
    lease_seconds: float = 1800.0
    guideline: str = ""
    guideline_version: str = ""
    axes: tuple[Axis, ...] = ()
    budget: int = 0
    raters: Permission = Permission.RATER
    caps_per_day: int = 0
    status: CampaignStatus = "open"
    answerers: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("k", self.k, 1, MOST),
            ("overlap", self.overlap, 1, 50),
            ("gold_rate", self.gold_rate, 0, 1),
            ("lease_seconds", self.lease_seconds, 1, 30 * 86400),
            ("budget", self.budget, 0, 10**9),
            ("caps_per_day", self.caps_per_day, 0, 10**6),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} of a campaign is {value!r}; from {least} to {most} would be right")
        if not self.name.strip():
            raise ValueError("a campaign needs a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One utterance of the context of a batch. ``author`` is a pseudonym, empty for what no person wrote.

    ``text`` is empty once it has expired or its author was erased; ``retained`` is False then.
    """

    role: Role
    text: str
    author: str = ""
    retained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One question with what went before it, which several candidates answer. The last of ``context`` is the question.

    ``prompt`` is a keyed hash of the question, given by the store: the same for the same question, whatever its case
    and spaces. ``reply`` is the id of the reply in the chat that it came from, if any. ``decision`` is the moderation's.
    """

    id: str
    place: Place
    asker: str
    context: tuple[Line, ...]
    at: datetime
    prompt: str = ""
    reply: str = ""
    decision: DecisionName = "allow"
    policy: str = ""

    @property
    def question(self) -> str:
        """The last thing said, which is what the candidates answer."""
        return self.context[-1].text

    @property
    def authors(self) -> frozenset[str]:
        """Everybody who wrote something in the context, and who asked."""
        return frozenset({line.author for line in self.context if line.author} | ({self.asker} - {""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One answer in a batch; ``ordinal`` counts from 0 in the order made.

    ``answerer``, ``model_version`` and ``sampling_config`` (ids in `rostra.versions.Versions`) and ``seed`` say how a model came to it;
    ``author`` (a pseudonym) who wrote it, where a person did, and ``edited_from`` what they changed. ``tokens`` and ``finish``
    are the model's. ``decision`` and ``policy`` are the moderation's. ``characters`` stays when ``text`` is gone.
    """

    id: str
    batch: str
    ordinal: int
    text: str
    origin: Origin = "model"
    answerer: str = ""
    model_version: str = ""
    sampling_config: str = ""
    seed: int | None = None
    finish: str = ""
    tokens: int = 0
    author: str = ""
    edited_from: str = ""
    decision: DecisionName = "allow"
    policy: str = ""
    latency_ms: int = 0
    logprob: float | None = None
    characters: int = -1
    retained: bool = True

    def __post_init__(self) -> None:
        if self.characters < 0:
            object.__setattr__(self, "characters", len(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A batch and its candidates, by ordinal: all the texts of a ballot."""

    batch: Batch
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Candidates of one batch to be compared by ``required`` raters, those with the highest ``priority`` first.

    ``propensity`` is the probability with which active selection picked it; None: it was not picked, but drawn
    uniformly. ``gold`` has the right tiers, of candidate ids, where they are known. ``reserved_for`` (a pseudonym) is who alone gets
    it; ``repeat_of`` is the task that it asks once more.
    """

    id: str
    campaign: str
    batch: str
    candidates: tuple[str, ...]
    required: int = 1
    priority: float = 0.0
    propensity: float | None = None
    gold: tuple[tuple[str, ...], ...] = ()
    reserved_for: str = ""
    repeat_of: str = ""
    status: TaskStatus = "open"

    def __post_init__(self) -> None:
        if not 1 <= len(self.candidates) <= MOST or len(set(self.candidates)) < len(self.candidates):
            raise ValueError(f"a task has 1 to {MOST} different candidates, not {len(self.candidates)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A task in somebody's hands. ``shown_order`` are the candidates' ids in the order that this person is shown them.

    Until ``lease_until`` nobody else gets it in this person's stead; an answer counts afterwards, too. ``draft`` is what
    they have chosen so far, as the surface put it. ``is_author`` says that they asked the question themselves.
    """

    id: str
    task: str
    campaign: str
    batch: str
    person: str
    state: AssignmentState
    lease_until: datetime
    shown_order: tuple[str, ...]
    at: datetime
    surface: str = ""
    draft: str = ""
    is_author: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One candidate on one axis, from 1 to ``maximum``."""

    candidate: str
    axis: str
    value: int
    maximum: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.value <= self.maximum:
            raise ValueError(f"a rating of {self.value!r} is not from 1 to {self.maximum}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What somebody said about an assignment; nothing in it is ever changed. A change of mind is another one.

    ``id`` makes it count once, however often it is sent, and so does ``source_event``, the platform's id of what was
    pressed, where there is one. ``revision`` 0 lets the store count; see `rostra.feedback.stores.Feedback.judge`. ``tiers`` are ids of
    candidates, best first, and ``loose`` is the index of the tier whose candidates were not compared with one another: see
    `rostra.feedback.ranking.Ranking`. ``reason`` is a name from a list; ``comment`` is the rater's own words, kept
    sealed and apart.
    """

    id: str
    assignment: str
    task: str
    person: str
    outcome: Outcome
    shown_order: tuple[str, ...]
    at: datetime
    tiers: tuple[tuple[str, ...], ...] = ()
    loose: int | None = None
    revision: int = 0
    ratings: tuple[Rating, ...] = ()
    reason: str = ""
    comment: str = ""
    duration_ms: int = 0
    surface: str = ""
    guideline_version: str = ""
    source_event: str = ""

    def __post_init__(self) -> None:
        stray = {one for tier in self.tiers for one in tier} - set(self.shown_order)
        stray |= {rating.candidate for rating in self.ratings} - set(self.shown_order)
        if stray:
            raise RankingError(f"candidate {min(stray)!r} was not shown; those that were can be judged")
        ranking_of(self)

    @property
    def ranking(self) -> Ranking:
        """The ranking by slots, in the order shown."""
        return ranking_of(self)


def ranking_of(judgment: Judgment) -> Ranking:
    """Return the ranking by slots in the order shown. Raises `RankingError`."""
    slots = {candidate: slot for slot, candidate in enumerate(judgment.shown_order)}
    tiers = tuple(tuple(slots[candidate] for candidate in tier) for tier in judgment.tiers)
    return Ranking(outcome=judgment.outcome, tiers=tiers, loose=judgment.loose)


def candidate_tiers(ranking: Ranking, shown_order: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the tiers of ``ranking`` by candidates, for `Judgment.tiers`. Raises `RankingError` for a slot that was not shown."""
    most = max((slot for tier in ranking.tiers for slot in tier), default=-1)
    if most >= len(shown_order):
        raise RankingError(f"slot {most} was not shown; there were {len(shown_order)} candidates")
    return tuple(tuple(shown_order[slot] for slot in tier) for tier in ranking.tiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The judgment is on disk, as this revision of its assignment."""

    judgment: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyStored:
    """The judgment was there before, under this id and revision. Nothing was written."""

    judgment: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumb:
    """A thumb on an answer in a chat; the last one by a person counts, and 0 takes it back. ``reason`` is a name from a list."""

    id: str
    reply: str
    person: str
    value: Literal[-1, 0, 1]
    at: datetime
    place: Place
    reason: str = ""
    answerer: str = ""
    model_version: str = ""
    source_event: str = ""


ExclusionTarget: TypeAlias = Literal["judgment", "person", "candidate", "batch", "task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Something that statistics leave out, with a reason, until it is revoked. Nothing is deleted.

    ``target`` is an id (of a person: the pseudonym), of a person only in ``campaign`` where one is named. ``method`` says what found
    it, ``by`` (a pseudonym) who decided.
    """

    id: str
    kind: ExclusionTarget
    target: str
    reason: str
    at: datetime
    method: str = ""
    campaign: str = ""
    by: str = ""
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a campaign has come. ``done`` tasks have as many judgments as they need; ``leased`` ballots are in somebody's hands."""

    tasks: int
    done: int
    void: int
    leased: int
    submitted: int
    skipped: int
    raters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """Something that somebody wrote and that is kept for feedback: a line of a context, an answer, a comment."""

    id: str
    kind: Literal["line", "candidate", "comment"]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that feedback keeps about somebody, for themselves to read."""

    person: str
    consents: tuple[ConsentEvent, ...] = ()
    texts: tuple[OwnText, ...] = ()
    judgments: tuple[Judgment, ...] = ()
    thumbs: tuple[Thumb, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    lineage: Lineage = NOTHING
