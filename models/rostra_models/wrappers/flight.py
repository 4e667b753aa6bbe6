"""One answer on its way to everybody who asked the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from rostra.chat import Piece
from rostra.errors import ModelError, ModelMissing

from .streams import closing, one_line

LONGEST = 1_000_000
"""Characters of an answer that is passed on; whoever says more than that will not stop."""


class Flight:
    """An answer that is made once and read by several, each at their own pace, from its first piece.

    Nobody who leaves ends it for the others; when the last one leaves, it is cancelled.
    """

    def __init__(self, stream: AsyncIterator[Piece], name: str) -> None:
        """``name`` is the model's, for messages."""
        self.pieces: list[Piece] = []
        self.readers = 0
        self._name = name
        self._grown = asyncio.Event()
        self._task = asyncio.create_task(self._read(stream))

    @property
    def done(self) -> bool:
        """Whether no more pieces follow."""
        return self._task.done()

    @property
    def whole(self) -> bool:
        """Whether all of the answer is there, without an error."""
        return self.done and not self._task.cancelled() and self._task.result() is None

    async def follow(self) -> AsyncGenerator[Piece]:
        """Yield the pieces, those that are there at once. Raises what the model did."""
        at = 0
        while True:
            while at < len(self.pieces):
                at += 1
                yield self.pieces[at - 1]
            if self._task.done():
                failure = self._task.result()
                if failure is not None:
                    raise _again(failure)
                return
            await self._grown.wait()

    async def cancel(self) -> None:
        """End it, and return when the model has."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, stream: AsyncIterator[Piece]) -> Exception | None:
        # What goes wrong is a result: it is raised by each reader, and by nobody where there is none.
        try:
            await self._collect(stream)
        except Exception as error:  # noqa: BLE001  a model is foreign; what it raises is its readers'
            return error
        finally:
            asyncio.get_running_loop().call_soon(self._grown.set)  # when this task counts as done
        return None

    async def _collect(self, stream: AsyncIterator[Piece]) -> None:
        said = 0
        async with closing(stream) as pieces:
            async for piece in pieces:
                said += len(piece.text)
                if said > LONGEST:
                    raise ModelError(f"model {self._name!r} says more than {LONGEST:,} characters")
                self.pieces.append(piece)
                self._grown.set()
                self._grown = asyncio.Event()


def _again(error: Exception) -> Exception:
    """Return ``error`` for one more reader: an exception that several raise would carry all of their traces."""
    if isinstance(error, ModelError):
        kind = ModelMissing if isinstance(error, ModelMissing) else ModelError
        return kind(one_line(error))
    return error
