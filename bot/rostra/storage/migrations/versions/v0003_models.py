"""What answers: versions of models, and how answers are drawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
KINDS = sa.Enum(
    "base",
    "sft",
    "reward",
    "policy",
    "external",
    name="kind",
    native_enum=False,
    create_constraint=True,
    length=16,
)

APPEND_ONLY = ("model_version", "sampling_config")


def upgrade() -> None:
    """Make the tables, and have the database itself refuse to change what is in them."""
    op.create_table(
        "model_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", KINDS, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("made_at", MOMENT, nullable=True),
        sa.Column("meta", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["model_version.id"],
            name="fk_model_version_parent_id_model_version",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
    )
    op.create_table(
        "sampling_config",
        sa.Column("id", KEY, nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sampling_config"),
    )
    for table in APPEND_ONLY:
        _append_only(table)


def downgrade() -> None:
    """Remove the tables."""
    for table in APPEND_ONLY:
        op.drop_table(table)


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
            )
        return
    # The function is there since the first revision.
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION rostra_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION rostra_append_only()"
    )
