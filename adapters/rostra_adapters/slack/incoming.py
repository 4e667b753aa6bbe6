"""What Slack sends, as the core's events. Pure: whatever has to be asked for is given.

A message is known by its channel and time stamp, ``C1:171.0001``: that is its event's id, what `Deleted`, `Edited` and
`Reaction` name, and what receipts say is shown. So a mention that arrives as ``app_mention`` and as ``message``, or again
because Slack missed the acknowledgement, is one event. Other events go by Slack's ``event_id`` or ``trigger_id``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from rostra.command import Commands
from rostra.events import Attachment, Deleted, Edited, Invocation, Message, Press, Reaction, Submit
from rostra.places import Person, Place

from .modals import Carried, points, ranking
from .text import mentions, read

Payload = Mapping[str, Any]
E = TypeVar("E", Invocation, Press)

LONGEST = 3
"""Words of a command that may be written without its slash."""
SAID = {None, "", "file_share", "thread_broadcast", "me_message"}
"""Subtypes of messages that somebody wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where the bot is at home: the adapter's name, the workspace, and the bot's own user id there."""

    adapter: str
    team: str
    bot: str

    def place(self, channel: str, thread: str | None = None) -> Place:
        """Return a place in this workspace."""
        return Place(adapter=self.adapter, workspace=self.team, channel=channel, thread=thread)


def mark(channel: str, ts: str) -> str:
    """Return what a message is known by."""
    return f"{channel}:{ts}"


def unmarked(shown: str) -> tuple[str, str]:
    """Return channel and time stamp of what `mark` made."""
    channel, _, ts = shown.partition(":")
    return channel, ts


def team_of(body: Payload) -> str:
    """Return the workspace that the bot gets ``body`` for: with channels shared by several, the one it is installed in."""
    for authorization in body.get("authorizations") or ():
        if authorization.get("team_id"):
            return str(authorization["team_id"])
    return str(body.get("team_id") or _in(body, "team", "id") or _in(body, "user", "team_id") or "")


def _in(body: Payload, *names: str) -> Any:
    """Return what stands in an object within another, as far as these are objects."""
    found: Any = body
    for name in names:
        found = cast("Payload", found).get(name) if isinstance(found, Mapping) else None
    return found


def place_of(home: Home, event: Payload) -> Place:
    """Return where a message was written. In a channel each message that mentions the bot starts a thread."""
    channel = str(event["channel"])
    own = None if channel.startswith("D") else str(event["ts"])
    thread = event.get("thread_ts") or own
    return home.place(channel, None if thread is None else str(thread))


def is_for_us(event: Payload, home: Home) -> bool:
    """Return whether somebody wrote this to the bot: not a bot, in a direct message or with a mention."""
    if event.get("bot_id") or event.get("subtype") not in SAID or not event.get("user"):
        return False
    if event["user"] in {home.bot, "USLACKBOT"}:
        return False
    if event.get("type") == "app_mention" or str(event.get("channel", "")).startswith("D"):
        return True
    return mentions(str(event.get("text", "")), home.bot)


def message(
    event: Payload,
    home: Home,
    author: Person,
    *,
    commands: Commands | None = None,
    attachments: Sequence[Attachment] = (),
) -> Message | Invocation:
    """Return what somebody wrote. One of our control commands by itself, such as ``@bot stop``, is that command."""
    text = read(str(event.get("text") or ""), home.bot)
    place, id_ = place_of(home, event), mark(str(event["channel"]), str(event["ts"]))
    sent_at, extra = moment(event["ts"]), {"user": author.id, **_stranger(event, home)}
    control = _control(text, commands)
    if control and not attachments:
        return Invocation(
            id=id_, place=place, author=author, path=control, options={}, sent_at=sent_at, extra=extra
        )
    return Message(
        id=id_,
        place=place,
        author=author,
        text=text,
        sent_at=sent_at,
        attachments=tuple(attachments),
        extra=extra,
    )


def _stranger(event: Payload, home: Home) -> dict[str, str]:
    """Return the workspace of somebody who is of another one, in a channel that both share: streams ask for it."""
    team = event.get("user_team") or event.get("source_team") or event.get("team")
    return {"team": team} if isinstance(team, str) and team and team != home.team else {}


def _control(text: str, commands: Commands | None) -> tuple[str, ...]:
    """Return the path of a control command that is all there is of ``text``. In threads Slack has no slash commands."""
    words = text.rstrip(".!").lower().split()
    if commands is None or not words or len(words) > LONGEST:
        return ()
    found = commands.match(words)
    return found[0].path if found is not None and found[0].control and not found[1] else ()


def edited(event: Payload, home: Home, author: Person, id_: str) -> Edited:
    """Return that somebody changed a message."""
    new: Payload = event["message"]
    within = {**new, "channel": event["channel"]}
    return Edited(
        id=id_,
        place=place_of(home, within),
        author=author,
        target=mark(str(event["channel"]), str(new["ts"])),
        text=read(str(new.get("text") or ""), home.bot),
        sent_at=moment(event.get("event_ts") or event["ts"]),
        extra={"user": author.id},
    )


def deleted(event: Payload, home: Home, id_: str) -> Deleted:
    """Return that a message is gone."""
    old: Payload = event.get("previous_message") or {}
    ts = str(event.get("deleted_ts") or old.get("ts") or event["ts"])
    within = {"channel": event["channel"], "ts": ts, "thread_ts": old.get("thread_ts")}
    return Deleted(
        id=id_,
        place=place_of(home, within),
        target=mark(str(event["channel"]), ts),
        sent_at=moment(event.get("event_ts") or event["ts"]),
    )


def reaction(event: Payload, place: Place, author: Person, id_: str) -> Reaction:
    """Return that somebody put an emoji on a message, or took it away. Slack says not in which thread; ``place`` does."""
    item: Payload = event["item"]
    return Reaction(
        id=id_,
        place=place,
        author=author,
        target=mark(str(item["channel"]), str(item["ts"])),
        emoji=str(event["reaction"]),
        added=event["type"] == "reaction_added",
        sent_at=moment(event["event_ts"]),
        extra={"user": author.id},
    )


def alone(home: Home, channel: str, user: str) -> Place:
    """Return the conversation of one person by slash commands in a channel.

    Nobody else sees what they write there, so nobody else's questions are in it, and nobody else stops its answers.
    """
    return home.place(channel, None if channel.startswith("D") else user)


def slash(body: Payload, home: Home, author: Person, now: datetime) -> Message | Invocation | None:
    """Return what was written after ``/rostra``: a command, or a question after ``ask``; nothing at all asks for help.

    Return None for an ``ask`` without a question. Slack has no slash commands in threads and tells of none: see `about`.
    """
    word, _, rest = read(str(body.get("text") or "")).partition(" ")
    channel, rest = str(body["channel_id"]), rest.strip()
    id_, extra = f"slash:{body['trigger_id']}", replying(body, author)
    word = word.removeprefix("/")
    if word.lower() == "ask":
        place = alone(home, channel, author.id)
        asked = Message(id=id_, place=place, author=author, text=rest, sent_at=now, extra=extra)
        return asked if rest else None
    return Invocation(
        id=id_,
        place=home.place(channel),
        author=author,
        path=(word or "help",),
        options={"text": rest} if rest else {},
        sent_at=now,
        extra=extra,
    )


def shortcut(body: Payload, home: Home, author: Person, now: datetime) -> Invocation:
    """Return the command that a message's shortcut stands for: its name, told which message."""
    channel, on = str(body["channel"]["id"]), body["message"]
    ours = not on.get("thread_ts") and home.bot == on.get("user")  # outside of threads the bot begins none
    return Invocation(
        id=f"shortcut:{body['trigger_id']}",
        place=home.place(channel) if ours else place_of(home, {**on, "channel": channel}),
        author=author,
        path=(str(body["callback_id"]).removeprefix("rostra."),),
        options={"message": mark(channel, str(on["ts"]))},
        sent_at=now,
        extra={**replying(body, author), "private": "1"},
    )


