"""Opens a remote model, and looks whether it would answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr

from rostra.components import Component, Finding, Services
from rostra.errors import ConfigError, ModelError, ModelMissing

from ..tokens import TokenCounter
from .delta import BadReply, items, table, text
from .exchange import failures, headers
from .failures import Unreachable, decoded, refusal
from .model import RemoteModel
from .server import Server, connected
from .settings import RemoteSettings

CHECK_SECONDS = 5.0
"""How long the doctor waits for a server."""

_MOST_BYTES = 8 * 1024 * 1024
_SHOWN = 5
_MISSING = 404


@asynccontextmanager
async def opened(settings: RemoteSettings, services: Services) -> AsyncGenerator[RemoteModel]:
    """Open the model; its connections are kept between answers, and closed with it. The server is not asked yet.

    Raises `ConfigError`, and `ModelMissing` where the tokenizer is not there.
    """
    counter = await _counter(settings, services)
    async with _server(settings, services) as server:
        yield RemoteModel(services.name, settings, services.clock, server, counter)


@asynccontextmanager
async def _server(settings: RemoteSettings, services: Services) -> AsyncGenerator[Server]:
    trust = services.base / settings.ca_file if settings.ca_file is not None else None
    if trust is not None and not trust.is_file():
        raise ConfigError(
            f"model {services.name!r}: no file {str(settings.ca_file)!r}; 'ca_file' must be one"
        )
    try:
        key: SecretStr | None = settings.key(os.environ)
    except ValueError:
        raise ConfigError(
            f"model {services.name!r}: the key in {settings.known.key} has what no header can have"
        ) from None
    own = {name: value.get_secret_value() for name, value in settings.headers.items()}
    secret = None if key is None else key.get_secret_value()
    async with connected(
        services.name, settings, services.clock, headers=headers(secret, own), trust=trust
    ) as server:
        yield server


async def _counter(settings: RemoteSettings, services: Services) -> Callable[[str], int] | None:
    if settings.tokenizer is None:
        return None
    given = services.base / settings.tokenizer.expanduser()
    file = given if given.is_file() else given / "tokenizer.json"
    if not file.is_file() or file.name != "tokenizer.json":
        raise ModelMissing(
            f"model {services.name!r}: no tokenizer at {str(settings.tokenizer)!r}; it must be a file tokenizer.json,"
            f" or a folder with one"
        )
    counter = TokenCounter(file.parent, window=settings.window)
    await asyncio.to_thread(counter.read)
    return counter.count


async def check(settings: RemoteSettings, services: Services) -> Sequence[Finding]:
    """Ask the server for its models, for at most five seconds, and see whether the one that is named is among them."""
    try:
        async with _server(settings, services) as server, services.clock.timeout(CHECK_SECONDS):
            names = await _names(server, settings, f"model {services.name!r}")
    except ModelError as error:
        return [_found(services, str(error))]
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice="correct the configuration")]
    except TimeoutError:
        return [
            _found(services, f"model {services.name!r}: its server did not answer in {CHECK_SECONDS:g} s")
        ]
    server_at = f"model {services.name!r}: {settings.address}"
    if names is None:
        return [Finding(ok=True, what=f"{server_at} answers, and has no list of models")]
    if names and not {settings.model, f"{settings.model}:latest"} & set(names):
        some = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        what = f"{server_at} has no model {settings.model!r}"
        return [Finding(ok=False, what=what, advice=f"set 'model' to one that it has: {some}")]
    return [Finding(ok=True, what=f"{server_at} has {settings.model!r}")]


def _found(services: Services, what: str) -> Finding:
    advice = f"see that [models.{services.name}] has the right 'url' and 'api_key', and that its server runs"
    return Finding(ok=False, what=what, advice=advice)


async def _names(server: Server, settings: RemoteSettings, says: str) -> Sequence[str] | None:
    """Return the names of the server's models, or None if it has no list. Raises `ModelError`."""
    body = bytearray()
    try:
        async with server.client.get(f"{settings.address}/models", allow_redirects=False) as response:
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ModelError(f"{says}: its server sent more than {_MOST_BYTES} bytes")
    except failures() as error:
        raise Unreachable(f"{says}: no connection to its server ({type(error).__name__})") from error
    if response.status == _MISSING:
        return None
    if response.status != 200:  # noqa: PLR2004  OK
        raise refusal(says, response.status, bytes(body), stay_away=None)
    try:
        listed = items(decoded(bytes(body)).get("data"))
    except BadReply as error:
        raise ModelError(f"{says}: its server sent {error} as its list of models") from error
    names = [text(table(one).get("id")) for one in listed]
    return [name for name in names if name.isprintable() and 0 < len(name) <= 200]  # noqa: PLR2004  a name


component = Component(name="remote", settings=RemoteSettings, open=opened, check=check)
