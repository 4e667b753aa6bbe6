"""What people and workspaces allow to be done with what is said, and what is kept about somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..places import Place
from .frozen import NOTHING, Lineage

ConsentScope: TypeAlias = Literal["store", "rate", "train", "publish"]
"""Keep the text for longer than questions and answers are; use it to choose among answerers; to train; give it to others."""
CONSENT_SCOPES: tuple[ConsentScope, ...] = ("store", "rate", "train", "publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """Somebody allowed something in a workspace, or took it back; the last one for a scope counts.

    ``place`` is somewhere in the workspace. ``notice_version`` is the notice they had read, ``evidence`` how they said so (such as
    the name of a command), never their words.
    """

    id: str
    person: str
    place: Place
    scope: ConsentScope
    granted: bool
    notice_version: str
    evidence: str
    at: datetime


PermitKind: TypeAlias = Literal["platform", "workspace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Training on what was said in a workspace is permitted, or is no more; the last one of a kind counts.

    ``platform`` records that the platform itself gave its permission, ``workspace`` is the workspace's own switch. Both are
    needed where the platform asks for the first. ``evidence`` says where the permission can be read; ``by`` (a pseudonym) who recorded it.
    """

    id: str
    kind: PermitKind
    place: Place
    granted: bool
    evidence: str
    at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What an erasure did. ``known`` is False of somebody whom the store had never met.

    ``texts`` were emptied, ``judgments`` stay, nameless, unless they were withdrawn, and ``lineage`` is what they had been in:
    its datasets are tainted now, its exports recalled.
    """

    known: bool
    texts: int = 0
    judgments: int = 0
    withdrawn: bool = False
    lineage: Lineage = NOTHING

    @property
    def counts(self) -> Mapping[str, str]:
        """What was done in numbers, for the log of changes."""
        return {
            "texts": str(self.texts),
            "rankings": str(self.judgments),
            "withdrawn": "yes" if self.withdrawn else "no",
            "datasets": str(len(self.lineage.datasets)),
            "models": str(len(self.lineage.models)),
        }
