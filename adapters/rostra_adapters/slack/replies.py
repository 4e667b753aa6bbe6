"""Replies on their way into Slack: streamed where there is a thread, else posted and changed, and always whole at the end.

Pieces are never refused: what Slack did not take is there with the next piece, or at the end. So a stream that Slack closed,
a text that it finds too long and a limit of its calls all come to the same: the message is changed once that works again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import structlog

from rostra.actions import Address, Append, Begin, Finish, Replace, Retract, Show
from rostra.clock import Clock
from rostra.errors import AdapterError, Rejected
from rostra.views import View

from ..budget import Budget
from . import streams
from .blocks import Page, answer, page, pieces_of, render, worded
from .settings import SlackSettings
from .showing import UNREACHABLE, Poster, Shown, thread_of, was_refused
from .streams import Stream
from .web import Refused, Team

log = structlog.get_logger(__name__)

REMEMBERED = 10_000
"""Replies under way whose messages are remembered; those of others are found by their receipts."""
PIECES = 40
PIECES_SECONDS = 24.0
"""Slack takes a hundred pieces of streams a minute in a workspace ("tier 4"), and some more at once.

Source: https://docs.slack.dev/reference/methods/chat.appendStream.
"""
UNSUPPORTED = 3600.0
"""Seconds for which a channel that refused a stream is not asked again."""


@dataclass(slots=True, kw_only=True, eq=False)
class Open:
    """A reply under way. ``streaming`` says that it is to be streamed, ``stream`` is the one that is open.

    ``stale``: the stream may be open still; nothing is known of it but its message.
    """

    text: str = ""
    shown: Shown = field(default_factory=Shown)
    streaming: bool = False
    stream: Stream | None = None
    stale: bool = False
    quiet_until: float = 0.0


class Replies:
    """Performs what ends up as messages."""

    def __init__(
        self, settings: SlackSettings, poster: Poster, clock: Clock, commands: Collection[str] = ()
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._pieces = Budget(clock, changes=PIECES, seconds=PIECES_SECONDS, reserve=0.0)
        self._poster = poster
        self._clock = clock
        self._open: OrderedDict[str, Open] = OrderedDict()
        self._unsupported: dict[str, float] = {}

    async def begin(self, team: Team, address: Address, action: Begin) -> Sequence[str]:
        """Show the beginning of an answer."""
        one = self._of(action.reply, address)
        one.text = action.text
        if self._streams(address) and not one.shown.marks:
            pieces = pieces_of(action.text)
            try:
                one.stream = await streams.start(team, address, streams.sure(pieces[0]) if pieces else "")
            except Refused as error:
                self._refused_stream(address, error)
            else:
                one.streaming = True
                one.shown.marks.append(one.stream.mark)
                one.shown.says[one.stream.mark] = None
                if len(pieces) > 1:
                    await self._catch_up(team, address, one)
                return one.shown.receipt
        if not action.text.strip():
            return one.shown.receipt
        await self._bring(team, address, one, answer(action.reply, action.text))
        return one.shown.receipt

    async def append(self, team: Team, address: Address, action: Append) -> Sequence[str]:
        """Let an answer grow. Never refuses: the next piece, or the end, makes good what this could not."""
        one = self._of(action.reply, address)
        one.text += action.text
        await self._catch_up(team, address, one)
        return one.shown.receipt

    async def replace(self, team: Team, address: Address, action: Replace) -> Sequence[str]:
        """Show another text. Never refuses, as `append`."""
        one = self._of(action.reply, address)
        one.text, one.streaming = action.text, False
        await self._catch_up(team, address, one)
        return one.shown.receipt

    async def finish(self, team: Team, address: Address, action: Finish) -> Sequence[str]:
        """Show the whole answer, and end it."""
        one = self._of(action.reply, address)
        pages = answer(action.reply, action.text, action.buttons)
        if one.stream is not None:
            await self._end_stream(team, one, one.stream, pages)
        try:
            await self._bring(team, address, one, pages)
        except Rejected as error:
            if one.shown.marks or not was_refused(error, UNREACHABLE):
                raise
            await self._from_outside(address, one, pages, error)
        self._open.pop(action.reply, None)
        return one.shown.receipt

    async def retract(self, team: Team, address: Address, action: Retract) -> Sequence[str]:
        """Take away what is shown, and show a text instead, if there is one."""
        one = self._of(action.reply, address)
        await self._bring(team, address, one, answer(action.reply, action.text))
        self._open.pop(action.reply, None)
        return one.shown.receipt

    async def show(self, team: Team, address: Address, action: Show) -> Sequence[str]:
        """Show a view: for all, for who asked alone, or instead of the one that was pressed."""
        one = self._of(action.reply, address)
        view = worded(action.view, self._commands, self._settings.command)
        rendered = render(action.reply, view)
        await self._show_pages(team, address, action.view, rendered.pages, one)
        private = self._is_private(address, action.view)
        await self._poster.hand_over(team, address, rendered.files, one.shown, private=private)
        self._open.pop(action.reply, None)
        return one.shown.receipt

    async def _show_pages(
        self, team: Team, address: Address, view: View, pages: Sequence[Page], one: Open
    ) -> None:
        if view.in_place and len(pages) == 1 and "fleeting" in address.extra:
            # What one person alone saw can be changed only at the address that came with the press.
            if await self._poster.hook(address, pages[0], whole=False, instead=True):
                return
        elif view.in_place and "message" in address.extra and not one.shown.marks:
            one.shown.marks.append(address.extra["message"])
        if self._is_private(address, view) and not one.shown.marks:
            await self._poster.whisper(team, address, pages, one.shown)
            return
        try:
            await self._bring(team, address, one, pages)
        except Rejected as error:
            if one.shown.marks or not was_refused(error, UNREACHABLE):
                raise
            await self._from_outside(address, one, pages, error)

    def _is_private(self, address: Address, view: View) -> bool:
        return view.private or "private" in address.extra or "fleeting" in address.extra

    def _of(self, reply: str, address: Address) -> Open:
        """Return what is known of a reply; after a restart, what its last receipt says."""
        one = self._open.get(reply)
        if one is None:
            shown = Shown(marks=list(address.shown), says=dict.fromkeys(address.shown))
            one = Open(shown=shown, stale=bool(address.shown))
            self._open[reply] = one
            if len(self._open) > REMEMBERED:
                self._open.popitem(last=False)
        return one

    def _streams(self, address: Address) -> bool:
        if self._settings.stream != "native" or thread_of(address) is None or "user" not in address.extra:
            return False
        return self._unsupported.get(address.place.channel, 0.0) <= self._clock.monotonic()

    def _refused_stream(self, address: Address, error: Refused) -> None:
        """Note that there are no streams here. Raises the refusal if Slack only asks to wait."""
        if error.retry_after is not None:
            raise error
        log.info("no stream", error=str(error))
        if error.code in streams.NOT_HERE:
            if len(self._unsupported) >= REMEMBERED:
                self._unsupported.clear()
            self._unsupported[address.place.channel] = self._clock.monotonic() + UNSUPPORTED

    async def _catch_up(self, team: Team, address: Address, one: Open) -> None:
        """Bring what is shown up to ``one.text``, as far as Slack lets it."""
        if self._clock.monotonic() < one.quiet_until:
            return
        try:
            if one.streaming and one.stream is not None:
                await self._go_on(team, address, one, one.stream)
            if not one.streaming and one.text.strip():
                paid = bool(one.shown.marks)
                if paid and not self._poster.budget.affords(team.home.team):
                    return  # the next piece shows it as well
                await self._bring(team, address, one, answer("", one.text), paid=paid)
        except AdapterError as error:
            log.info("piece put off", error=str(error))
            one.quiet_until = self._clock.monotonic() + (error.retry_after or self._settings.edit_seconds)

    async def _go_on(self, team: Team, address: Address, one: Open, stream: Stream) -> None:
        """Send what is new; where a message is full, close it and go on in the next."""
        pieces = pieces_of(one.text)
        for number in range(len(one.shown.marks) - 1, len(pieces)):
            last = number == len(pieces) - 1
            if not await self._grow(
                team, stream, streams.sure(pieces[number]) if last else pieces[number], last=last
            ):
                one.streaming = False  # changed like any other message from here on
            if last or not one.streaming:
                return
            one.streaming, one.stream, one.stale = False, None, True
            if await streams.stop(team, stream.mark):
                one.shown.says[stream.mark] = page(pieces[number])
            one.stale = False
            stream = one.stream = await streams.start(team, address, "")
            one.shown.marks.append(stream.mark)
            one.streaming = True
        one.streaming = False  # there are fewer pieces than messages: somebody else's text

    async def _grow(self, team: Team, stream: Stream, target: str, *, last: bool) -> bool:
        if last and stream.sent.startswith(target):
            return True  # nothing new that is sure to stay
        if last and target.startswith(stream.sent) and not self._pieces.affords(team.home.team):
            return True  # the next piece brings it
        try:
            return await streams.grow(team, stream, target)
        except AdapterError as error:
            if isinstance(error, Refused) and error.retry_after is not None:
                self._pieces.cool_off(team.home.team, error.retry_after)
                raise
            # Where no answer came, it may be there or not: sent again, it could be there twice.
            log.info("stream lost", error=str(error))
            return False

    async def _end_stream(self, team: Team, one: Open, stream: Stream, pages: Sequence[Page]) -> None:
        """Close the stream with what its message lacks, if that is all it lacks."""
        number = len(one.shown.marks) - 1
        last = pages[number] if number < len(pages) else None
        whole = str(last.blocks[0].get("text", "")) if last is not None else ""
        if last is None or not one.streaming or not whole.startswith(stream.sent):
            return  # it is closed, and its message changed, with the others
        one.stream, one.stale = None, True
        if await streams.stop(team, stream.mark, whole[len(stream.sent) :], list(last.blocks[1:])):
            one.shown.says[stream.mark] = last
        one.stale = False

    async def _bring(
        self, team: Team, address: Address, one: Open, pages: Sequence[Page], *, paid: bool = False
    ) -> None:
        if one.stream is not None:
            one.stream, one.stale = None, True
        if one.stale and one.shown.marks:
            await streams.stop(team, one.shown.marks[-1])
        one.stale = False
        await self._poster.bring(team, address, one.shown, pages, paid=paid)

    async def _from_outside(
        self, address: Address, one: Open, pages: Sequence[Page], error: AdapterError
    ) -> None:
        """Answer a command in a channel that the bot is not in. Raises ``error`` where that is not possible."""
        for one_page in pages[len(one.shown.says) :]:
            if not await self._poster.hook(address, one_page, whole=True):
                raise error
            one.shown.says[f"answered {len(one.shown.says)}"] = one_page
