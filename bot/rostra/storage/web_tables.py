"""The tables of who signs in to the bot itself, and of the conversations they find again there."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import Key, at, key, metadata, one_of

__all__ = ["account", "metadata", "rank_pass", "talk", "talk_turn", "web_session"]

account = sa.Table(
    "account",
    metadata,
    # Their id on the adapter that they sign in to.
    key(),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("adapter", sa.Text, nullable=False),
    # A keyed hash of the adapter and the folded name.
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    # A keyed hash of the adapter, how they sign in elsewhere, and who they are there; null for whoever does not.
    sa.Column("by_lookup", sa.LargeBinary, unique=True, index=True),
    sa.Column("roles", sa.JSON, nullable=False),
    # The name, the encoded password, and how else they sign in, sealed with their key.
    sa.Column("body", sa.LargeBinary, nullable=False),
    at("made_at"),
)
web_session = sa.Table(
    "web_session",
    metadata,
    key(),
    sa.Column("account_id", Key, sa.ForeignKey("account.id"), nullable=False, index=True),
    # A keyed hash of the token, which is not kept.
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("kind", one_of("kind", "session", "link"), nullable=False),
    at("made_at"),
    at("seen_at"),
    at("expires_at", index=True),
)
rank_pass = sa.Table(
    "rank_pass",
    metadata,
    key(),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), nullable=False, index=True),
    # A keyed hash of the token, which is not kept.
    sa.Column("lookup", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("kind", one_of("kind", "link", "session"), nullable=False),
    # Where they may rank, with which permission, and which ballot they had in hand, sealed with their key.
    sa.Column("body", sa.LargeBinary, nullable=False),
    at("made_at"),
    at("expires_at", index=True),
)
talk = sa.Table(
    "talk",
    metadata,
    # Also the channel of its place.
    key(),
    sa.Column("person_id", Key, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("adapter", sa.Text, nullable=False),
    # The title, sealed with its owner's key.
    sa.Column("body", sa.LargeBinary, nullable=False),
    at("at", index=True),
)
talk_turn = sa.Table(
    "talk_turn",
    metadata,
    key(),
    sa.Column("talk_id", Key, sa.ForeignKey("talk.id"), nullable=False, index=True),
    # As in the inbox. No foreign key: a turn is put down before its event is accepted.
    sa.Column("event_key", sa.LargeBinary, nullable=False, unique=True),
    # Something was asked in its place.
    sa.Column("replaced", sa.Boolean, nullable=False),
)
