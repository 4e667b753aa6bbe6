"""What ``[adapters.NAME]`` of kind ``slack`` may say."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, model_validator

from rostra.components import ComponentSettings

API = "https://slack.com/api/"
FILE_HOSTS = ("files.slack.com", "files-edge.slack.com")
"""Where Slack keeps what people upload. The bot's token goes to no other host."""
HOOK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
"""Where answers to slash commands and buttons go."""


class SlackSettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``slack``.

    ``mode`` says how events come in: over a WebSocket that the bot opens (``socket``, needs ``app_token``) or over HTTP
    (``http``, needs ``signing_secret`` and a public address). With ``bot_token`` there is one workspace; with
    ``client_id`` and ``client_secret`` (``http`` only) others can install the bot.

    ``workspaces`` and ``channels`` are allow-lists (``*`` and ``?`` stand for anything); a channel is ``C123`` or
    ``T123/C123``. No channels allow all. No workspaces allow the one that the bot's token belongs to, and none to
    install it. ``direct`` messages are a matter of their own.

    Times are in seconds, sizes in bytes. ``silence_seconds`` is never more than 300: what Slack sends into a dead
    connection it sends again for six minutes, and then no more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)  # it has the tokens

    mode: Literal["socket", "http"] = "socket"
    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    client_id: str = ""
    client_secret: SecretStr | None = None
    workspaces: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    direct: bool = True
    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")] = "/rostra"
    stream: Literal["native", "edits", "off"] = "native"
    edit_seconds: Annotated[float, Field(ge=0.2, le=60)] = 1.2
    prompts: tuple[str, ...] = ()
    listen: str = "127.0.0.1:8081"
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")] = "/slack"
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""
    roles_seconds: Annotated[float, Field(ge=0)] = 300.0
    silence_seconds: Annotated[float, Field(ge=10, le=300)] = 300.0
    file_bytes: Annotated[int, Field(ge=0)] = 200_000
    files: Annotated[int, Field(ge=0, le=20)] = 5
    api: str = API

    @model_validator(mode="after")
    def _complete(self) -> Self:
        several = bool(self.client_id or self.client_secret)
        if several == bool(self.bot_token):
            raise ValueError("needs bot_token, or client_id and client_secret; not both")
        if several and not (self.client_id and self.client_secret):
            raise ValueError("client_id and client_secret go together")
        if several and self.mode != "http":
            raise ValueError('client_id needs mode = "http": people install the bot in a browser')
        if self.mode == "socket" and not self.app_token:
            raise ValueError('mode = "socket" needs app_token, which starts with xapp-')
        if self.mode == "http" and not self.signing_secret:
            raise ValueError('mode = "http" needs signing_secret')
        if not self.api.endswith("/") or urlsplit(self.api).scheme not in {"http", "https"}:
            raise ValueError(f"api = {self.api!r} is not an address that ends in '/', such as {API!r}")
        return self

    @property
    def several(self) -> bool:
        """Whether the bot can be installed in many workspaces."""
        return bool(self.client_id)

    def allows_workspace(self, team: str) -> bool:
        """Return whether the bot may be in the workspace ``team``."""
        if not self.workspaces:
            return not self.several
        return any(fnmatchcase(team, pattern) for pattern in self.workspaces)

    def allows(self, team: str, channel: str) -> bool:
        """Return whether the bot may answer in ``channel`` of ``team``."""
        if not self.allows_workspace(team):
            return False
        if channel.startswith("D"):
            return self.direct
        if not self.channels:
            return True
        return any(
            fnmatchcase(f"{team}/{channel}" if "/" in pattern else channel, pattern)
            for pattern in self.channels
        )

    def is_file(self, url: str) -> bool:
        """Return whether ``url`` may be sent the bot's token: a file in Slack."""
        return self._is_at(url, FILE_HOSTS)

    def is_hook(self, url: str) -> bool:
        """Return whether ``url`` is one that Slack takes answers at."""
        return self._is_at(url, HOOK_HOSTS)

    def _is_at(self, url: str, hosts: tuple[str, ...]) -> bool:
        try:
            given, api = urlsplit(url), urlsplit(self.api)
            port = given.port
        except ValueError:
            return False
        if self.api != API:  # another Slack: a test's, a proxy; then everything is there
            return (given.scheme, given.hostname, port) == (api.scheme, api.hostname, api.port)
        return given.scheme == "https" and given.hostname in hosts and port in {None, 443}
