"""The composition root: opens what the configuration names, puts the stages in their order, runs the adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import structlog

from .answer import answer_with, fitted
from .attached import joined
from .chat import Answerer
from .clock import Clock, SystemClock
from .command import Commands
from .components import Component, Services, find
from .config import Settings, moderation_settings, permission_of
from .controls import StoredControls
from .course import direct_of, stages_of
from .delivery.delivery import Delivery
from .delivery.outgoing import Retry
from .deployments import with_deployed
from .desk import FrontDesk
from .events import Message
from .lanes import Lanes
from .opening import open_all, open_commands, open_models
from .parts import Parts
from .pipeline import compose
from .places import Permission, Person
from .protocols import Adapter, Model, Moderation, Moderator
from .quotas import Quotas
from .reception import MakeTurn, Reception
from .refusals import Refusals
from .routes import Routes
from .stores import Entry, Store
from .summaries import Summaries
from .supervise import keep_running, untold
from .turns import Stage, Trace, Turn
from .versions import version_of
from .vitals import Vitals

log = structlog.get_logger(__name__)

BUILT_IN = (
    "help",
    "reset",
    "stop",
    "confirm",
    "why",
    "model",
    "persona",
    "personas",
    "settings",
    "audit",
    "limits",
    "usage",
    "rank",
    "results",
    "exports",
    "privacy",
    "policy",
    "review",
    "strikes",
)
"""Commands that every bot has; they come through the same door as others."""

PURGE_EVERY = 3600.0
RECOVER_EVERY = 60.0


class App:
    """A bot that is open. `run` it until its adapters end or it is told to `stop`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        settings = parts.settings
        self._retry = Retry(
            attempts=settings.delivery.attempts,
            first_delay=settings.delivery.first_delay,
            longest_delay=settings.delivery.longest_delay,
        )
        self._grace = settings.delivery.grace_seconds
        self._stopping = asyncio.Event()
        desk = parts.desk or front_desk(
            settings, parts.store, parts.models, parts.commands, parts.clock, parts.routes
        )
        self.desk = desk
        """What commands and adapters may ask of this bot."""
        delivery = Delivery(
            adapters=parts.adapters,
            ledger=parts.store,
            clock=parts.clock,
            refusals=parts.refusals,
            retry=self._retry,
        )
        stages = stages_of(parts, desk)
        self._summaries = _summaries(parts)
        answer = answer_with(
            parts.models,
            clock=parts.clock,
            first_token_seconds=settings.limits.first_token_seconds,
            prompting=fitted(settings.memory.utterances),
            after=None if self._summaries is None else self._summaries.due,
        )
        self.reception = Reception(
            store=parts.store,
            delivery=delivery,
            handler=compose(stages, answer),
            make_turn=_turns(parts, desk),
            lanes=Lanes(
                concurrent=settings.limits.concurrent,
                waiting=settings.limits.waiting,
                waiting_per_lane=settings.limits.waiting_per_place,
            ),
            commands=parts.commands,
            refusals=parts.refusals,
            clock=parts.clock,
            turn_seconds=settings.limits.answer_seconds + TURN_MARGIN,
        )
        desk.stopper = self.reception.stop
        if parts.vitals is not None:
            parts.vitals.lanes = self.reception.lanes

    async def run(self) -> None:
        """Run every adapter until all have ended or `stop` was called, then shut down within the grace.

        Raises `ConfigError` where an adapter does: its token is wrong, say.
        """
        await self.parts.store.settle_left(self.parts.clock.now())
        recovered = await self.reception.recover()
        if recovered:
            log.info("taking up what was left", replies=recovered)
        chores = [
            asyncio.ensure_future(work) for work in (self._purge(), self._recover(), self.reception.watch())
        ]
        if self._summaries is not None:
            chores.append(asyncio.ensure_future(self._summaries.run()))
        tell = untold if self.parts.vitals is None else self.parts.vitals.tell
        adapters = [
            asyncio.ensure_future(
                keep_running(
                    adapter, self.reception.accept, clock=self.parts.clock, retry=self._retry, tell=tell
                )
            )
            for adapter in self.parts.adapters.values()
        ]
        ended = asyncio.ensure_future(_all_or_first_failure(adapters))
        told = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([ended, told], return_when=asyncio.FIRST_COMPLETED)
            handed = await self.reception.close(self._grace)
            if handed:
                log.info("handed back", turns=handed)
            if ended.done():
                ended.result()
        finally:
            await _cancelled([ended, told, *chores, *adapters])

    def stop(self) -> None:
        """Ask `run` to shut down. Safe to call from a signal handler of the loop."""
        self._stopping.set()

    async def _purge(self) -> None:
        keep = timedelta(days=self.parts.settings.storage.retention_days)
        while True:
            removed = await self.parts.store.purge(self.parts.clock.now() - keep)
            if removed:
                log.info("purged", contents=removed)
            await self.parts.clock.sleep(PURGE_EVERY)

    async def _recover(self) -> None:
        # Dead letters that an operator sends again come from another process.
        while True:
            await self.parts.clock.sleep(RECOVER_EVERY)
            await self.reception.recover(older_than=RECOVER_EVERY)


TURN_MARGIN = 60.0
"""Seconds that everything around the answer may take: moderation, history, commands."""


