"""Keys of applications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "api_key",
        sa.Column("id", KEY, nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("hint", sa.String(4), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("lookup", name="uq_api_key_lookup"),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("api_key")
