"""One reply on its way out: stored before it is shown, tried again until it is shown or given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, assert_never

import structlog

from ..actions import Action, Append, Begin, Finish, Receipt, Replace, Retract, Show, Typing
from ..clock import Clock
from ..errors import AdapterError, Rejected, StoreError
from ..protocols import Adapter
from ..stores import Ledger
from ..views import Text
from .outage import Outage
from .reply import Reply, State, arrived, ask, drop, failed, give_up

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how fast a platform or a store that refuses is asked again: back-off with full jitter.

    ``patience``: seconds to wait for one receipt.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 8
    first_delay: float = 0.5
    longest_delay: float = 60.0
    patience: float = 30.0

    def delay(self, attempt: int, at_least: float | None = None) -> float:
        """Return the seconds to wait after the ``attempt``-th failure, and not less than the platform asked for."""
        # Jitter spreads load; it keeps no secret.
        jittered = random.uniform(0, min(self.longest_delay, self.first_delay * 2**attempt))  # noqa: S311
        return max(jittered, at_least or 0.0)


class Outgoing:
    """The emitter of one turn, and what is left to do after it."""

    def __init__(  # noqa: PLR0913  what `Delivery` knows and a reply needs
        self,
        reply: Reply,
        *,
        adapter: Adapter,
        ledger: Ledger,
        clock: Clock,
        retry: Retry,
        outage: Outage,
        marker: str,
    ) -> None:
        """``marker`` is put before a text that a crash may have shown already."""
        self.reply = reply
        self.text = ""
        """What was shown of the answer so far, without the marker."""
        self.before_closing: Callable[[], None] | None = None
        """Called once, before the reply's last action is stored, so that both become durable together."""
        self._adapter = adapter
        self._can = adapter.capabilities
        self._ledger = ledger
        self._clock = clock
        self._retry = retry
        self._outage = outage
        self._marker = marker if reply.repeated else ""
        if self._marker and isinstance(reply.action, Finish | Show) and reply.state is State.CLOSING:
            self.reply = replace(reply, action=self._marked(reply.action))
        self._muted = not self._can.streams
        self._quiet_until = 0.0
        self._stored = True

    @property
    def closing(self) -> bool:
        """Whether the action that ends the reply was asked for."""
        return self.reply.state is State.CLOSING or self.reply.done

    async def emit(self, action: Action) -> None:
        """Carry out an action of the turn; those that end the reply are stored here and shown by `settle`."""
        match action:
            case Typing():
                await self._indicate(action)
            case Begin():
                await self._begin(action)
            case Append():
                await self._append(action)
            case Replace():
                await self._replace(action)
            case Finish() | Retract() | Show():
                await self._close(action)
            case _:
                assert_never(action)

    async def end(self, text: str, ending: Finish) -> None:
        """End a turn that broke off: with what was shown and ``text`` after it, or ``text`` alone."""
        whole = f"{self.text}\n\n{text}" if self.text else text
        await self._close(replace(ending, text=whole))

    async def settle(self) -> None:
        """Bring the reply to its end: shown, dropped because there was nothing to show, or a dead letter."""
        if self.reply.state is State.ACCEPTED:
            self._close_hook()
            self.reply = drop(self.reply)
            await self._store_at_last()
            return
        while self.reply.state is State.CLOSING:
            if not self._stored:
                await self._store_at_last()
            await self._try()

    async def _indicate(self, action: Typing) -> None:
        try:
            await self._perform(action)
        except AdapterError as error:
            log.debug("typing refused", adapter=self._adapter.name, error=str(error))

    async def _begin(self, action: Begin) -> None:
        self.text = action.text
        if self._muted:
            return
        if (
            self.reply.state is State.OPEN
        ):  # an answer that is given again after a restart, into the same message
            await self._replace(Replace(reply=action.reply, text=action.text))
            return
        await self._show(replace(action, text=self._marker + action.text))

    async def _append(self, action: Append) -> None:
        self.text += action.text
        if self._muted or self._clock.monotonic() < self._quiet_until:
            return
        if self._can.append:
            await self._show(action)
        else:
            await self._show(Replace(reply=action.reply, text=self._marker + self.text), durable=False)

    async def _replace(self, action: Replace) -> None:
        self.text = action.text
        if not self._muted:
            await self._show(replace(action, text=self._marker + action.text))

    async def _show(self, action: Begin | Append | Replace, *, durable: bool = True) -> None:
        durable = durable and not isinstance(action, Append)
        if durable and not await self._stored_as(ask(self.reply, action)):
            self._muted = (
                True  # nothing is shown that is not stored; the end of the reply waits for the store
            )
            return
        # A cancelled turn must not leave open whether its message was sent: the call is waited for.
        await uninterrupted(self._show_now(action, durable=durable))

    async def _show_now(self, action: Begin | Append | Replace, *, durable: bool) -> None:
        try:
            receipt = await self._perform(action)
        except AdapterError as error:
            self._after_refusal(action, error)
            return
        now = arrived(self.reply, receipt)
        if not durable or now == self.reply or not await self._stored_as(now):
            self.reply = now

    async def _stored_as(self, reply: Reply) -> bool:
        try:
            await self._ledger.advance(reply)
        except StoreError as error:
            self._outage.begins(error)
            return False
        self.reply = reply
        return True

    def _after_refusal(self, action: Begin | Append | Replace, error: AdapterError) -> None:
        # The action that ends the reply shows all of it; until then this one is not worth a retry.
        log.info("piece refused", adapter=self._adapter.name, action=type(action).__name__, error=str(error))
        if self._can.edit and not isinstance(action, Begin):
            self._quiet_until = self._clock.monotonic() + (error.retry_after or self._retry.first_delay)
        else:
            self._muted = True

    async def _close(self, action: Finish | Retract | Show) -> None:
        match action:
            case Finish():
                self.text = action.text
                action = self._marked(action)
            case Retract():
                left = self._instead_of_retracting(action)
                if left is None:
                    return
                action = left
            case Show():
                action = self._marked(action)
        self._close_hook()
        self.reply = ask(self.reply, action)
        self._stored = False  # and stays so if the wait is cancelled
        self._stored = await self._stored_as(self.reply)  # else `settle` tries until it is

    def _marked(self, action: Finish | Show) -> Finish | Show:
        """Return ``action`` with the marker, once, however many crashes there were."""
        if isinstance(action, Finish):
            text = action.text.removeprefix(self._marker)
            return replace(action, text=self._marker + text) if self._marker else action
        said = Text(text=self._marker.strip())
        if not self._marker or action.view.parts[:1] == (said,):
            return action
        return replace(action, view=replace(action.view, parts=(said, *action.view.parts)))

    def _instead_of_retracting(self, action: Retract) -> Finish | Retract | None:
        """Return what a retraction comes to: nothing at all where nothing is shown and nothing is to be."""
        if self.reply.state is State.ACCEPTED and not action.text:
            return None
        if self.reply.state in {State.ACCEPTED, State.OPENING} and action.text:
            return Finish(reply=action.reply, text=self._marker + action.text, ending="content_filter")
        if self._can.retracts or not self._can.streams:
            return action
        text = "\n\n".join(filter(None, [self.text, action.text]))
        return Finish(reply=action.reply, text=self._marker + text, ending="stopped")

    def _close_hook(self) -> None:
        if self.before_closing is not None:
            self.before_closing()
            self.before_closing = None

    async def _try(self) -> None:
        action = self.reply.action
        assert action is not None  # noqa: S101  a closing reply has one
        try:
            receipt = await self._perform(action)
        except Rejected as error:
            self.reply = give_up(failed(self.reply, str(error)))
        except AdapterError as error:
            self.reply = failed(self.reply, str(error))
            if self.reply.attempts < self._retry.attempts:
                await self._store_at_last()
                await self._clock.sleep(self._retry.delay(self.reply.attempts, error.retry_after))
                return
            self.reply = give_up(self.reply)
        else:
            self.reply = arrived(self.reply, receipt)
        if self.reply.state is State.DEAD:
            log.error(
                "reply given up",
                reply=self.reply.id,
                adapter=self._adapter.name,
                attempts=self.reply.attempts,
            )
        await self._store_at_last()

    async def _perform(self, action: Action) -> Receipt:
        try:
            async with self._clock.timeout(self._retry.patience):
                return await self._adapter.perform(self.reply.address, action, self.reply.key)
        except TimeoutError as error:
            raise AdapterError(f"no receipt within {self._retry.patience:g} s") from error
        except (AdapterError, asyncio.CancelledError):
            raise
        except (
            Exception
        ) as error:  # an adapter is foreign code: whatever it raises, the reply must not be lost
            log.exception("adapter broke", adapter=self._adapter.name, action=type(action).__name__)
            raise AdapterError(f"{type(error).__name__} in the adapter") from error

    async def _store_at_last(self) -> None:
        attempt = 0
        while True:
            try:
                await self._ledger.advance(self.reply)
            except StoreError as error:
                self._outage.begins(error)
                attempt += 1
                await self._clock.sleep(self._retry.delay(attempt))
            else:
                self._outage.ends()
                self._stored = True
                return


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end even if the caller is cancelled; the cancellation is raised after it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise
