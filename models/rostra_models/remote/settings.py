"""What a remote model is set up with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from rostra.addresses import is_loopback
from rostra.components import ComponentSettings

from .presets import Api, Preset, presets

_RESERVED = frozenset({"model", "messages", "input", "stream", "n", "tools"})
"""Fields of a request that are this program's to say."""

_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
    }
)
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

Price = Annotated[float, Field(ge=0)]


class RemoteSettings(ComponentSettings):
    """Which model of which server, and how long it may take.

    ::

        [models.gpt]
        kind = "remote"
        preset = "openai"
        model = "gpt-4.1-mini"

    with the key in ``ROSTRA_MODELS__GPT__API_KEY``, or in ``OPENAI_API_KEY``.

    - ``preset``: a server that is known (``presets.toml``): its address and what it understands.
    - ``url``: where the API begins, such as ``http://127.0.0.1:8000/v1``; by default the preset's.
    - ``model``: what the server calls it.
    - ``api_key``: sent as ``Authorization: Bearer``, and shown nowhere.
    - ``api``: ``chat`` completions or ``responses``; by default the preset's.
    - ``window``: tokens that a prompt and its answer may have together; the server is not asked.
    - ``tokenizer``: a ``tokenizer.json``, or a folder with one, to count exactly.
    - ``first_token_seconds``: until the first piece, retries included; ``last_token_seconds`` until the last.
    - ``retries``: further attempts, where they may help and nothing was shown yet.
    - ``hedge_after_seconds``: ask a second time if there is no piece by then, and take what comes first; costs tokens.
    - ``max_connections``: answers under way at once; further ones wait.
    - ``price_prompt``, ``price_cached``, ``price_completion``: of a million tokens, in any currency.
    - ``logprobs``: ask for the log-probabilities of tokens, where the server gives them.
    - ``headers``: sent with every request. They count as secrets.
    - ``extra``: fields added to every request, such as ``{ reasoning_effort = "low" }``.
    - ``breaker_failures``: failures in a row until the server is left alone, for ``breaker_seconds``.
    - ``allow_http``: speak to another machine in the clear. Texts of people go over the network then for all to read.
    - ``ca_file``: certificates to trust instead of the system's.
    """

    preset: str = ""
    url: str = ""
    model: Annotated[str, Field(min_length=1)]
    api_key: SecretStr | None = None
    api: Api | None = None
    window: Annotated[int, Field(ge=16)] = 8192
    tokenizer: Path | None = None
    first_token_seconds: Annotated[float, Field(gt=0)] = 50.0
    last_token_seconds: Annotated[float, Field(gt=0)] = 110.0
    retries: Annotated[int, Field(ge=0)] = 3
    hedge_after_seconds: Annotated[float, Field(gt=0)] | None = None
    max_connections: Annotated[int, Field(ge=1)] = 256
    price_prompt: Price | None = None
    price_cached: Price | None = None
    price_completion: Price | None = None
    logprobs: bool = False
    headers: Mapping[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    extra: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    breaker_failures: Annotated[int, Field(ge=1)] = 5
    breaker_seconds: Annotated[float, Field(gt=0)] = 30.0
    allow_http: bool = False
    ca_file: Path | None = None

    @property
    def known(self) -> Preset:
        """What is known of the server."""
        return presets()[self.preset] if self.preset else Preset()

    @property
    def address(self) -> str:
        """Where the API begins, without a slash at the end."""
        return (self.url or self.known.url).rstrip("/")

    @field_validator("preset")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name and name not in presets():
            raise ValueError(f"no preset {name!r}; there are: {', '.join(presets())}")
        return name

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError("it is no address; one is http://127.0.0.1:8000/v1") from error
        if url and (parts.scheme not in {"http", "https"} or not host):
            raise ValueError("it must be a whole address, such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("it must have no user, password, '?' or '#'; a key goes into 'api_key'")
        return url

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, key: SecretStr | None) -> SecretStr | None:
        return None if key is None else sendable(key)

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, value in headers.items():
            if _HEADER.fullmatch(name) is None:
                raise ValueError(f"{name!r} is not the name of a header")
            if name.lower() in _OURS:
                raise ValueError(f"{name!r} cannot be set here; a key goes into 'api_key'")
            if re.fullmatch(r"[ -~]*", value.get_secret_value()) is None:
                raise ValueError(f"the value of {name!r} has what no header can have")
        return headers

    @field_validator("extra")
    @classmethod
    def _extra(cls, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in extra:
            if name in _RESERVED:
                raise ValueError(f"{name!r} cannot be set here: every question says it for itself")
        return extra

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.address:
            raise ValueError(f"set 'url', or 'preset' to one of: {', '.join(presets())}")
        clear = urlsplit(self.address).scheme == "http"
        if clear and not self.allow_http and not is_loopback(self.address):
            raise ValueError(
                "url must begin with https://, or 'allow_http' must be true: texts would be readable"
            )
        return self

    def key(self, environment: Mapping[str, str]) -> SecretStr | None:
        """Return the key: the settings' own, or that of the preset's variable in ``environment``.

        The variable is read only for the preset's own address, so that its key is sent nowhere else. Raises
        `ValueError` if no header can have it.
        """
        own = not self.url or self.url.rstrip("/") == self.known.url
        if self.api_key is not None or not self.known.key or not own:
            return self.api_key
        return sendable(SecretStr(environment.get(self.known.key, "")))


def sendable(key: SecretStr) -> SecretStr | None:
    """Return ``key``, or None for an empty one. Raises `ValueError` if no header can have it."""
    value = key.get_secret_value()
    if re.fullmatch(r"[!-~]*", value) is None:
        raise ValueError("it has a space, an end of line or a letter beyond ASCII, which no header can have")
    return key if value else None
