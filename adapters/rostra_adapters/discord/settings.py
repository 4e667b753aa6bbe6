"""What can be configured of the Discord adapter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from rostra.components import ComponentSettings

API = "https://discord.com/api/v10"

Id = Annotated[str, Field(pattern=r"^[0-9]{1,20}$", coerce_numbers_to_str=True)]
"""A snowflake: what "Copy ID" gives in Discord's developer mode."""

Seconds = Annotated[float, Field(gt=0)]


class DiscordSettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``discord``.

    ``guilds`` and ``channels`` are allow-lists; an empty one allows all. ``listen`` names channels where every message is
    a question, for which Discord wants the message content intent. ``ping`` lets an answer notify whoever asked.
    """

    token: SecretStr
    message_content: bool = False
    listen: tuple[Id, ...] = ()
    guilds: tuple[Id, ...] = ()
    channels: tuple[Id, ...] = ()
    direct_messages: bool = True
    ping: bool = False
    quiet_commands: bool = True
    most_messages: Annotated[int, Field(ge=1, le=50)] = 5
    attachments: Annotated[int, Field(ge=0, le=10)] = 5
    attachment_bytes: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    edit_seconds: Seconds = 1.2
    edits: Annotated[int, Field(ge=3)] = 5
    silence_seconds: Seconds = 120.0
    probe_seconds: Seconds = 10.0
    shards: Annotated[int, Field(ge=1)] | None = None
    api: Annotated[str, Field(pattern=r"^https?://")] = API

    @field_validator("token")
    @classmethod
    def _plain(cls, token: SecretStr) -> SecretStr:
        # Copied from a header, or with the line feed of a file: Discord would only say 401.
        plain = token.get_secret_value().strip().removeprefix("Bot ")
        if not plain:
            raise ValueError("is empty; copy it from the Bot page of the Discord developer portal")
        return SecretStr(plain)

    @model_validator(mode="after")
    def _hears_what_it_listens_to(self) -> DiscordSettings:
        if self.listen and not self.message_content:
            raise ValueError(
                "listen needs message_content = true: Discord sends no text of other messages without it"
            )
        return self
