"""What somebody left beside a ranking: why, in words, how good each answer is, and by which guideline."""

from __future__ import annotations

from dataclasses import dataclass

from .asking import Rating


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What `rostra.feedback.judged.Judged` does not tell of the judgment with the id ``judgment``. ``comment`` is empty once its key is gone."""

    judgment: str
    reason: str = ""
    comment: str = ""
    guideline_version: str = ""
    ratings: tuple[Rating, ...] = ()
