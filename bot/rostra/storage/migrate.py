"""Bring a database to the revision that this version of the code reads and writes."""

from __future__ import annotations

import warnings
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..errors import StoreError
from .failures import explained
from .schema import REVISION

LOCK = 7_263_118
"""Any number will do, as long as every version of the code takes the same one."""


def migrate(engine: Engine, revision: str = REVISION) -> None:
    """Bring the database behind ``engine`` to ``revision``, in one transaction, whoever else is at it too.

    Raises `StoreError`; of a database that a newer version made, nothing is touched.
    """
    try:
        with engine.begin() as connection:  # SQLite: from here on, nobody else writes
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            found = revision_of(connection)
            if found != revision:
                _upgrade(connection, found, revision)
    except SQLAlchemyError as error:
        raise explained(error) from error


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database, None where it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _upgrade(connection: Connection, found: str | None, revision: str) -> None:
    # Only here, because a database that needs nothing should not pay for the import.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"the database has revision {found!r}, which a newer version of rostra made; "
            f"this one knows {REVISION!r}: install the newer version or restore a backup"
        )
    config.attributes["connection"] = connection
    with warnings.catch_warnings():
        # alembic's own imports are no business of whoever opens a store
        warnings.simplefilter("ignore", DeprecationWarning)
        command.upgrade(config, revision)
