"""The moderators and the policies together: what the pipeline asks, and the stage it runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
from pydantic import Field

from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ConfigError
from rostra.places import Place
from rostra.protocols import Moderator
from rostra.refusals import Refusals
from rostra.routes import Routes
from rostra.turns import Handler
from rostra.verdicts import Passage, Verdict

from .combine import AT_ONCE, Quick, ask, ask_now
from .policy import Policy, PolicySettings, Ruling, Sheet, unjudged
from .stage import stage


class ModerationSettings(ComponentSettings):
    """``moderators``: who is asked, in this order; everybody who is configured if it is left out.

    ``timeout`` is in seconds, for each moderator. ``policies`` are chosen by the routes; ``default`` always exists.
    ``language`` is that of refusals; where it is left out, the one that all refusals of the bot are in.
    """

    policies: Mapping[str, PolicySettings] = {}
    moderators: tuple[str, ...] | None = None
    timeout: Annotated[float, Field(gt=0)] = 2.0
    language: str = ""


class Moderation:
    """A `rostra.protocols.Moderation`, and the `rostra_moderation.stage.Court` of its own stage."""

    def __init__(
        self,
        moderators: Sequence[Moderator],
        policies: Mapping[str, Policy],
        *,
        routes: Routes,
        refusals: Refusals,
        clock: Clock,
        settings: ModerationSettings,
    ) -> None:
        self._moderators = moderators
        self._quick: Sequence[Quick] = [each for each in moderators if isinstance(each, Quick)]
        self._slow = [each for each in moderators if not isinstance(each, Quick)]
        self._policies = policies
        self._fallback = Policy()
        self._routes = routes
        self._refusals = refusals
        self._clock = clock
        self._seconds = settings.timeout
        self._language = settings.language

    async def judge(self, passage: Passage) -> Verdict:
        return (self.rule_now(passage) or await self.rule(passage)).verdict

    def stage(self, inner: Handler) -> Handler:
        return stage(inner, court=self, refusals=self._refusals, language=self._language)

    def sheet(self, place: Place) -> Sheet:
        """Return the policy as it is in ``place``; where its route names none that exists, every answer is refused."""
        policy = self._policies.get(self._routes.of(place).policy) or self._fallback
        return policy.at(place)

    def rule_now(self, passage: Passage) -> Ruling | None:
        """Return the ruling if nobody has to be waited for, else None. Never raises."""
        if self._slow or len(passage.text) > AT_ONCE:
            return None
        policy = self._policies.get(self._routes.of(passage.place).policy)
        if policy is None:
            return self._lost(passage)
        return policy.rule(ask_now(self._quick, passage, policy), passage)

    async def rule(self, passage: Passage) -> Ruling:
        """Return the ruling of everybody. Never raises."""
        policy = self._policies.get(self._routes.of(passage.place).policy)
        if policy is None:
            return self._lost(passage)
        at_once = len(passage.text) <= AT_ONCE
        verdicts = ask_now(self._quick, passage, policy) if at_once else []
        others = self._slow if at_once else self._moderators
        if others and not (verdicts and policy.certain(verdicts[-1], passage)):
            verdicts += await ask(others, passage, policy, clock=self._clock, seconds=self._seconds)
        return policy.rule(verdicts, passage)

    def _lost(self, passage: Passage) -> Ruling:
        name = self._routes.of(passage.place).policy
        structlog.get_logger(__name__).error("a route names a policy that does not exist", policy=name)
        return unjudged("policy", f"no policy {name!r}")


def _chosen(settings: ModerationSettings, services: Services) -> Sequence[Moderator]:
    offered = services.moderators
    names = tuple(offered) if settings.moderators is None else settings.moderators
    for name in names:
        if name not in offered:
            raise ConfigError(
                f"moderation names no moderator {name!r}; configured are {', '.join(offered) or 'none'}"
            )
    if not names:
        raise ConfigError(
            "no moderator is configured, and nothing leaves unjudged; add a table [moderators.rules]"
        )
    return [offered[name] for name in names]


def build(settings: ModerationSettings, services: Services) -> Moderation:
    """Return the moderation that ``settings`` ask for. Raises `ConfigError`."""
    moderators = _chosen(settings, services)
    policies = {"default": PolicySettings(), **settings.policies}
    return Moderation(
        moderators,
        {name: Policy(policy) for name, policy in policies.items()},
        routes=services.routes,
        refusals=services.refusals,
        clock=services.clock,
        settings=settings,
    )


@asynccontextmanager
async def _open(settings: ModerationSettings, services: Services) -> AsyncGenerator[Moderation]:
    yield build(settings, services)


async def _check(settings: ModerationSettings, services: Services) -> Sequence[Finding]:
    try:
        moderators = _chosen(settings, services)
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice="add or name a moderator")]
    return [Finding(ok=True, what=f"judged by {', '.join(each.name for each in moderators)}")]


component = Component(name="moderation", settings=ModerationSettings, open=_open, check=_check)
