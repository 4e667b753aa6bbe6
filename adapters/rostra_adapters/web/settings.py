"""What ``[adapters.NAME]`` of kind ``web`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from rostra.addresses import is_loopback
from rostra.components import ComponentSettings

from .oauth.settings import ProviderSettings, fit

Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]


class WebSettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``web``.

    - ``listen``: HOST:PORT; adapters that name the same share it. Anything but this machine wants a proxy that speaks TLS.
    - ``trusted_proxies``: addresses whose ``X-Forwarded-…`` is believed.
    - ``public_url``: the address that people open, such as ``https://chat.example.org``; where it is empty,
      ``http://`` and what ``listen`` says.
    - ``title``: what the page is called.
    - ``accounts``: people sign in with a name and a password, see ``rostra account``. Without, only who opens the link that
      is printed at the start, and only on this machine.
    - ``sign_in``: by a word each, where people sign in with an account that they have elsewhere.
    - ``idle_hours``: after so long without a request one has to sign in again; ``session_days``: at the latest then.
    - ``link_minutes``: for which a printed link is good, and one that ``/rank web`` gives.
    - ``rank_hours``: for which somebody ranks who came by such a link.
    - ``sign_ins_per_minute``: attempts for one account, and four times as many from one address.
    - ``message_characters``: of a question, at most.
    - ``streams_per_person``: pages that one person has open at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)  # it has secrets

    listen: str = "127.0.0.1:8080"
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""
    title: Annotated[str, Field(min_length=1, max_length=60)] = "Rostra"
    accounts: bool = False
    sign_in: Mapping[Word, ProviderSettings] = Field(default_factory=dict[str, ProviderSettings])
    idle_hours: Annotated[float, Field(gt=0)] = 24.0
    session_days: Annotated[float, Field(gt=0)] = 30.0
    link_minutes: Annotated[float, Field(gt=0)] = 15.0
    rank_hours: Annotated[float, Field(gt=0)] = 8.0
    sign_ins_per_minute: Annotated[int, Field(ge=1)] = 5
    message_characters: Annotated[int, Field(ge=1)] = 32_000
    streams_per_person: Annotated[int, Field(ge=1)] = 16

    @property
    def private(self) -> bool:
        """Whether nobody but this machine can ask."""
        return is_loopback(f"http://{self.listen}")

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, url: str) -> str:
        if url and not (fit(url) and urlsplit(url).path in {"", "/"}):
            raise ValueError(
                f"{url!r} is not the address of a page; https://HOST would be right, without a path, http:// on this machine only"
            )
        return url.rstrip("/").lower()

    @model_validator(mode="after")
    def _closed_to_others(self) -> Self:
        if not self.accounts and not self.sign_in and not self.private:
            raise ValueError(
                f"listen = {self.listen!r} lets others ask: set accounts = true and make one with"
                " `rostra account new NAME --role owner`, or have them sign in elsewhere by a table sign_in.WORD,"
                " or set listen = '127.0.0.1:8080'"
            )
        return self

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.sign_in and not self.private and not self.public_url:
            raise ValueError(
                "sign_in needs public_url, the address that browsers come back to, such as 'https://chat.example.org'"
            )
        for word, one in self.sign_in.items():
            for other, two in self.sign_in.items():
                if word < other and one.meets(two):
                    raise ValueError(
                        f"sign_in.{word} and sign_in.{other} are for the same people; leave one out"
                    )
        return self
