"""Accounts of those who sign in elsewhere are found by who they are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column. There is nothing to put into it: nobody could sign in elsewhere before."""
    op.add_column("account", sa.Column("by_lookup", sa.LargeBinary()))
    op.create_index("ix_account_by_lookup", "account", ["by_lookup"], unique=True)


def downgrade() -> None:
    """Remove the column."""
    op.drop_index("ix_account_by_lookup", "account")
    op.drop_column("account", "by_lookup")
