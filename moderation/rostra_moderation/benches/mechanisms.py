"""How others judge an answer while it comes, re-enacted from their sources: who sees what when, with whose verdicts.

Each is given the tokens of an answer and somebody who judges a part of it. None takes back what it has shown.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .speech import Speech

Judge: TypeAlias = Callable[[Speech, int, int], Awaitable[bool]]
"""Say whether the part of an answer from one character to another is to be blocked."""


@dataclass(slots=True)
class Screen:
    """What people saw: after ``shown[n][0]`` tokens the first ``shown[n][1]`` characters stood there."""

    shown: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    blocked: bool = False

    @property
    def most(self) -> int:
        """Characters that were shown when the answer ended or was stopped."""
        return self.shown[-1][1] if self.shown else 0

    def show(self, tokens: int, characters: int) -> None:
        self.shown.append((tokens, characters))


Mechanism: TypeAlias = Callable[[Speech, Judge], Awaitable[Screen]]


async def wait(speech: Speech, judge: Judge) -> Screen:
    """Judge the whole and show it: what everybody does who does not stream."""
    screen = Screen(blocked=await judge(speech, 0, len(speech.text)))
    if not screen.blocked:
        screen.show(len(speech.tokens), len(speech.text))
    return screen


def nemo(chunk: int, context: int, *, stream_first: bool) -> Mechanism:
    """NeMo-Guardrails, ``nemoguardrails/rails/llm/buffer.py`` (RollingBuffer) and ``_run_output_rails_in_streaming``.

    Chunks of ``chunk`` tokens, of which ``context`` are from the one before; with ``stream_first``, its default, a chunk
    goes out before it is judged.
    """

    async def run(speech: Speech, judge: Judge) -> Screen:
        screen = Screen()
        total = len(speech.tokens)
        begin, end = 0, min(chunk, total)
        while True:
            shown = speech.ends[end - 1]
            if stream_first:
                screen.show(end, shown)
            if await judge(speech, speech.ends[begin - 1] if begin else 0, shown):
                screen.blocked = True
                return screen
            if not stream_first:
                screen.show(end, shown)
            if end >= total:
                return screen
            begin, end = end - context, min(end - context + chunk, total)

    return run


async def openai_guardrails(speech: Speech, judge: Judge) -> Screen:
    """openai-guardrails-python, ``streaming.py``: shows every chunk, judges all of the text every 100, and at the end."""
    screen = Screen()
    for number, end in enumerate(speech.ends, 1):
        screen.show(number, end)
        if (number % 100 == 0 or number == len(speech.ends)) and await judge(speech, 0, end):
            screen.blocked = True
            return screen
    return screen


_SENTENCE_END = re.compile(r"[.!?](?=\s)")


async def guardrails_ai(speech: Speech, judge: Judge) -> Screen:
    """guardrails-ai, ``validator_base.py`` (validate_stream): each sentence by itself, shown once it is valid."""
    screen = Screen()
    begin = 0
    for number, end in enumerate(speech.ends, 1):
        last = number == len(speech.ends)
        found = _SENTENCE_END.search(speech.text, begin, end)
        while found is not None or last:
            stop = found.end() if found is not None else end
            if stop > begin and await judge(speech, begin, stop):
                screen.blocked = True
                return screen
            screen.show(number, stop)
            begin = stop
            if found is None:
                break
            found = _SENTENCE_END.search(speech.text, begin, end)
    return screen


PEERS: Mapping[str, Mechanism] = {
    "wait": wait,
    "nemo": nemo(200, 50, stream_first=True),
    "nemo_held": nemo(200, 50, stream_first=False),
    "openai_guardrails": openai_guardrails,
    "guardrails_ai": guardrails_ai,
}
