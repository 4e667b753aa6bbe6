"""How a reply is shown in Slack: messages that are posted, changed and taken away, one by one, so that a repeat goes on.

Slack honours no nonce. What was shown so far is remembered while the process lives: a call that Slack refused in the
middle of a long answer is taken up where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from rostra.actions import Address
from rostra.errors import AdapterError
from rostra.views import File

from ..budget import Budget
from .blocks import Page
from .incoming import mark, unmarked
from .quiet import library_logger
from .settings import SlackSettings
from .web import Line, Refused, Team, asked

log = structlog.get_logger(__name__)

GONE = frozenset({"message_not_found", "cant_delete_message"})
FIXED = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Refusals of a change after which what was to be shown is posted anew."""
UNREACHABLE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel"})
"""Where the bot is no member of a channel; a command may be used there all the same."""
OK = 200
_STAMP = re.compile(r"[0-9]+\.[0-9]+", re.ASCII)
"""What a thread is known by: the time stamp of its first message."""


@dataclass(slots=True, kw_only=True, eq=False)
class Shown:
    """What is there of a reply: its messages, and what each says. ``files`` are those handed over."""

    marks: list[str] = field(default_factory=list[str])
    says: dict[str, Page | None] = field(default_factory=dict[str, Page | None])
    files: int = 0

    @property
    def receipt(self) -> tuple[str, ...]:
        """The messages, for a receipt."""
        return tuple(self.marks)


def thread_of(address: Address) -> str | None:
    """Return the thread that a reply is shown in: that of its conversation, unless it was asked for outside of that.

    A conversation that somebody has by slash command is in no thread, see `rostra_adapters.slack.incoming.alone`.
    """
    thread = address.place.thread or ""
    return thread if "outside" not in address.extra and _STAMP.fullmatch(thread) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """Makes the calls that show things. What changes messages shares the ``budget`` of the workspace."""

    settings: SlackSettings
    line: Line
    budget: Budget

    async def bring(
        self, team: Team, address: Address, shown: Shown, pages: Sequence[Page], *, paid: bool = False
    ) -> None:
        """Let the messages of ``shown`` say ``pages``, in their order: change, post or delete as many as that takes.

        ``paid``: the first change was taken from the budget before.
        """
        for number, page in enumerate(pages):
            if number >= len(shown.marks):
                shown.marks.append(await self.post(team, address, page))
                shown.says[shown.marks[-1]] = page
            elif shown.says.get(shown.marks[number]) != page:
                if not paid:
                    await self.budget.spend(team.home.team)
                paid = False
                shown.marks[number] = await self._change(team, address, shown.marks[number], page)
                shown.says[shown.marks[number]] = page
        while len(shown.marks) > len(pages):
            await self._delete(team, shown.marks[-1])
            shown.says.pop(shown.marks.pop(), None)

    async def post(self, team: Team, address: Address, page: Page) -> str:
        """Post a message where the reply belongs, and return its mark."""
        place = address.place
        answer = await asked(
            "chat.postMessage",
            team.client.chat_postMessage(
                channel=place.channel,
                thread_ts=thread_of(address),
                unfurl_links=False,  # a link that a model makes up is fetched by nobody
                unfurl_media=False,
                **_content(page),
            ),
        )
        return mark(str(answer.get("channel") or place.channel), str(answer["ts"]))

    async def _change(self, team: Team, address: Address, shown: str, page: Page) -> str:
        channel, ts = unmarked(shown)
        # Blocks that an update does not name would stay. Its text notifies nobody; Slack makes one of the blocks.
        content = {"channel": channel, "ts": ts, "blocks": list(page.blocks)}
        try:
            await asked("chat.update", team.client.api_call("chat.update", json=content))
        except Refused as error:
            if error.retry_after is not None:
                self.budget.cool_off(team.home.team, error.retry_after)
            if error.code not in FIXED:
                raise
            return await self.post(team, address, page)  # somebody deleted it, say; the answer is still due
        return shown

    async def _delete(self, team: Team, shown: str) -> None:
        channel, ts = unmarked(shown)
        try:
            await asked("chat.delete", team.client.chat_delete(channel=channel, ts=ts))
        except Refused as error:
            if error.code not in GONE:
                raise

    async def whisper(self, team: Team, address: Address, pages: Sequence[Page], shown: Shown) -> None:
        """Show ``pages`` to the person who asked alone: where they are, else in their direct messages."""
        if address.place.channel.startswith("D"):
            await self.bring(team, address, shown, pages)
            return
        for page in pages[len(shown.says) :]:
            if not await self.hook(address, page, whole=False):
                await self._whisper(team, address, page)
            shown.says[f"whispered {len(shown.says)}"] = page

    async def _whisper(self, team: Team, address: Address, page: Page) -> None:
        place, user = address.place, address.extra.get("user", "")
        try:
            await asked(
                "chat.postEphemeral",
                team.client.chat_postEphemeral(
                    channel=place.channel, user=user, thread_ts=thread_of(address), **_content(page)
                ),
            )
        except Refused as error:
            if error.code not in UNREACHABLE:
                raise
            direct = await self.direct(team, user)
            await asked("chat.postMessage", team.client.chat_postMessage(channel=direct, **_content(page)))

    async def hook(self, address: Address, page: Page, *, whole: bool, instead: bool = False) -> bool:
        """Answer at the address that came with a command or a press; return whether Slack took it.

        It is good for five answers in half an hour. ``whole``: the channel sees it; ``instead``: of what was pressed.
        """
        url = address.extra.get("hook", "")
        if not url or not self.settings.is_hook(url):
            return False
        client = AsyncWebhookClient(
            url, session=self.line.session, logger=library_logger(), retry_handlers=[]
        )
        body = {
            "response_type": "in_channel" if whole else "ephemeral",
            "replace_original": instead,
            "text": page.text,
            "blocks": list(page.blocks),
        }
        thread = thread_of(address)
        if thread is not None:
            body["thread_ts"] = thread
        try:
            answer = await client.send_dict(body)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the address, there is another way
            log.info("hook refused", error=type(error).__name__)
            return False
        return answer.status_code == OK

    async def direct(self, team: Team, user: str) -> str:
        """Return the channel of direct messages with somebody."""
        answer = await asked("conversations.open", team.lookup.conversations_open(users=user))
        channel: Mapping[str, Any] = answer.get("channel") or {}
        return str(channel.get("id") or "")

    async def hand_over(
        self, team: Team, address: Address, files: Sequence[File], shown: Shown, *, private: bool
    ) -> None:
        """Upload files to where the reply belongs; private ones go to the direct messages of who asked."""
        channel, thread = address.place.channel, thread_of(address)
        if files[shown.files :] and private and not channel.startswith("D"):
            channel, thread = await self.direct(team, address.extra.get("user", "")), None
        for file in files[shown.files :]:
            if file.data:
                await asked(
                    "files.uploadV2",
                    team.client.files_upload_v2(
                        channel=channel,
                        thread_ts=thread,
                        filename=file.name,
                        title=file.name,
                        content=file.data,
                        alt_txt=file.description or None,
                    ),
                )
            shown.files += 1


def _content(page: Page) -> dict[str, Any]:
    """Return a page as arguments. Markdown alone goes as such: what notifications show is made of it by Slack."""
    if len(page.blocks) == 1 and page.blocks[0]["type"] == "markdown":
        return {"markdown_text": page.blocks[0]["text"]}
    return {"text": page.text, "blocks": list(page.blocks)}


def was_refused(error: AdapterError, codes: frozenset[str]) -> bool:
    """Return whether Slack refused with one of ``codes``."""
    return isinstance(error, Refused) and error.code in codes
