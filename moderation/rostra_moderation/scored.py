"""From scores by category to the verdict of a moderator that knows no policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rostra.verdicts import Decision, Verdict

BLOCK, FLAG = 0.7, 0.4
"""Scores from which a judge or a service, asked without a policy, would block or flag."""


def scored(source: str, scores: Mapping[str, float], rule: str = "") -> Verdict:
    """Return what ``source`` says by giving ``scores`` to categories; ``rule`` names what it rests on, never a text."""
    worst = max(scores.values(), default=0.0)
    decision = Decision.BLOCK if worst >= BLOCK else Decision.FLAG if worst >= FLAG else Decision.ALLOW
    return Verdict(decision=decision, source=source, categories=MappingProxyType(dict(scores)), rule=rule)
