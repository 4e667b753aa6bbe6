"""The platform in memory is held to what it stands in for: it passes the contract of adapters."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rostra.errors import AdapterError
from rostra.protocols import Adapter
from rostra.testing.adapters import AdapterContract, Faults, Platform, absent
from rostra.testing.clock import ManualClock
from rostra.testing.platform import FakePlatform


class Memory:
    """A `FakePlatform` with what can break there."""

    people = None

    def __init__(self) -> None:
        self.fake = FakePlatform()
        self.adapter: Adapter = self.fake
        self.clock = ManualClock()
        self.last = ("", "")

    @property
    def faults(self) -> Faults:
        return self

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self.last = (self.fake.say(text).id, text)

    def users_see(self) -> Sequence[str]:
        return self.fake.seen()

    def acknowledged(self) -> None:
        return None

    def repeat(self) -> None:
        ident, text = self.last
        self.fake.say(text, ident=ident)

    def storm(self, calls: int, retry_after: float) -> None:
        self.fake.failures.extend([AdapterError("too many calls", retry_after=retry_after)] * calls)

    def drop(self) -> None:
        absent("there is no connection")

    async def reconnect(self) -> None:
        absent("there is no connection")

    async def fall_silent(self) -> None:
        absent("there is no connection")

    def unanswered(self) -> int:
        absent("nothing waits for an acknowledgement")

    def restart(self) -> Adapter:
        return self.adapter


class TestFakePlatform(AdapterContract):
    @pytest.fixture
    def platform(self) -> Platform:
        return Memory()

    async def test_a_repeat_of_what_could_not_be_stored_is_taken(self, platform: Platform) -> None:
        pytest.skip("the platform in memory ends with what it cannot hand over")