def about(event: E, place: Place) -> E:
    """Return ``event`` as one about the conversation ``place``. It is answered where it was made: in a thread or outside."""
    if place == event.place:
        return event
    outside = event.place.thread is None and place.thread is not None
    return replace(event, place=place, extra={**event.extra, **({"outside": "1"} if outside else {})})


def pressed_on(body: Payload) -> str:
    """Return the message that something was pressed in, as it is known; empty in a modal or the App Home."""
    container: Payload = body.get("container") or {}
    channel = _in(body, "channel", "id") or container.get("channel_id")
    ts = container.get("message_ts")
    return mark(str(channel), str(ts)) if channel and ts else ""


def pressed_at(body: Payload, home: Home) -> Place:
    """Return where the message stands that something was pressed in."""
    channel = _in(body, "channel", "id") or _in(body, "container", "channel_id")
    thread = _in(body, "message", "thread_ts") or _in(body, "container", "thread_ts")
    return home.place(str(channel), None if thread is None else str(thread))


def press(body: Payload, action: Payload, home: Home, author: Person, now: datetime) -> Press:
    """Return that somebody pressed a button or picked something."""
    extra, message = replying(body, author), pressed_on(body)
    if message:
        extra["fleeting" if _in(body, "container", "is_ephemeral") else "message"] = message
    return Press(
        id=f"press:{body.get('trigger_id') or ''}:{action.get('action_ts') or ''}",
        place=pressed_at(body, home),
        author=author,
        control=control_of(action),
        sent_at=now,
        values=picked(action),
        extra=extra,
    )


def control_of(action: Payload) -> str:
    """Return the id of what was pressed. Both thumbs are one element of Slack's: there the value tells."""
    return str(action.get("value") if action.get("type") == "feedback_buttons" else action.get("action_id"))


def picked(action: Payload) -> tuple[str, ...]:
    """Return what was picked in a select; nothing for a button."""
    options = action.get("selected_options")
    if options is None:
        one = action.get("selected_option")
        options = [one] if one else []
    return tuple(str(option.get("value", "")) for option in options)


def submit(
    body: Payload, carried: Carried, home: Home, fields: Mapping[str, str], author: Person, now: datetime
) -> Submit:
    """Return that somebody sent a form, or the places or points that somebody gave the answers of a ballot."""
    view: Payload = body["view"]
    order = (ranking(fields) or points(fields)) if carried.ballot else None
    return Submit(
        id=f"submit:{view['id']}:{view.get('hash', '')}",
        place=home.place(carried.channel, carried.thread),
        author=author,
        form=carried.id,
        fields={"ranking": order} if order else fields,
        sent_at=now,
        extra={**replying(body, author), **({"outside": "1"} if carried.outside else {})},
    )


def replying(body: Payload, author: Person) -> dict[str, str]:
    """Return what an answer will need: who asked, and where Slack takes an answer for half an hour."""
    url = body.get("response_url") or next(
        (one.get("response_url") for one in body.get("response_urls") or ()), None
    )
    return {"user": author.id, **({"hook": str(url)} if url else {})}


def moment(ts: object) -> datetime:
    """Return the time that a time stamp of Slack's says."""
    return datetime.fromtimestamp(float(str(ts)), UTC)
