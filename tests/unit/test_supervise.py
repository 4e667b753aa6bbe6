from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from rostra import AdapterError, ConfigError
from rostra.delivery.outgoing import Retry
from rostra.protocols import Accept
from rostra.supervise import HEALTHY, keep_running
from rostra.testing.clock import ManualClock, settle
from rostra.testing.platform import FakePlatform

RETRY = Retry(first_delay=1, longest_delay=60)


class Falling(FakePlatform):
    """Falls as often as there are errors, then ends."""

    def falls(self, *errors: Exception) -> Falling:
        self.failures.extend(errors)
        self.runs = 0
        return self

    async def run(self, accept: Accept) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.popleft()


async def accept(event: object) -> object:
    raise AssertionError(event)


async def test_an_adapter_that_falls_is_started_again() -> None:
    clock = ManualClock()
    adapter = Falling().falls(AdapterError("down"), KeyError("broken"))
    running = asyncio.ensure_future(keep_running(adapter, accept, clock=clock, retry=RETRY))  # type: ignore[arg-type]
    await settle()
    assert adapter.runs == 1
    await clock.advance(HEALTHY)
    await running
    assert adapter.runs == 3


async def test_a_wrong_configuration_is_not_tried_again() -> None:
    adapter = Falling().falls(ConfigError("no token"))
    with pytest.raises(ConfigError, match="no token"):
        await keep_running(adapter, accept, clock=ManualClock(), retry=RETRY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AdapterError("the gateway is down", retry_after=90.0), "the gateway is down"),
        (RuntimeError("holds a token"), "RuntimeError"),
    ],
    ids=["ours", "another's"],
)
async def test_what_an_adapter_says_for_operators_is_logged_and_nothing_else(
    error: Exception, said: str
) -> None:
    clock = ManualClock()
    adapter = Falling().falls(error)
    with capture_logs() as logs:
        running = asyncio.ensure_future(keep_running(adapter, accept, clock=clock, retry=RETRY))  # type: ignore[arg-type]
        await settle()
        await clock.advance(120)
        await running
    assert [entry["error"] for entry in logs] == [said]
    assert (logs[0]["again_in"] >= 90) is isinstance(error, AdapterError)


def test_waiting_grows_up_to_a_limit_and_is_never_shorter_than_asked() -> None:
    longest = [max(RETRY.delay(attempt) for _ in range(200)) for attempt in (0, 3, 30)]
    assert longest[0] <= 1
    assert longest[0] < longest[1] <= 8
    assert longest[1] < longest[2] <= 60
    assert RETRY.delay(0, at_least=5) == 5
