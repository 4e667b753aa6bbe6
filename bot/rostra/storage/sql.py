"""A store in a database: SQLite or PostgreSQL, by the same code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..chat import Sampling
from ..clock import Clock
from ..delivery.reply import Reply
from ..errors import StoreError
from ..events import Event
from ..kept import Kept
from ..places import Person, Place
from ..protocols import Accepted, Duplicate
from ..stores import (
    Audited,
    Backlog,
    Case,
    Entry,
    Explanation,
    Judgement,
    Label,
    PolicyChange,
    Review,
    Said,
    Sanction,
    Summary,
)
from ..turns import Step
from ..verdicts import Judged
from ..versions import Deployment, ModelVersion
from . import deployments, kept, policies, reads, reviews, sanctions, summaries, versions
from .audit import Verified, append, verify
from .audited import audited
from .database import Database
from .erase import known_as
from .feedback import SqlFeedback
from .history import History
from .ids import id_or_none
from .keys import Keyring
from .people import Scope, conversations, workspace_of
from .purge import purge_portion
from .schema import conversation, message, place_setting
from .shelves import Shelves
from .shown import reply_shown
from .transactions import Transactions
from .writer import GIVEN_UP, Writer
from .writes import Accept, Advance, Call, Explain, Remember, Write

T = TypeVar("T")


class SqlStore(Shelves, SqlFeedback):
    """A `rostra.stores.Store` on disk. Made by `rostra.storage.open_store`."""

    def __init__(self, *, database: Database, keyring: Keyring, clock: Clock) -> None:
        super().__init__()
        self.database = database
        self._keyring = keyring
        self._clock = clock
        self._transactions = Transactions(database.writing, keyring, clock)
        self._writer = Writer(database.writer_thread, self._transactions.transact)
        # Only SQLite tells whether another process wrote; without that, what is remembered could be old.
        self._history = History() if database.is_sqlite else History(0)
        self._foreign = 0
        self._unwritten: dict[Place, asyncio.Future[Any]] = {}

    async def run(self) -> None:
        """Write what is to be written, until `close`. Nothing is written while this does not run."""
        await self._writer.run()

    def close(self) -> None:
        """Take nothing more; `run` returns once everything is written."""
        self._writer.close()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what ``query`` reads; it runs in another thread, outside of any transaction."""
        return await self.database.read(query)

    async def write(self, change: Callable[[Scope], T]) -> T:
        """Return what ``change`` returns, once what it wrote is on disk together with what others wrote."""
        return cast("T", await self._writer.write(Call(change)))

    async def carry_out(self, work: Write) -> Any:
        return await self._writer.write(work)

    def put_down(self, write: Write) -> None:
        self._writer.put(write)

    async def accept(self, event: Event) -> Accepted | Duplicate:
        return cast(
            "Accepted | Duplicate", await self._writer.write(Accept(event, uuid7(), self._clock.now()))
        )

    async def advance(self, reply: Reply) -> None:
        await self._writer.write(Advance(reply, _id(reply.id), self._clock.now()))

    async def unfinished(self) -> Sequence[Entry]:
        return await self.read(lambda connection: reads.unfinished(connection, self._keyring))

    async def dead(self) -> Sequence[Entry]:
        return await self.read(lambda connection: reads.dead(connection, self._keyring))

    async def backlog(self) -> Backlog:
        return await self.read(reads.backlog)

    async def entry(self, reply: str) -> Entry | None:
        id_ = _id_or_none(reply)
        if id_ is None:
            return None
        return await self.read(lambda connection: reads.entry(connection, self._keyring, id_))

    async def recall(self, place: Place, limit: int) -> Sequence[Said]:
        known = self._known_history().recall(place, limit)
        if known is not None:
            return known
        await self._written(place)
        slot = self._history.reading(place, limit)
        said = await self.read(lambda connection: reads.recall(connection, self._keyring, place, limit))
        self._history.read(place, slot, limit, said)
        return said

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        ids = (uuid7(), uuid7())
        work = Remember(event, _id(reply), question, answer, ids, self._clock.now())
        self._put(event.place, work)
        self._history.add(
            event.place,
            Said(reply=work.reply.hex, role="user", text=question),
            Said(reply=work.reply.hex, role="assistant", text=answer),
        )

    async def summary(self, place: Place) -> Summary | None:
        return await self.read(lambda connection: summaries.current(connection, self._keyring, place))

    async def summarise(self, event: Event, text: str, *, replies: Sequence[str], follows: str = "") -> bool:
        id_, told, before = uuid7(), [_id(reply) for reply in replies], _id(follows) if follows else None
        return await self.write(lambda scope: summaries.put(scope, id_, event, text, told, before))

    async def forget(self, place: Place) -> int:
        def forget(scope: Scope) -> int:
            id_ = conversations(scope, [place])[place]
            said = (message.c.conversation_id == id_) & (message.c.id > conversation.c.fresh_after)
            count = scope.connection.scalar(
                sa.select(sa.func.count())
                .select_from(message)
                .join(conversation, said & (conversation.c.id == id_))
            )
            scope.connection.execute(
                sa.update(conversation).where(conversation.c.id == id_).values(fresh_after=uuid7())
            )
            return count or 0

        count = await self.write(forget)
        self._history.drop(place)
        return count

    def explain(self, event: Event, reply: str, steps: Sequence[Step], verdicts: Sequence[Judged]) -> None:
        ids = tuple(uuid7() for _ in verdicts)
        work = Explain(event, _id(reply), tuple(steps), tuple(verdicts), ids, self._clock.now())
        self._put(event.place, work)

    async def explanation(self, place: Place, reply: str | None = None) -> Explanation | None:
        id_ = None if reply is None else _id_or_none(reply)
        if reply is not None and id_ is None:
            return None
        await self._written(place)
        return await self.read(lambda connection: reads.explanation(connection, self._keyring, place, id_))

    async def judgements(self, since: datetime, limit: int = 20_000) -> Sequence[Judgement]:
        await self._all_written()
        return await self.read(lambda connection: reads.judgements(connection, self._keyring, since, limit))

    async def audit(
        self,
        actor: Person | None,
        action: str,
        subject: str,
        detail: Mapping[str, str],
        *,
        adapter: str = "",
        place: Place | None = None,
    ) -> None:
        """Add an entry to the log of changes. ``adapter``: whose platform knows ``actor``."""
        id_ = uuid7()
        who = _account(actor, adapter)

        def add(scope: Scope) -> None:
            where = {} if place is None else {"workspace": workspace_of(scope, place).hex}
            append(scope, id_, who, action, subject, {**detail, **where})

        await self.write(add)

    async def audited(self, place: Place | None, limit: int = 20) -> Sequence[Audited]:
        return await self.read(lambda connection: audited(connection, self._keyring, place, max(limit, 0)))

    async def reply_shown(self, place: Place, message: str) -> str | None:
        await self._written(place)
        return await self.read(lambda connection: reply_shown(connection, self._keyring, place, message))

    async def verify_audit(self, look: Callable[[Mapping[str, Any]], None] | None = None) -> Verified:
        """Follow the chain of the log of changes. ``look`` sees every entry, in a thread."""
        return await self.database.read_at_once(lambda connection: verify(connection, look))

    async def choices(self, place: Place) -> Mapping[str, str]:
        return await self.read(lambda connection: reads.choices(connection, self._keyring, place))

    async def choose(self, place: Place, name: str, value: str | None) -> None:
        def choose(scope: Scope) -> None:
            id_ = conversations(scope, [place])[place]
            scope.connection.execute(
                sa.delete(place_setting).where(
                    place_setting.c.conversation_id == id_, place_setting.c.name == name
                )
            )
            if value is not None:
                row = {"conversation_id": id_, "name": name, "value": value, "chosen_at": scope.now}
                scope.run(sa.insert(place_setting), [row])

        await self.write(choose)

    async def policies(self) -> Mapping[str, PolicyChange]:
        return await self.read(lambda connection: policies.newest(connection, self._keyring))

    async def policy_changes(self, policy: str, limit: int = 20) -> Sequence[PolicyChange]:
        return await self.read(
            lambda connection: policies.changes(connection, self._keyring, policy, max(limit, 0))
        )

    async def change_policy(
        self, policy: str, table: Mapping[str, Any], *, what: str, actor: Person | None, adapter: str = ""
    ) -> PolicyChange:
        ids, who = (uuid7(), uuid7()), _account(actor, adapter)
        return await self.write(lambda scope: policies.change(scope, ids, policy, table, what, who))

    async def queue(self, event: Event, reply: str, case: Case) -> str:
        id_, about = uuid7(), _id(reply)
        return (await self.write(lambda scope: reviews.queue(scope, id_, event, about, case))).hex

    async def reviews(
        self, place: Place | None, limit: int = 20, *, decided: bool = False
    ) -> Sequence[Review]:
        return await self.read(
            lambda connection: reviews.reviews(
                connection, self._keyring, place, max(limit, 0), decided=decided
            )
        )

    async def review(self, id_: str) -> Review | None:
        wanted = _id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: reviews.review(connection, self._keyring, wanted))

    async def decide(self, id_: str, label: Label, *, actor: Person | None, adapter: str = "") -> None:
        item = _id_or_none(id_)
        if item is None:
            raise StoreError(f"there is no case {id_!r} in the queue")
        ids, who = (uuid7(), uuid7()), _account(actor, adapter)
        await self.write(lambda scope: reviews.decide(scope, ids, item, label, who))

    async def sanction(
        self, person: Person, place: Place, sanction: Sanction, *, actor: Person | None = None
    ) -> None:
        ids, by = (uuid7(), uuid7()), _account(actor, place.adapter)
        who = (place.adapter, person)
        await self.write(lambda scope: sanctions.add(scope, ids, who, place, sanction, by))

    async def sanctions(self, person: Person, place: Place) -> Sequence[Sanction]:
        return await self.read(
            lambda connection: sanctions.of_person(connection, self._keyring, person.id, place)
        )

    async def sanctioned(self, place: Place, since: datetime, limit: int = 50) -> Sequence[Sanction]:
        return await self.read(
            lambda connection: sanctions.in_workspace(connection, self._keyring, place, since, max(limit, 0))
        )

    async def model_version(self, version: ModelVersion) -> str:
        return await self.write(lambda scope: versions.add_version(scope, version))

    async def model_versions(self) -> Sequence[ModelVersion]:
        return await self.read(versions.versions)

    async def version_of(self, id_: str) -> ModelVersion | None:
        wanted = _id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: versions.find_version(connection, wanted))

    async def sampling_config(self, sampling: Sampling) -> str:
        return await self.write(lambda scope: versions.add_sampling(scope, sampling))

    async def sampling_of(self, id_: str) -> Sampling | None:
        wanted = _id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: versions.find_sampling(connection, wanted))

    async def deploy(
        self, deployment: Deployment, *, actor: Person | None = None, adapter: str = ""
    ) -> Deployment:
        ids, who = (uuid7(), uuid7()), _account(actor, adapter)
        return await self.write(lambda scope: deployments.add(scope, ids, deployment, who))

    async def deployments(self) -> Sequence[Deployment]:
        return await self.read(lambda connection: deployments.deployments(connection, self._keyring))

    async def purge(self, before: datetime) -> int:
        total, more = 0, True
        while more:
            count, more = await self.write(lambda scope: purge_portion(scope, before))
            total += count
            self._history.clear()
        return total + await self.purge_feedback(before)

    async def kept(self, pseudonym: str) -> Kept | None:
        """Return everything that is kept about somebody, None if nobody who was not erased has this pseudonym."""
        who = id_or_none(pseudonym)
        if who is None or await self.account(pseudonym) is None:
            return None
        return await self.read(lambda connection: kept.kept(connection, self._keyring, who))

    async def known(self, adapter: str, person: str) -> Sequence[str]:
        """Return the pseudonyms of the person with this id on the platform of ``adapter``; nobody becomes known by that."""
        found = await self.read(lambda connection: known_as(connection, self._keyring, adapter, person))
        return [one.hex for one in found]

    async def shred(self, adapter: str, person: str) -> bool:
        """Destroy the key of the person with this id on the platform of ``adapter``. Return whether there was one."""
        return (await self.erase(adapter, person)).known

    def unsaid(self, place: Place) -> None:
        self._history.drop(place)

    def forgotten(self) -> None:
        self._history.clear()

    def _known_history(self) -> History:
        # Every turn begins with a write, which finds out.
        if self._foreign != self._transactions.foreign:
            self._foreign = self._transactions.foreign
            self._history.clear()
        return self._history

    def _put(self, place: Place, work: Remember | Explain) -> None:
        written = self._writer.put(work)
        self._unwritten[place] = written

        def done(future: asyncio.Future[Any]) -> None:
            if self._unwritten.get(place) is future:
                del self._unwritten[place]
            if future.cancelled() or future.result() is GIVEN_UP:
                self._history.drop(place)

        written.add_done_callback(done)

    async def _written(self, place: Place) -> None:
        """Return once what was put down about ``place`` can be read."""
        if place in self._unwritten:
            await self._all_written()

    async def _all_written(self) -> None:
        await self._writer.write(Call(lambda _scope: None))


def _account(person: Person | None, adapter: str) -> tuple[str, Person] | None:
    return None if person is None else (adapter, person)


def _id(reply: str) -> UUID:
    id_ = _id_or_none(reply)
    if id_ is None:
        raise StoreError(f"no event was accepted for reply {reply!r}")
    return id_


def _id_or_none(reply: str) -> UUID | None:
    try:
        return UUID(reply)
    except ValueError:
        return None
