"""What ``rostra chat`` says before the first question: who answers here, how well, and how to change that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .servers import SERVERS, Server, running

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config import Settings

_KEYS = "/help lists commands. Ctrl-C stops an answer, Ctrl-D leaves."


async def banner(
    settings: Settings, clock: Clock, servers: Sequence[Server] = SERVERS, *, deployed: str = ""
) -> str:
    """Return the banner. Looks, on this machine only and for at most a fifth of a second, what else could answer.

    ``deployed`` is the model that was deployed here, if any.
    """
    if deployed:
        return f"Rostra. The model {deployed!r} was deployed here and answers, moderated. {_KEYS}"
    answerer = settings.answerers["default"]
    table = settings.models[answerer.model]
    if table.kind != "local" or table.options.get("folder", "embedded") != "embedded":
        return f"Rostra. The model {answerer.model!r} answers, moderated. {_KEYS}"
    lines = [
        "Rostra. A demonstration model of 135 million parameters answers here: it is often wrong.",
        "For a better one: rostra init --model ollama|openai|llamacpp|lmstudio|vllm",
        *(
            f"{server.title} is running on this machine: rostra init --model {server.name} would use it."
            for server in await running(clock, servers)
        ),
        f"Questions and answers are moderated. {_KEYS}",
    ]
    return "\n".join(lines)
