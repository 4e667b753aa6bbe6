"""Accounts, sessions, passes and conversations that are found again, in a store that forgets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias

from uuid_utils import uuid7

from ..accounts import Account, Session, Signed, folded
from ..clock import Clock
from ..places import Person, Place
from ..stores import Entry
from ..talks import SomebodyElses, Talk
from .accounts import added, changed, check, known, taken, unknown
from .memory_passes import MemoryPasses, Who

Audit: TypeAlias = Callable[[Person | None, str, str, Mapping[str, str]], Awaitable[None]]
"""Takes who did what to what, and what else is known."""
Find: TypeAlias = Callable[[str, str], Entry | None]
"""Takes an adapter and the id of an event."""
Unsay: TypeAlias = Callable[[Place, frozenset[str]], None]
"""Takes a place, and the replies that are to be remembered no longer there."""


class MemoryAccounts:
    """A `rostra.accounts.Accounts` that lives as long as the process."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._account_clock = clock
        self._account_audit = audit
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[bytes, Session] = {}

    async def add_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> Account:
        del adapter  # a person is kept as given
        if await self.account_named(account.adapter, account.name) is not None:
            raise taken(account.name)
        if await self.account_by(account.adapter, account.by) is not None:
            raise known(account.name)
        made_at = account.made_at or self._account_clock.now()
        done = replace(account, id=uuid7().hex, made_at=made_at)
        self._accounts[done.id] = done
        await self._account_audit(actor, *added(done))
        return done

    async def account_named(self, adapter: str, name: str) -> Account | None:
        wanted = (adapter, folded(name))
        found = (one for one in self._accounts.values() if (one.adapter, folded(one.name)) == wanted)
        return next(found, None)

    async def account_by(self, adapter: str, by: str) -> Account | None:
        found = (one for one in self._accounts.values() if (one.adapter, one.by) == (adapter, by))
        return next(found, None) if by else None

    async def accounts_of(self, adapter: str) -> Sequence[Account]:
        return [one for one in self._accounts.values() if one.adapter == adapter]

    async def change_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> None:
        del adapter
        before = self._accounts.get(account.id)
        if before is None or before.adapter != account.adapter:
            raise unknown(account.id)
        self._accounts[account.id] = replace(before, roles=account.roles, password=account.password)
        self._end(account.id)
        await self._account_audit(actor, *changed(account))

    async def open_session(self, session: Session, token: str) -> None:
        check(token)
        if session.account not in self._accounts:
            raise unknown(session.account)
        self._sessions[_hash(token)] = session

    async def session_of(self, token: str) -> Signed | None:
        session = self._sessions.get(_hash(token))
        return None if session is None else Signed(session=session, account=self._accounts[session.account])

    async def touch_session(self, token: str, at: datetime) -> None:
        session = self._sessions.get(_hash(token))
        if session is not None:
            self._sessions[_hash(token)] = replace(session, seen_at=at)

    async def end_session(self, token: str) -> bool:
        return self._sessions.pop(_hash(token), None) is not None

    def forget_sessions(self) -> None:
        """Forget those that are over."""
        now = self._account_clock.now()
        self._sessions = {name: one for name, one in self._sessions.items() if one.expires_at > now}

    def forget_account(self, adapter: str, person: str) -> None:
        """Forget the account with this id, and its sessions."""
        if person in self._accounts and self._accounts[person].adapter == adapter:
            self._end(person)
            del self._accounts[person]

    def _end(self, account: str) -> None:
        self._sessions = {name: one for name, one in self._sessions.items() if one.account != account}


class MemoryTalks:
    """A `rostra.talks.Talks` that lives as long as the process."""

    def __init__(self, find: Find, unsay: Unsay) -> None:
        self._talk_find = find
        self._talk_unsay = unsay
        self._talks: dict[str, Talk] = {}
        self._turns: dict[str, list[str]] = {}
        self._put_down: dict[tuple[str, str], str] = {}

    async def ask(self, talk: Talk, event: str, *, instead_of: str = "") -> bool:
        if (talk.adapter, event) in self._put_down:
            return False
        there = self._talks.get(talk.id)
        if there is not None and (there.adapter, there.owner) != (talk.adapter, talk.owner):
            raise SomebodyElses
        self._talks[talk.id] = talk if there is None else replace(there, at=talk.at)
        turns = self._turns.setdefault(talk.id, [])
        if instead_of in turns:
            self._replace(talk, turns.index(instead_of))
        self._turns[talk.id].append(event)
        self._put_down[talk.adapter, event] = talk.id
        return True

    async def talk(self, adapter: str, owner: str, id_: str) -> Talk | None:
        found = self._talks.get(id_)
        return found if found is not None and (found.adapter, found.owner) == (adapter, owner) else None

    async def talks(self, adapter: str, owner: str, limit: int = 100) -> Sequence[Talk]:
        theirs = [one for one in self._talks.values() if (one.adapter, one.owner) == (adapter, owner)]
        return sorted(theirs, key=lambda one: (one.at, one.id), reverse=True)[: max(limit, 0)]

    async def asked_in(self, talk: Talk) -> Sequence[Entry]:
        found = (self._talk_find(talk.adapter, event) for event in self._turns.get(talk.id, ()))
        return [entry for entry in found if entry is not None]

    async def end_talk(self, talk: Talk) -> None:
        self._replace(talk, 0)
        self._talks.pop(talk.id, None)
        self._turns.pop(talk.id, None)

    def forget_talks(self, before: datetime) -> None:
        """Forget those in which nothing was asked since ``before``."""
        for one in [one for one in self._talks.values() if one.at < before]:
            del self._talks[one.id]
            self._turns.pop(one.id, None)
        self._put_down = {key: id_ for key, id_ in self._put_down.items() if id_ in self._talks}

    def forget_talks_of(self, adapter: str, owner: str) -> None:
        """Forget those of somebody."""
        for one in list(self._talks.values()):
            if (one.adapter, one.owner) == (adapter, owner):
                del self._talks[one.id]
                self._turns.pop(one.id, None)

    def _replace(self, talk: Talk, first: int) -> None:
        turns = self._turns.get(talk.id, [])
        gone = (self._talk_find(talk.adapter, event) for event in turns[first:])
        self._talk_unsay(talk.place, frozenset(entry.reply.id for entry in gone if entry is not None))
        self._turns[talk.id] = turns[:first]


class MemoryWeb(MemoryAccounts, MemoryPasses, MemoryTalks):
    """All of it, for who signs in, ranks and finds conversations again."""

    def __init__(self, clock: Clock, audit: Audit, find: Find, unsay: Unsay, who: Who) -> None:
        MemoryAccounts.__init__(self, clock, audit)
        MemoryPasses.__init__(self, clock, who)
        MemoryTalks.__init__(self, find, unsay)

    def forget_web(self, before: datetime) -> None:
        """Forget sessions and passes that are over, and conversations in which nothing was asked since ``before``."""
        self.forget_sessions()
        self.forget_passes()
        self.forget_talks(before)

    def forget_web_of(self, adapter: str, person: str) -> None:
        """Forget the account of somebody, their passes, and their conversations."""
        self.forget_account(adapter, person)
        self.forget_passes_of(adapter, person)
        self.forget_talks_of(adapter, person)


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
