"""The one HTTP server of a bot: adapters that name the same address share it, each under paths of its own.

::

    async with serving("127.0.0.1:8080", clock=clock) as server:
        with server.mount("/pages", [web.get("", index), web.get("/{name}", page)]):
            ...

Routes are mounted and taken away at any time. It is meant to stand behind a proxy that speaks TLS; what such a proxy says
in ``X-Forwarded-For``, ``-Proto`` and ``-Host`` is believed only where the connection comes from one that the
configuration names. ``GET /healthz`` answers ``ok`` and nothing else. Nothing is logged but that something failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

import structlog
from aiohttp import web

from rostra.clock import Clock
from rostra.errors import ConfigError

log = structlog.get_logger(__name__)

Network: TypeAlias = IPv4Network | IPv6Network

BODY = 1_000_000
"""Bytes of a request's body, unless a mount says otherwise."""
HEADERS = 16_384
"""Bytes of its first line, and of each of its headers."""
PORTS = 65_535
ROUNDS = 5
BACKLOG = 1_024
"""Connections that may wait to be let in: whoever finds no room tries again a second later."""
GRACE = 5.0
"""Seconds that requests under way have when the server is closed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mount:
    """Routes under a prefix, and how long a request's body may be there."""

    prefix: str
    routes: web.UrlDispatcher
    body: int


@dataclass(slots=True, kw_only=True, eq=False)
class Server:
    """What answers at one address. Opened by `serving`."""

    address: str
    clock: Clock
    proxies: tuple[Network, ...] = ()
    port: int = 0
    users: int = 0
    _mounts: list[Mount] = field(default_factory=list[Mount])
    _runner: web.AppRunner | None = None
    _socket: socket.socket | None = None
    _ready: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def url(self) -> str:
        """The address as a browser on this machine would write it."""
        return f"http://{split_address(self.address)[0]}:{self.port}"

    def has(self, prefix: str) -> bool:
        """Return whether something is mounted at ``prefix``."""
        return any(prefix == one.prefix for one in self._mounts)

    @contextmanager
    def mount(
        self, prefix: str, routes: Iterable[web.AbstractRouteDef], *, body: int = BODY
    ) -> Generator[Mount]:
        """Answer ``routes`` under ``prefix`` within the block; an empty one is everything that nobody else has.

        Where several prefixes fit a path, the longest has it. Raises `ConfigError` where this one is taken.
        """
        if prefix and (not prefix.startswith("/") or prefix.endswith("/") or "{" in prefix):
            raise ConfigError(f"{prefix!r} is no path to mount at; write it as '/name'")
        if self.has(prefix):
            raise ConfigError(
                f"two components want the path {prefix!r} of {self.address!r}; give one another"
            )
        dispatcher = web.UrlDispatcher()
        for route in routes:
            _under(prefix, route).register(dispatcher)
        mount = Mount(prefix=prefix, routes=dispatcher, body=body)
        self._mounts.append(mount)
        self._mounts.sort(key=lambda one: -len(one.prefix))
        try:
            yield mount
        finally:
            self._mounts.remove(mount)

    async def open(self) -> None:
        """Listen, if nobody has begun to. Raises `ConfigError` where the address is taken."""
        async with self._ready:
            if self._runner is not None:
                return
            # The largest body that any mount may ask for is set there, with the request's copy.
            app = web.Application(client_max_size=BODY)
            app.router.add_route("*", "/{path:(?s:.*)}", self._answer)  # a path may have a line feed in it
            app.on_response_prepare.append(_unnamed)
            runner = web.AppRunner(
                app,
                access_log=None,
                shutdown_timeout=GRACE,
                max_line_size=HEADERS,
                max_field_size=HEADERS,
                handle_signals=False,
            )
            await runner.setup()
            host, port = split_address(self.address)
            try:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
            except OSError as error:
                await runner.cleanup()
                raise ConfigError(f"cannot listen on {self.address!r}: {error.strerror or error}") from error
            await web.SockSite(runner, self._socket).start()
            self.port = int(self._socket.getsockname()[1])
            self._runner = runner

    async def close(self) -> None:
        """Stop listening; what is under way has `GRACE` seconds."""
        async with self._ready:
            await self._close()

    async def _close(self) -> None:
        if self.users:
            return  # somebody came while this waited
        runner, self._runner = self._runner, None
        if runner is None or self._socket is None:
            return
        # asyncio loses a connection that is let in while its server is closed (python/cpython#109564). So nobody is let in
        # any more first, and those who were are known to the runner a few rounds later.
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with self.clock.timeout(2 * GRACE):
                await runner.cleanup()
                await asyncio.sleep(0)  # transports close in the loop's next round

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/healthz" and request.method in {"GET", "HEAD"}:
            return web.Response(text="ok\n")
        mount = next((one for one in self._mounts if _within(request.path, one.prefix)), None)
        if mount is None:
            raise web.HTTPNotFound
        if request.content_length is not None and request.content_length > mount.body:
            raise web.HTTPRequestEntityTooLarge(mount.body, request.content_length)
        seen = self._as_sent(request, mount.body)
        match = await mount.routes.resolve(seen)
        if match.http_exception is not None:
            raise match.http_exception
        seen.match_info.clear()  # it is of the route that answers everything; handlers look for their own names
        seen.match_info.update(match)
        try:
            return await match.handler(seen)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # a handler is foreign code; what it says may quote the request
            log.exception("request failed", path=mount.prefix, error=type(error).__name__)
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="internal error\n")

    def _as_sent(self, request: web.Request, body: int) -> web.Request:
        """Return the request as whoever sent it saw it, where a proxy we trust tells."""
        changed: dict[str, Any] = {"client_max_size": body}
        if self._trusts(request.remote):
            said = request.headers.get("X-Forwarded-For", "")
            sender = _first_untrusted(said, self.proxies)
            if sender:
                changed["remote"] = sender
            scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                changed["scheme"] = scheme
            host = request.headers.get("X-Forwarded-Host", "").rpartition(",")[2].strip()
            if host and not set(host) & set("/\\@ \t"):
                changed["host"] = host
        return request.clone(**changed)

    def _trusts(self, remote: str | None) -> bool:
        return is_in(remote or "", self.proxies)


