"""What operators change and decide: versions of policies, the review queue, strikes and time-outs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = ("policy_version", "review_decision")
TABLES = ("sanction", "review_decision", "review_item", "policy_version")


def upgrade() -> None:
    """Make the tables, and have the database itself refuse to change what is append-only."""
    _policies()
    _reviews()
    _sanctions()
    for table in APPEND_ONLY:
        _append_only(table)


def downgrade() -> None:
    """Remove the tables."""
    for table in TABLES:
        op.drop_table(table)


def one_of(name: str, *values: str) -> sa.Enum:
    """Return the type of a column that holds one of ``values``, which the database checks."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _policies() -> None:
    op.create_table(
        "policy_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_policy_version_actor_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_policy_version"),
        sa.UniqueConstraint("policy", "number", name="uq_policy_version_policy_number"),
    )


def _reviews() -> None:
    op.create_table(
        "review_item",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("conversation_id", KEY, nullable=True),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("direction", one_of("direction", "question", "answer"), nullable=False),
        sa.Column("decision", one_of("decision", "allow", "flag", "block"), nullable=False),
        sa.Column("action", sa.String(length=120), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("policy", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_review_item_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_review_item_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_review_item"),
    )
    for column in ("conversation_id", "person_id", "reply_id"):
        op.create_index(f"ix_review_item_{column}", "review_item", [column], unique=False)
    op.create_table(
        "review_decision",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("label", one_of("label", "approve", "block", "wrong"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_review_decision_actor_id_person"),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_item.id"], name="fk_review_decision_item_id_review_item"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_review_decision"),
    )
    op.create_index("ix_review_decision_item_id", "review_decision", ["item_id"], unique=False)


def _sanctions() -> None:
    op.create_table(
        "sanction",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.Column("kind", one_of("kind", "strike", "timeout", "pardon"), nullable=False),
        sa.Column("reply_id", KEY, nullable=True),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_sanction_actor_id_person"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_sanction_person_id_person"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name="fk_sanction_workspace_id_workspace"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sanction"),
    )
    op.create_index("ix_sanction_until", "sanction", ["until"], unique=False)
    op.create_index("ix_sanction_workspace_id", "sanction", ["workspace_id"], unique=False)
    op.create_index(
        "ix_sanction_person_id_sanction_workspace_id", "sanction", ["person_id", "workspace_id"], unique=False
    )


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
