"""What may not go into a dataset, and why: permission, consent, and what is wrong with the judgment or its texts."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ..judged import Judged
from ..stores import Consents
from ..values import ConsentScope, Shown
from .leaks import gives_away

Purpose: TypeAlias = Literal["train", "publish"]
"""To train on it here; to give it to others, who may."""

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

SCOPES: Mapping[Purpose, tuple[ConsentScope, ...]] = {"train": ("train",), "publish": ("train", "publish")}

CLEAN = frozenset({"console", "web", "gateway"})
"""Adapters whose platform nobody else owns: there the workspace's switch and everybody's consent are enough."""

REASONS: Mapping[str, str] = {
    "excluded": "quality control left it out",
    "gold": "its right ranking was known beforehand",
    "reported": "the rater reported the question or an answer",
    "platform": "no permission of the platform is recorded",
    "workspace": "the workspace has not switched it on",
    "rater_consent": "the rater did not agree to it",
    "author_consent": "somebody who wrote in the conversation, or an answer, did not agree to it",
    "text_gone": "a text expired, or its author was erased",
    "blocked": "moderation blocked the question or an answer",
    "identity_leak": "an answer tells which model wrote it",
    "between_splits": "its question resembles questions on both sides of the split",
    "test_split": "its question is one to test with",
}
"""Why a judgment is left out, by the names under which they are counted; the first that applies counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Who allowed what, as it stands now; people and workspaces are pseudonyms of the store."""

    platform: AbstractSet[str]
    workspace: AbstractSet[str]
    consenting: tuple[AbstractSet[tuple[str, str]], ...]
    clean: AbstractSet[str] = CLEAN

    def agreed(self, person: str, workspace: str) -> bool:
        """Whether somebody allows all that is needed, there."""
        return all((person, workspace) in scope for scope in self.consenting)


async def permissions(store: Consents, purpose: Purpose, clean: AbstractSet[str] = CLEAN) -> Permissions:
    """Return what is allowed now. ``clean`` names the adapters that need no permission of a platform."""
    return Permissions(
        platform=await store.permitted("platform"),
        workspace=await store.permitted("workspace"),
        consenting=tuple([await store.consenting(scope) for scope in SCOPES[purpose]]),
        clean=clean,
    )


def refused(judged: Judged, allowed: Permissions) -> str | None:
    """Return why a judgment is left out, as far as it can be told without its texts."""
    if judged.excluded:
        return "excluded"
    if judged.gold:
        return "gold"
    if judged.outcome == "flagged":
        return "reported"
    return permitted(judged.adapter, judged.workspace, judged.rater, allowed)


def permitted(adapter: str, workspace: str, rater: str, allowed: Permissions) -> str | None:
    """Return which permission of the rater's side is missing."""
    if adapter not in allowed.clean and workspace not in allowed.platform:
        return "platform"
    if workspace not in allowed.workspace:
        return "workspace"
    return None if allowed.agreed(rater, workspace) else "rater_consent"


def refused_text(
    shown: Shown | None, candidates: AbstractSet[str], workspace: str, allowed: Permissions
) -> str | None:
    """Return why what a rater was shown, these candidates of a batch, is left out; `unblinded` looks for one reason more."""
    if shown is None:
        return "text_gone"
    batch, answers = shown.batch, [one for one in shown.candidates if one.id in candidates]
    authors = batch.authors | {one.author for one in answers if one.author}
    if not all(allowed.agreed(person, workspace) for person in authors):
        return "author_consent"
    if len(answers) < len(candidates) or not batch.context:
        return "text_gone"
    if not (all(line.retained for line in batch.context) and all(one.retained for one in answers)):
        return "text_gone"
    if batch.decision == "block" or any(one.decision == "block" for one in answers):
        return "blocked"
    return None


def unblinded(shown: Shown, candidates: AbstractSet[str]) -> str | None:
    """Return "identity_leak" where one of these candidates tells which model wrote it. Texts never change: it is asked once."""
    told = any(
        one.id in candidates and one.origin == "model" and gives_away(one.text) for one in shown.candidates
    )
    return "identity_leak" if told else None
