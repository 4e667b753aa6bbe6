"""Where which model answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
STATES = sa.Enum(
    "active",
    "canary",
    "withdrawn",
    name="state",
    native_enum=False,
    create_constraint=True,
    length=16,
)


def upgrade() -> None:
    """Make the table, and have the database itself refuse to change what is in it."""
    op.create_table(
        "deployment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", STATES, nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_version.id"], name="fk_deployment_version_id_model_version"
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_deployment_actor_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER deployment_no_{change.lower()} BEFORE {change} ON deployment "
                "BEGIN SELECT RAISE(ABORT, 'deployment is append only'); END"
            )
        return
    # The function is there since the first revision.
    op.execute(
        "CREATE TRIGGER deployment_append_only BEFORE UPDATE OR DELETE ON deployment "
        "FOR EACH ROW EXECUTE FUNCTION rostra_append_only()"
    )
    op.execute(
        "CREATE TRIGGER deployment_no_truncate BEFORE TRUNCATE ON deployment "
        "FOR EACH STATEMENT EXECUTE FUNCTION rostra_append_only()"
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("deployment")
