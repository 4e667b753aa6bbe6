"""Accounts and sessions in a database: a name and a password are sealed with the key of whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..accounts import TOKEN, Account, Session, Signed, folded
from ..codec import parse, text_of
from ..errors import StoreError
from ..places import Person
from .audit import append
from .ids import id_or_none
from .keys import Keyring
from .people import Scope, askers
from .schema import person_key
from .web_tables import account as table
from .web_tables import web_session


def add(scope: Scope, ids: tuple[UUID, UUID], one: Account, actor: tuple[str, Person] | None) -> Account:
    """Add an account; ``ids`` are its own and that of its entry in the log of changes. Raises `StoreError`."""
    id_, entry = ids
    lookup = _lookup(scope.keyring, one.adapter, one.name)
    made_at = one.made_at or scope.now
    done = Account(
        adapter=one.adapter,
        name=one.name,
        roles=one.roles,
        id=id_.hex,
        password=one.password,
        by=one.by,
        made_at=made_at,
    )
    there = scope.connection.scalar(sa.select(table.c.id).where(table.c.lookup == lookup))
    if there == id_:
        return done  # the commit got lost on the way, and was none the less
    if there is not None:
        raise taken(one.name)
    by = _by(scope.keyring, one.adapter, one.by) if one.by else None
    if by is not None and scope.connection.scalar(sa.select(table.c.id).where(table.c.by_lookup == by)):
        raise known(one.name)
    who = askers(scope, [(one.adapter, done.person)])[one.adapter, done.id]
    row = {
        "id": id_,
        "person_id": who.id,
        "adapter": one.adapter,
        "lookup": lookup,
        "by_lookup": by,
        "roles": sorted(one.roles),
        "body": scope.keyring.seal(who.wrapped, id_.bytes, _body(done)),
        "made_at": made_at,
    }
    scope.run(sa.insert(table), [row])
    append(scope, entry, actor, *added(done))
    return done


def change(scope: Scope, entry: UUID, one: Account, actor: tuple[str, Person] | None) -> None:
    """Change roles and password of an account, and end its sessions. Raises `StoreError`."""
    wanted = id_or_none(one.id)
    row = (
        None
        if wanted is None
        else scope.connection.execute(_ACCOUNTS.where(table.c.id == wanted).with_for_update(of=table)).first()
    )
    if row is None or row.adapter != one.adapter:
        raise unknown(one.id)
    before = _account(scope.keyring, row)
    values = {
        "roles": sorted(one.roles),
        "body": scope.keyring.seal(
            row.wrapped,
            row.id.bytes,
            text_of({"name": before.name, "password": one.password, "by": before.by}),
        ),
    }
    scope.connection.execute(sa.update(table).where(table.c.id == wanted).values(**values))
    scope.connection.execute(sa.delete(web_session).where(web_session.c.account_id == wanted))
    append(scope, entry, actor, *changed(one))


def named(connection: Connection, keyring: Keyring, adapter: str, name: str) -> Account | None:
    """Return the account with this name."""
    row = connection.execute(_ACCOUNTS.where(table.c.lookup == _lookup(keyring, adapter, name))).first()
    return None if row is None else _account(keyring, row)


def found_by(connection: Connection, keyring: Keyring, adapter: str, by: str) -> Account | None:
    """Return the account of whoever is that elsewhere."""
    if not by:
        return None
    row = connection.execute(_ACCOUNTS.where(table.c.by_lookup == _by(keyring, adapter, by))).first()
    return None if row is None else _account(keyring, row)


def of(connection: Connection, keyring: Keyring, adapter: str) -> Sequence[Account]:
    """Return all accounts of an adapter, oldest first."""
    found = connection.execute(_ACCOUNTS.where(table.c.adapter == adapter).order_by(table.c.id))
    return [_account(keyring, row) for row in found]


def of_person(connection: Connection, keyring: Keyring, who: UUID) -> Sequence[dict[str, Any]]:
    """Return what somebody signs in with, but for the password."""
    found = (_account(keyring, row) for row in connection.execute(_ACCOUNTS.where(table.c.person_id == who)))
    return [
        {"name": one.name, "roles": sorted(one.roles), "by": one.by, "made_at": one.made_at} for one in found
    ]


def begin(scope: Scope, id_: UUID, session: Session, token: str) -> None:
    """Begin a session. Raises `StoreError`."""
    check(token)
    whose, lookup = id_or_none(session.account), _token(scope.keyring, token)
    there = scope.connection.scalar(sa.select(web_session.c.id).where(web_session.c.lookup == lookup))
    if there == id_:
        return
    if whose is None or scope.connection.scalar(sa.select(table.c.id).where(table.c.id == whose)) is None:
        raise unknown(session.account)
    row = {
        "id": id_,
        "account_id": whose,
        "lookup": lookup,
        "kind": session.kind,
        "made_at": session.made_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
    }
    scope.run(sa.insert(web_session), [row])


def signed(connection: Connection, keyring: Keyring, token: str) -> Signed | None:
    """Return the session with this token, and whose it is."""
    row = connection.execute(_SIGNED, {"lookup": _token(keyring, token)}).first()
    if row is None:
        return None
    session = Session(
        account=row.id.hex,
        made_at=row.since,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        kind=row.kind,
    )
    return Signed(session=session, account=_account(keyring, row))


def touch(scope: Scope, token: str, at: datetime) -> None:
    """Say that somebody was here."""
    found = web_session.c.lookup == _token(scope.keyring, token)
    scope.connection.execute(sa.update(web_session).where(found).values(seen_at=at))


def end(scope: Scope, token: str) -> bool:
    """End a session. Return whether it was there."""
    found = web_session.c.lookup == _token(scope.keyring, token)
    return scope.connection.execute(sa.delete(web_session).where(found)).rowcount > 0


def purge(connection: Connection, now: datetime) -> None:
    """Remove the sessions that are over."""
    connection.execute(sa.delete(web_session).where(web_session.c.expires_at < now))


def forget_people(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove the accounts of ``people``, and their sessions."""
    theirs = sa.select(table.c.id).where(table.c.person_id.in_(people))
    connection.execute(sa.delete(web_session).where(web_session.c.account_id.in_(theirs)))
    connection.execute(sa.delete(table).where(table.c.person_id.in_(people)))


