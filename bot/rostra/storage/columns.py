"""The kinds of columns that all tables are made of, the same on SQLite and PostgreSQL, and what holds the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Key(sa.types.TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 16 bytes elsewhere."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(sa.Uuid() if native else sa.LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return value if value is None or dialect.name == "postgresql" else UUID(bytes=value)


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, aware in Python on both engines."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; moments are aware")
        # SQLite keeps no zone: what is written there is UTC.
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def one_of(name: str, *values: str) -> sa.Enum:
    """Return the type of a column that holds one of ``values``, which the database checks."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def key(*arguments: Any, **options: Any) -> sa.Column[UUID]:
    """Return a primary key."""
    return sa.Column("id", Key, *arguments, primary_key=True, **options)


def at(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[datetime]:
    """Return a column for a moment."""
    return sa.Column(name, Moment, nullable=nullable, index=index)


metadata = sa.MetaData(naming_convention=NAMING)
