"""Notes on what no longer fits into a prompt, one for each conversation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "summary",
        sa.Column("id", KEY, nullable=False),
        sa.Column("conversation_id", KEY, nullable=False),
        sa.Column("since_id", KEY, nullable=False),
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("upto_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["id"], ["content.id"], name="fk_summary_id_content"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_summary_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_summary"),
        sa.UniqueConstraint("conversation_id", name="uq_summary_conversation_id"),
    )
    op.create_index("ix_summary_since_id", "summary", ["since_id"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("summary")
