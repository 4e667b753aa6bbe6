"""Verdicts as rows: names and figures for statistics, which stay when the text they were about is gone."""

from __future__ import annotations

import math
from typing import Any

from ..verdicts import Judged

LONGEST_NAME = 120


def figures(judged: Judged) -> dict[str, Any]:
    """Return what ``judged`` says as columns of its row. Names are cut to what a name may be: a moderator may be anybody's."""
    verdict = judged.verdict
    score = verdict.score
    return {
        "direction": judged.direction,
        "decision": verdict.decision.name.lower(),
        "kind": verdict.kind,
        "source": _name(verdict.source),
        "category": _name(verdict.worst),
        # A score that is no number cannot be trusted to be low.
        "score": float(score) if math.isfinite(score) else 1.0,
        "rule": _name(verdict.rule),
        "policy": _name(verdict.policy),
    }


def _name(text: str) -> str:
    if not text.isascii() or "\0" in text:
        text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return text[:LONGEST_NAME]
