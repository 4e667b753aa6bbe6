"""Small values that components keep, sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "drawer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drawer"),
    )
    op.create_index("ix_drawer_adapter", "drawer", ["adapter"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("drawer")