async def _unnamed(_: web.Request, response: web.StreamResponse) -> None:
    """Say nothing of what serves here, and in which version: it helps nobody but whoever looks for a hole in it."""
    response.headers.pop("Server", None)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``. Raises `ConfigError`.

    >>> split_address("127.0.0.1:8080"), split_address("[::1]:0")
    (('127.0.0.1', 8080), ('::1', 0))
    """
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) <= PORTS):
        raise ConfigError(f"{address!r} is not HOST:PORT, such as '127.0.0.1:8080'")
    return host.removeprefix("[").removesuffix("]"), int(port)


def networks(given: Sequence[str]) -> tuple[Network, ...]:
    """Return addresses and networks of proxies. Raises `ConfigError`."""
    try:
        return tuple(ip_network(one, strict=False) for one in given)
    except ValueError as error:
        raise ConfigError(f"trusted_proxies: {error}; write addresses such as '10.0.0.0/8'") from None


def _first_untrusted(forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the last hop that is none of ours: whatever stands before it, anybody may have written."""
    for hop in reversed([one.strip() for one in forwarded.split(",")]):
        try:
            ip_address(hop)
        except ValueError:
            return ""
        if not is_in(hop, proxies):
            return hop
    return ""


def is_in(address: str, proxies: Sequence[Network]) -> bool:
    """Return whether an address is in one of some networks; what is no address is in none."""
    try:
        given = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(given, "ipv4_mapped", None) or given
    return any(mapped in network for network in proxies)


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _under(prefix: str, route: web.AbstractRouteDef) -> web.AbstractRouteDef:
    match route:
        case web.RouteDef():
            return web.RouteDef(route.method, prefix + route.path, route.handler, route.kwargs)
        case web.StaticDef():
            return web.StaticDef(prefix + route.prefix, route.path, route.kwargs)
        case _:
            raise TypeError(f"{type(route).__name__} is no route that can be mounted")


_servers: dict[tuple[int, str], Server] = {}
"""The servers that are open, by event loop and address."""


@asynccontextmanager
async def serving(address: str, *, clock: Clock, proxies: Sequence[str] = ()) -> AsyncGenerator[Server]:
    """Yield the server at ``address``, which is open as long as anybody needs it.

    With port 0 each caller has one of its own. Raises `ConfigError` where the address is taken, or where two callers
    trust different ``proxies``.
    """
    split_address(address)
    trusted = networks(proxies)
    key = id(asyncio.get_running_loop()), address
    server = _servers.get(key) if not address.endswith(":0") else None
    if server is None:
        server = Server(address=address, clock=clock, proxies=trusted)
        if not address.endswith(":0"):
            _servers[key] = server
    elif server.proxies != trusted:
        raise ConfigError(f"components that share {address!r} need the same trusted_proxies")
    server.users += 1
    try:
        await server.open()
        yield server
    finally:
        server.users -= 1
        if server.users == 0:
            try:
                await server.close()
            finally:
                # Whoever came meanwhile waits until the address is free, and opens the same server again.
                if server.users == 0 and _servers.get(key) is server:
                    del _servers[key]
