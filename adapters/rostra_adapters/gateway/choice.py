"""One answer in the making, as its client sees it: what was released, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rostra.actions import Ending
from rostra.chat import Piece, ToolCall

FINISHES: dict[Ending, str] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "stopped": "stop",
    "error": "stop",
}


@dataclass(slots=True)
class Choice:
    """``text`` is what was released; ``calls`` and ``tokens`` count once the answer has ended, and not before."""

    number: int
    reply: str
    text: str = ""
    finish: str | None = None
    taken_back: bool = False
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    tokens: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    said: int = 0
    """Characters of the text whose tokens were told."""
    untold: bool = False
    """Whether the rest of its tokens is not told: what was released is not what the model said, or it gave no figures."""

    def hear(self, piece: Piece) -> None:
        """Take note of what the model says, which is not released by that."""
        self.calls.extend(piece.calls)
        if piece.logprobs:
            # Of several tokens in one piece, nobody knows where one ends: the first has the text of all.
            first, *rest = piece.logprobs
            self.tokens.append((piece.text, first))
            self.tokens.extend(("", each) for each in rest)
        elif piece.text:
            self.untold = True

    def end(self, text: str, ending: Ending) -> None:
        """Have the answer end with ``text`` as all of it."""
        self.text = text
        blocked = ending == "content_filter"
        if blocked:
            self.calls.clear()
        self.finish = "tool_calls" if self.calls and not blocked else FINISHES[ending]

    def take_back(self, text: str) -> None:
        """Have the answer end with all of it withdrawn, and ``text`` in its place."""
        self.end(text, "content_filter")
        self.taken_back = True

    def logprobs(self, upto: int) -> dict[str, Any] | None:
        """Return the log-probabilities of the tokens up to a character that were not told before.

        None where what was released is not what the model said, or where it gave none. Source:
        https://platform.openai.com/docs/api-reference/chat/object
        """
        found: list[dict[str, Any]] = []
        while not self.untold and self.tokens and self.said + len(self.tokens[0][0]) <= upto:
            token, logprob = self.tokens.pop(0)
            if not self.text.startswith(token, self.said):
                self.untold = True
                break
            self.said += len(token)
            entry = {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": []}
            found.append(entry)
        return {"content": found, "refusal": None} if found else None

    def told_calls(self) -> list[dict[str, Any]]:
        """Return the calls as clients read them."""
        return [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
            for one in self.calls
        ]
