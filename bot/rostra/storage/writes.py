"""What turns write, as values, and how a batch of them becomes rows: grouped, so that equal statements run once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias, cast
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from ..actions import Action
from ..codec import dump_event, dump_reply, text_of, to_plain
from ..delivery.reply import Reply
from ..errors import StoreError
from ..events import Event
from ..places import Place
from ..protocols import Accepted, Duplicate
from ..turns import Step
from ..verdicts import Judged
from .people import ANYBODY, Account, Asker, Scope, askers, conversations
from .schema import content, inbox, outbox, person_key
from .spending import Spend, spent_row
from .verdicts import figures

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accept:
    """Store ``event``, to be answered by the reply with this id. Comes to `Accepted` or `Duplicate`."""

    event: Event
    reply: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Advance:
    """Store how far ``reply`` has come."""

    reply: Reply
    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Remember:
    """Add a question and its answer to the conversation of the event's place; ``ids`` are theirs."""

    event: Event
    reply: UUID
    question: str
    answer: str
    ids: tuple[UUID, UUID]
    at: datetime


@dataclass(frozen=True, slots=True)
class Explain:
    """Keep why a reply is what it is; ``ids`` are those of the verdicts."""

    event: Event
    reply: UUID
    steps: tuple[Step, ...]
    verdicts: tuple[Judged, ...]
    ids: tuple[UUID, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """Anything else: what ``function`` does in the same transaction, in its turn."""

    function: Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Together:
    """Something that ``function`` does with all of its kind that come one after the other; it returns a result for each."""

    function: Callable[[Scope, Sequence[Any]], Sequence[Any]]
    value: Any


Write: TypeAlias = Accept | Advance | Remember | Explain | Spend | Call | Together
Grouped: TypeAlias = Accept | Advance | Remember | Explain | Spend


@dataclass(frozen=True, slots=True)
class Known:
    """What the writer knows of a reply under way: whose it is and what is stored of it."""

    asker: Asker
    content: UUID | None = None
    action: Action | None = None
    done: bool = False


@dataclass(slots=True)
class Rows:
    """The rows of one batch, by statement, fit for the driver."""

    key: Callable[[UUID], Any]
    moment: Callable[[datetime], Any]

    content: list[Row] = field(default_factory=list[Row])
    rewrite: list[Row] = field(default_factory=list[Row])
    message: list[Row] = field(default_factory=list[Row])
    trace: list[Row] = field(default_factory=list[Row])
    verdict: list[Row] = field(default_factory=list[Row])
    outbox: list[Row] = field(default_factory=list[Row])
    advance: list[Row] = field(default_factory=list[Row])
    processed: list[Row] = field(default_factory=list[Row])
    spend: list[Row] = field(default_factory=list[Row])

    def run(self, scope: Scope) -> None:
        """Run the statements, what others refer to first."""
        bulk = scope.bulk
        scope.drive(bulk.content, self.content)
        scope.drive(bulk.rewrite, self.rewrite)
        scope.drive(bulk.message, self.message)
        scope.drive(bulk.trace, self.trace)
        scope.drive(bulk.verdict, self.verdict)
        scope.drive(bulk.outbox, self.outbox)
        scope.drive(bulk.advance, self.advance)
        scope.drive(bulk.processed, self.processed)
        scope.drive(bulk.spend, self.spend)


def carry_out(scope: Scope, writes: Sequence[Write]) -> list[Any]:
    """Carry out ``writes`` in their order and return their results.

    What stands between two calls is grouped; that is safe because the parts of one turn follow each other only
    when those before are on disk, except remember and explain, which nothing in the same batch depends on.
    """
    results: list[Any] = []
    for kind, run in groupby(writes, _kind):
        if kind is Grouped:
            results.extend(_carry_out_group(scope, cast("list[Grouped]", list(run))))
        elif kind is Call:
            results.extend(cast("Call", write).function(scope) for write in run)
        else:
            results.extend(kind(scope, [cast("Together", write).value for write in run]))
    return results


def _kind(write: Write) -> Any:
    """Return what tells writes that are carried out together from others."""
    match write:
        case Call():
            return Call
        case Together():
            return write.function
        case _:
            return Grouped


def _carry_out_group(scope: Scope, group: Sequence[Grouped]) -> list[Any]:
    if not group:
        return []
    rows = Rows(scope.bulk.key, scope.bulk.moment)
    people = askers(scope, _accounts(group))
    places = conversations(scope, _places(group))
    accepts = [write for write in group if isinstance(write, Accept)]
    taken = iter(_accept(scope, rows, accepts, people))
    known = _known(scope, {write.id for write in group if isinstance(write, Advance)})
    results: list[Any] = []
    for write in group:
        result = None
        match write:
            case Accept():
                result = next(taken)
            case Advance():
                known[write.id] = _advance(scope, rows, write, known[write.id])
            case Remember():
                _remember(scope, rows, write, _asker(people, write.event), places[write.event.place])
            case Explain():
                _explain(scope, rows, write, _asker(people, write.event), places[write.event.place])
            case Spend():
                asker, place = _asker(people, write.event), places[write.event.place]
                rows.spend.append(spent_row(scope, write, asker.id, place))
        results.append(result)
    rows.run(scope)
    for reply, state in known.items():
        if state.done:
            scope.memo.replies.drop(reply)
        else:
            scope.memo.replies.put(reply, state)
    return results


def _accounts(group: Iterable[Grouped]) -> Iterable[Account]:
    for write in group:
        if not isinstance(write, Advance) and write.event.author is not None:
            yield write.event.place.adapter, write.event.author


def _places(group: Iterable[Grouped]) -> set[Place]:
    return {write.event.place for write in group if isinstance(write, Remember | Explain | Spend)}


def _asker(people: Mapping[tuple[str, str], Asker], event: Event) -> Asker:
    author = event.author
    return ANYBODY if author is None else people[event.place.adapter, author.id]


def _accept(
    scope: Scope, rows: Rows, accepts: Sequence[Accept], people: Mapping[tuple[str, str], Asker]
) -> list[Accepted | Duplicate]:
    keys = [scope.keyring.lookup("event", write.event.place.adapter, write.event.id) for write in accepts]
    first: dict[bytes, Accept] = {}
    for key, write in zip(keys, accepts, strict=True):
        first.setdefault(key, write)
    inserted = scope.returned(
        scope.statements.inbox,
        [
            {
                "reply_id": write.reply,
                "event_key": key,
                "kind": type(write.event).__name__,
                "received_at": write.at,
                "processed_at": None,
            }
            # In the order of their keys, so that two processes never wait for each other crosswise.
            for key, write in sorted(first.items(), key=lambda item: item[0])
        ],
    )
    replies = {key: write.reply for key, write in first.items()}
    before = [key for key in first if key not in inserted]
    if before:
        replies |= _replies(scope, before)
    for key, write in first.items():
        if key in inserted:
            _take_in(scope, rows, write, _asker(people, write.event))
    # A batch that is tried again finds its own events: they were accepted, by this very call.
    return [
        Accepted(reply=write.reply.hex) if replies[key] == write.reply else Duplicate(reply=replies[key].hex)
        for key, write in zip(keys, accepts, strict=True)
    ]


def _replies(scope: Scope, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    return {row.event_key: row.reply_id for row in scope.connection.execute(_REPLIES, {"keys": keys})}


def _take_in(scope: Scope, rows: Rows, write: Accept, asker: Asker) -> None:
    _seal(scope, rows, asker, write.reply, dump_event(write.event), rows.moment(write.at))
    rows.outbox.append(
        {
            "reply_id": rows.key(write.reply),
            "state": "accepted",
            "number": 0,
            "attempts": 0,
            "repeated": False,
            "content_id": None,
            "receipt": None,
            "done_at": None,
        }
    )
    scope.memo.replies.put(write.reply, Known(asker))


def _known(scope: Scope, ids: set[UUID]) -> dict[UUID, Known]:
    """Return what is known of these replies. Raises `StoreError` if there is one that no event was accepted for."""
    known: dict[UUID, Known] = {}
    missing: list[UUID] = []
    for reply in ids:
        found: Known | None = scope.memo.replies.get(reply)
        if found is None:
            missing.append(reply)
        else:
            known[reply] = found
    if missing:
        for row in scope.connection.execute(_KNOWN, {"ids": missing}):
            asker = Asker(row.person_id, row.wrapped)
            # Taken for done, so that an event that is to be answered again is marked as such.
            known[row.reply_id] = Known(asker, content=row.content_id, done=True)
    unknown = ids - known.keys()
    if unknown:
        raise StoreError(f"no event was accepted for reply {min(unknown).hex!r}")
    return known


def _advance(scope: Scope, rows: Rows, write: Advance, known: Known) -> Known:
    reply, asker = write.reply, known.asker
    # Of somebody whose key was destroyed on the way, nothing but the state is kept.
    sealable = asker.id is None or asker.wrapped is not None
    if sealable and reply.action is not None and reply.action is not known.action:
        known = _keep_action(scope, rows, write, known)
    receipt = _receipt(reply) if sealable else None
    done_at = rows.moment(write.at) if reply.done else None
    key = rows.key(write.id)
    rows.advance.append(
        {
            "key": key,
            "state": reply.state.value,
            "number": reply.number,
            "attempts": reply.attempts,
            "repeated": reply.repeated,
            "content_id": known.content and rows.key(known.content),
            "receipt": receipt and scope.keyring.seal(asker.wrapped, write.id.bytes, receipt),
            "done_at": done_at,
        }
    )
    if reply.done or known.done:
        rows.processed.append({"key": key, "processed_at": done_at})
    return replace(known, done=reply.done)


def _keep_action(scope: Scope, rows: Rows, write: Advance, known: Known) -> Known:
    body = dump_reply(write.reply)
    action = write.reply.action
    if known.content is not None:
        sealed = scope.keyring.seal(known.asker.wrapped, known.content.bytes, body)
        rows.rewrite.append({"key": rows.key(known.content), "body": sealed})
        return replace(known, action=action)
    id_ = uuid7()
    _seal(scope, rows, known.asker, id_, body, rows.moment(write.at))
    return replace(known, content=id_, action=action)


def _remember(scope: Scope, rows: Rows, write: Remember, asker: Asker, conversation: UUID) -> None:
    said = (("user", write.question, asker.id), ("assistant", write.answer, None))
    at = rows.moment(write.at)
    for id_, (role, text, author) in zip(write.ids, said, strict=True):
        _seal(scope, rows, asker, id_, text.encode("utf-8", "surrogatepass"), at)
        rows.message.append(
            {
                "id": rows.key(id_),
                "conversation_id": rows.key(conversation),
                "reply_id": rows.key(write.reply),
                "role": role,
                "author_id": author and rows.key(author),
                "created_at": at,
            }
        )


def _explain(scope: Scope, rows: Rows, write: Explain, asker: Asker, conversation: UUID) -> None:
    plain = {
        "steps": to_plain(write.steps, tuple[Step, ...]),
        "verdicts": to_plain(write.verdicts, tuple[Judged, ...]),
    }
    reply, at = rows.key(write.reply), rows.moment(write.at)
    rows.trace.append(
        {
            "reply_id": reply,
            "conversation_id": rows.key(conversation),
            "person_id": asker.id and rows.key(asker.id),
            "body": scope.keyring.seal(asker.wrapped, write.reply.bytes, text_of(plain)),
            "at": at,
        }
    )
    for id_, judged in zip(write.ids, write.verdicts, strict=True):
        rows.verdict.append({"id": rows.key(id_), "reply_id": reply, "at": at, **figures(judged)})


def _seal(scope: Scope, rows: Rows, asker: Asker, id_: UUID, text: bytes, at: Any) -> None:
    rows.content.append(
        {
            "id": rows.key(id_),
            "person_id": asker.id and rows.key(asker.id),
            "body": scope.keyring.seal(asker.wrapped, id_.bytes, text),
            "created_at": at,
        }
    )


def _receipt(reply: Reply) -> bytes | None:
    """Return what the platform made of a reply: all that changes without a new action."""
    if not reply.address.shown and not reply.error:
        return None
    return text_of({"shown": list(reply.address.shown), "error": reply.error})


_REPLIES = sa.select(inbox.c.event_key, inbox.c.reply_id).where(
    inbox.c.event_key.in_(sa.bindparam("keys", expanding=True))
)
_KNOWN = (
    sa.select(outbox.c.reply_id, outbox.c.content_id, content.c.person_id, person_key.c.wrapped)
    .join(content, content.c.id == outbox.c.reply_id)
    .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    .where(outbox.c.reply_id.in_(sa.bindparam("ids", expanding=True)))
)
