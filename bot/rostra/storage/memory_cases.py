"""Cases of the review queue in a store that forgets."""

from __future__ import annotations

from dataclasses import replace

from ..stores import Review


def expired(case: Review) -> Review:
    """Return what is left of a case when its text has gone: figures."""
    verdict = replace(case.case.verdict, spans=())
    figures = replace(case.case, text="", question="", verdict=verdict)
    return replace(case, case=figures, retained=False, place=None, author="")
