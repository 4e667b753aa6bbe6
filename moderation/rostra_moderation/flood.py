"""Floods: mentions of everybody or of many people at once, and the same message over and over."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from rostra.clock import Clock
from rostra.verdicts import Passage

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1)] | Literal["off"]

_MENTION = re.compile(r"<(?:@[!&]?|!subteam\^)[A-Z0-9]{2,24}(?:\|[^>\n]{0,80})?>|(?<![\w@/.])@[\w.-]{2,32}")
_EVERYBODY = re.compile(
    r"(?<![\w@/.])@(?:everyone|here|channel)\b|<!(?:everyone|here|channel)(?:\|[^>\n]{0,40})?>"
)
_MOST = 500
"""Mentions of one text that are counted."""


class FloodSettings(BaseModel):
    """``mentions``: how many people one message may name. ``everybody``: how severe it is to call all at once.

    ``repeats`` messages that say the same, by one person in one place within ``seconds``, are spam; 0 looks for none.
    Messages under ``shortest`` characters ("yes", "next") may be repeated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mentions: Annotated[int, Field(ge=1)] = 8
    severity: Weight = 0.85
    everybody: Weight = 0.5
    repeats: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(gt=0)] = 60.0
    shortest: Annotated[int, Field(ge=0)] = 10


def mentions(text: str) -> Sequence[tuple[int, int]]:
    """Return where people are mentioned in ``text``, as Discord, Slack and others write it."""
    return [found.span() for found in islice(_MENTION.finditer(text), _MOST)]


def everybody(text: str) -> tuple[int, int] | None:
    """Return where ``text`` calls everybody in a place, if it does."""
    found = _EVERYBODY.search(text)
    return None if found is None else found.span()


class Memory:
    """Remembers hashes of recent messages for `FloodSettings.seconds`, of at most ``people`` at a time."""

    def __init__(self, settings: FloodSettings, clock: Clock, people: int = 10_000) -> None:
        self._settings = settings
        self._clock = clock
        self._people = people
        self._recent: OrderedDict[tuple[str, str], deque[tuple[float, bytes]]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many messages are remembered."""
        return sum(map(len, self._recent.values()))

    def is_flood(self, passage: Passage) -> bool:
        """Remember ``passage``, and say whether its author said the same too often just now.

        Case, spaces and signs make no difference. Only as many messages of a person as can matter are kept.
        """
        said = "".join(filter(str.isalnum, passage.text.casefold())) or passage.text
        if not self._settings.repeats or len(passage.text) < self._settings.shortest:
            return False
        now = self._clock.monotonic()
        key = (passage.place.key, passage.author.id)
        recent = self._recent.setdefault(key, deque(maxlen=4 * self._settings.repeats))
        self._recent.move_to_end(key)
        while len(self._recent) > self._people:
            self._recent.popitem(last=False)
        digest = blake2b(said.encode("utf-8", "replace"), digest_size=8).digest()
        recent.append((now, digest))
        since = now - self._settings.seconds
        return sum(at >= since and each == digest for at, each in recent) >= self._settings.repeats
