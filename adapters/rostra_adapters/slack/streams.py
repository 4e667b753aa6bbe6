"""Native streams: ``chat.startStream``, ``appendStream``, ``stopStream``, and what to do when one of them fails.

A streamed message holds one piece of the answer (`blocks.MARKDOWN`); a longer answer goes on in the next message. What was
sent can only grow, so that text is sent once it is sure to stay; where it turns out otherwise, and where Slack has closed
the stream (it does after some minutes), the message is changed like any other.

Sources: https://docs.slack.dev/reference/methods/chat.startStream, slackapi/node-slack-sdk#2702 (five minutes),
CopilotKit/CopilotKit#6064 (12,000 characters of a whole stream).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog

from rostra.actions import Address

from .blocks import Block
from .incoming import mark, unmarked
from .showing import thread_of
from .text import settled
from .web import Refused, Team, asked

log = structlog.get_logger(__name__)

_FENCE = re.compile(r"\n?[ \t]*(?:`{3,}|~{3,})[^\n]*\s*\Z")
"""A last line that opens or closes code: which of the two, only what follows tells."""

NOT_HERE = frozenset(
    "unknown_method method_not_supported_for_channel_type channel_type_not_supported missing_recipient_team_id"  # noqa: SIM905  one a line would fill a page
    " missing_recipient_user_id feature_not_enabled not_allowed_token_type streaming_not_enabled"
    " team_access_not_granted".split()
)
"""Refusals of a stream that will come again: later answers in the same channel are posted and changed."""


NOT_OPEN = "message_not_in_streaming_state"


@dataclass(slots=True, kw_only=True)
class Stream:
    """An open stream: its message, and what was sent to it."""

    mark: str
    sent: str = ""


def sure(piece: str) -> str:
    """Return the beginning of the last piece of a growing answer that is going to stay."""
    return settled(_FENCE.sub("", piece))


async def start(team: Team, address: Address, text: str) -> Stream:
    """Open a stream in the thread of ``address``, for the person who asked. Raises `Refused`."""
    place = address.place
    answer = await asked(
        "chat.startStream",
        team.client.chat_startStream(
            channel=place.channel,
            thread_ts=thread_of(address) or "",
            recipient_team_id=address.extra.get("team") or place.workspace,
            recipient_user_id=address.extra.get("user"),
            markdown_text=text or None,
        ),
    )
    return Stream(mark=mark(str(answer.get("channel") or place.channel), str(answer["ts"])), sent=text)


async def grow(team: Team, stream: Stream, text: str) -> bool:
    """Send what is new in ``text``; return False, and send nothing, if it does not begin with what was sent."""
    if not text.startswith(stream.sent):
        return False
    channel, ts = unmarked(stream.mark)
    if len(text) > len(stream.sent):
        await asked(
            "chat.appendStream",
            team.client.chat_appendStream(channel=channel, ts=ts, markdown_text=text[len(stream.sent) :]),
        )
        stream.sent = text
    return True


async def stop(team: Team, shown: str, text: str = "", blocks: list[Block] | None = None) -> bool:
    """Close a stream, with a last ``text`` and ``blocks`` under it.

    Return False where these are not there now: it was no stream, Slack had closed it, or they were too long for it.
    """
    channel, ts = unmarked(shown)
    try:
        await asked(
            "chat.stopStream",
            team.client.chat_stopStream(
                channel=channel, ts=ts, markdown_text=text or None, blocks=blocks or None
            ),
        )
    except Refused as error:
        if error.retry_after is not None:
            raise
        log.info("stream not stopped", error=str(error))
        if (text or blocks) and error.code != NOT_OPEN:
            await stop(team, shown)
        return False
    return True
