"""The moderators and the policies together: what the pipeline asks, and the stage it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple

import structlog
from pydantic import Field

from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ConfigError
from rostra.language import UNKNOWN, load
from rostra.places import Person, Place
from rostra.turns import Handler, Turn
from rostra.verdicts import Decision, Passage, Span, Verdict

from .cache import Cache
from .combine import AT_ONCE, ask_now
from .hearing import Hearing, Patience
from .language import Languages
from .masking import mask
from .panel import Panel, judges
from .policy import Policy, PolicySettings, Ruling, Sheet, Thresholds, thresholds, unjudged
from .register import NoRegister, Register, Standing
from .register_store import StoreRegister
from .risk import FLOOR, Tally, harm
from .rulebook import Rulebook
from .stage import stage


class ModerationSettings(ComponentSettings):
    """``moderators``: who is asked, in this order; if it is left out, everybody who is configured and not just a judge.

    ``timeout`` is in seconds, for each moderator; ``judge_timeout`` for one that a policy names as its ``judge``.
    ``policies`` are chosen by the routes; ``default`` always exists. ``language`` is that of refusals, and of texts too
    short to tell; where it is left out, refusals are in the one that all refusals of the bot are in.
    """

    policies: Mapping[str, PolicySettings] = {}
    moderators: tuple[str, ...] | None = None
    timeout: Annotated[float, Field(gt=0)] = 2.0
    judge_timeout: Annotated[float, Field(gt=0)] = 10.0
    language: str = ""


class _Traits(NamedTuple):
    """Of a policy: whether it differs by language anywhere, and whether it names a judge anywhere."""

    languages: bool
    judged: bool


class Moderation:
    """A `rostra.protocols.Moderation`, and the `rostra_moderation.stage.Court` of its own stage."""

    def __init__(
        self,
        panel: Panel,
        rulebook: Rulebook,
        settings: ModerationSettings,
        *,
        services: Services,
        register: Register,
    ) -> None:
        self.panel = panel
        self.rulebook = rulebook
        self.register = register
        self._routes = services.routes
        self._refusals = services.refusals
        self._patience = Patience(
            moderator=settings.timeout, judge=settings.judge_timeout, clock=services.clock
        )
        self._language = settings.language
        self._languages = Languages()
        self._fallback = Policy()
        self._tally = Tally(services.clock)
        self._known: dict[str, _Traits] = {}

    @property
    def hears(self) -> bool:
        """Whether anybody answers at once: then text may be shown before the others have judged it."""
        return bool(self.panel.quick)

    @property
    def waits(self) -> bool:
        """Whether there is anybody who has to be waited for."""
        return bool(self.panel.slow)

    async def judge(self, passage: Passage) -> Verdict:
        return (self.rule_now(passage) or await self.rule(passage)).verdict

    def stage(self, inner: Handler) -> Handler:
        return stage(inner, court=self, refusals=self._refusals, language=self._language)

    def sheet(self, place: Place, author: Person | None = None, language: str = "") -> Sheet:
        """Return the policy as it is there; where its route names none that exists, every answer is refused."""
        return (self._policy(place) or self._fallback).at(place, author, language)

    def language(self, text: str, place: Place) -> str:
        """Return the language of ``text``; empty where it cannot be told, or nobody needs to know."""
        return self._tongue(text, self._policy(place) or self._fallback)

    async def standing(self, person: Person, place: Place) -> Standing:
        """Return how ``person`` stands; see `rostra_moderation.register`. Never raises."""
        return await self.register.standing(person, place)

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        """Note what ``ruling`` has for consequences, now and for the next turns. Never raises."""
        score = harm(ruling)
        if score >= FLOOR:
            half_life = self.sheet(passage.place, passage.author).risk.half_life
            self._tally.add(passage.author, passage.place, score, half_life)
        await self.register.record(turn, passage, ruling)

    def level(self, person: Person, place: Place) -> float:
        """Return how much harm has added up; see `rostra_moderation.risk`."""
        if not len(self._tally):
            return 0.0
        return self._tally.level(person, place, self.sheet(place, person).risk.half_life)

    def hear(self, passage: Passage) -> Sequence[Verdict]:
        """Return what those say who answer at once. Never raises."""
        return ask_now(self.panel.quick, passage, self._policy(passage.place) or self._fallback)

    def weigh(self, verdicts: Sequence[Verdict], passage: Passage) -> Ruling:
        """Return the ruling that ``verdicts`` give when nobody else is asked. Never raises."""
        policy = self._policy(passage.place)
        if policy is None:
            return self._lost(passage)
        fine = policy.fine(verdicts)
        if fine is not None:
            return fine
        language = self._tongue(passage.text, policy) if self._traits(policy).languages else UNKNOWN
        return policy.rule(verdicts, passage, language)

    def fit(self, said: str, place: Place) -> str:
        """Return what was ``said`` in ``place`` some time ago, blotted out as a question is that is asked now.

        Nobody in particular says it, so that it counts for nobody, and it is looked at once. Never raises.
        """
        policy = self._policy(place) or self._fallback
        table = policy.at(place).question
        if not any(limits.action == "mask" for limits in table.values()):
            return said
        passage = Passage(text=said, direction="question", place=place, author=Person(id=""))
        found = self.panel.cache.get("history", policy.version, passage)
        if found is None:
            spans = tuple(_masked(ask_now(self.panel.quick, passage, policy), table))
            found = Verdict(decision=Decision.ALLOW, source="history", spans=spans)
            self.panel.cache.put(found, policy.version, passage)
        return mask(said, found.spans)

    def rule_now(self, passage: Passage) -> Ruling | None:
        """Return the ruling if nobody has to be waited for, else None. Never raises."""
        policy = self._policy(passage.place)
        if policy is None:
            return self._lost(passage)
        if self.panel.slow or len(passage.text) > AT_ONCE or self._traits(policy).judged:
            return None
        verdicts = ask_now(self.panel.quick, passage, policy)
        fine = policy.fine(verdicts)
        if fine is not None and not len(self._tally):
            return fine
        return self._hearing(passage, policy).now(verdicts)

    async def rule(self, passage: Passage, heard: Sequence[Verdict] = ()) -> Ruling:
        """Return the ruling of everybody. ``heard``: what `hear` has returned for all of this text. Never raises."""
        policy = self._policy(passage.place)
        return self._lost(passage) if policy is None else await self._hearing(passage, policy).rule(heard)

    def _hearing(self, passage: Passage, policy: Policy) -> Hearing:
        return Hearing(
            passage=passage,
            panel=self.panel,
            policy=policy,
            patience=self._patience,
            language=self._tongue(passage.text, policy),
            level=self.level(passage.author, passage.place),
        )

    def _tongue(self, text: str, policy: Policy) -> str:
        if not (self.panel.multilingual or self._traits(policy).languages):
            return UNKNOWN
        return self._languages(text) or self._language

    def _traits(self, policy: Policy) -> _Traits:
        found = self._known.get(policy.version)
        if found is None:
            found = _Traits(by_language(policy.settings), bool(judges([policy.settings])))
            self._known[policy.version] = found
        return found

    def _policy(self, place: Place) -> Policy | None:
        return self.rulebook.of(self._routes.of(place).policy)

    def _lost(self, passage: Passage) -> Ruling:
        name = self._routes.of(passage.place).policy
        structlog.get_logger(__name__).error("a route names a policy that does not exist", policy=name)
        return unjudged("policy", f"no policy {name!r}")


def _masked(verdicts: Sequence[Verdict], table: Mapping[str, Thresholds]) -> Iterator[Span]:
    """Yield what ``table`` has blotted out, whatever else is wrong with the text."""
    for verdict in verdicts:
        for span in verdict.spans:
            limits = thresholds(table, span.category)
            if limits.action == "mask" and verdict.categories.get(span.category, 0.0) >= limits.block:
                yield span


def by_language(settings: PolicySettings) -> bool:
    """Say whether a policy differs by language anywhere."""
    return bool(settings.languages) or any(place.languages for place in settings.places.values())


def _chosen(settings: ModerationSettings, services: Services) -> Sequence[str]:
    """Return the names of those who are asked about everything. Raises `ConfigError`."""
    offered = services.moderators
    only_judges = judges(settings.policies.values())
    if settings.moderators is None:
        names = tuple(name for name in offered if name not in only_judges)
    else:
        names = settings.moderators
    known = ", ".join(offered) or "none"
    for name in names:
        if name not in offered:
            raise ConfigError(f"moderation names no moderator {name!r}; configured are {known}")
    for name in sorted(only_judges):
        if name not in offered:
            raise ConfigError(f"a policy names no judge {name!r}; configured moderators are {known}")
    if not names:
        raise ConfigError(
            "no moderator is configured, and nothing leaves unjudged; add a table [moderators.rules]"
        )
    return names


def build(settings: ModerationSettings, services: Services, register: Register | None = None) -> Moderation:
    """Return the moderation that ``settings`` ask for; without a store or a ``register`` it remembers nobody.

    Raises `ConfigError`.
    """
    panel = Panel(services.moderators, _chosen(settings, services), Cache())
    if register is None:
        store = services.store
        register = NoRegister() if store is None else StoreRegister(store, clock=services.clock)
    return Moderation(panel, Rulebook(settings.policies), settings, services=services, register=register)


@asynccontextmanager
async def _open(settings: ModerationSettings, services: Services) -> AsyncGenerator[Moderation]:
    moderation = build(settings, services)
    moderation.rulebook.take(await moderation.register.policies())
    if moderation.panel.multilingual:
        await asyncio.to_thread(load)  # so that the first question does not wait for it
    yield moderation


async def _check(settings: ModerationSettings, services: Services) -> Sequence[Finding]:
    try:
        chosen = _chosen(settings, services)
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice="add or name a moderator")]
    return [Finding(ok=True, what=f"judged by {', '.join(chosen)}")]


component = Component(name="moderation", settings=ModerationSettings, open=_open, check=_check)