@asynccontextmanager
async def open_app(
    settings: Settings, *, adapters: Mapping[str, Adapter] | None = None, clock: Clock | None = None
) -> AsyncGenerator[App]:
    """Open everything that ``settings`` names and close it again.

    ``adapters`` stand in for the configured ones: ``rostra chat`` brings its console. Raises `ConfigError`,
    `StoreError`, `ModelError`.
    """
    from .metrics import Metrics  # like the database's libraries, that of figures takes long to import

    clock = clock or SystemClock()
    refusals = Refusals(folder=settings.refusals.folder, language=settings.refusals.language)
    async with AsyncExitStack() as stack:
        services = Services(
            name="",
            data=settings.data,
            base=settings.base,
            clock=clock,
            refusals=refusals,
            metrics=Metrics(),
            vitals=Vitals(started_at=clock.now(), data=settings.data),
        )
        store = await stack.enter_async_context(_database(settings, clock))
        settings, routes = with_deployed(settings, await store.deployments())
        services = replace(services, store=store, routes=routes)
        services = await open_models(settings, services, stack)
        await _keep_versions(store, settings, services.models)
        moderators = cast("Mapping[str, Moderator]", await open_all("moderators", settings, services, stack))
        services = replace(services, moderators=moderators)
        moderation = await stack.enter_async_context(_moderation(settings, services))
        services = replace(services, moderation=moderation)
        commands = await open_commands(BUILT_IN, settings, services, stack)
        stages = cast("Mapping[str, Stage]", await open_all("stages", settings, services, stack))
        desk = front_desk(settings, store, services.models, commands, clock, routes)
        services = replace(services, direct=direct_of(settings, services, tuple(stages.values()), desk))
        services = replace(services, commands=commands, desk=desk, controls=StoredControls(store))
        if adapters is None:
            adapters = cast("Mapping[str, Adapter]", await open_all("adapters", settings, services, stack))
        yield App(
            Parts(
                settings=settings,
                store=store,
                models=services.models,
                moderation=moderation,
                adapters=adapters,
                commands=commands,
                refusals=refusals,
                clock=clock,
                stages=tuple(stages.values()),
                desk=desk,
                routes=routes,
                metrics=services.metrics,
                vitals=services.vitals,
                pages=services.pages,
            )
        )


def _database(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[Store]:
    from .storage import open_store  # the database's libraries take as long to import as all the rest

    key = settings.storage.master_key
    secret = key.get_secret_value() if key else None
    return open_store(settings.storage.url, data=settings.data, clock=clock, master_key=secret)


@asynccontextmanager
async def _moderation(settings: Settings, services: Services) -> AsyncGenerator[Moderation]:
    component = cast("Component[Any, Moderation]", find("stages", "moderation", settings.base))
    options = moderation_settings(component, settings)
    async with component.open(options, replace(services, name="moderation")) as moderation:
        yield moderation


async def _keep_versions(store: Store, settings: Settings, models: Mapping[str, Model]) -> None:
    """Keep what answers, so that traces and rankings can refer to it."""
    for model in models.values():
        version = version_of(model)
        if version is not None:
            await store.model_version(version)
    for answerer in settings.answerers.values():
        await store.sampling_config(answerer.sampling)


def front_desk(
    settings: Settings,
    store: Store,
    models: Mapping[str, Model],
    commands: Commands,
    clock: Clock,
    routes: Routes | None = None,
) -> FrontDesk:
    """Return the desk of a bot with this configuration, for its commands and its adapters."""
    desk = FrontDesk(
        store=store,
        answerers=_answerers(settings, models),
        personas={name: persona.prompt for name, persona in settings.personas.items()},
        commands=commands,
        routes=routes or Routes(settings.routes),
        permissions=settings.permissions,
    )
    desk.quotas = Quotas(settings.quotas, drawer=store, spendings=store, clock=clock)
    return desk


def _answerers(settings: Settings, models: Mapping[str, Model]) -> Mapping[str, Answerer]:
    """Return the configured answerers, and one for each model that none of them is named for."""
    default = settings.answerers["default"]
    others = {
        name: replace(default, name=name, model=name) for name in models if name not in settings.answerers
    }
    return {**settings.answerers, **(others if len(models) > 1 else {})}


def _summaries(parts: Parts) -> Summaries | None:
    memory = parts.settings.memory
    if not memory.summary:
        return None
    return Summaries(
        conversations=parts.store,
        models=parts.models,
        moderation=parts.moderation,
        clock=parts.clock,
        tokens=memory.summary_tokens,
        utterances=memory.utterances,
    )


def _turns(parts: Parts, desk: FrontDesk) -> MakeTurn:
    """Return what makes a turn of an accepted event: whose it is, who answers, what is asked."""
    routes = parts.routes or Routes(parts.settings.routes)
    answerers = desk.answerers()
    nobody = Person(id="")

    async def make(entry: Entry, trace: Trace) -> Turn:
        event = entry.event
        author = event.author or nobody
        chosen = (await desk.chosen(event.place)).get("answerer", "")
        answerer = answerers.get(chosen) or answerers[routes.of(event.place).answerer]
        allowed = (
            Permission.ASKER
            if author is nobody
            else permission_of(author, event.place, parts.settings.permissions)
        )
        return Turn(
            event=event,
            author=author,
            permission=allowed,
            reply=entry.reply.id,
            question=joined(event.text, event.attachments) if isinstance(event, Message) else "",
            answerer=answerer,
            capabilities=parts.adapters[event.place.adapter].capabilities,
            trace=trace,
        )

    return make


async def _all_or_first_failure(tasks: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.gather(*tasks)


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
