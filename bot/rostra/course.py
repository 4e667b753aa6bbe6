"""The course of a question: which stages it passes through, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from .answer import answer_with, unabridged
from .components import Services
from .config import Settings
from .controls import StoredControls
from .desk import FrontDesk
from .direct import DirectAnswers, pipeline
from .parts import Parts
from .stages.budget import deadline
from .stages.coalesce import coalesce
from .stages.confirm import Confirmations
from .stages.dispatch import Dispatcher
from .stages.history import remember
from .stages.ignore import ignore
from .stages.limits import Buckets, limit
from .stages.persona import speak_as
from .stages.presence import presence
from .stages.quota import quota
from .stages.thumbs import thumbs
from .turns import Stage


def stages_of(parts: Parts, desk: FrontDesk) -> Sequence[Stage]:
    """Return the stages in their order, outermost first. The order is a promise: see ``docs/why/pipeline.md``."""
    limits, memory = parts.settings.limits, parts.settings.memory
    clock = parts.clock
    people = Buckets(per_minute=limits.per_person_per_minute, burst=limits.burst)
    places = Buckets(per_minute=limits.per_place_per_minute, burst=limits.burst * 3)
    dispatcher = Dispatcher(
        commands=parts.commands,
        desk=desk,
        controls=StoredControls(parts.store),
        confirmations=Confirmations(ledger=parts.store, clock=clock),
        moderation=parts.moderation,
        clock=clock,
        refusals=parts.refusals,
    )
    desk.confirmer, desk.canceller = dispatcher.confirm, dispatcher.cancel
    return (
        *((parts.metrics.stage(clock),) if parts.metrics else ()),
        ignore,
        dispatcher.stage,
        *((thumbs,) if parts.settings.feedback.thumbs else ()),
        limit(people, places, clock=clock, refusals=parts.refusals),
        coalesce(clock),
        remember(parts.store, utterances=memory.utterances, summarised=memory.summary),
        quota(desk.quotas, parts.models, parts.refusals),
        parts.moderation.stage,
        *parts.stages,  # inside of moderation: whatever a plugin emits is judged
        speak_as(desk.personas, desk.chosen),
        deadline(limits.answer_seconds, clock=clock),
        presence(clock),
    )


def direct_of(
    settings: Settings, services: Services, stages: Sequence[Stage], desk: FrontDesk
) -> DirectAnswers:
    """Return what answers those who wait on the line; ``stages`` are the plugins'."""
    assert services.store is not None  # noqa: S101  both were opened before
    assert services.moderation is not None  # noqa: S101
    limits, clock = settings.limits, services.clock
    answer = answer_with(
        services.models,
        clock=clock,
        first_token_seconds=limits.first_token_seconds,
        prompting=unabridged,
    )
    handler = pipeline(
        answer,
        services.moderation,
        quota=quota(desk.quotas, services.models, services.refusals),
        stages=stages,
        voices=(desk.personas, desk.chosen),
        bound=deadline(limits.answer_seconds, clock=clock),
    )
    if services.metrics is not None:
        handler = services.metrics.stage(clock)(handler)
    return DirectAnswers(handler, journal=services.store, clock=clock)
