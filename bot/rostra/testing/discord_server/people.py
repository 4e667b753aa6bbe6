"""What people do on the pretended Discord: they write, press, choose, fill in and take back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import payloads
from .components import BUTTON, LABEL, ROW, SELECTS, buttons, selects, walk
from .interactions import COMMAND, COMPLETION, COMPONENT, SUBMIT
from .messages import announce
from .rest import Backend
from .world import Account, Channel, Guild, Interaction, Json, Post

SUB_COMMAND, GROUP = 1, 2
SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3

_OPTION_KINDS = {3: str, 4: int, 5: bool, 10: float}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The people of a test server. Whatever is left out is ``ann`` in ``general``.

    Nothing waits: what is done here reaches the bot through its socket. Raises `LookupError` where people could not do
    it either: there is no such button, command or open form.
    """

    backend: Backend
    ann: Account
    general: Channel

    def say(
        self,
        text: str,
        *,
        by: Account | None = None,
        channel: Channel | None = None,
        reply_to: Post | None = None,
        files: Mapping[str, bytes] | None = None,
        media_type: str = "text/plain",
    ) -> Post:
        """Write a message."""
        world = self.backend.world
        post = world.post(channel or self.general, by or self.ann, text)
        post.reply_to = reply_to
        post.files = [world.attached(name, data, media_type) for name, data in (files or {}).items()]
        announce(self.backend, "MESSAGE_CREATE", post)
        return post

    def mention(self, text: str, **where: Any) -> Post:
        """Write a message to the bot in a channel: with its mention. ``where`` as for `say`."""
        return self.say(f"{self.backend.world.bot.mention} {text}", **where)

    def dm(self, text: str, *, by: Account | None = None, **more: Any) -> Post:
        """Write a direct message to the bot."""
        person = by or self.ann
        channel = self.backend.world.dm(person)
        return self.say(text, by=person, channel=channel, **more)

    def reply(self, post: Post, text: str, *, by: Account | None = None) -> Post:
        """Answer a message."""
        return self.say(text, by=by, channel=post.channel, reply_to=post)

    def edit(self, post: Post, text: str) -> None:
        """Change one's message."""
        post.history.append(post.text)
        post.text, post.edited_at = text, self.backend.clock.now()
        announce(self.backend, "MESSAGE_UPDATE", post)

    def delete(self, post: Post) -> None:
        """Take a message away."""
        post.deleted = True
        announce(self.backend, "MESSAGE_DELETE", post)

    def react(self, post: Post, emoji: str, *, by: Account | None = None, added: bool = True) -> None:
        """Put an emoji on a message, or take it away."""
        person, guild = by or self.ann, post.channel.guild
        if added:
            post.reactions.append((person, emoji))
        else:
            post.reactions.remove((person, emoji))
        data: Json = {
            "user_id": str(person.id),
            "channel_id": str(post.channel.id),
            "message_id": str(post.id),
            "message_author_id": str(post.author.id),
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
        }
        if guild is not None:
            data |= {"guild_id": str(guild.id), "member": payloads.member(person, guild)}
        name = "MESSAGE_REACTION_ADD" if added else "MESSAGE_REACTION_REMOVE"
        self.backend.tell(name, data, post.channel)

    def open_thread(self, name: str, *, by: Account | None = None, channel: Channel | None = None) -> Channel:
        """Open a thread in a channel."""
        thread = self.backend.world.thread(name, channel or self.general, by or self.ann)
        self.backend.tell("THREAD_CREATE", payloads.channel(thread), thread)
        return thread

    def slash(
        self,
        line: str,
        options: Mapping[str, Any] | None = None,
        *,
        by: Account | None = None,
        channel: Channel | None = None,
    ) -> Interaction:
        """Use a slash command that the bot has registered: ``slash("rostra policy show", {"name": "x"})``."""
        data = self._line(line, channel or self.general, options or {})
        return self._interact(COMMAND, data, by, channel)

    def complete(
        self,
        line: str,
        option: str,
        typed: str,
        *,
        by: Account | None = None,
        channel: Channel | None = None,
    ) -> Interaction:
        """Type into an option that completes. The answer's ``choices`` are what is offered."""
        data = self._line(line, channel or self.general, {option: typed}, focused=option)
        return self._interact(COMPLETION, data, by, channel)

    def context(self, name: str, post: Post, *, by: Account | None = None) -> Interaction:
        """Pick an entry of the menu of a message."""
        command = self._registered(name, MESSAGE_MENU, post.channel.guild)
        shown = payloads.message(self.backend.world, post, base=self.backend.base())
        data: Json = {
            "id": command["id"],
            "name": name,
            "type": MESSAGE_MENU,
            "target_id": str(post.id),
            "resolved": {"messages": {str(post.id): shown}},
        }
        return self._interact(COMMAND, data, by, post.channel)

    def press(self, label: str, *, by: Account | None = None, post: Post | None = None) -> Interaction:
        """Press the button whose label is, or begins with, ``label``: in ``post``, or the newest message that has it.

        A custom id will do as well.
        """
        for one in self._newest(by or self.ann, post):
            for button in buttons(one.components):
                named = str(button.get("label") or "").startswith(label) or button.get("custom_id") == label
                if named and not button.get("disabled"):
                    data = {"custom_id": button["custom_id"], "component_type": BUTTON}
                    return self._interact(COMPONENT, data, by, one.channel, one)
        raise LookupError(f"no button {label!r}")

    def forge(self, custom_id: str, post: Post, *, by: Account | None = None) -> Interaction:
        """Press a button that is not there, with a custom id that somebody made up.

        The message says that it has the button: discord.py drops what its message does not have.
        """
        data: Json = {"custom_id": custom_id, "component_type": BUTTON}
        button: Json = {"type": BUTTON, "style": 1, "label": "?", "custom_id": custom_id}
        one = self._begun(COMPONENT, data, by, post.channel, post)
        self._told(one, components=[{"type": ROW, "id": 1, "components": [button]}], flags=0)
        return one

    def select(
        self, *labels: str, by: Account | None = None, post: Post | None = None, of: str = ""
    ) -> Interaction:
        """Pick options by their labels in the newest menu that has them; ``of`` names one by placeholder or id."""
        for one in self._newest(by or self.ann, post):
            for menu in selects(one.components):
                values = {option["label"]: option["value"] for option in menu.get("options", ())}
                named = not of or of in {menu.get("placeholder"), menu["custom_id"]}
                if named and set(labels) <= set(values):
                    data = {
                        "custom_id": menu["custom_id"],
                        "component_type": menu["type"],
                        "values": [values[label] for label in labels],
                    }
                    return self._interact(COMPONENT, data, by, one.channel, one)
        raise LookupError(f"no menu with {labels!r}")

    def submit(self, fields: Mapping[str, Any], *, by: Account | None = None) -> Interaction:
        """Fill in the form that was opened last, by labels or custom ids, and send it. What is left out stays."""
        person = by or self.ann
        for one in reversed(self.backend.world.interactions.values()):
            if one.modal is not None and one.by is person:
                modal, one.modal = one.modal, None
                data: Json = {
                    "custom_id": modal["custom_id"],
                    "components": _filled(modal["components"], dict(fields)),
                }
                return self._interact(SUBMIT, data, by, one.channel, one.post)
        raise LookupError("no form is open")

    def sees(self, channel: Channel | None = None, *, by: Account | None = None) -> Sequence[Post]:
        """Return the bot's messages that somebody sees, oldest first: in ``channel``, or everywhere."""
        bot = self.backend.world.bot
        return [post for post in self.backend.world.shown(channel, to=by) if post.author is bot]

    def _newest(self, person: Account, post: Post | None) -> Sequence[Post]:
        return [post] if post is not None else list(reversed(self.sees(by=person)))

    def _interact(
        self, kind: int, data: Json, by: Account | None, channel: Channel | None, post: Post | None = None
    ) -> Interaction:
        one = self._begun(kind, data, by, channel, post)
        self._told(one)
        return one

    def _begun(
        self, kind: int, data: Json, by: Account | None, channel: Channel | None, post: Post | None
    ) -> Interaction:
        backend = self.backend
        one = Interaction(
            id=backend.world.new_id(),
            token="interaction-" + secrets.token_urlsafe(48),
            kind=kind,
            data=data,
            by=by or self.ann,
            channel=channel or self.general,
            sent_at=backend.clock.monotonic(),
            post=post,
        )
        backend.world.interactions[one.token] = one
        return one

    def _told(self, one: Interaction, **message: Any) -> None:
        """Tell the bot of an interaction; ``message`` is what differs in the message that it is about."""
        told = payloads.interaction(self.backend.world, one, base=self.backend.base())
        if message:
            told["message"] |= message
        self.backend.tell("INTERACTION_CREATE", told, one.channel)

    def _registered(self, name: str, kind: int, guild: Guild | None) -> Json:
        scopes = [self.backend.world.commands.get(guild.id if guild else None, {})]
        scopes.append(self.backend.world.commands.get(None, {}))
        for scope in scopes:
            for one in scope.values():
                if one["name"] == name and one["type"] == kind:
                    return one
        known = sorted({one["name"] for scope in scopes for one in scope.values()})
        raise LookupError(f"no command {name!r} is registered; there are: {', '.join(known) or 'none'}")

    def _line(self, line: str, channel: Channel, options: Mapping[str, Any], *, focused: str = "") -> Json:
        """Return the data of a slash command, nested as its registration is."""
        words = line.removeprefix("/").split()
        command = self._registered(words[0], SLASH, channel.guild)
        data: Json = {"id": command["id"], "name": command["name"], "type": SLASH}
        inner, known = data, command
        for word in words[1:]:
            known = _option(known, word, {SUB_COMMAND, GROUP})
            step: Json = {"name": word, "type": known["type"]}
            inner["options"] = [step]
            inner = step
        known_options: Sequence[Json] = known.get("options") or ()
        if any(one["type"] in {SUB_COMMAND, GROUP} for one in known_options):
            raise LookupError(f"/{line} goes on")
        needed = [one["name"] for one in known_options if one.get("required") and one["name"] not in options]
        if needed and not focused:
            raise LookupError(f"/{line} needs {', '.join(needed)}")
        inner["options"] = [
            _given(_option(known, name, None), value, focused=name == focused)
            for name, value in options.items()
        ]
        return data


