"""Passes to the ranking page, for people of a chat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
KIND = sa.Enum("link", "session", name="kind", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rank_pass",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_rank_pass_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_rank_pass"),
        sa.UniqueConstraint("lookup", name="uq_rank_pass_lookup"),
    )
    op.create_index("ix_rank_pass_person_id", "rank_pass", ["person_id"])
    op.create_index("ix_rank_pass_expires_at", "rank_pass", ["expires_at"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("rank_pass")
