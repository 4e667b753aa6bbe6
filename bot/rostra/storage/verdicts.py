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
        "source": name_of(verdict.source),
        "category": name_of(verdict.worst),
        # A score that is no number cannot be trusted to be low.
        "score": float(score) if math.isfinite(score) else 1.0,
        "rule": name_of(verdict.rule),
        "policy": name_of(verdict.policy),
    }


def name_of(text: str) -> str:
    """Return ``text`` as every engine can hold it as a name."""
    if not text.isascii() or "\0" in text:
        text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return text[:LONGEST_NAME]
