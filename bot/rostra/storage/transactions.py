"""The writer's thread: one batch, one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..clock import Clock
from ..errors import StoreError
from .failures import again_at_once, explained
from .keys import Keyring
from .people import Memo, Scope
from .schema import keyring as keyring_table
from .writes import Write, carry_out

TRIES = 4
"""How often a transaction is begun that gives way to another's: whoever it gave way to is through then."""


class Transactions:
    """Carries out batches, one after the other. Not for two threads at a time."""

    def __init__(self, engine: Engine, keyring: Keyring, clock: Clock) -> None:
        self._engine = engine
        self._keyring = keyring
        self._clock = clock
        self._memo = Memo()
        self._seen: object = None
        self.foreign = 0
        """Grows when another process was found to have written. Read by other threads, too."""

    def transact(self, writes: Sequence[Write]) -> Sequence[Any]:
        """Carry out ``writes`` in one transaction and return a result for each; see `rostra.storage.writer`."""
        try:
            for _ in range(TRIES - 1):
                try:
                    return self._once(writes)
                except SQLAlchemyError as error:
                    if not again_at_once(error):
                        raise
                    self._memo.clear()
            return self._once(writes)
        except SQLAlchemyError as error:
            self._memo.clear()
            raise explained(error) from error
        except Exception:  # nothing was written, whatever went wrong: what was remembered of it is not true
            self._memo.clear()
            raise

    def _once(self, writes: Sequence[Write]) -> Sequence[Any]:
        with self._engine.begin() as connection:
            version = _version(connection)
            if version != self._seen:
                self._memo.clear()
                self._seen = version
                self.foreign += 1
            return carry_out(Scope(connection, self._keyring, self._memo, self._clock.now()), writes)


def _version(connection: Connection) -> object:
    """Return something that changes when another process may have changed what the writer remembers."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        # Of this connection: after a reconnect everything counts as changed.
        return id(driver), driver.execute("PRAGMA data_version").fetchone()[0]
    # Held until the commit: no key is destroyed while something is being sealed with it.
    generation = connection.scalar(_GENERATION)
    if generation is None:
        raise StoreError("the database has no keyring; it was not made by rostra, or only in part")
    return generation


_GENERATION = sa.select(keyring_table.c.generation).with_for_update(read=True)
