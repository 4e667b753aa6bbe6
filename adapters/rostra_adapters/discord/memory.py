"""What is remembered of messages that were seen and shown. All of it may be lost: then Discord is asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from rostra.places import Place

from .chains import Chains

KNOWN = 20_000
"""Messages whose place is remembered: only about these are edits, deletions and reactions passed on."""


class Memory:
    """The places of messages in the bot's conversations, and the chains of replies between them."""

    def __init__(self) -> None:
        self.chains = Chains()
        self._places: OrderedDict[str, Place] = OrderedDict()

    def keep(self, where: Place, messages: Iterable[str]) -> None:
        """Remember where messages of the bot's conversations are."""
        messages = tuple(messages)
        for message in messages:
            self._places[message] = where
            self._places.move_to_end(message)
        while len(self._places) > KNOWN:
            self._places.popitem(last=False)
        if where.thread is not None:
            self.chains.put(where.thread, messages)

    def place_of(self, message: str) -> Place | None:
        """Return where a message is, if it is known to belong to a conversation of the bot."""
        return self._places.get(message)

    def forget(self, message: str) -> None:
        """Remember nothing of a message that is gone."""
        self._places.pop(message, None)
        self.chains.forget(message)
