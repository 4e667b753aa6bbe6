"""What was used, and what of each quota: messages, tokens, money."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "spending",
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("conversation_id", KEY, nullable=True),
        sa.Column("answerer", sa.String(length=120), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("messages", sa.SmallInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("held_messages", sa.SmallInteger(), nullable=False),
        sa.Column("held_tokens", sa.BigInteger(), nullable=False),
        sa.Column("held_cost", sa.BigInteger(), nullable=False),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.Column("step_id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name="fk_spending_workspace_id_workspace"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_spending_person_id_person"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_spending_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("reply_id", name="pk_spending"),
    )
    op.create_index("ix_spending_person_id", "spending", ["person_id"])
    op.create_index("ix_spending_at", "spending", ["at"])
    op.create_table(
        "quota_counter",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_quota_counter_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_quota_counter"),
    )
    op.create_index("ix_quota_counter_person_id", "quota_counter", ["person_id"])
    op.create_index("ix_quota_counter_ends_at", "quota_counter", ["ends_at"])


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("quota_counter")
    op.drop_table("spending")
