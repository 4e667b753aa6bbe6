"""Socket Mode: one connection that Slack sends events over, watched for the kind of death that looks like silence.

A connection that breaks is opened again. A socket may also answer pings and deliver nothing (slackapi/bolt-python#1529):
where nothing came for `SlackSettings.silence_seconds`, the connection is probed by another one,
which Slack greets with ``hello`` if it lives; the old one is closed after it, so that nothing is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from rostra.errors import AdapterError, ConfigError

from .quiet import library_logger
from .web import Line, RefusedForGood, refusal

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.socket_mode.request import SocketModeRequest

log = structlog.get_logger(__name__)

HELLO = 20.0
"""Seconds in which Slack greets a new connection."""
TAKING = 3.0
"""Seconds that what came over a connection has when another takes its place: Slack waits no longer for an answer."""
TEARDOWN = 5.0
"""Seconds that closing a connection may take; a dead one would take for ever."""
PING = 2.0
"""Seconds between pings, and between slack_sdk's own looks at the socket, by the machine's clock."""


class _Client(SocketModeClient):
    """slack_sdk's client, which says that it wants another connection instead of making one.

    It asks for one when the socket is closed, when pings go unanswered, and when Slack says goodbye. `watch` sees to it:
    at once, by our clock, and within bounds.
    """

    def __init__(self, token: str, line: Line) -> None:
        super().__init__(
            app_token=token,
            web_client=line.client(patient=30.0),
            logger=library_logger(),
            ping_interval=PING,
        )
        self.leaving = asyncio.Event()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  slack_sdk's
        del force
        self.leaving.set()


class Link:
    """One connection, and when it was last heard of."""

    def __init__(self, app: AsyncApp, line: Line, token: str) -> None:
        self._app = app
        self._clock = line.clock
        self._taking: set[asyncio.Task[Any]] = set()
        self._greeted = asyncio.Event()
        self.heard_at = line.clock.monotonic()
        self._client: Any = _Client(token, line)  # its tasks and listeners are only partly typed
        self._client.message_listeners.append(self._note)
        self._client.socket_mode_request_listeners.append(self._take)

    async def open(self) -> None:
        """Connect, and return once Slack has greeted. Raises `ConfigError`, `AdapterError`."""
        try:
            async with self._clock.timeout(HELLO):
                self._client.wss_uri = await self._client.issue_new_wss_url()
                await self._client.connect()
                await self._greeted.wait()
        except SlackApiError as error:
            refused = refusal("apps.connections.open", error)
            if isinstance(refused, RefusedForGood):
                raise ConfigError(
                    f"app_token: {refused}; make one under App-Level Tokens with the scope connections:write"
                ) from None
            raise refused from None
        except TimeoutError:
            raise AdapterError(f"Slack did not greet the connection within {HELLO:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AdapterError(f"Slack could not be reached ({type(error).__name__})") from None

    @property
    def is_closed(self) -> bool:
        """Whether nothing can come over the connection any more."""
        session = self._client.current_session
        return session is None or bool(session.closed)

    async def silence(self, seconds: float) -> bool:
        """Return once the connection is to be replaced: True where it says so itself, False after ``seconds`` without a word."""
        while (left := self.heard_at + seconds - self._clock.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(left):
                    await self._client.leaving.wait()
                    return True
        return False

    async def close(self, grace: float = 0.0) -> None:
        """Close the connection, or leave it to its fate. What is being taken has ``grace`` seconds.

        Events that are not acknowledged by then, Slack sends again; commands and presses it does not.
        """
        client = self._client
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(grace):
                while grace and self._taking and not self.is_closed:
                    await asyncio.wait(self._taking, return_when=asyncio.FIRST_COMPLETED)
        client.closed = True
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with self._clock.timeout(TEARDOWN):
                await client.disconnect()
        own = (client.message_processor, client.current_session_monitor, client.message_receiver)
        tasks = [task for task in (*own, *self._taking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.aiohttp_client_session.close()

    async def _note(self, client: object, message: dict[str, Any], raw: str | None) -> None:
        del client, raw
        self.heard_at = self._clock.monotonic()
        if message.get("type") == "hello":
            self._greeted.set()

    async def _take(self, client: object, request: SocketModeRequest) -> None:
        del client
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in one
        self._taking.add(task)
        try:
            response = await run_async_bolt_app(self._app, request)
            with contextlib.suppress(ConnectionError):  # then Slack sends it again
                await send_async_response(self._client, request, response, 0.0)
        finally:
            self._taking.discard(task)


async def listen(app: AsyncApp, line: Line, token: str, silence: float) -> None:
    """Take events over Socket Mode until cancelled. Raises `ConfigError`, `AdapterError`."""
    await watch(lambda: Link(app, line, token), silence)


async def watch(connect: Callable[[], Link], silence: float) -> None:
    """Keep a connection that is heard of; after ``silence`` seconds without a word, put another in its place.

    A new one is greeted before the old one is closed, so that nothing is missed. Where that fails, and the old one only
    fell silent, it stays, and is probed again after as long. It never waits longer than ``silence``, not even at night:
    Slack gives an event up after six minutes. Raises `ConfigError`, `AdapterError`.
    """
    link = connect()
    try:
        await link.open()
        while True:
            leaving = await link.silence(silence)
            log.debug("connection to be renewed", leaving=leaving)
            if link.is_closed:
                await _closed(link.close())
            fresh = connect()
            try:
                await fresh.open()
            except AdapterError as error:
                await _closed(fresh.close())
                if leaving or link.is_closed:
                    raise
                log.warning("connection not renewed", error=str(error))
                link.heard_at += silence
            except BaseException:
                await _closed(fresh.close())
                raise
            else:
                old, link = link, fresh
                await _closed(old.close(TAKING))
    finally:
        await _closed(link.close())


async def _closed(closing: Awaitable[None]) -> None:
    """Wait for ``closing`` even where the task is being cancelled: no connection is left behind."""
    task = asyncio.ensure_future(closing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
