"""What a store in a database keeps beside the conversations: drawers of components, what questions took, keys of applications."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..api_keys import ApiKey
from ..chat import Usage
from ..clock import Clock
from ..places import Person, Place
from ..spending import Amounts, Bill, Dimension, Granted, Share, Spent
from . import api_keys, drawer, spending
from .keys import Keyring
from .memory_drawer import check
from .people import REPLIES, Scope
from .recent import Recent
from .spent import spent
from .writes import Call, Write

T = TypeVar("T")


class Shelves(ABC):
    """Those parts of a `rostra.stores.Store` that need no more than to read and to write."""

    _keyring: Keyring
    _clock: Clock

    def __init__(self) -> None:
        # Most questions have nothing reserved, and what they took is added without a look at what is there.
        self._reserved: Recent[str, Bill] = Recent(REPLIES)

    @abstractmethod
    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what ``query`` reads."""

    @abstractmethod
    async def write(self, change: Callable[[Scope], T]) -> T:
        """Return what ``change`` returns, once it is on disk."""

    @abstractmethod
    def put_down(self, write: Write) -> None:
        """Have ``write`` carried out no later than what is written next."""

    async def put(self, adapter: str, name: str, value: bytes) -> None:
        check(value)
        await self.write(lambda scope: drawer.put(scope, adapter, name, value))

    async def get(self, adapter: str, name: str) -> bytes | None:
        return await self.read(lambda connection: drawer.get(connection, self._keyring, adapter, name))

    async def names(self, adapter: str, prefix: str = "") -> Sequence[str]:
        return await self.read(lambda connection: drawer.names(connection, self._keyring, adapter, prefix))

    async def remove(self, adapter: str, name: str) -> None:
        await self.write(lambda scope: drawer.remove(scope, adapter, name))

    async def reserve(self, bill: Bill, want: Amounts, shares: Sequence[Share]) -> Granted:
        step = uuid7()
        self._reserved.put(bill.reply, bill)
        return await self.write(lambda scope: spending.reserve(scope, step, bill, want, shares))

    def settle(self, bill: Bill, used: Usage | None) -> None:
        step = uuid7()
        if self._reserved.get(bill.reply):
            self.put_down(Call(lambda scope: spending.settle(scope, step, bill, used)))
        elif used is not None:
            self.put_down(spending.Spend(bill, UUID(bill.reply), used, step, self._clock.now()))

    async def settle_left(self, before: datetime) -> int:
        return await self.write(lambda scope: spending.settle_left(scope, before))

    async def counted(self, shares: Sequence[Share]) -> Sequence[Amounts]:
        return await self.write(lambda scope: spending.counted(scope.connection, scope.keyring, shares))

    async def spent(
        self, since: datetime, until: datetime, by: Dimension, place: Place | None
    ) -> Sequence[Spent]:
        # In its turn behind what is put down, so that the last answer is in it.
        return await self.write(lambda scope: spent(scope.connection, scope.keyring, since, until, by, place))

    async def add_key(
        self, key: ApiKey, secret: str, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        ids, who = (uuid7(), uuid7()), None if actor is None else (adapter, actor)
        return await self.write(lambda scope: api_keys.add(scope, ids, key, secret, who))

    async def key_of(self, secret: str) -> ApiKey | None:
        return await self.read(lambda connection: api_keys.find(connection, self._keyring, secret))

    async def api_keys(self) -> Sequence[ApiKey]:
        return await self.read(api_keys.keys)

    async def end_key(
        self, id_: str, at: datetime, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        entry, who = uuid7(), None if actor is None else (adapter, actor)
        return await self.write(lambda scope: api_keys.end(scope, entry, id_, at, who))
