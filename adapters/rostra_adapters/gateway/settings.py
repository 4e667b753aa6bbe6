"""What ``[adapters.NAME]`` of kind ``gateway`` may say."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from rostra.addresses import is_loopback
from rostra.components import ComponentSettings

from ..probes import LOCAL


class GatewaySettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``gateway``.

    - ``listen``: HOST:PORT; adapters that name the same share it. Anything but this machine wants a proxy that speaks TLS.
    - ``trusted_proxies``: addresses whose ``X-Forwarded-…`` is believed.
    - ``open``: answer without a key, as the application ``open``; only where nobody but this machine can ask.
    - ``origins``: the web pages, such as ``https://app.example``, whose scripts may ask; none by default.
    - ``body_bytes``: of a request, at most.
    - ``requests``: under way at once; more are told to come back.
    - ``max_tokens``: of an answer, at most, whatever is asked for.
    - ``choices``: to one question, at most.
    - ``remembered_seconds``: for which an answer is kept, in memory, for whoever repeats its ``Idempotency-Key``; 0 keeps none.
    - ``metrics_for``: networks that may read ``/metrics``; this machine by default.
    """

    listen: str = "127.0.0.1:8080"
    trusted_proxies: tuple[str, ...] = ()
    open: bool = False
    origins: tuple[str, ...] = ()
    body_bytes: Annotated[int, Field(ge=1_000)] = 2_000_000
    requests: Annotated[int, Field(ge=1)] = 512
    max_tokens: Annotated[int, Field(ge=1)] = 4_096
    choices: Annotated[int, Field(ge=1, le=128)] = 8
    remembered_seconds: Annotated[float, Field(ge=0)] = 600.0
    metrics_for: tuple[str, ...] = LOCAL

    @model_validator(mode="after")
    def _closed_to_others(self) -> Self:
        if self.open and not is_loopback(f"http://{self.listen}"):
            raise ValueError(
                f"open = true needs listen = '127.0.0.1:PORT'; on {self.listen!r} others could ask"
            )
        return self
