"""Verdicts that were had before, so that no moderator is asked the same thing twice."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict

from rostra.protocols import Moderator
from rostra.verdicts import Passage, Verdict

from .combine import own_limit, sound

REMEMBERED = 4_096
"""Verdicts kept; the one that was not asked for longest goes first."""


class Cache:
    """The youngest verdicts, by who gave them under which policy, on what, to whom.

    Texts are kept as keyed hashes only. Place and author are part of the key, because moderators of anybody's may look
    at them. Only verdicts of kind ``judged`` are kept: a failure says nothing about the text.
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._key = os.urandom(16)
        self._verdicts: OrderedDict[tuple[str, ...], Verdict] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, moderator: str, version: str, passage: Passage) -> Verdict | None:
        """Return what ``moderator`` said about ``passage`` under the policy of ``version``, or None."""
        key = self._name(moderator, version, passage)
        found = self._verdicts.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._verdicts.move_to_end(key)
        return found

    def put(self, verdict: Verdict, version: str, passage: Passage) -> None:
        """Keep ``verdict``, unless it is of kind error or timeout."""
        if verdict.kind != "judged":
            return
        key = self._name(verdict.source, version, passage)
        self._verdicts[key] = verdict
        self._verdicts.move_to_end(key)
        if len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)

    def _name(self, moderator: str, version: str, passage: Passage) -> tuple[str, ...]:
        author = passage.author
        return (
            moderator,
            version,
            passage.direction,
            passage.place.key,
            author.id,
            author.kind,
            *sorted(author.roles),
            self._hash(passage.text),
            self._hash(passage.question),
        )

    def _hash(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=16, key=self._key).hexdigest()


class Cached:
    """A moderator that is asked only what it was not asked before. What it raises is raised, and not kept."""

    def __init__(self, moderator: Moderator, cache: Cache, version: str = "") -> None:
        """``version``: that of the policy under which it is asked."""
        self.name = moderator.name
        self.seconds = own_limit(moderator)
        self._moderator = moderator
        self._cache = cache
        self._version = version

    async def judge(self, passage: Passage) -> Verdict:
        found = self._cache.get(self.name, self._version, passage)
        if found is None:
            found = sound(await self._moderator.judge(passage), self._moderator)
            self._cache.put(found, self._version, passage)
        return found
