"""What Discord's refusals mean to us: wrong for good, or worth another try, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
import discord

from rostra.clock import Clock
from rostra.errors import AdapterError, ConfigError, Rejected

T = TypeVar("T")

UNKNOWN_MESSAGE = 10008
TOKEN_OVER = frozenset({10015, 10062, 50027})
"""Unknown webhook, unknown interaction, invalid webhook token: how Discord says that an interaction is over."""

ACKNOWLEDGED = 40060

TRIES = 5
"""How often something is tried again that no reply waits for."""

LONGEST_WAIT = 300.0
"""Seconds for which Discord may ask to be left alone; more is not believed."""


class Gone(Rejected):
    """The message is not there any more."""


class Acknowledged(Rejected):
    """The interaction was acknowledged before: Discord repeats the event, nobody repeated the act."""


class TokenOver(Rejected):
    """The interaction can no longer be answered; its channel still can."""


@contextmanager
def as_ours(what: str) -> Generator[None]:
    """Turn what discord.py raises in the block into `AdapterError` and `Rejected`; ``what`` says what was tried."""
    try:
        yield
    except discord.HTTPException as error:
        raise of(error, what) from None  # its text may hold what was sent
    except discord.RateLimited as error:
        raise AdapterError(
            f"{what}: Discord wants to be left alone", retry_after=min(error.retry_after, LONGEST_WAIT)
        ) from None
    except (ValueError, TypeError) as error:  # discord.py's own checks: trying again cannot help
        raise Rejected(f"{what}: discord.py refused ({type(error).__name__})") from None
    except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError, discord.GatewayNotFound) as error:
        raise AdapterError(f"{what}: Discord is unreachable ({type(error).__name__})") from None
    except discord.ClientException as error:
        raise AdapterError(f"{what}: discord.py refused ({type(error).__name__})") from None


async def patiently(clock: Clock, what: str, call: Callable[[], Awaitable[T]]) -> T:
    """Return what ``call`` does, tried again for as long as Discord says when. Raises `AdapterError`."""
    for _ in range(TRIES):
        try:
            with as_ours(what):
                return await call()
        except AdapterError as error:
            if error.retry_after is None:
                raise
            await clock.sleep(error.retry_after)
    with as_ours(what):
        return await call()


def of(error: discord.HTTPException, what: str) -> AdapterError:
    """Return our error for a status and code of Discord's.

    Source: https://docs.discord.com/developers/topics/opcodes-and-status-codes
    """
    said = f"{what}: Discord answered {error.status}, code {error.code}"
    if error.status in {408, 409, 425, 429} or error.status >= 500:  # noqa: PLR2004  server errors
        return AdapterError(said, retry_after=_wait(error))
    if error.code == UNKNOWN_MESSAGE:
        return Gone(said)
    if error.code == ACKNOWLEDGED:
        return Acknowledged(said)
    return TokenOver(said) if error.code in TOKEN_OVER else Rejected(said)


def _wait(error: discord.HTTPException) -> float | None:
    value = error.response.headers.get("Retry-After", "")
    try:
        return min(max(float(value), 0.0), LONGEST_WAIT)
    except ValueError:
        return None


def cannot_start(error: Exception, name: str) -> ConfigError | AdapterError:
    """Return our error for what discord.py raised while it logged in or connected."""
    table = f"[adapters.{name}]"
    match error:
        case discord.LoginFailure():
            return ConfigError(
                f"{table} token: Discord does not know it; make a new one on the Bot page of the developer portal"
            )
        case discord.PrivilegedIntentsRequired():
            return ConfigError(
                f"{table} message_content = true: switch on the message content intent on the Bot page of the"
                " developer portal, or set it to false"
            )
        case discord.ConnectionClosed(code=code):
            return AdapterError(f"{table}: Discord closed the gateway with {code}")
        case discord.HTTPException():
            return AdapterError(
                f"{table}: Discord answered {error.status}, code {error.code}", retry_after=_wait(error)
            )
        case discord.RateLimited():
            return AdapterError(f"{table}: rate limited", retry_after=min(error.retry_after, LONGEST_WAIT))
        case _:
            return AdapterError(f"{table}: Discord is unreachable ({type(error).__name__})")
