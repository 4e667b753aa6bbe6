"""What slack_bolt does with what Slack sends: each payload becomes an event that is accepted before it is acknowledged.

Bolt runs with ``process_before_response``: it answers Slack once a listener has returned, and with an error if it raised,
so that Slack sends the event again. A repeat finds its event stored, or still being stored, under the same id. Commands,
presses and forms are different: Slack sends them once and waits for three seconds. They are acknowledged after
`PRESSED` seconds at the latest; if they could not be stored after all, whoever sent them is told so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from rostra.actions import Address
from rostra.errors import AdapterError, StoreError
from rostra.events import Event, Invocation, Message
from rostra.places import Person, Place
from rostra.protocols import Accept
from rostra.views import Ballot, Choices, Form

from . import assistant, home, incoming, modals
from .blocks import Block, page
from .incoming import Payload
from .office import Office
from .quiet import library_logger
from .showing import Shown
from .web import Team, asked

log = structlog.get_logger(__name__)

PRESSED = 2.0
NOT_STORED = "This could not be stored. Please try again."
ANYTHING = re.compile(r".*", re.DOTALL)

Ack: TypeAlias = Callable[..., Awaitable[Any]]


@dataclass(kw_only=True, eq=False)
class Listener:
    """Listens for one run of the adapter. `app` is what takes payloads, over a socket or over HTTP."""

    office: Office
    accept: Accept
    _late: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])
    """What goes on after its acknowledgement."""

    def app(self) -> Any:
        """Return the Bolt app. Signatures are verified before it gets anything."""
        app: Any = AsyncApp(  # its decorators are only partly typed
            name=self.office.name,
            logger=library_logger(),
            client=self.office.line.client(),
            signing_secret="verified before",  # noqa: S106  none: see `rostra_adapters.slack.http`
            request_verification_enabled=False,
            authorize=_authorize(self.office),
            process_before_response=True,
            attaching_conversation_kwargs_enabled=False,
        )
        for name in ("app_mention", "message"):
            app.event(name)(self._said)
        for name in ("reaction_added", "reaction_removed"):
            app.event(name)(self._reacted)
        for name in ("app_uninstalled", "tokens_revoked"):
            app.event(name)(self._left)
        app.event("app_home_opened")(self._home)
        app.event("assistant_thread_started")(self._greeted)
        app.event(ANYTHING)(_nothing)
        app.command(self.office.settings.command)(self._slash)
        app.shortcut(home.ASK)(self._ask)
        app.shortcut(re.compile(r"rostra\.[a-z]+"))(self._shortcut)
        app.view(home.ASK)(self._asked)
        app.view(modals.MODAL)(self._submitted)
        app.action(home.ACTIONS)(self._home_pressed)
        app.action(ANYTHING)(self._pressed)
        for others in (app.command, app.shortcut, app.view, app.options):
            others(ANYTHING)(_acknowledged)
        return app

    async def close(self) -> None:
        """Give up what is still being stored."""
        late = list(self._late)
        for one in late:
            one.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _said(self, body: Payload, event: Payload) -> None:
        team = await self._team(body, event.get("channel"))
        if team is None:
            return
        subtype = event.get("subtype")
        if subtype in {"message_changed", "message_deleted"}:
            await self._changed(body, event, team)
        elif incoming.is_for_us(event, team.home):
            author = await self.office.people.person(team, str(event["user"]))
            files = await self.office.attachments(team, event.get("files") or ())
            said = incoming.message(
                event, team.home, author, commands=self.office.commands, attachments=files
            )
            if _tells_no_thread(event):
                said = await self._outside(said, team)
            self.office.memory.keep(said.place, [said.id])
            self._talks(said)
            await self.accept(said)
            await assistant.entitle(self.office, team, event, said)

    async def _changed(self, body: Payload, event: Payload, team: Team) -> None:
        new: Payload = event.get("message") or {}
        old: Payload = event.get("previous_message") or {}
        ours = {team.bot_id, team.home.bot} & {old.get("bot_id"), old.get("user"), new.get("bot_id")}
        if ours - {""} or old.get("bot_id"):
            return
        id_ = str(body.get("event_id"))
        if event["subtype"] == "message_deleted" or new.get("subtype") == "tombstone":
            await self.accept(incoming.deleted(event, team.home, id_))
        elif new.get("user") and new.get("text") != old.get("text"):  # links that unfold change messages, too
            author = await self.office.people.person(team, str(new["user"]))
            await self.accept(incoming.edited(event, team.home, author, id_))

    async def _reacted(self, body: Payload, event: Payload) -> None:
        item: Payload = event.get("item") or {}
        team = await self._team(body, item.get("channel"))
        if team is None or item.get("type") != "message" or event.get("user") in {None, team.home.bot}:
            return
        if event.get("item_user") not in {None, team.home.bot}:
            return  # what people think of each other's messages is no business of ours
        author = await self.office.people.person(team, str(event["user"]))
        channel = str(item["channel"])
        spot, on = team.home.place(channel), incoming.mark(channel, str(item["ts"]))
        place = await self.office.memory.showing(spot, on) or spot
        await self.accept(incoming.reaction(event, place, author, str(body.get("event_id"))))

    async def _left(self, body: Payload, event: Payload) -> None:
        tokens: Payload = event.get("tokens") or {}
        if event["type"] == "app_uninstalled" or tokens.get("bot"):
            await self.office.teams.gone(incoming.team_of(body))

    async def _greeted(self, body: Payload, event: Payload) -> None:
        thread: Payload = event.get("assistant_thread") or {}
        team = await self._team(body, thread.get("channel_id"))
        if team is not None:
            await assistant.greet(self.office, team, thread)

    async def _home(self, body: Payload, event: Payload) -> None:
        team = await self._team(body, event.get("channel") or "D")
        if team is not None and event.get("tab") in {None, "home"}:
            await home.publish(self.office, team, str(event["user"]))

    async def _slash(self, body: Payload, ack: Ack) -> None:
        team = await self._team(body, body["channel_id"])
        if team is None:
            await ack(text="The bot may not be used here.")
            return
        if incoming.slash(body, team.home, Person(id=""), self.office.now) is None:
            await ack(
                text=f"Write your question after it: {self.office.settings.command} ask What is \u2026?"
            )
            return
        await self._in_time(self._used(body, team))
        await ack()

    async def _used(self, body: Payload, team: Team) -> None:
        author = await self.office.people.person(team, str(body["user_id"]))
        said = incoming.slash(body, team.home, author, self.office.now)
        if isinstance(said, Invocation):
            said = incoming.about(said, await self._meant(said, team))
        if said is not None:
            self._talks(said)
            await self._store(said, team)

    async def _outside(self, said: Message | Invocation, team: Team) -> Message | Invocation:
        """Return what somebody wrote in a channel and in no thread. A command is not about the thread that it begins."""
        if isinstance(said, Invocation):
            return replace(said, place=await self._meant(said, team))
        if not _is_command(said):
            return said
        place = await self._meant(said, team)
        return (
            said if place == said.place else replace(said, place=place, extra={**said.extra, "outside": "1"})
        )

    async def _meant(self, said: Message | Invocation, team: Team) -> Place:
        """Return which conversation a command is about that was written outside of threads.

        That is the person's latest in the channel. What is to be stopped is an answer that they wait for, and nobody
        else's: where there is none, nothing is stopped.
        """
        memory, person = self.office.memory, said.author.id
        if not _stops(said):
            return await memory.latest(said.place, person)
        found = await memory.waiting(said.place, person)
        return found or incoming.alone(team.home, said.place.channel, person)

    async def _shortcut(self, body: Payload, ack: Ack) -> None:
        channel: Payload = body.get("channel") or {}
        team = await self._team(body, channel.get("id"))
        if team is not None and body.get("message"):
            await self._in_time(self._used_on(body, team))
        await ack()

    async def _used_on(self, body: Payload, team: Team) -> None:
        author = await self.office.people.person(team, str(body["user"]["id"]))
        said = incoming.shortcut(body, team.home, author, self.office.now)
        known = await self.office.memory.showing(said.place, said.options["message"])
        await self._store(incoming.about(said, known or said.place), team)

    async def _ask(self, body: Payload, ack: Ack) -> None:
        team = await self._team(body, "D")
        if team is not None:
            await self._in_time(self._opens(body, team, home.ask_modal()))
        await ack()

    async def _opens(self, body: Payload, team: Team, view: Block) -> None:
        call = team.client.views_open(trigger_id=body["trigger_id"], view=view)
        await asked("views.open", call)

    async def _asked(self, body: Payload, ack: Ack) -> None:
        team = await self._team(body, "D")
        if team is not None:
            await self._in_time(self._asks(body, team))
        await ack()

    async def _asks(self, body: Payload, team: Team) -> None:
        user = str(body["user"]["id"])
        channel = await self.office.poster.direct(team, user)
        author = await self.office.people.person(team, user)
        said = home.question(body, team.home.place(channel), author, self.office.now)
        await self.office.poster.post(team, Address.of(said), home.quoted(said))
        self._talks(said)
        await self._store(said, team)

    async def _pressed(self, body: Payload, action: Payload, ack: Ack) -> None:
        place: Payload = body.get("channel") or {}
        container: Payload = body.get("container") or {}
        team = await self._team(body, place.get("id") or container.get("channel_id"))
        if team is not None:
            await self._in_time(self._press(body, action, team))
        await ack()

    async def _press(self, body: Payload, action: Payload, team: Team) -> None:
        author = await self.office.people.person(team, str(body["user"]["id"]))
        pressed = incoming.press(body, action, team.home, author, self.office.now)
        id_, memory = pressed.control, self.office.memory
        place = await memory.shown_in(pressed.place, incoming.pressed_on(body), id_)
        pressed = incoming.about(pressed, place)
        control = await self.office.find(place, id_, author)
        if isinstance(control, Form | Ballot):
            outside = "outside" in pressed.extra
            view = (
                modals.form(control, id_, place, outside=outside)
                if isinstance(control, Form)
                else modals.ballot(control, id_, place, outside=outside)
            )
            await self._opens(body, team, view)
            return
        if isinstance(control, Choices) and len(incoming.picked(action)) < control.least:
            return  # more is to be picked
        await self._store(pressed, team)

    async def _submitted(self, body: Payload, ack: Ack) -> None:
        view: Payload = body["view"]
        try:
            carried = modals.opened_from(str(view.get("private_metadata") or ""))
        except ValueError:
            carried = None
        team = await self._team(body, carried.channel if carried is not None else None)
        if team is not None and carried is not None:
            await self._in_time(self._submits(body, carried, team))
        await ack()

    async def _submits(self, body: Payload, carried: modals.Carried, team: Team) -> None:
        author = await self.office.people.person(team, str(body["user"]["id"]))
        state: Payload = body["view"].get("state") or {}
        fields = modals.filled(state.get("values") or {})
        sent = incoming.submit(body, carried, team.home, fields, author, self.office.now)
        await self._store(sent, team)

    async def _home_pressed(self, body: Payload, action: Payload, ack: Ack) -> None:
        team = await self._team(body, "D")
        if team is not None:
            await self._in_time(self._home_press(body, action, team))
        await ack()

    async def _home_press(self, body: Payload, action: Payload, team: Team) -> None:
        user = str(body["user"]["id"])
        channel = await self.office.poster.direct(team, user)
        author = await self.office.people.person(team, user)
        wanted = home.invoked(body, action, team.home.place(channel), author, self.office.now)
        await self._store(wanted, team)

    def _talks(self, said: Message | Invocation) -> None:
        """Note that somebody talks with the bot; commands are about what was said before."""
        if isinstance(said, Message) and not _is_command(said):
            self.office.memory.talks(said.place, said.author.id, said.sent_at)

    async def _team(self, body: Payload, channel: object) -> Team | None:
        """Return the workspace that something comes from, if the bot may answer in ``channel`` there."""
        team = incoming.team_of(body)
        if not isinstance(channel, str) or not self.office.settings.allows(team, channel):
            log.debug("not allowed here")
            return None
        return await self.office.teams.of(team)

    async def _in_time(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work``; return after `PRESSED` seconds even if it takes longer. Raises what it raises until then."""
        doing = asyncio.ensure_future(work)
        try:
            async with self.office.line.clock.timeout(PRESSED):
                await asyncio.shield(doing)
        except TimeoutError:
            if doing.done():
                raise
            self._late.add(doing)
            doing.add_done_callback(self._done)
        except asyncio.CancelledError:
            doing.cancel()
            raise

    def _done(self, late: asyncio.Future[None]) -> None:
        self._late.discard(late)
        error = None if late.cancelled() else late.exception()
        if error is not None:  # what it says may quote what was sent
            log.warning("acknowledged and not done", error=type(error).__name__)

    async def _store(self, event: Event, team: Team) -> None:
        """Have ``event`` accepted. Where it is acknowledged already, whoever sent it is told that it was not stored.

        Raises `StoreError` where it is not.
        """
        try:
            await self.accept(event)
        except StoreError as error:
            if asyncio.current_task() not in self._late:
                raise
            log.warning("acknowledged and not stored", error=str(error))
            try:
                await self.office.poster.whisper(team, Address.of(event), [page(NOT_STORED)], Shown())
            except AdapterError as failed:
                log.warning("nobody told", error=str(failed))


def _authorize(office: Office) -> Callable[..., Awaitable[Any]]:
    """Return what tells Bolt whose token is for a workspace. Bolt calls it by the names of its arguments."""

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult | None:
        team = await office.teams.of(team_id or "")
        if team is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team.home.team,
            bot_id=team.bot_id,
            bot_user_id=team.home.bot,
            bot_token=team.client.token,
        )

    return authorize


def _is_command(said: Message) -> bool:
    return said.text.startswith("/")


def _stops(said: Message | Invocation) -> bool:
    words = said.path if isinstance(said, Invocation) else said.text[1:].split()
    return [word.lower() for word in words] == ["stop"]


def _tells_no_thread(event: Payload) -> bool:
    """Return whether something stands in a channel and in no thread. In direct messages, that is a conversation, too."""
    return not event.get("thread_ts") and not str(event.get("channel")).startswith("D")


async def _nothing(body: Mapping[str, Any]) -> None:
    """Acknowledge an event that is of no interest."""
    del body


async def _acknowledged(ack: Ack) -> None:
    """Acknowledge what nobody listens for: something that an earlier version of the app showed."""
    await ack()
