"""The tables of ranked feedback.

Texts are in ``content`` alone, sealed with the key of the person they belong to: a line of a context with its author's, what
a model answered with that of who asked. What people judged holds no text and no id of a platform, and is never changed.
"""

from __future__ import annotations

import sqlalchemy as sa

from .columns import Key, at, key, metadata, one_of

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
NAME = 120
"""Characters of a name, such as an answerer's."""

DECISIONS = ("allow", "flag", "block")


def _person(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, Key, sa.ForeignKey("person.id"), nullable=nullable, index=index)


def _to(name: str, table: str, *, nullable: bool = False, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, Key, sa.ForeignKey(f"{table}.id"), nullable=nullable, index=index)


def _name(name: str, length: int = NAME) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


campaign = sa.Table(
    "campaign",
    metadata,
    key(),
    _to("workspace_id", "workspace", index=True),
    # A keyed hash of workspace and name.
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("status", one_of("status", "draft", "open", "paused", "closed"), nullable=False),
    # All of it, sealed with the store's own key: a place may name somebody.
    sa.Column("body", sa.LargeBinary, nullable=False),
    at("created_at"),
)
guideline = sa.Table(
    "guideline",
    metadata,
    key(),
    _to("campaign_id", "campaign"),
    _name("version"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    at("at"),
    sa.UniqueConstraint("campaign_id", "version"),
)
batch = sa.Table(
    "batch",
    metadata,
    key(),
    _to("workspace_id", "workspace"),
    # Goes with an erasure: a private channel names who is in it.
    _to("conversation_id", "conversation", nullable=True),
    _person("asker_id", nullable=True, index=True),
    # A keyed hash of the question: what belongs together, also once the text is gone.
    sa.Column("prompt", sa.LargeBinary, nullable=False, index=True),
    sa.Column("reply_id", Key, index=True),
    sa.Column("decision", one_of("decision", *DECISIONS), nullable=False),
    _name("policy"),
    at("at"),
)
batch_line = sa.Table(
    "batch_line",
    metadata,
    # Also the id of the content, as long as it is kept.
    key(),
    _to("batch_id", "batch"),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("role", one_of("role", "system", "user", "assistant", "tool"), nullable=False),
    _person("author_id", nullable=True, index=True),
    sa.UniqueConstraint("batch_id", "ordinal"),
)
candidate = sa.Table(
    "candidate",
    metadata,
    # Also the id of the content, as long as it is kept.
    key(),
    _to("batch_id", "batch"),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("origin", one_of("origin", "model", "human", "edit", "gold"), nullable=False),
    _name("answerer"),
    _to("model_version_id", "model_version", nullable=True),
    _to("sampling_config_id", "sampling_config", nullable=True),
    # In decimal: some seeds have 64 bits.
    _name("seed", 40),
    _name("finish", 40),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    _person("author_id", nullable=True, index=True),
    sa.Column("edited_from_id", Key),
    sa.Column("decision", one_of("decision", *DECISIONS), nullable=False),
    _name("policy"),
    sa.Column("latency_ms", sa.BigInteger, nullable=False),
    sa.Column("logprob", sa.Float),
    sa.Column("characters", sa.BigInteger, nullable=False),
    at("at"),
    sa.UniqueConstraint("batch_id", "ordinal"),
)
rank_task = sa.Table(
    "rank_task",
    metadata,
    key(),
    _to("campaign_id", "campaign"),
    _to("batch_id", "batch", index=True),
    sa.Column("candidates", sa.JSON, nullable=False),
    sa.Column("required", sa.SmallInteger, nullable=False),
    # Minus the priority, so that the index has them in the order in which they are handed out.
    sa.Column("delay", sa.Float, nullable=False),
    sa.Column("propensity", sa.Float),
    sa.Column("is_gold", sa.Boolean, nullable=False),
    sa.Column("gold", sa.JSON, nullable=False),
    _person("reserved_for_id", nullable=True),
    sa.Column("repeat_of_id", Key),
    sa.Column("status", one_of("status", "open", "done", "void"), nullable=False),
    sa.Index("ix_rank_task_queue", "campaign_id", "status", "delay", "id"),
)
assignment = sa.Table(
    "assignment",
    metadata,
    key(),
    _to("task_id", "rank_task"),
    _to("campaign_id", "campaign"),
    _to("batch_id", "batch"),
    _person("person_id"),
    sa.Column("state", one_of("state", "leased", "submitted", "skipped", "released"), nullable=False),
    at("lease_until"),
    sa.Column("shown", sa.JSON, nullable=False),
    _name("surface"),
    # What was chosen so far, sealed with the rater's key.
    sa.Column("draft", sa.LargeBinary),
    sa.Column("is_author", sa.Boolean, nullable=False),
    at("at"),
    sa.UniqueConstraint("task_id", "person_id"),
    sa.Index("ix_assignment_person", "person_id", "campaign_id", "state"),
    sa.Index(None, "campaign_id", "state"),
)
judgment = sa.Table(
    "judgment",
    metadata,
    # Made before it was first sent, so that it is stored once.
    key(),
    _to("assignment_id", "assignment"),
    sa.Column("revision", sa.Integer, nullable=False),
    _to("task_id", "rank_task"),
    _to("campaign_id", "campaign"),
    _to("batch_id", "batch", index=True),
    _person("person_id"),
    sa.Column("outcome", one_of("outcome", "ranked", "all_bad", "skipped", "flagged"), nullable=False),
    # The tier whose candidates were not compared with one another, from 1.
    sa.Column("loose", sa.SmallInteger),
    _name("reason"),
    # The content with the rater's own words, as long as it is kept. No foreign key: the row is never changed.
    sa.Column("comment_id", Key),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    _name("surface"),
    _name("guideline_version"),
    # A keyed hash of the platform's id of what was pressed.
    sa.Column("event_key", sa.LargeBinary, unique=True),
    sa.Column("is_author", sa.Boolean, nullable=False),
    at("at"),
    at("stored_at"),
    sa.UniqueConstraint("assignment_id", "revision"),
    sa.Index(None, "campaign_id", "id"),
    sa.Index("ix_judgment_person", "person_id", "campaign_id", "stored_at"),
)
_COMMENTED = judgment.c.comment_id.is_not(None)
sa.Index("ix_judgment_comment", judgment.c.comment_id, sqlite_where=_COMMENTED, postgresql_where=_COMMENTED)
judgment_item = sa.Table(
    "judgment_item",
    metadata,
    sa.Column("judgment_id", Key, sa.ForeignKey("judgment.id"), primary_key=True),
    # Where it stood for this rater, from 0.
    sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("candidate_id", Key, sa.ForeignKey("candidate.id"), nullable=False),
    # 1 is the best; equal is a tie, except in the loose tier; empty was not compared.
    sa.Column("tier", sa.SmallInteger),
    sa.CheckConstraint("tier BETWEEN 1 AND 9", name="tier"),
    sa.UniqueConstraint("judgment_id", "candidate_id"),
    sqlite_with_rowid=False,
)
rating = sa.Table(
    "rating",
    metadata,
    sa.Column("judgment_id", Key, sa.ForeignKey("judgment.id"), primary_key=True),
    sa.Column("candidate_id", Key, sa.ForeignKey("candidate.id"), primary_key=True),
    sa.Column("axis", sa.String(NAME), primary_key=True),
    sa.Column("value", sa.SmallInteger, nullable=False),
    sa.Column("maximum", sa.SmallInteger, nullable=False),
    sa.CheckConstraint("value BETWEEN 1 AND maximum", name="value"),
    sqlite_with_rowid=False,
)
thumb = sa.Table(
    "thumb",
    metadata,
    key(),
    sa.Column("reply_id", Key, nullable=False),
    _person("person_id", index=True),
    _to("workspace_id", "workspace"),
    sa.Column("value", sa.SmallInteger, nullable=False),
    _name("reason"),
    _name("answerer"),
    _to("model_version_id", "model_version", nullable=True),
    sa.Column("event_key", sa.LargeBinary, unique=True),
    at("at", index=True),
    sa.CheckConstraint("value BETWEEN -1 AND 1", name="value"),
    sa.Index(None, "reply_id", "person_id"),
)
exclusion = sa.Table(
    "exclusion",
    metadata,
    key(),
    sa.Column("kind", one_of("kind", "judgment", "person", "candidate", "batch", "task"), nullable=False),
    sa.Column("target_id", Key, nullable=False, index=True),
    _to("campaign_id", "campaign", nullable=True),
    _name("reason"),
    _name("method"),
    _person("actor_id", nullable=True),
    at("at"),
    at("revoked_at", nullable=True),
)
consent_event = sa.Table(
    "consent_event",
    metadata,
    key(),
    _person("person_id"),
    _to("workspace_id", "workspace"),
    sa.Column("scope", one_of("scope", "store", "rate", "train", "publish"), nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    _name("notice_version"),
    _name("evidence"),
    at("at"),
    sa.Index("ix_consent_event_standing", "person_id", "workspace_id", "scope", "at"),
)
permit = sa.Table(
    "permit",
    metadata,
    key(),
    sa.Column("kind", one_of("kind", "platform", "workspace"), nullable=False),
    _to("workspace_id", "workspace", index=True),
    sa.Column("granted", sa.Boolean, nullable=False),
    # What an operator wrote, sealed with the store's own key.
    sa.Column("evidence", sa.LargeBinary, nullable=False),
    _person("actor_id", nullable=True),
    at("at"),
)
dataset_version = sa.Table(
    "dataset_version",
    metadata,
    key(),
    _name("name"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("query", sa.JSON, nullable=False),
    at("watermark"),
    _name("code_version"),
    _name("split_salt"),
    # Empty until all its members are there.
    _name("manifest", 64),
    sa.Column("parent_id", Key),
    at("at"),
    at("tainted_at", nullable=True),
    sa.UniqueConstraint("name", "version"),
)
dataset_member = sa.Table(
    "dataset_member",
    metadata,
    sa.Column("dataset_id", Key, sa.ForeignKey("dataset_version.id"), primary_key=True),
    sa.Column("judgment_id", Key, sa.ForeignKey("judgment.id"), primary_key=True, index=True),
    sa.Column("split", one_of("split", "train", "validation", "test"), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sqlite_with_rowid=False,
)
export_artifact = sa.Table(
    "export_artifact",
    metadata,
    key(),
    _to("dataset_id", "dataset_version", index=True),
    _name("format", 40),
    sa.Column("uri", sa.Text, nullable=False),
    _name("sha256", 64),
    sa.Column("rows", sa.BigInteger, nullable=False),
    # The name of the key of its pseudonyms.
    _name("key"),
    _person("actor_id", nullable=True),
    at("at"),
    at("recalled_at", nullable=True),
)
exposure = sa.Table(
    "exposure",
    metadata,
    key(),
    _to("model_version_id", "model_version"),
    _to("dataset_id", "dataset_version", index=True),
    _name("run"),
    at("at"),
)
