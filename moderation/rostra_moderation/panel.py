"""Who is asked about a passage: by how fast they are, by who is only a judge, by the languages they know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from rostra.protocols import Moderator

from .cache import Cache, Cached
from .combine import Quick
from .tables import Layer, PolicySettings


@runtime_checkable
class Multilingual(Moderator, Protocol):
    """A moderator that knows some languages only; one that names none knows all, or needs none."""

    @property
    def languages(self) -> Sequence[str]:
        """ISO 639-1 codes of the languages it was made for."""
        ...


class Panel:
    """The moderators, sorted."""

    def __init__(self, offered: Mapping[str, Moderator], asked: Iterable[str], cache: Cache) -> None:
        """``offered``: everybody who may be asked, as a judge at least; ``asked``: who is asked about everything.

        What slow ones and judges say is kept in ``cache``.
        """
        chosen = [offered[name] for name in asked]
        self.everybody: Sequence[Moderator] = chosen
        self.quick: Sequence[Quick] = [each for each in chosen if isinstance(each, Quick)]
        self.slow: Sequence[Moderator] = [each for each in chosen if not isinstance(each, Quick)]
        self.multilingual = any(languages(each) for each in offered.values())
        self._offered = offered
        self.cache = cache
        self._cached: dict[tuple[str, str], Moderator] = {}

    def judge(self, name: str) -> Moderator | None:
        """Return the moderator that a policy calls its judge, None where nobody is called that."""
        return self._offered.get(name)

    def cached(self, moderators: Iterable[Moderator], version: str) -> Sequence[Moderator]:
        """Return ``moderators`` as they are asked under the policy of ``version``: nothing twice.

        One with a true attribute ``remembers`` looks at more than the passage (how often something was said, say), and
        is asked every time.
        """
        return [self._one(each, version) for each in moderators]

    def _one(self, moderator: Moderator, version: str) -> Moderator:
        if getattr(moderator, "remembers", False):
            return moderator
        found = self._cached.get((moderator.name, version))
        if found is None:
            if len(self._cached) > _VERSIONS * len(self._offered):
                self._cached.clear()  # wrappers of policies that are gone; what they knew is in the cache
            found = self._cached[moderator.name, version] = Cached(moderator, self.cache, version)
        return found


_VERSIONS = 64


def languages(moderator: Moderator) -> Sequence[str]:
    """Return the languages that ``moderator`` was made for; none where that is no matter."""
    return moderator.languages if isinstance(moderator, Multilingual) else ()


def knowing(moderators: Sequence[Moderator], language: str) -> Sequence[Moderator]:
    """Return those of ``moderators`` who know ``language``. A language that is not known is known to everybody."""
    if not language:
        return moderators
    base = language.replace("_", "-").partition("-")[0]
    return [each for each in moderators if not (known := languages(each)) or base in known]


def judges(policies: Iterable[PolicySettings]) -> frozenset[str]:
    """Return the names of all who are called a judge anywhere in ``policies``."""
    found: set[str] = set()
    for policy in policies:
        for layer in _layers(policy):
            tables = (layer.categories, layer.question, layer.answer)
            found.add(layer.judge or "")
            found.update(limits.judge or "" for table in tables for limits in table.values())
    return frozenset(found - {""})


def _layers(policy: PolicySettings) -> Iterable[Layer]:
    yield policy
    yield from (*policy.roles.values(), *policy.languages.values())
    for place in policy.places.values():
        yield place
        yield from (*place.roles.values(), *place.languages.values())
