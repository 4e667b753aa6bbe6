"""The connections to one server, and how stubbornly it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rostra.addresses import is_loopback
from rostra.backoff import delay
from rostra.breaker import Breaker
from rostra.clock import Clock
from rostra.eager import within
from rostra.errors import ModelError

from .exchange import Exchange, Question
from .failures import Unreachable
from .hedge import hedged
from .settings import RemoteSettings

if TYPE_CHECKING:
    import ssl

    import aiohttp  # imported where it is used: it takes a third of a second


IDLE_SECONDS = 5.0
"""How long a connection is kept that nobody uses: less than most servers keep it."""


class Server:
    """Asks, again where that may help, and leaves a server alone that keeps failing."""

    def __init__(
        self, name: str, settings: RemoteSettings, clock: Clock, client: aiohttp.ClientSession
    ) -> None:
        self.breaker = Breaker(failures=settings.breaker_failures, seconds=settings.breaker_seconds)
        self.client = client
        self._says = f"model {name!r}"
        self._settings = settings
        self._clock = clock
        self._room = asyncio.Semaphore(settings.max_connections)

    @asynccontextmanager
    async def asked(self, question: Question) -> AsyncGenerator[Exchange]:
        """Yield the reply to ``question``, once its first token is there; it is closed at the end of the block.

        Raises `ModelError` if there is none within the question's time.
        """
        deadline = self._clock.monotonic() + question.seconds
        try:
            await within(self._clock, self._settings.first_token_seconds, self._room.acquire())
        except TimeoutError as error:
            most = self._settings.max_connections
            raise ModelError(
                f"{self._says}: {most} answers are under way, which is what 'max_connections' allows"
            ) from error
        try:
            exchange = await self._stubbornly(question, deadline)
            try:
                yield exchange
            finally:
                await exchange.close()
        finally:
            self._room.release()

    async def _stubbornly(self, question: Question, deadline: float) -> Exchange:
        for attempt in range(self._settings.retries + 1):
            try:
                return await self._attempt(question, deadline, attempt)
            except Unreachable as error:
                wait = self._wait(error, attempt, deadline)
                if wait is None:
                    raise
            await self._clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, error: Unreachable, attempt: int, deadline: float) -> float | None:
        """Return the seconds until the next attempt, or None if there is none."""
        wait = max(delay(attempt), error.stay_away or 0.0)
        left = deadline - self._clock.monotonic()
        return None if attempt == self._settings.retries or wait >= left else wait

    async def _attempt(self, question: Question, deadline: float, attempt: int) -> Exchange:
        now = self._clock.monotonic()
        if not self.breaker.allow(now):
            wait = self.breaker.wait(now)
            raise ModelError(
                f"{self._says}: its server is left alone for {wait:.0f} more seconds, after failures"
            )
        told = False
        try:
            async with self._clock.timeout(max(0.0, deadline - now)):
                exchange = await self._race(question)
            self.breaker.succeeded()
            told = True
            return exchange  # noqa: TRY300  what follows are the failures
        except TimeoutError as error:
            self.breaker.failed(self._clock.monotonic())
            told = True
            what = "answer" if question.whole else "begin to answer"
            raise ModelError(f"{self._says}: its server did not {what} in {question.seconds:g} s") from error
        except Unreachable as error:
            last = self._wait(error, attempt, deadline) is None
            self._report(error, last=last)
            told = True
            raise
        except ModelError:
            self.breaker.succeeded()  # it is there, and answers
            told = True
            raise
        finally:
            if not told:
                given_up = self._clock.monotonic()
                self.breaker.given_up(given_up, waited=given_up - now, patience=question.seconds)

    def _report(self, error: Unreachable, *, last: bool) -> None:
        """Tell the breaker of a failure. Who only limits how often it is asked is well, if it serves in the end."""
        if error.limited and not last:
            self.breaker.abandoned()
        else:
            self.breaker.failed(self._clock.monotonic(), stay_away=error.stay_away if last else None)

    async def _race(self, question: Question) -> Exchange:
        # Of a whole answer nothing comes early, so that it would be asked for twice each time.
        after = None if question.whole else self._settings.hedge_after_seconds

        async def ask() -> Exchange:
            return await Exchange.opened(self.client, question, self._clock)

        async def again() -> Exchange:
            async with self._room:  # a second request needs a place of its own, until it wins or loses
                return await ask()

        return await (ask() if after is None else hedged(ask, again, after=after, clock=self._clock))


@asynccontextmanager
async def connected(
    name: str, settings: RemoteSettings, clock: Clock, *, headers: dict[str, str], trust: Path | None
) -> AsyncGenerator[Server]:
    """Open a pool of connections. ``trust`` has certificates. What stays on this machine goes by no proxy."""
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=0,  # `Server` lets in as many as there may be
        ssl=_context(settings.address, trust),
        keepalive_timeout=IDLE_SECONDS,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(),  # none: every wait goes through the clock
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        proxy=proxy_for(settings.address),
    ) as client:
        yield Server(name, settings, clock, client)


def _context(url: str, trust: Path | None) -> bool | ssl.SSLContext:
    import ssl

    if urlsplit(url).scheme == "http":
        return True  # it trusts nobody, and is not asked; reading what to trust takes long
    if trust is not None:
        return ssl.create_default_context(cafile=str(trust))
    import httpx

    return httpx.create_ssl_context()  # of certifi, or of SSL_CERT_FILE: some systems have no certificates


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for ``url``. What stays on this machine goes by none."""
    from urllib.request import getproxies, proxy_bypass  # it brings an HTTP client along

    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.netloc):
        return None
    named = getproxies()
    found = named.get(parts.scheme) or named.get("all")
    return found if found is None or "://" in found else f"http://{found}"
