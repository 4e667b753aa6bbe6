"""How events, commands and interactions reach the app: tried until acknowledged, as often as Slack tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from ...clock import Clock
from .values import Json

Kind: TypeAlias = Literal["events_api", "slash_commands", "interactive"]

PAUSES: tuple[float, ...] = (0.0, 60.0, 300.0)
"""Seconds before the first, second and third time that an event is sent again."""


class NotAcknowledged(Exception):
    """The app did not acknowledge; says why. People see ``operation_timeout`` or ``dispatch_failed`` then."""


class Undelivered(Exception):
    """One attempt failed. ``reason`` is what the next one's retry reason says; ``lost`` that the connection went."""

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lost = lost


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """Something sent to the app. Awaiting it gives what the app acknowledged it with.

    ``id`` is the ``event_id`` of an event, else one of our own. ``latency`` are the seconds from the last attempt to its
    acknowledgement, by the loop's clock. ``failed`` says why it was given up.
    """

    id: str
    kind: Kind
    team: str
    payload: Json
    attempts: int = 0
    acknowledged: bool = False
    answer: Json = field(default_factory=dict[str, Any])
    latency: float = 0.0
    failed: str = ""
    retries: list[Undelivered] = field(default_factory=list[Undelivered])
    on_answer: Callable[[Json], None] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def done(self) -> Json:
        """Return what the app acknowledged with. Raises `NotAcknowledged`."""
        await self.over.wait()
        if not self.acknowledged:
            raise NotAcknowledged(self.failed)
        return self.answer

    def __await__(self) -> Generator[Any, None, Json]:
        return self.done().__await__()


class Transport(Protocol):
    """Socket Mode or HTTP."""

    async def send(self, delivery: Delivery, attempt: int, reason: str) -> Json:
        """Send once and return what it was acknowledged with. Raises `Undelivered`."""
        ...

    async def close(self) -> None: ...


class Courier:
    """Sends deliveries, each in a task of its own that `close` ends."""

    def __init__(self, clock: Clock, touch: Callable[[], None]) -> None:
        self._clock = clock
        self._touch = touch
        self._tasks: set[asyncio.Task[None]] = set()
        self.transport: Transport | None = None
        self.sent: list[Delivery] = []

    def send(self, delivery: Delivery, *, attempt: int = 0, reason: str = "") -> Delivery:
        """Begin to deliver; ``attempt`` and ``reason`` make the first attempt look like a retry."""
        self.sent.append(delivery)
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, attempt, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    async def close(self) -> None:
        """Give up what is not delivered."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, delivery: Delivery, attempt: int, reason: str) -> None:
        pauses = list(PAUSES) if delivery.kind == "events_api" else []
        while not await self._attempt(delivery, attempt, reason):
            reason, lost = delivery.retries[-1].reason, delivery.retries[-1].lost
            if delivery.kind != "events_api" or not (pauses or lost):
                break
            # An event whose connection went is sent on the next one, however often that happens.
            if not lost and (pause := pauses.pop(0)):
                await self._clock.sleep(pause)
            attempt += 1
        delivery.failed = "" if delivery.acknowledged else reason or "not delivered"
        delivery.over.set()
        self._touch()

    async def _attempt(self, delivery: Delivery, attempt: int, reason: str) -> bool:
        assert self.transport is not None, "the server is not running"
        try:
            delivery.answer = await self.transport.send(delivery, attempt, reason)
        except Undelivered as error:
            delivery.retries.append(error)
            self._touch()
            return False
        delivery.acknowledged = True
        if delivery.on_answer is not None:
            delivery.on_answer(delivery.answer)
        return True
