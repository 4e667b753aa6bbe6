"""What people do in a workspace: write, mention, press, fill in, react, open the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import chat, surfaces
from .blocks import PICKS, Control, controls, entered, with_ids
from .delivery import Delivery
from .interactions import answer_submission, from_response, who
from .typed import typed
from .values import Channel, File, Json, Message, View, Workspace
from .world import World


@dataclass(frozen=True, slots=True)
class User:
    """Somebody in a workspace. What they do reaches the app at once, whether it is listening or not yet."""

    world: World
    workspace: Workspace
    id: str

    def say(
        self,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        files: Sequence[tuple[str, str, bytes]] = (),
        raw: bool = False,
    ) -> Message:
        """Write into a channel (an id or ``#name``), with ``files`` as (name, media type, bytes).

        With ``raw`` the text goes over the wire as it is. A message that mentions the bot in a channel reaches it as
        ``app_mention`` and as ``message``.
        """
        place = self._channel(channel)
        message = Message(
            team=self.workspace.id,
            channel=place.id,
            ts=self.world.new_ts(),
            user=self.id,
            text=text if raw else typed(text),
            thread_ts=thread_ts,
            files=[self._file(*one) for one in files],
        )
        self.world.put(self.workspace, message)
        more: Json = {"client_msg_id": self.world.new_id("client-")}
        if files:
            more["subtype"] = "file_share"
        if f"<@{self.workspace.bot_user}>" in message.text and place.kind != "im":
            self._mentioned(place, message)
        self.world.say_event(self.workspace, message, **more)
        return message

    def mention(self, channel: str, text: str, *, thread_ts: str | None = None, **more: Any) -> Message:
        """Write into a channel, with the bot's name in front."""
        return self.say(channel, f"<@{self.workspace.bot_user}> {text}", thread_ts=thread_ts, **more)

    def dm(self, text: str, *, thread_ts: str | None = None, **more: Any) -> Message:
        """Write to the bot in private."""
        return self.say(self.direct, text, thread_ts=thread_ts, **more)

    @property
    def direct(self) -> str:
        """The id of the conversation with the bot."""
        return self.world.direct(self.workspace, self.id).id

    def edit(self, message: Message, text: str) -> None:
        """Change what was written before."""
        chat.change(self.world, self.workspace, message, {"text": typed(text)})

    def delete(self, message: Message) -> None:
        """Take away what was written before."""
        chat.remove(self.world, self.workspace, message)

    def react(self, message: Message, emoji: str, *, remove: bool = False) -> Delivery | None:
        """Put an emoji on a message, or take it away."""
        people = message.reactions.setdefault(emoji, [])
        (people.remove if remove else people.append)(self.id)
        self.world.touch()
        event: Json = {
            "type": "reaction_removed" if remove else "reaction_added",
            "user": self.id,
            "reaction": emoji,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "item_user": message.user,
            "event_ts": self.world.new_ts(),
        }
        return self.world.emit(self.workspace, event)

    def slash(self, command: str, text: str = "", *, channel: str | None = None) -> Delivery:
        """Use a slash command. Slack has none in threads."""
        place = self._channel(channel or self.direct)
        payload: Json = {
            "token": self.world.verification_token,
            "team_id": self.workspace.id,
            "team_domain": self.workspace.id.lower(),
            "channel_id": place.id,
            "channel_name": "directmessage" if place.kind == "im" else place.name,
            "user_id": self.id,
            "user_name": self._name,
            "command": command,
            "text": text,
            "api_app_id": self.world.app_id,
            "is_enterprise_install": "false",
            "response_url": self.world.new_response_url(self.workspace, self.id, place.id),
            "trigger_id": self.world.new_trigger(self.workspace, self.id),
        }

        def answered(answer: Json) -> None:
            if answer:
                from_response(self.world, self.workspace, (place.id, self.id), answer)

        return self.world.send("slash_commands", self.workspace, payload, on_answer=answered)

    def shortcut(self, callback_id: str, message: Message | None = None) -> Delivery:
        """Use a shortcut: of a message, or without one a global one."""
        payload: Json = {
            "type": "shortcut" if message is None else "message_action",
            **who(self.world, self.workspace, self.id),
            "callback_id": callback_id,
            "action_ts": self.world.new_ts(),
            "trigger_id": self.world.new_trigger(self.workspace, self.id),
        }
        if message is not None:
            payload |= {
                "message_ts": message.ts,
                "message": self.world.message_json(self.workspace, message),
                "channel": self._channel_json(message.channel),
                "response_url": self.world.new_response_url(
                    self.workspace, self.id, message.channel, message
                ),
            }
        return self.world.send("interactive", self.workspace, payload)

    def press(self, label: str, *, on: Message | View | None = None) -> Delivery:
        """Press the newest button whose label is or begins so (or its ``action_id``): in a message, a modal, the Home.

        Raises `LookupError` where there is none that this person sees.
        """
        holder, control = self._find(label, on, _pressed)
        element = control.element
        action: Json = {
            name: element[name] for name in ("type", "action_id", "text", "value", "url") if name in element
        }
        return self._act(holder, control, action)

    def select(self, label: str, *options: str, on: Message | View | None = None) -> Delivery:
        """Pick options, by their text or value, of the newest menu with this label, placeholder or ``action_id``."""
        holder, control = self._find(label, on, _picked)
        picked = entered(control.element, list(options))
        if isinstance(holder, View):
            name = control.element["action_id"]
            holder.state.setdefault(control.block["block_id"], {})[name] = picked
        action = {**picked, "action_id": control.element["action_id"]}
        return self._act(holder, control, action)

    def suggest(self, label: str, typed_in: str, *, on: Message | View | None = None) -> Delivery:
        """Type into a menu that the app fills; awaiting it gives ``options`` or ``option_groups``."""
        holder, control = self._find(label, on, _suggested)
        payload: Json = {
            "type": "block_suggestion",
            **who(self.world, self.workspace, self.id),
            "action_id": control.element["action_id"],
            "block_id": control.block["block_id"],
            "value": typed_in,
            **self._holder_json(holder),
        }
        return self.world.send("interactive", self.workspace, payload)

    def fill(self, values: Mapping[str, Any], *, view: View | None = None) -> View:
        """Fill in fields of the modal on top, by label, ``action_id`` or ``block_id``, without sending it."""
        shown = view or self.modal
        for name, value in values.items():
            control = _field(shown, name)
            state = shown.state.setdefault(control.block["block_id"], {})
            state[control.element["action_id"]] = entered(control.element, value)
        return shown

    def submit(self, view: View | None = None, values: Mapping[str, Any] | None = None) -> Delivery:
        """Send the modal on top, or this one, with ``values`` filled in as by `fill`.

        What the app answers is done: errors stand in `View.errors`, else the view closes, changes or gets another on
        top.
        """
        shown = self.fill(values or {}, view=view)
        payload: Json = {
            "type": "view_submission",
            **who(self.world, self.workspace, self.id),
            "trigger_id": self.world.new_trigger(self.workspace, self.id, shown.id),
            "view": surfaces.view_json(self.world, shown),
            "response_urls": [],
        }

        def answered(answer: Json) -> None:
            answer_submission(self.world, shown, answer)

        return self.world.send("interactive", self.workspace, payload, on_answer=answered)

    def close(self, view: View | None = None) -> Delivery | None:
        """Close the modal on top, or this one; the app hears of it where it asked to."""
        shown = view or self.modal
        shown.open = False
        self.world.touch()
        if not shown.body.get("notify_on_close"):
            return None
        payload: Json = {
            "type": "view_closed",
            **who(self.world, self.workspace, self.id),
            "view": surfaces.view_json(self.world, shown),
            "is_cleared": False,
        }
        return self.world.send("interactive", self.workspace, payload)

    def open_home(self) -> Delivery | None:
        """Look at the app's Home."""
        event: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": self.direct,
            "tab": "home",
            "event_ts": self.world.new_ts(),
        }
        home = self.home
        if home is not None:
            event["view"] = surfaces.view_json(self.world, home)
        return self.world.emit(self.workspace, event)

    def open_assistant(self, *, channel: str = "") -> AssistantThread:
        """Open a thread with the assistant; ``channel`` is the one that is looked at beside it."""
        where = self.direct
        root = Message(
            team=self.workspace.id,
            channel=where,
            ts=self.world.new_ts(),
            user=self.workspace.bot_user,
            text="New Assistant Thread",
            bot=True,
        )
        root.thread_ts = root.ts
        self.world.put(self.workspace, root)
        event: Json = {
            "type": "assistant_thread_started",
            "assistant_thread": {
                "user_id": self.id,
                "context": {"channel_id": channel, "team_id": self.workspace.id} if channel else {},
                "channel_id": where,
                "thread_ts": root.ts,
            },
            "event_ts": self.world.new_ts(),
        }
        self.world.emit(self.workspace, event)
        return AssistantThread(user=self, channel=where, thread_ts=root.ts)

    @property
    def home(self) -> View | None:
        """The App Home as this person sees it; None before the app published one."""
        return self.world.homes.get((self.workspace.id, self.id))

    @property
    def modal(self) -> View:
        """The modal on top. Raises `LookupError` where none is open."""
        open_ = surfaces.stack(self.world, self.workspace.id, self.id)
        if not open_:
            raise LookupError(f"{self.id!r} has no modal open")
        return open_[-1]

    @property
    def _name(self) -> str:
        return str(self.workspace.users[self.id]["name"])

    def _channel(self, channel: str) -> Channel:
        place = self.world.channel(self.workspace, channel)
        if place.kind in {"channel", "group"}:
            place.members.add(self.id)
        return place

    def _channel_json(self, channel: str) -> Json:
        place = self.workspace.channels[channel]
        return {"id": place.id, "name": "directmessage" if place.kind == "im" else place.name}

    def _file(self, name: str, media_type: str, data: bytes) -> File:
        file = File(
            id=self.world.new_id("F"),
            team=self.workspace.id,
            name=name,
            media_type=media_type,
            data=data,
            user=self.id,
            shared=True,
        )
        self.world.files[file.id] = file
        return file

    def _mentioned(self, place: Channel, message: Message) -> None:
        if self.workspace.bot_user not in place.members:
            return
        event = self.world.message_json(self.workspace, message)
        event |= {"type": "app_mention", "channel": place.id, "event_ts": message.ts}
        self.world.emit(self.workspace, event)

    def _holders(self) -> Iterator[Message | View]:
        """Yield what this person can press something in: what is on top first, then the newest."""
        yield from reversed(surfaces.stack(self.world, self.workspace.id, self.id))
        seen = [one for one in self.workspace.messages.values() if not one.deleted]
        seen += [one for one in self.workspace.ephemeral if one.to == self.id and not one.deleted]
        yield from sorted(seen, key=lambda one: one.ts, reverse=True)
        if self.home is not None:
            yield self.home

    def _find(
        self, label: str, on: Message | View | None, fits: Callable[[Control], bool]
    ) -> tuple[Message | View, Control]:
        seen: list[str] = []
        for holder in self._holders() if on is None else [on]:
            for control in controls(with_ids(holder.blocks, self.world.new_ids("b"))):
                if not fits(control):
                    continue
                seen += control.labels[:1]
                if label in control.labels or control.labels[0].startswith(label):
                    return holder, control
        raise LookupError(f"{self.id!r} sees nothing called {label!r}; there is {seen}")

    def _act(self, holder: Message | View, control: Control, action: Json) -> Delivery:
        payload: Json = {
            "type": "block_actions",
            **who(self.world, self.workspace, self.id),
            "trigger_id": self.world.new_trigger(
                self.workspace, self.id, holder.id if isinstance(holder, View) else ""
            ),
            **self._holder_json(holder),
            "actions": [{**action, "block_id": control.block["block_id"], "action_ts": self.world.new_ts()}],
        }
        return self.world.send("interactive", self.workspace, payload)

    def _holder_json(self, holder: Message | View) -> Json:
        if isinstance(holder, View):
            return {
                "view": surfaces.view_json(self.world, holder),
                "container": {"type": "view", "view_id": holder.id},
            }
        container: Json = {
            "type": "message",
            "message_ts": holder.ts,
            "channel_id": holder.channel,
            "is_ephemeral": holder.to is not None,
        }
        if holder.thread_ts:
            container["thread_ts"] = holder.thread_ts
        given: Json = {
            "container": container,
            "channel": self._channel_json(holder.channel),
            "state": {"values": {}},
            "response_url": self.world.new_response_url(self.workspace, self.id, holder.channel, holder),
        }
        if holder.to is None:
            given["message"] = self.world.message_json(self.workspace, holder)
        return given


def _pressed(control: Control) -> bool:
    return control.element["type"] not in PICKS


def _picked(control: Control) -> bool:
    return control.element["type"] in PICKS


def _suggested(control: Control) -> bool:
    return "external" in control.element["type"]


def _field(view: View, name: str) -> Control:
    known: list[str] = []
    for control in controls(view.blocks):
        known += control.labels
        if name in {*control.labels, control.block.get("block_id")}:
            return control
    raise LookupError(f"the modal {view.title!r} has no field {name!r}; it has {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantThread:
    """A conversation with the app in the assistant's panel."""

    user: User
    channel: str
    thread_ts: str

    def say(self, text: str) -> Message:
        """Write into it."""
        return self.user.say(self.channel, text, thread_ts=self.thread_ts)
