"""The ways a reply reaches Discord: through the channel, through an interaction while its token lasts, or in private."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import discord

from . import wire
from .drafts import Draft
from .failures import as_ours


class Door(Protocol):
    """Where the messages of a reply are put. All raise `AdapterError`."""

    async def send(self, draft: Draft, key: str) -> str:
        """Send a message and return its id; once for each ``key``, where Discord can tell."""
        ...

    async def edit(self, message: str, draft: Draft, *, only_text: bool) -> None: ...

    async def delete(self, message: str) -> None: ...


def nonce(key: str) -> str:
    """Return what Discord is told to send a message once by: at most 25 characters.

    Source: https://docs.discord.com/developers/resources/message#create-message
    """
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:15]).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDoor:
    """A channel, thread or direct message. The first message answers ``question``, where that is a message."""

    client: discord.Client
    id: int
    question: int | None = None
    guild: int | None = None
    ping: bool = False

    async def send(self, draft: Draft, key: str) -> str:
        about = self._about() if self.question is not None and key.endswith(":0") else None
        with as_ours("sending a message"):
            if draft.plain and not draft.layout:
                sent, text = await wire.send_text(self.client, self.id, self._payload(draft, key, about))
            else:
                given = draft.sending()
                if about is not None:
                    given |= {"message_reference": about, "mention_author": self.ping}
                sent, text = await wire.send(self.client, self.id, nonce=nonce(key), **given)
            # A nonce that was used before brings back the message that was sent then, as it was.
            if draft.plain and text.strip() != draft.content.strip():
                await self._partial(sent).edit(content=draft.content)
        return sent

    async def edit(self, message: str, draft: Draft, *, only_text: bool) -> None:
        with as_ours("editing a message"):
            await self._partial(message).edit(**(draft.text() if only_text else draft.editing()))

    async def delete(self, message: str) -> None:
        with as_ours("deleting a message"):
            await self._partial(message).delete()

    def _about(self) -> dict[str, Any]:
        """Return what says that a message answers the question.

        Source: https://docs.discord.com/developers/resources/message#message-reference-structure
        """
        about: dict[str, Any] = {
            "type": discord.MessageReferenceType.default.value,
            "message_id": self.question,
            "channel_id": self.id,
            "fail_if_not_exists": False,
        }
        return about if self.guild is None else {**about, "guild_id": self.guild}

    def _payload(self, draft: Draft, key: str, about: dict[str, Any] | None) -> dict[str, Any]:
        """Return a text as Discord takes it; discord.py looks through two dozen arguments for the same."""
        quiet: dict[str, Any] = {"parse": []}
        payload: dict[str, Any] = {
            "content": draft.content or None,
            "nonce": nonce(key),
            "enforce_nonce": True,
            "tts": False,
            "allowed_mentions": quiet,
        }
        if about is not None:
            payload["message_reference"] = about
            quiet["replied_user"] = self.ping
        return payload

    def _partial(self, message: str) -> discord.PartialMessage:
        channel = self.client.get_partial_messageable(self.id, guild_id=self.guild)
        return channel.get_partial_message(int(message))


@dataclass(slots=True, kw_only=True)
class TokenDoor:
    """An interaction. The first message takes the place of ``thinking``, the one that says that the bot is."""

    webhook: discord.Webhook
    thinking: int | None = None
    private: bool = False

    async def send(self, draft: Draft, key: str) -> str:
        with as_ours("answering an interaction"):
            if self.thinking is not None and key.endswith(":0"):
                sent = await self.webhook.edit_message(self.thinking, **draft.editing())
            else:
                sent = await self.webhook.send(**_named(draft.sending()), ephemeral=self.private, wait=True)
        return str(sent.id)

    async def edit(self, message: str, draft: Draft, *, only_text: bool) -> None:
        given = draft.text() if only_text else draft.editing()
        with as_ours("editing a response"):
            await self.webhook.edit_message(int(message), **given)

    async def delete(self, message: str) -> None:
        with as_ours("deleting a response"):
            await self.webhook.delete_message(int(message))


def _named(given: dict[str, Any]) -> dict[str, Any]:
    # A webhook's ``send`` wants its text to be text.
    return {name: value for name, value in given.items() if value is not None}
