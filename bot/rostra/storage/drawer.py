"""Small values of components: each is one row, found by a keyed hash of its name, and sealed together with that."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .keys import Keyring
from .people import Scope, storable
from .schema import drawer
from .statements import replaced


def put(scope: Scope, adapter: str, name: str, value: bytes) -> None:
    """Keep ``value`` under ``name``."""
    id_ = _id(scope.keyring, adapter, name)
    called = name.encode("utf-8", "surrogatepass")
    body = scope.keyring.seal(None, id_.bytes, len(called).to_bytes(4) + called + value)
    row = {"id": id_, "adapter": storable(adapter), "body": body, "at": scope.now}
    scope.run(replaced(scope.connection, drawer, "body", "at"), [row])


def get(connection: Connection, keyring: Keyring, adapter: str, name: str) -> bytes | None:
    """Return the value under ``name``."""
    id_ = _id(keyring, adapter, name)
    body = connection.scalar(sa.select(drawer.c.body).where(drawer.c.id == id_))
    return None if body is None else _opened(keyring, id_, body)[1]


def names(connection: Connection, keyring: Keyring, adapter: str, prefix: str) -> Sequence[str]:
    """Return the names that begin with ``prefix``, in their order."""
    rows = connection.execute(
        sa.select(drawer.c.id, drawer.c.body).where(drawer.c.adapter == storable(adapter))
    )
    found = (_opened(keyring, row.id, row.body)[0] for row in rows)
    return sorted(name for name in found if name.startswith(prefix))


def remove(scope: Scope, adapter: str, name: str) -> None:
    """Remove what is under ``name``."""
    scope.connection.execute(sa.delete(drawer).where(drawer.c.id == _id(scope.keyring, adapter, name)))


def _id(keyring: Keyring, adapter: str, name: str) -> UUID:
    return UUID(bytes=keyring.lookup("drawer", adapter, name))


def _opened(keyring: Keyring, id_: UUID, body: bytes) -> tuple[str, bytes]:
    plain = keyring.open(None, id_.bytes, body)
    end = 4 + int.from_bytes(plain[:4])
    return plain[4:end].decode("utf-8", "surrogatepass"), plain[end:]
