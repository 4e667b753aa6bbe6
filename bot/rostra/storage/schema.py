"""The tables, the same on SQLite and PostgreSQL.

``content`` alone holds what people and models wrote, and there it is sealed with a key of the person who asked
(`rostra.storage.keys`). No other column holds text or a person's id on a platform: people, conversations and
events are found by keyed hashes. Keys are UUIDv7, made by the application, so that new rows lie side by side.

A *reply* is the thread through the tables: its id is the key of its inbox row, its outbox row, its trace and
of the content that holds its event.
"""

from __future__ import annotations

import sqlalchemy as sa

from . import feedback_tables, web_tables
from .columns import Key
from .columns import at as _at
from .columns import key as _key
from .columns import one_of as _one_of

REVISION = "0012"
"""The newest revision in `rostra.storage.migrations`: what this version of the code reads and writes."""

APPEND_ONLY = (
    "verdict",
    "audit_log",
    "policy_version",
    "review_decision",
    "model_version",
    "sampling_config",
    "deployment",
    *feedback_tables.APPEND_ONLY,
)
"""Tables whose rows the database itself refuses to change or remove."""

metadata = web_tables.metadata

keyring = sa.Table(
    "keyring",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    # Tells a wrong master key from the right one.
    sa.Column("key_check", sa.LargeBinary, nullable=False),
    # Grows with every key that is destroyed, so that whoever remembers keys forgets them.
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one"),
)
workspace = sa.Table(
    "workspace",
    metadata,
    _key(),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    _at("created_at"),
    sa.UniqueConstraint("adapter", "external_id"),
)
person = sa.Table(
    "person",
    metadata,
    _key(),
    sa.Column("kind", _one_of("kind", "human", "bot"), nullable=False),
    _at("created_at"),
    _at("erased_at", nullable=True),
)
platform_account = sa.Table(
    "platform_account",
    metadata,
    _key(),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("external_id_sealed", sa.LargeBinary, nullable=False),
)
person_key = sa.Table(
    "person_key",
    metadata,
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
conversation = sa.Table(
    "conversation",
    metadata,
    _key(),
    sa.Column("workspace_id", Key, sa.ForeignKey("workspace.id"), nullable=False, index=True),
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("place_sealed", sa.LargeBinary, nullable=False),
    # Messages up to this one were said before the place was started afresh.
    sa.Column("fresh_after", Key, nullable=False),
    _at("created_at"),
)
place_setting = sa.Table(
    "place_setting",
    metadata,
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    _at("chosen_at"),
)
content = sa.Table(
    "content",
    metadata,
    _key(),
    # Whose key seals the body; None where the platform names no author.
    sa.Column("person_id", Key, sa.ForeignKey("person.id")),
    sa.Column("body", sa.LargeBinary),
    _at("created_at"),
    _at("erased_at", nullable=True),
)
message = sa.Table(
    "message",
    metadata,
    _key(sa.ForeignKey("content.id")),
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id"), nullable=False),
    sa.Column("reply_id", Key, nullable=False, index=True),
    sa.Column("role", _one_of("role", "user", "assistant"), nullable=False),
    sa.Column("author_id", Key, sa.ForeignKey("person.id")),
    _at("created_at"),
    sa.Index(None, "conversation_id", "id"),
    sqlite_with_rowid=False,
)
verdict = sa.Table(
    "verdict",
    metadata,
    _key(),
    # No foreign key: verdicts stay when what they were about is purged.
    sa.Column("reply_id", Key, nullable=False),
    sa.Column("direction", _one_of("direction", "question", "answer"), nullable=False),
    sa.Column("decision", _one_of("decision", "allow", "flag", "block"), nullable=False),
    sa.Column("kind", _one_of("kind", "judged", "error", "timeout"), nullable=False),
    sa.Column("source", sa.String(120), nullable=False),
    sa.Column("category", sa.String(120), nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("rule", sa.String(120), nullable=False),
    sa.Column("policy", sa.String(120), nullable=False),
    _at("at"),
    sqlite_with_rowid=False,
)
trace = sa.Table(
    "trace",
    metadata,
    sa.Column("reply_id", Key, primary_key=True),
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id"), nullable=False),
    sa.Column("person_id", Key, sa.ForeignKey("person.id")),
    # Names and figures only; sealed all the same, because moderators and models are not ours.
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("at"),
    sa.Index(None, "conversation_id", "reply_id"),
)
inbox = sa.Table(
    "inbox",
    metadata,
    # Deferred: the row itself tells whether the event is new, and only then its content is written.
    sa.Column(
        "reply_id", Key, sa.ForeignKey("content.id", deferrable=True, initially="DEFERRED"), primary_key=True
    ),
    sa.Column("event_key", sa.LargeBinary, nullable=False, unique=True),
    sa.Column(
        "kind",
        _one_of("kind", "Message", "Invocation", "Press", "Submit", "Reaction", "Edited", "Deleted"),
        nullable=False,
    ),
    _at("received_at"),
    _at("processed_at", nullable=True),
    sqlite_with_rowid=False,
)
outbox = sa.Table(
    "outbox",
    metadata,
    # The dedupe key: one reply to one event, `Reply.key` of all that shows it.
    sa.Column("reply_id", Key, sa.ForeignKey("inbox.reply_id"), primary_key=True),
    sa.Column(
        "state",
        _one_of("state", "accepted", "opening", "open", "closing", "closed", "dead"),
        nullable=False,
    ),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeated", sa.Boolean, nullable=False),
    # The content that holds the reply as of its last action. No foreign key: it would cost an index.
    sa.Column("content_id", Key),
    # What the platform made of it: messages that show it, errors. Sealed: errors quote.
    sa.Column("receipt", sa.LargeBinary),
    _at("done_at", nullable=True, index=True),
    sqlite_with_rowid=False,
)
sa.Index(
    "ix_outbox_dead",
    outbox.c.reply_id,
    sqlite_where=sa.text("state = 'dead'"),
    postgresql_where=sa.text("state = 'dead'"),
)
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", Key, nullable=False, unique=True),
    _at("at"),
    sa.Column("actor_id", Key, sa.ForeignKey("person.id")),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
)
policy_version = sa.Table(
    "policy_version",
    metadata,
    _key(),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("actor_id", Key, sa.ForeignKey("person.id")),
    # Sealed with the store's own key: the pattern of a place may hold somebody's id.
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("at"),
    sa.UniqueConstraint("policy", "number"),
)
review_item = sa.Table(
    "review_item",
    metadata,
    # Also the id of the content that holds the text, as long as it is kept. No foreign key: figures stay.
    _key(),
    sa.Column("reply_id", Key, nullable=False, index=True),
    # Both go with the text.
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id"), index=True),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), index=True),
    sa.Column("direction", _one_of("direction", "question", "answer"), nullable=False),
    sa.Column("decision", _one_of("decision", "allow", "flag", "block"), nullable=False),
    sa.Column("action", sa.String(120), nullable=False),
    sa.Column("source", sa.String(120), nullable=False),
    sa.Column("categories", sa.JSON, nullable=False),
    sa.Column("rule", sa.String(120), nullable=False),
    sa.Column("policy", sa.String(120), nullable=False),
    _at("at"),
)
review_decision = sa.Table(
    "review_decision",
    metadata,
    _key(),
    sa.Column("item_id", Key, sa.ForeignKey("review_item.id"), nullable=False, index=True),
    sa.Column("actor_id", Key, sa.ForeignKey("person.id")),
    sa.Column("label", _one_of("label", "approve", "block", "wrong"), nullable=False),
    _at("at"),
)
sanction = sa.Table(
    "sanction",
    metadata,
    _key(),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), nullable=False),
    sa.Column("workspace_id", Key, sa.ForeignKey("workspace.id"), nullable=False, index=True),
    sa.Column("kind", _one_of("kind", "strike", "timeout", "pardon"), nullable=False),
    sa.Column("reply_id", Key),
    sa.Column("reason", sa.String(120), nullable=False),
    sa.Column("actor_id", Key, sa.ForeignKey("person.id")),
    _at("at"),
    _at("until", index=True),
    sa.Index(None, "person_id", "workspace_id"),
)
summary = sa.Table(
    "summary",
    metadata,
    _key(sa.ForeignKey("content.id")),
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id"), nullable=False, unique=True),
    # The replies to the oldest and the newest question it tells of; it goes with the oldest.
    sa.Column("since_id", Key, nullable=False, index=True),
    sa.Column("reply_id", Key, nullable=False),
    # The last message it tells of: before a fresh start or after.
    sa.Column("upto_id", Key, nullable=False),
    _at("created_at"),
)
spending = sa.Table(
    "spending",
    metadata,
    sa.Column("reply_id", Key, primary_key=True),
    sa.Column("workspace_id", Key, sa.ForeignKey("workspace.id"), nullable=False),
    # Both go with an erasure; the figures stay.
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), index=True),
    sa.Column("conversation_id", Key, sa.ForeignKey("conversation.id")),
    sa.Column("answerer", sa.String(120), nullable=False),
    sa.Column("model", sa.String(120), nullable=False),
    # What was used: 1 once anything was. Money in millionths.
    sa.Column("messages", sa.SmallInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
    # What is reserved while the question is answered, and the counters that it was added to.
    sa.Column("held_messages", sa.SmallInteger, nullable=False),
    sa.Column("held_tokens", sa.BigInteger, nullable=False),
    sa.Column("held_cost", sa.BigInteger, nullable=False),
    sa.Column("counters", sa.JSON, nullable=False),
    # The last step that is in these figures, so that one that is tried again counts once.
    sa.Column("step_id", Key, nullable=False),
    _at("at", index=True),
)
quota_counter = sa.Table(
    "quota_counter",
    metadata,
    # A keyed hash of the quota, of whom or what it counts, and of the beginning of its window.
    _key(),
    # Whose amount it is, where people have one each. It goes with an erasure.
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), index=True),
    sa.Column("messages", sa.BigInteger, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
    _at("ends_at", index=True),
)
drawer = sa.Table(
    "drawer",
    metadata,
    # A keyed hash of whose it is and its name.
    _key(),
    sa.Column("adapter", sa.Text, nullable=False, index=True),
    # The name and the value, sealed with the store's own key.
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("at"),
)
model_version = sa.Table(
    "model_version",
    metadata,
    # Made of what the version is: `rostra.versions.ModelVersion.id`.
    _key(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", _one_of("kind", "base", "sft", "reward", "policy", "external"), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    # SHA-256 of weights, tokenizer and configuration; empty where nobody sees them.
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("parameters", sa.BigInteger),
    sa.Column("licence", sa.Text, nullable=False),
    # Deferred, so that a backup may bring children before their parents.
    sa.Column("parent_id", Key, sa.ForeignKey("model_version.id", deferrable=True, initially="DEFERRED")),
    _at("made_at", nullable=True),
    sa.Column("meta", sa.JSON, nullable=False),
    _at("at"),
)
sampling_config = sa.Table(
    "sampling_config",
    metadata,
    # Made of the parameters: `rostra.versions.sampling_id`.
    _key(),
    sa.Column("params", sa.JSON, nullable=False),
    _at("at"),
)
deployment = sa.Table(
    "deployment",
    metadata,
    _key(),
    sa.Column("version_id", Key, sa.ForeignKey("model_version.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", _one_of("state", "active", "canary", "withdrawn"), nullable=False),
    sa.Column("actor_id", Key, sa.ForeignKey("person.id")),
    # Where it answers, its run, lineage and evidence, sealed with the store's own key: a pattern may hold somebody's id.
    sa.Column("body", sa.LargeBinary, nullable=False),
    _at("at"),
)
api_key = sa.Table(
    "api_key",
    metadata,
    _key(),
    # A keyed hash of the secret, which is not kept.
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("application", sa.String(32), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    # The end of the secret, for people who tell keys apart.
    sa.Column("hint", sa.String(4), nullable=False),
    sa.Column("per_minute", sa.Integer),
    _at("made_at"),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
)
