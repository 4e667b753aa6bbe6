"""What platforms tell us. Frozen, serialisable, free of platform types.

Every event has an ``id`` that its platform repeats when it repeats the event, a ``place``, an ``author``
(absent where the platform does not say) and ``extra``: strings that the adapter needs to answer later,
such as an interaction token. Delivery hands ``extra`` back in the `Address` of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from .places import Person, Place

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Something sent along with a message. ``text`` is filled where the adapter could read it as text."""

    name: str
    media_type: str
    size: int
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Somebody wrote something that the bot should consider."""

    id: str
    place: Place
    author: Person
    text: str
    sent_at: datetime
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Somebody used a native command of the platform: ``/persona pirate``."""

    id: str
    place: Place
    author: Person
    path: tuple[str, ...]
    options: Mapping[str, str]
    sent_at: datetime
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody pressed a button or picked choices of a view. ``control`` is opaque to the platform."""

    id: str
    place: Place
    author: Person
    control: str
    sent_at: datetime
    values: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Somebody sent a filled-in form."""

    id: str
    place: Place
    author: Person
    form: str
    fields: Mapping[str, str]
    sent_at: datetime
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Somebody put an emoji on a message, or took it away."""

    id: str
    place: Place
    author: Person
    target: str
    emoji: str
    added: bool
    sent_at: datetime
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Somebody changed a message that they had sent."""

    id: str
    place: Place
    author: Person
    target: str
    text: str
    sent_at: datetime
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A message is gone; whoever deleted it, its question needs no answer any more."""

    id: str
    place: Place
    target: str
    sent_at: datetime
    author: Person | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)


Event: TypeAlias = Message | Invocation | Press | Submit | Reaction | Edited | Deleted
