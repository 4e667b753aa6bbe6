"""Ranked feedback: campaigns, ballots, judgments, consent, datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# As they were when this revision was made, whatever becomes of the types in `rostra.storage.columns`.
KEY = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

TABLES = (
    "campaign",
    "guideline",
    "batch",
    "batch_line",
    "candidate",
    "rank_task",
    "assignment",
    "judgment",
    "judgment_item",
    "rating",
    "thumb",
    "exclusion",
    "consent_event",
    "permit",
    "dataset_version",
    "dataset_member",
    "export_artifact",
    "exposure",
)
"""Those that others refer to come first."""

APPEND_ONLY = (
    "guideline",
    "judgment",
    "judgment_item",
    "rating",
    "thumb",
    "consent_event",
    "permit",
    "dataset_member",
    "exposure",
)


def upgrade() -> None:
    """Make the tables, and have the database itself refuse to change what is in some of them."""
    _campaigns()
    _questions()
    _candidates()
    _tasks()
    _judgments()
    _marks()
    _allowed()
    _frozen()
    for table in APPEND_ONLY:
        _append_only(table)


def downgrade() -> None:
    """Remove the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", KEY, nullable=False),
        sa.Column("workspace_id", KEY, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("status", _one_of("status", "draft", "open", "paused", "closed"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("lookup", name="uq_campaign_lookup"),
    )
    op.create_index("ix_campaign_workspace_id", "campaign", ["workspace_id"])
    op.create_table(
        "guideline",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_guideline"),
        sa.UniqueConstraint("campaign_id", "version", name="uq_guideline_campaign_id_version"),
    )


def _questions() -> None:
    op.create_table(
        "batch",
        sa.Column("id", KEY, nullable=False),
        sa.Column("workspace_id", KEY, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("conversation_id", KEY, sa.ForeignKey("conversation.id"), nullable=True),
        sa.Column("asker_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("prompt", sa.LargeBinary(), nullable=False),
        sa.Column("reply_id", KEY, nullable=True),
        sa.Column("decision", _one_of("decision", "allow", "flag", "block"), nullable=False),
        sa.Column("policy", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batch"),
    )
    op.create_index("ix_batch_asker_id", "batch", ["asker_id"])
    op.create_index("ix_batch_prompt", "batch", ["prompt"])
    op.create_index("ix_batch_reply_id", "batch", ["reply_id"])
    op.create_table(
        "batch_line",
        sa.Column("id", KEY, nullable=False),
        sa.Column("batch_id", KEY, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", _one_of("role", "system", "user", "assistant", "tool"), nullable=False),
        sa.Column("author_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_batch_line"),
        sa.UniqueConstraint("batch_id", "ordinal", name="uq_batch_line_batch_id_ordinal"),
    )
    op.create_index("ix_batch_line_author_id", "batch_line", ["author_id"])


def _candidates() -> None:
    op.create_table(
        "candidate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("batch_id", KEY, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("origin", _one_of("origin", "model", "human", "edit", "gold"), nullable=False),
        sa.Column("answerer", sa.String(length=120), nullable=False),
        sa.Column("model_version_id", KEY, sa.ForeignKey("model_version.id"), nullable=True),
        sa.Column("sampling_config_id", KEY, sa.ForeignKey("sampling_config.id"), nullable=True),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("finish", sa.String(length=40), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("author_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("edited_from_id", KEY, nullable=True),
        sa.Column("decision", _one_of("decision", "allow", "flag", "block"), nullable=False),
        sa.Column("policy", sa.String(length=120), nullable=False),
        sa.Column("latency_ms", sa.BigInteger(), nullable=False),
        sa.Column("logprob", sa.Float(), nullable=True),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_candidate"),
        sa.UniqueConstraint("batch_id", "ordinal", name="uq_candidate_batch_id_ordinal"),
    )
    op.create_index("ix_candidate_author_id", "candidate", ["author_id"])


def _tasks() -> None:
    op.create_table(
        "rank_task",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("batch_id", KEY, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("required", sa.SmallInteger(), nullable=False),
        sa.Column("delay", sa.Float(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("is_gold", sa.Boolean(), nullable=False),
        sa.Column("gold", sa.JSON(), nullable=False),
        sa.Column("reserved_for_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("repeat_of_id", KEY, nullable=True),
        sa.Column("status", _one_of("status", "open", "done", "void"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rank_task"),
    )
    op.create_index("ix_rank_task_batch_id", "rank_task", ["batch_id"])
    op.create_index("ix_rank_task_queue", "rank_task", ["campaign_id", "status", "delay", "id"])
    op.create_table(
        "assignment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("task_id", KEY, sa.ForeignKey("rank_task.id"), nullable=False),
        sa.Column("campaign_id", KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("batch_id", KEY, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("person_id", KEY, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("state", _one_of("state", "leased", "submitted", "skipped", "released"), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("surface", sa.String(length=120), nullable=False),
        sa.Column("draft", sa.LargeBinary(), nullable=True),
        sa.Column("is_author", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assignment"),
        sa.UniqueConstraint("task_id", "person_id", name="uq_assignment_task_id_person_id"),
    )
    op.create_index("ix_assignment_campaign_id_assignment_state", "assignment", ["campaign_id", "state"])
    op.create_index("ix_assignment_person", "assignment", ["person_id", "campaign_id", "state"])


def _judgments() -> None:
    op.create_table(
        "judgment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assignment_id", KEY, sa.ForeignKey("assignment.id"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("task_id", KEY, sa.ForeignKey("rank_task.id"), nullable=False),
        sa.Column("campaign_id", KEY, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("batch_id", KEY, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("person_id", KEY, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("outcome", _one_of("outcome", "ranked", "all_bad", "skipped", "flagged"), nullable=False),
        sa.Column("loose", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("comment_id", KEY, nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("surface", sa.String(length=120), nullable=False),
        sa.Column("guideline_version", sa.String(length=120), nullable=False),
        sa.Column("event_key", sa.LargeBinary(), nullable=True),
        sa.Column("is_author", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_judgment"),
        sa.UniqueConstraint("assignment_id", "revision", name="uq_judgment_assignment_id_revision"),
        sa.UniqueConstraint("event_key", name="uq_judgment_event_key"),
    )
    op.create_index("ix_judgment_batch_id", "judgment", ["batch_id"])
    op.create_index("ix_judgment_campaign_id_judgment_id", "judgment", ["campaign_id", "id"])
    op.create_index(
        "ix_judgment_comment",
        "judgment",
        ["comment_id"],
        sqlite_where=sa.text("comment_id IS NOT NULL"),
        postgresql_where=sa.text("comment_id IS NOT NULL"),
    )
    op.create_index("ix_judgment_person", "judgment", ["person_id", "campaign_id", "stored_at"])
    op.create_table(
        "judgment_item",
        sa.Column("judgment_id", KEY, sa.ForeignKey("judgment.id"), nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("candidate_id", KEY, sa.ForeignKey("candidate.id"), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint("tier BETWEEN 1 AND 9", name="tier"),
        sa.PrimaryKeyConstraint("judgment_id", "slot", name="pk_judgment_item"),
        sa.UniqueConstraint("judgment_id", "candidate_id", name="uq_judgment_item_judgment_id_candidate_id"),
        sqlite_with_rowid=False,
    )


def _marks() -> None:
    op.create_table(
        "rating",
        sa.Column("judgment_id", KEY, sa.ForeignKey("judgment.id"), nullable=False),
        sa.Column("candidate_id", KEY, sa.ForeignKey("candidate.id"), nullable=False),
        sa.Column("axis", sa.String(length=120), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("maximum", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("value BETWEEN 1 AND maximum", name="value"),
        sa.PrimaryKeyConstraint("judgment_id", "candidate_id", "axis", name="pk_rating"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "thumb",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("person_id", KEY, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("workspace_id", KEY, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("answerer", sa.String(length=120), nullable=False),
        sa.Column("model_version_id", KEY, sa.ForeignKey("model_version.id"), nullable=True),
        sa.Column("event_key", sa.LargeBinary(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("value BETWEEN -1 AND 1", name="value"),
        sa.PrimaryKeyConstraint("id", name="pk_thumb"),
        sa.UniqueConstraint("event_key", name="uq_thumb_event_key"),
    )
    op.create_index("ix_thumb_at", "thumb", ["at"])
    op.create_index("ix_thumb_person_id", "thumb", ["person_id"])
    op.create_index("ix_thumb_reply_id_thumb_person_id", "thumb", ["reply_id", "person_id"])
    op.create_table(
        "exclusion",
        sa.Column("id", KEY, nullable=False),
        sa.Column(
            "kind", _one_of("kind", "judgment", "person", "candidate", "batch", "task"), nullable=False
        ),
        sa.Column("target_id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, sa.ForeignKey("campaign.id"), nullable=True),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("method", sa.String(length=120), nullable=False),
        sa.Column("actor_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion"),
    )
    op.create_index("ix_exclusion_target_id", "exclusion", ["target_id"])


def _allowed() -> None:
    op.create_table(
        "consent_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("workspace_id", KEY, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("scope", _one_of("scope", "store", "rate", "train", "publish"), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("notice_version", sa.String(length=120), nullable=False),
        sa.Column("evidence", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consent_event"),
    )
    op.create_index(
        "ix_consent_event_standing", "consent_event", ["person_id", "workspace_id", "scope", "at"]
    )
    op.create_table(
        "permit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", _one_of("kind", "platform", "workspace"), nullable=False),
        sa.Column("workspace_id", KEY, sa.ForeignKey("workspace.id"), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("actor_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_permit"),
    )
    op.create_index("ix_permit_workspace_id", "permit", ["workspace_id"])


def _frozen() -> None:
    op.create_table(
        "dataset_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("watermark", MOMENT, nullable=False),
        sa.Column("code_version", sa.String(length=120), nullable=False),
        sa.Column("split_salt", sa.String(length=120), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("tainted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_dataset_version"),
        sa.UniqueConstraint("name", "version", name="uq_dataset_version_name_version"),
    )
    op.create_table(
        "dataset_member",
        sa.Column("dataset_id", KEY, sa.ForeignKey("dataset_version.id"), nullable=False),
        sa.Column("judgment_id", KEY, sa.ForeignKey("judgment.id"), nullable=False),
        sa.Column("split", _one_of("split", "train", "validation", "test"), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "judgment_id", name="pk_dataset_member"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dataset_member_judgment_id", "dataset_member", ["judgment_id"])
    op.create_table(
        "export_artifact",
        sa.Column("id", KEY, nullable=False),
        sa.Column("dataset_id", KEY, sa.ForeignKey("dataset_version.id"), nullable=False),
        sa.Column("format", sa.String(length=40), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("actor_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("recalled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_export_artifact"),
    )
    op.create_index("ix_export_artifact_dataset_id", "export_artifact", ["dataset_id"])
    op.create_table(
        "exposure",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_version_id", KEY, sa.ForeignKey("model_version.id"), nullable=False),
        sa.Column("dataset_id", KEY, sa.ForeignKey("dataset_version.id"), nullable=False),
        sa.Column("run", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exposure"),
    )
    op.create_index("ix_exposure_dataset_id", "exposure", ["dataset_id"])


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
