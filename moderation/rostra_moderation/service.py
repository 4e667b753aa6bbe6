"""The wire to a moderation service: one call, tried again while that may help and time is left."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from rostra.addresses import is_loopback
from rostra.backoff import AGAIN, delay, retry_after
from rostra.clock import Clock
from rostra.components import ComponentSettings
from rostra.errors import ModerationError

if TYPE_CHECKING:
    import ssl

    import httpx  # imported where it is used: it takes a tenth of a second

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of an answer that are read; a thousand results are a tenth of it."""

_ABOUT_TEXTS = frozenset({400, 413, 414, 422, 431})
_KEY_IS_WRONG = frozenset({401, 403})
_CODE = re.compile(r"[a-z][a-z_]{1,40}")


class Refused(ModerationError):
    """The service is there and will not serve this call. ``about_the_texts``: it might serve other texts."""

    def __init__(self, message: str, *, about_the_texts: bool) -> None:
        super().__init__(message)
        self.about_the_texts = about_the_texts


class Unreachable(ModerationError):
    """The service could not be had in time. ``stay_away``: seconds for which it asked to be left alone."""

    def __init__(self, message: str, *, stay_away: float | None = None) -> None:
        super().__init__(message)
        self.stay_away = stay_away


class RemoteSettings(ComponentSettings):
    """Which service, and how long it may take.

    ::

        [moderators.openai]
        kind = "remote"
        url = "https://api.openai.com/v1/moderations"

    with the key in ``ROSTRA_MODERATORS__OPENAI__API_KEY``.

    - ``url``: the address that takes ``{"model": …, "input": […]}``.
    - ``model``: empty to leave it to the service.
    - ``api_key``: sent as ``Authorization: Bearer``, and shown nowhere.
    - ``timeout``: seconds for a text, retries included; ``attempt_seconds`` for one attempt.
    - ``attempts``: how often a call is tried where trying again may help.
    - ``batch``: texts in one call, ``concurrent`` calls under way at once.
    - ``breaker_failures``: calls in a row that fail until the service is left alone, for ``breaker_seconds``.
    - ``max_characters``: longer texts are not judged, which refuses them; ``window``: characters sent as one input.
    - ``flagged``: the score that a category gets at least where the service flags it; 0 leaves scores as they are.
    - ``allow_http``: speak to another machine in the clear. Texts of people go over the network then for all to read.
    - ``ca_file``: certificates to trust instead of the system's.
    """

    url: str
    model: str = "omni-moderation-latest"
    api_key: SecretStr | None = None
    timeout: Annotated[float, Field(gt=0)] = 5.0
    attempt_seconds: Annotated[float, Field(gt=0)] = 2.5
    attempts: Annotated[int, Field(ge=1)] = 3
    batch: Annotated[int, Field(ge=1)] = 32
    concurrent: Annotated[int, Field(ge=1)] = 4
    breaker_failures: Annotated[int, Field(ge=1)] = 5
    breaker_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_characters: Annotated[int, Field(ge=1)] = 200_000
    window: Annotated[int, Field(ge=1_000)] = 16_000
    flagged: Annotated[float, Field(ge=0, le=1)] = 0.5
    allow_http: bool = False
    ca_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("it must be a whole address, such as https://api.openai.com/v1/moderations")
        if parts.username or parts.password:
            raise ValueError("it must have no user and password; a key goes into 'api_key'")
        return url

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and re.fullmatch(r"[!-~]*", key.get_secret_value()) is None:
            raise ValueError(
                "it has a space, an end of line or a letter beyond ASCII, which no header can have"
            )
        return key if key is not None and key.get_secret_value() else None

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if urlsplit(self.url).scheme == "http" and not self.allow_http and not is_loopback(self.url):
            raise ValueError(
                "url must begin with https://, or 'allow_http' must be true: texts would be readable"
            )
        return self


class Service:
    """One address, and the connections to it."""

    def __init__(self, name: str, settings: RemoteSettings, clock: Clock, client: httpx.AsyncClient) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._client = client

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, name: str, settings: RemoteSettings, clock: Clock, trust: Path | None
    ) -> AsyncGenerator[Self]:
        """Open a pool of connections. ``trust`` has certificates. What stays on this machine goes by no proxy."""
        import httpx

        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if settings.api_key is not None:
            headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
        async with httpx.AsyncClient(
            headers=headers,
            verify=_context(settings.url, trust),
            timeout=None,  # noqa: S113  every wait goes through the clock
            trust_env=not is_loopback(settings.url),
            limits=httpx.Limits(
                max_connections=settings.concurrent, max_keepalive_connections=settings.concurrent
            ),
        ) as client:
            yield cls(name, settings, clock, client)

    async def post(self, texts: Sequence[str]) -> bytes:
        """Return the body of the answer. Raises `Refused` or `Unreachable`; neither says a word of the texts."""
        settings = self._settings
        body = {"input": list(texts), **({"model": settings.model} if settings.model else {})}
        content = json.dumps(body).encode()
        deadline = self._clock.monotonic() + settings.timeout
        for attempt in range(settings.attempts):
            try:
                return await self._attempt(content)
            except Unreachable as error:
                left = deadline - self._clock.monotonic()
                wait = max(delay(attempt), error.stay_away or 0.0)
                if attempt + 1 == settings.attempts or wait >= left:
                    raise
                await self._clock.sleep(wait)
        raise AssertionError("no attempt was made; settings have at least one")

    async def _attempt(self, content: bytes) -> bytes:
        import httpx

        try:
            async with self._clock.timeout(self._settings.attempt_seconds):
                return await self._exchange(content)
        except TimeoutError as error:
            raise Unreachable(self._says(f"no answer in {self._settings.attempt_seconds:g} s")) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Unreachable(self._says(f"no connection ({type(error).__name__})")) from error

    async def _exchange(self, content: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        async with self._client.stream(
            "POST", self._settings.url, content=content, headers=headers
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Refused(
                        self._says(f"an answer of more than {MOST_BYTES} bytes"), about_the_texts=False
                    )
        status = response.status_code
        if status == 200:  # noqa: PLR2004  OK
            return bytes(body)
        if status in AGAIN:
            raise Unreachable(
                self._says(f"status {status}{_code(body)}"),
                stay_away=retry_after(response.headers.get("retry-after", ""), self._clock.now()),
            )
        raise Refused(
            self._says(f"status {status}{_code(body)}{_advice(status)}"),
            about_the_texts=status in _ABOUT_TEXTS,
        )

    def _says(self, what: str) -> str:
        return (
            f"moderator {self._name!r}: its service says: {what}"
            if what.startswith("status")
            else (f"moderator {self._name!r}: {what} from its service")
        )


def _context(url: str, trust: Path | None) -> bool | ssl.SSLContext:
    import ssl

    if urlsplit(url).scheme == "http":
        return ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # it trusts nobody, and is not asked; reading what to trust takes long
    return True if trust is None else ssl.create_default_context(cafile=str(trust))


def _code(body: bytes | bytearray) -> str:
    """Return the code of an error that OpenAI's API names, if it is one word; messages may quote texts."""
    try:
        code: object = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _advice(status: int) -> str:
    if status in _KEY_IS_WRONG:
        return "; 'api_key' must be one that it accepts"
    if 300 <= status < 400:  # noqa: PLR2004  redirections: nobody follows them with a key
        return "; 'url' must be the final address"
    if status == 404:  # noqa: PLR2004  not found
        return "; 'url' must be the whole address, such as https://api.openai.com/v1/moderations"
    return ""
