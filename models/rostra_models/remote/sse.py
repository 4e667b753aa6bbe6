"""Server-sent events, parsed as their bytes come. Pure.

Source: the WHATWG's HTML standard, §9.2.5 and §9.2.6, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 4 * 1024 * 1024
"""Characters that an event may have, and a line."""

_END = re.compile(r"[\r\n]")


class TooLong(ValueError):
    """An event or a line has more characters than are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its data, lines joined by U+000A, its type and the last id that was sent until then."""

    data: str
    kind: str = "message"
    id: str = ""


class EventParser:
    """Turns bytes into events. The same bytes give the same events, wherever they are cut.

    Bytes that are no UTF-8 become U+FFFD. An event that the end of the bytes cuts off never happened (§9.2.6).
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_return = False
        self._line: list[str] = []
        self._length = 0
        self._data: list[str] = []
        self._size = 0
        self._kind = ""
        self._id = ""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that ``data`` completes. Raises `TooLong`; then this parser is of no more use."""
        text = self._decoder.decode(data)
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix("\N{BOM}")
        at = 0
        if self._after_return and text:
            self._after_return = False
            at = 1 if text[0] == "\n" else 0
        while found := _END.search(text, at):
            end = found.start()
            event = self._take(text[at:end])
            at = end + 1
            if found[0] == "\r":
                if at == len(text):
                    self._after_return = True
                elif text[at] == "\n":
                    at += 1
            if event is not None:
                yield event
        self._keep(text[at:])

    def _keep(self, text: str) -> None:
        self._length += len(text)
        if self._length > self._most:
            raise TooLong(f"a line of more than {self._most} characters")
        if text:
            self._line.append(text)

    def _take(self, text: str) -> Event | None:
        """Take the rest of a line; return the event that it completes."""
        self._keep(text)
        line = "".join(self._line)
        self._line.clear()
        self._length = 0
        if line:
            self._field(line)
            return None
        event = Event(data="\n".join(self._data), kind=self._kind or "message", id=self._id)
        there = bool(self._data)
        self._data.clear()
        self._size = 0
        self._kind = ""
        return event if there else None

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")  # a comment has no name
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(value) + 1
            if self._size > self._most + 1:
                raise TooLong(f"an event of more than {self._most} characters")
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value
