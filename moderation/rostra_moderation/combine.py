"""Ask several moderators. Whatever goes wrong with one of them becomes a verdict that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import structlog

from rostra.clock import Clock
from rostra.protocols import Moderator
from rostra.verdicts import Decision, Passage, Verdict, VerdictKind


class Certainty(Protocol):
    """Whoever knows whether a verdict settles the matter, so that nobody else needs to be asked: the policy."""

    def certain(self, verdict: Verdict, passage: Passage) -> bool: ...


AT_ONCE = 20_000
"""Characters up to which a quick moderator is quick. Longer texts are judged like by any other: awaited, in its time."""


@runtime_checkable
class Quick(Moderator, Protocol):
    """A moderator that can judge at once: in this process, within microseconds, without waiting for anything.

    It is asked before all others, and costs no task and no timer.
    """

    def judge_now(self, passage: Passage) -> Verdict:
        """Return what `judge` would return. Raises what `judge` would raise."""
        ...


@runtime_checkable
class Patient(Protocol):
    """A moderator that sets its own limit of time: a service or a model that is configured with one."""

    @property
    def seconds(self) -> float | None:
        """How long it may take; after that it raises. None: it sets no limit after all."""
        ...


MARGIN = 1.0
"""Seconds that a `Patient` moderator gets beyond its own limit, so that it is the one to say what went wrong."""


def own_limit(moderator: Moderator) -> float | None:
    """Return the seconds that ``moderator`` gives itself, or None."""
    return moderator.seconds if isinstance(moderator, Patient) else None


def ask_now(moderators: Sequence[Quick], passage: Passage, judge: Certainty) -> list[Verdict]:
    """Return the verdicts of quick moderators, in order, up to the first that is certain. Never raises."""
    verdicts: list[Verdict] = []
    for moderator in moderators:
        try:
            verdict = sound(moderator.judge_now(passage), moderator)
        except Exception as error:  # noqa: BLE001  a moderator may be anybody's: its failure is a verdict
            verdict = _failed(moderator, error)
        verdicts.append(verdict)
        if judge.certain(verdict, passage):
            break
    return verdicts


async def ask(
    moderators: Sequence[Moderator], passage: Passage, judge: Certainty, *, clock: Clock, seconds: float
) -> list[Verdict]:
    """Return the verdicts of ``moderators``, asked at the same time, in their order. Never raises.

    Each has ``seconds``, or what it sets itself (`Patient`). Once one is certain, those still thinking are left out.
    """
    if len(moderators) == 1:
        return [await _one(moderators[0], passage, clock, seconds)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(moderator, passage, clock, seconds)) for moderator in moderators]
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if any(judge.certain(task.result(), passage) for task in done):
                for task in waiting:
                    task.cancel()
                break
    return [task.result() for task in tasks if not task.cancelled()]


async def _one(moderator: Moderator, passage: Passage, clock: Clock, seconds: float) -> Verdict:
    own = own_limit(moderator)
    limit = seconds if own is None else own + MARGIN
    try:
        async with clock.timeout(limit):
            return sound(await moderator.judge(passage), moderator)
    except TimeoutError as error:
        return _failed(moderator, error, "timeout")
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(moderator, error)  # it was cancelled inside, not we
    except Exception as error:  # noqa: BLE001  a moderator may be anybody's: its failure is a verdict
        return _failed(moderator, error)


def sound(verdict: Verdict, moderator: Moderator) -> Verdict:
    """Return ``verdict`` if its scores can be compared: one that is not a number would pass every threshold."""
    if not isinstance(verdict, Verdict):  # pyright: ignore[reportUnnecessaryIsInstance]  plugins are not all typed
        raise TypeError(f"moderator {moderator.name!r} returned {type(verdict).__name__}, not Verdict")
    if verdict.source != moderator.name:
        raise ValueError(f"moderator {moderator.name!r} signed as {verdict.source!r}")
    for category, score in verdict.categories.items():
        if not 0 <= score <= 1:
            raise ValueError(f"moderator {moderator.name!r} scored {category!r} with {score!r}, not 0 to 1")
    return verdict


def _failed(moderator: Moderator, error: BaseException, kind: VerdictKind = "error") -> Verdict:
    what = type(error).__name__
    # Neither the passage nor the error's own words, which may quote it.
    structlog.get_logger(__name__).warning(
        "moderator failed", moderator=moderator.name, kind=kind, error=what
    )
    return Verdict(decision=Decision.BLOCK, source=moderator.name, kind=kind, rule=what)
