"""What wrappers do with the stream of a model: close it, wait for its first word, see that it ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from rostra.chat import Piece
from rostra.errors import ModelError


@asynccontextmanager
async def closing(stream: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    """Lend ``stream`` and close it, if it is a generator: whoever stops reading one must."""
    if isinstance(stream, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Piece]", stream)) as generator:
            yield generator
    else:
        yield stream


async def first(pieces: AsyncIterator[Piece], name: str) -> Piece:
    """Return the first piece that says anything.

    Raises what the model does, and `ModelError` if its stream ends without one; ``name`` is the model's.
    """
    async for piece in pieces:
        if piece.text or piece.finish or piece.calls or piece.usage:
            return piece
    raise ModelError(f"model {name!r} ended its answer without a piece")


def one_line(error: BaseException) -> str:
    """Return what ``error`` says, or what it is, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