def check(token: str) -> None:
    """Raise `StoreError` if ``token`` is none, without repeating it."""
    if not TOKEN.fullmatch(token):
        raise StoreError("a token is 43 characters of base64url; this one is not: make one with new_token()")


def added(one: Account) -> tuple[str, str, dict[str, str]]:
    """Return what the log of changes says of a new account."""
    return "add account", f"account {one.id}", {"roles": " ".join(sorted(one.roles)) or "none"}


def changed(one: Account) -> tuple[str, str, dict[str, str]]:
    """Return what the log of changes says of a changed account."""
    return "change account", f"account {one.id}", {"roles": " ".join(sorted(one.roles)) or "none"}


def taken(name: str) -> StoreError:
    """Return the error for a name that somebody has."""
    return StoreError(f"the name {name!r} is taken; names differ in more than case")


def known(name: str) -> StoreError:
    """Return the error for somebody who has an account already."""
    return StoreError(f"whoever {name!r} is to be has an account already; account_by() finds it")


def unknown(id_: str) -> StoreError:
    """Return the error for an id that no account has."""
    return StoreError(f"there is no account with the id {id_!r}")


def _lookup(keyring: Keyring, adapter: str, name: str) -> bytes:
    return keyring.lookup("account", adapter, folded(name))


def _by(keyring: Keyring, adapter: str, by: str) -> bytes:
    return keyring.lookup("account by", adapter, by)


def _token(keyring: Keyring, token: str) -> bytes:
    return keyring.lookup("session", token)


def _body(one: Account) -> bytes:
    return text_of({"name": one.name, "password": one.password, "by": one.by})


def _account(keyring: Keyring, row: Any) -> Account:
    body = parse(keyring.open(row.wrapped, row.id.bytes, row.body))
    return Account(
        adapter=row.adapter,
        name=body["name"],
        roles=frozenset(row.roles),
        id=row.id.hex,
        password=body["password"],
        by=body["by"],
        made_at=row.made_at,
    )


_COLUMNS = (table.c.id, table.c.adapter, table.c.roles, table.c.body, table.c.made_at, person_key.c.wrapped)
_ACCOUNTS = sa.select(*_COLUMNS).join(person_key, person_key.c.person_id == table.c.person_id)
_SIGNED = (
    sa.select(
        *_COLUMNS,
        web_session.c.made_at.label("since"),
        web_session.c.seen_at,
        web_session.c.expires_at,
        web_session.c.kind,
    )
    .select_from(web_session)
    .join(table, table.c.id == web_session.c.account_id)
    .join(person_key, person_key.c.person_id == table.c.person_id)
    .where(web_session.c.lookup == sa.bindparam("lookup"))
)
