"""What ``[adapters.NAME]`` of kind ``web`` may say."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from rostra.addresses import is_loopback
from rostra.components import ComponentSettings


class WebSettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``web``.

    - ``listen``: HOST:PORT; adapters that name the same share it. Anything but this machine wants a proxy that speaks TLS.
    - ``trusted_proxies``: addresses whose ``X-Forwarded-…`` is believed.
    - ``title``: what the page is called.
    - ``accounts``: people sign in with a name and a password, see ``rostra account``. Without, only who opens the link that
      is printed at the start, and only on this machine.
    - ``idle_hours``: after so long without a request one has to sign in again; ``session_days``: at the latest then.
    - ``link_minutes``: for which a printed link is good.
    - ``sign_ins_per_minute``: attempts for one account, and four times as many from one address.
    - ``message_characters``: of a question, at most.
    - ``streams_per_person``: pages that one person has open at once.
    """

    listen: str = "127.0.0.1:8080"
    trusted_proxies: tuple[str, ...] = ()
    title: Annotated[str, Field(min_length=1, max_length=60)] = "Rostra"
    accounts: bool = False
    idle_hours: Annotated[float, Field(gt=0)] = 24.0
    session_days: Annotated[float, Field(gt=0)] = 30.0
    link_minutes: Annotated[float, Field(gt=0)] = 15.0
    sign_ins_per_minute: Annotated[int, Field(ge=1)] = 5
    message_characters: Annotated[int, Field(ge=1)] = 32_000
    streams_per_person: Annotated[int, Field(ge=1)] = 16

    @property
    def private(self) -> bool:
        """Whether nobody but this machine can ask."""
        return is_loopback(f"http://{self.listen}")

    @model_validator(mode="after")
    def _closed_to_others(self) -> Self:
        if not self.accounts and not self.private:
            raise ValueError(
                f"listen = {self.listen!r} lets others ask: set accounts = true and make one with"
                " `rostra account new NAME --role owner`, or set listen = '127.0.0.1:8080'"
            )
        return self
