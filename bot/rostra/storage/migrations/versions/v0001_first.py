"""The first tables: people and their keys, places and what is said there, why, and the ledger of replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.schema`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = ("verdict", "audit_log")
TABLES = (
    "outbox",
    "inbox",
    "audit_log",
    "trace",
    "verdict",
    "message",
    "content",
    "place_setting",
    "conversation",
    "workspace",
    "platform_account",
    "person_key",
    "person",
    "keyring",
)


def upgrade() -> None:
    """Make the tables, and have the database itself refuse to change what is append-only."""
    _people()
    _places()
    _talk()
    _decisions()
    _ledger()
    for table in APPEND_ONLY:
        _append_only(table)


def downgrade() -> None:
    """Remove the tables."""
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION rostra_append_only()")


def one_of(name: str, *values: str) -> sa.Enum:
    """Return the type of a column that holds one of ``values``, which the database checks."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _people() -> None:
    op.create_table(
        "keyring",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
        sa.PrimaryKeyConstraint("id", name="pk_keyring"),
    )
    op.create_table(
        "person",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", one_of("kind", "human", "bot"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
    )
    op.create_table(
        "person_key",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_key_person_id_person"),
        sa.PrimaryKeyConstraint("person_id", name="pk_person_key"),
    )
    op.create_table(
        "platform_account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("external_id_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_platform_account_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_platform_account"),
        sa.UniqueConstraint("lookup", name="uq_platform_account_lookup"),
    )
    op.create_index("ix_platform_account_person_id", "platform_account", ["person_id"], unique=False)


def _places() -> None:
    op.create_table(
        "workspace",
        sa.Column("id", KEY, nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspace"),
        sa.UniqueConstraint("adapter", "external_id", name="uq_workspace_adapter_external_id"),
    )
    op.create_table(
        "conversation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("place_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fresh_after", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name="fk_conversation_workspace_id_workspace"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_conversation"),
        sa.UniqueConstraint("lookup", name="uq_conversation_lookup"),
    )
    op.create_index("ix_conversation_workspace_id", "conversation", ["workspace_id"], unique=False)
    op.create_table(
        "place_setting",
        sa.Column("conversation_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("chosen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_place_setting_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "name", name="pk_place_setting"),
    )


def _talk() -> None:
    op.create_table(
        "content",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_content_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_content"),
    )
    op.create_table(
        "message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("conversation_id", KEY, nullable=False),
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("role", one_of("role", "user", "assistant"), nullable=False),
        sa.Column("author_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name="fk_message_author_id_person"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_message_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["id"], ["content.id"], name="fk_message_id_content"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_message_conversation_id_message_id", "message", ["conversation_id", "id"], unique=False
    )
    op.create_index("ix_message_reply_id", "message", ["reply_id"], unique=False)


def _decisions() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("direction", one_of("direction", "question", "answer"), nullable=False),
        sa.Column("decision", one_of("decision", "allow", "flag", "block"), nullable=False),
        sa.Column("kind", one_of("kind", "judged", "error", "timeout"), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("category", sa.String(length=120), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("policy", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trace",
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("conversation_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_trace_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_trace_person_id_person"),
        sa.PrimaryKeyConstraint("reply_id", name="pk_trace"),
    )
    op.create_index(
        "ix_trace_conversation_id_trace_reply_id", "trace", ["conversation_id", "reply_id"], unique=False
    )
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_audit_log_actor_id_person"),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
        sa.UniqueConstraint("hash", name="uq_audit_log_hash"),
        sa.UniqueConstraint("id", name="uq_audit_log_id"),
        sa.UniqueConstraint("prev_hash", name="uq_audit_log_prev_hash"),
    )


def _ledger() -> None:
    op.create_table(
        "inbox",
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("event_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kind",
            one_of("kind", "Message", "Invocation", "Press", "Submit", "Reaction", "Edited", "Deleted"),
            nullable=False,
        ),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("processed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["reply_id"],
            ["content.id"],
            name="fk_inbox_reply_id_content",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("reply_id", name="pk_inbox"),
        sa.UniqueConstraint("event_key", name="uq_inbox_event_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column(
            "state",
            one_of("state", "accepted", "opening", "open", "closing", "closed", "dead"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("content_id", KEY, nullable=True),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["reply_id"], ["inbox.reply_id"], name="fk_outbox_reply_id_inbox"),
        sa.PrimaryKeyConstraint("reply_id", name="pk_outbox"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_outbox_dead",
        "outbox",
        ["reply_id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index("ix_outbox_done_at", "outbox", ["done_at"], unique=False)


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION rostra_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION rostra_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION rostra_append_only()"
    )
