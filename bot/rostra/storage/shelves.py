"""What a store in a database keeps beside what was said: drawers, what questions took, keys, accounts, conversations to find again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..accounts import Account, Session, Signed
from ..api_keys import ApiKey
from ..chat import Usage
from ..clock import Clock
from ..passes import Pass
from ..places import Person, Place
from ..spending import Amounts, Bill, Dimension, Granted, Share, Spent
from ..stores import Entry
from ..talks import Talk
from . import accounts, api_keys, drawer, passes, spending, talks
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

    @abstractmethod
    def unsaid(self, place: Place) -> None:
        """Forget what is known by heart of ``place``: something said there is remembered no longer."""

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

    async def add_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> Account:
        ids, who = (uuid7(), uuid7()), None if actor is None else (adapter, actor)
        return await self.write(lambda scope: accounts.add(scope, ids, account, who))

    async def account_named(self, adapter: str, name: str) -> Account | None:
        return await self.read(lambda connection: accounts.named(connection, self._keyring, adapter, name))

    async def account_by(self, adapter: str, by: str) -> Account | None:
        return await self.read(lambda connection: accounts.found_by(connection, self._keyring, adapter, by))

    async def accounts_of(self, adapter: str) -> Sequence[Account]:
        return await self.read(lambda connection: accounts.of(connection, self._keyring, adapter))

    async def change_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> None:
        entry, who = uuid7(), None if actor is None else (adapter, actor)
        await self.write(lambda scope: accounts.change(scope, entry, account, who))

    async def open_session(self, session: Session, token: str) -> None:
        id_ = uuid7()
        await self.write(lambda scope: accounts.begin(scope, id_, session, token))

    async def session_of(self, token: str) -> Signed | None:
        return await self.read(lambda connection: accounts.signed(connection, self._keyring, token))

    async def touch_session(self, token: str, at: datetime) -> None:
        await self.write(lambda scope: accounts.touch(scope, token, at))

    async def end_session(self, token: str) -> bool:
        return await self.write(lambda scope: accounts.end(scope, token))

    async def open_pass(self, one: Pass, token: str) -> None:
        id_ = uuid7()
        await self.write(lambda scope: passes.begin(scope, id_, one, token))

    async def pass_of(self, token: str) -> Pass | None:
        return await self.read(lambda connection: passes.find(connection, self._keyring, token))

    async def end_pass(self, token: str) -> bool:
        return await self.write(lambda scope: passes.end(scope, token))

    async def ask(self, talk: Talk, event: str, *, instead_of: str = "") -> bool:
        id_ = uuid7()
        new = await self.write(lambda scope: talks.ask(scope, id_, talk, event, instead_of))
        if instead_of:
            self.unsaid(talk.place)
        return new

    async def talk(self, adapter: str, owner: str, id_: str) -> Talk | None:
        return await self.read(lambda connection: talks.find(connection, self._keyring, adapter, owner, id_))

    async def talks(self, adapter: str, owner: str, limit: int = 100) -> Sequence[Talk]:
        return await self.read(lambda connection: talks.of(connection, self._keyring, adapter, owner, limit))

    async def asked_in(self, talk: Talk) -> Sequence[Entry]:
        return await self.read(lambda connection: talks.asked_in(connection, self._keyring, talk))

    async def end_talk(self, talk: Talk) -> None:
        await self.write(lambda scope: talks.end(scope, talk))
        self.unsaid(talk.place)
