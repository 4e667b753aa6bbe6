"""From the bytes of one reply to what it says, whether it is a stream of events or one object. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .delta import BadReply, Delta, Json
from .failures import decoded
from .sse import EventParser

_DONE = "[DONE]"
_BOM = b"\xef\xbb\xbf"


class Reading:
    """Reads one reply. ``done``: all that the API says has come; what follows does not count."""

    def __init__(self, kind: str, read: Callable[[Json], Iterator[Delta]]) -> None:
        """``kind`` is the reply's Content-Type, which may be missing or wrong; ``read`` says what an object means."""
        self.done = False
        self._kind = kind.partition(";")[0].strip().lower()
        self._read = read
        self._body = bytearray()
        self._parser: EventParser | None = None

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield what ``data`` says. Raises `BadReply` and `rostra_models.remote.sse.TooLong`."""
        if self._parser is None:
            self._body += data
            if not self._streams():
                return
            data, self._parser = bytes(self._body), EventParser()  # what came before was kept
            self._body.clear()
        for event in self._parser.feed(data):
            if event.data.strip() == _DONE:
                self.done = True
            elif event.data and not self.done:
                yield from self._read(decoded(event.data))

    def end(self) -> Iterator[Delta]:
        """Yield what only the end of the reply makes whole. Raises as `feed` does."""
        if self._parser is None and self._body.strip():
            self.done = True
            yield from self._read(decoded(bytes(self._body)))

    def _streams(self) -> bool | None:
        """Return whether the body is a stream of events; None if it has not said so yet."""
        if self._kind == "text/event-stream":
            return True
        if self._kind.endswith("json"):
            return False
        if self._kind == "text/html":
            raise BadReply("a web page; 'url' must be where its API begins", again=False)
        start = self._body[:64].removeprefix(_BOM).lstrip()
        return not start.startswith(b"{") if start else None


def together(deltas: Sequence[Delta]) -> Sequence[Delta]:
    """Return ``deltas`` with neighbours that are nothing but text of one choice as one: what came at once goes on at once.

    >>> [each.text for each in together([Delta(text="Good "), Delta(text="day"), Delta(text="!", choice=1)])]
    ['Good day', '!']
    """
    joined: list[Delta] = []
    texts: list[str] = []
    for delta in deltas:
        if texts and _plain(delta) and delta.choice == joined[-1].choice:
            texts.append(delta.text)
            continue
        _join(joined, texts)
        joined.append(delta)
        texts = [delta.text] if _plain(delta) else []
    _join(joined, texts)
    return joined


def _join(joined: list[Delta], texts: Sequence[str]) -> None:
    if len(texts) > 1:
        joined[-1] = replace(joined[-1], text="".join(texts))


def _plain(delta: Delta) -> bool:
    """Say whether it is text and nothing else. Tokens with log-probabilities stay apart, so that each keeps its own."""
    return bool(delta.text) and delta == Delta(text=delta.text, choice=delta.choice)