def _option(command: Json, name: str, kinds: set[int] | None) -> Json:
    options: Sequence[Json] = command.get("options") or ()
    for one in options:
        if one["name"] == name and (kinds is None or one["type"] in kinds):
            return one
    known = [one["name"] for one in options]
    raise LookupError(f"{command['name']!r} has no {name!r}; it has: {', '.join(known) or 'nothing'}")


def _given(option: Json, value: Any, *, focused: bool) -> Json:
    choices = [one["value"] for one in option.get("choices") or ()]
    if choices and value not in choices:
        raise LookupError(f"{option['name']!r} has no choice {value!r}")
    made: Json = {"name": option["name"], "type": option["type"]}
    made["value"] = value if focused else _OPTION_KINDS.get(option["type"], str)(value)
    return {**made, "focused": True} if focused else made


def _filled(components: Sequence[Json], fields: dict[str, Any]) -> list[Json]:
    """Return the components of a form as they come back. Raises `LookupError` for fields that it does not have."""
    labels = {
        one["component"].get("custom_id"): one.get("label", "")
        for one in walk(components)
        if one["type"] == LABEL
    }
    filled = [_filled_part(one, labels, fields) for one in components]
    if fields:
        raise LookupError(f"the form has no {', '.join(map(repr, fields))}")
    return filled


def _filled_part(part: Json, labels: Mapping[Any, str], fields: dict[str, Any]) -> Json:
    if part["type"] == ROW:
        inner = [_filled_part(one, labels, fields) for one in part["components"]]
        return {"type": ROW, "id": 1, "components": inner}
    if part["type"] == LABEL:
        return {"type": LABEL, "id": 1, "component": _filled_part(part["component"], labels, fields)}
    ident = part.get("custom_id")
    made: Json = {"type": part["type"], "id": 1}
    if ident is None:
        return made
    label = part.get("label") or labels.get(ident, "")
    name = next((name for name in (ident, label) if name in fields), None)
    value = fields.pop(name) if name is not None else None
    if part["type"] in SELECTS:
        values = {option["label"]: option["value"] for option in part.get("options", ())}
        wanted = [value] if isinstance(value, str) else list(value or ())
        return {**made, "custom_id": ident, "values": [values.get(one, one) for one in wanted]}
    if value is None:
        value = part.get("value") or ""
    if part.get("required", True) and not value:
        raise LookupError(f"the form needs {label!r}")
    return {**made, "custom_id": ident, "value": value}
