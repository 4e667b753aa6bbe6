"""A policy as it is written: the tables of the configuration, and the policy under all policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rostra.verdicts import CATEGORIES

from .guard import Hold

OnError: TypeAlias = Literal["block", "allow"]
Action: TypeAlias = Literal["refuse", "mask", "warn", "silent", "review"]
UnknownLanguage: TypeAlias = Literal["classify", "judge", "rules", "refuse"]
Queued: TypeAlias = Literal["review", "flag", "block"]
Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)] | Literal["never"]
Minutes: TypeAlias = Annotated[float, Field(gt=0, le=5_256_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Table):
    """What a category comes to. What is left out is taken from the next wider table, each field for itself.

    ``flag`` and ``block`` are the scores from which it is flagged and blocked. ``action`` is what follows a block:

    - ``refuse``: people read a refusal instead. So it is where nothing is said.
    - ``silent``: people read nothing.
    - ``review``: people read a refusal, and an operator is asked (``/review``).
    - ``mask``: what was found is blotted out and the rest passes; where a find has no place in the text, it is refused.
    - ``warn``: it passes, with a warning. The decision is a flag then.

    ``template`` is the name of a refusal, or its text if it has a space in it; an empty one is the category's own.
    ``hold`` is how the answer to a question is held that was flagged for this, and ``judge`` the moderator who is asked
    about what was flagged and not blocked.
    """

    flag: Threshold | None = None
    block: Threshold | None = None
    action: Action | None = None
    template: Annotated[str, Field(max_length=500)] | None = None
    hold: Hold | None = None
    judge: str | None = None


def _known(table: Mapping[str, Limits]) -> Mapping[str, Limits]:
    for name in table:
        if name not in (*CATEGORIES, "*"):
            raise ValueError(f"no category {name!r}; the categories are {', '.join(CATEGORIES)} and '*'")
    return table


LimitTable: TypeAlias = Annotated[Mapping[str, Limits], AfterValidator(_known)]


class StrikeSettings(_Table):
    """Questions that are blocked count against who asked them, in the same workspace.

    After ``limit`` within ``window`` minutes comes a time-out of ``timeout`` minutes: the first number the first time, the
    next one the next time within ``memory`` minutes, the last one from then on. A limit of 0 counts nothing. Categories
    in ``spare`` never count: who speaks of harming themselves needs help and no punishment.
    """

    limit: Annotated[int, Field(ge=0)] = 0
    window: Minutes = 60 * 24
    timeout: Annotated[tuple[Minutes, ...], Field(min_length=1)] = (10, 60, 60 * 24)
    memory: Minutes = 60 * 24 * 30
    spare: tuple[str, ...] = ("self-harm", "pii")


class RiskSettings(_Table):
    """How much harm may add up over several turns of one person in one place.

    The running sum of scores loses half of itself in ``half_life`` seconds; from ``flag`` on every turn counts as flagged,
    from ``block`` on it is refused.
    """

    flag: Annotated[float, Field(gt=0)] | Literal["never"] = 1.5
    block: Annotated[float, Field(gt=0)] | Literal["never"] = "never"
    half_life: Annotated[float, Field(gt=0)] = 600.0


class Layer(_Table):
    """What may differ by place, role and language."""

    hold: Hold | None = None
    hold_grey: Hold | None = None
    unjudgeable: OnError | None = None
    unknown_language: UnknownLanguage | None = None
    judge: str | None = None
    queue: tuple[Queued, ...] | None = None
    on_error: Mapping[str, OnError] = {}
    strikes: StrikeSettings | None = None
    risk: RiskSettings | None = None
    categories: LimitTable = {}
    question: LimitTable = {}
    answer: LimitTable = {}


class PlaceSettings(Layer):
    """What differs in the places that a pattern fits, and there for those with a role, and in a language."""

    roles: Mapping[str, Layer] = {}
    languages: Mapping[str, Layer] = {}


class PolicySettings(PlaceSettings):
    """One policy, as the configuration has it.

    ::

        [policies.default]
        hold = "sentence"                    # none, sentence, paragraph or full
        on_error = { remote = "allow" }      # by moderator; "block" for those not named
        judge = "llama"                      # asked about what is flagged and not blocked
        categories.harassment = { flag = 0.3, block = 0.8 }
        categories.pii = { block = 0.5, action = "mask" }
        answer."self-harm" = { block = 0.5 } # only in answers; "question" for the other side
        places."discord/*" = { hold = "full", categories.spam = { block = "never" } }
        roles.moderator.categories."*" = { block = 0.9 }
        languages.de.categories.hate = { block = 0.6 }

    Each field is taken from the most special table that has it: the place's role, the place's language, the place, the
    role, the language, the policy itself, `DEFAULTS`; in each first for the direction, then for both. A subcategory
    that no table names has what its parent has, then what ``*`` has. Of several patterns of places, and several roles of a
    person, the first in the table counts; of languages ``de-AT`` goes before ``de``.

    ``shadow = true`` lets everything pass that this policy would block, and writes into the trace what it would have done;
    ``shadow = "NAME"`` has the policy NAME decide beside this one, and writes its decision down where it differs.
    """

    hold: Hold | None = "sentence"
    unjudgeable: OnError | None = "block"
    unknown_language: UnknownLanguage | None = "classify"
    judge: str | None = ""
    queue: tuple[Queued, ...] | None = ("review", "flag")
    strikes: StrikeSettings | None = StrikeSettings()
    risk: RiskSettings | None = RiskSettings()
    shadow: bool | str = False
    places: Mapping[str, PlaceSettings] = {}


DEFAULTS = PolicySettings.model_validate(
    {
        "categories": {
            "*": {"flag": 0.4, "block": 0.7, "action": "refuse", "template": "", "judge": ""},
            "self-harm": {"flag": 0.3, "block": 0.6},
            "sexual/minors": {"flag": 0.1, "block": 0.3},
            "pii": {"flag": 0.5, "block": "never"},
            "spam": {"flag": 0.5, "block": 0.8},
        },
        "answer": {"prompt-injection": {"flag": 0.5, "block": "never"}},
    }
)
"""The policy under all policies. ``*`` is every category that has no line of its own, nor has its parent."""
