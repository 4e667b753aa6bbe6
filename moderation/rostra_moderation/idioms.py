"""Sayings whose words alone would alarm a classifier that has seen them as threats more often than as sayings."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files


def without(text: str) -> str:
    """Return ``text`` with a word that means nothing for each saying of ``words/idioms.txt``.

    Everything beside a saying stays to be judged. What has none is returned as it is.
    """
    return _sayings().sub("that", text)


@lru_cache(maxsize=1)
def _sayings() -> re.Pattern[str]:
    lines = (files("rostra_moderation") / "words" / "idioms.txt").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)
