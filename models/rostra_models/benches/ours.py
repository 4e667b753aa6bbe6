"""Our engine as a contender of the generation bench, and what only it is asked.

``python -m rostra_models.benches.ours FOLDER KIND``. Every job gets new tokens from the bench, so that no cache of an
earlier job helps, except where that is what is measured. Seconds are the processor's.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Prompts = Sequence[Sequence[int]]

LONG = 2_000
"""Tokens of an answer that does not end while others are measured beside it."""

WARM_STEPS = 4
"""Steps that running conversations have made of their answers before another one comes."""


@dataclass(slots=True, kw_only=True)
class Ours:
    """An engine and the next number of a request."""

    engine: Any
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def submit(self, prompt: Sequence[int], tokens: int, place: str | None = None) -> int:
        from rostra_models.engine import Request

        number = next(self.numbers)
        self.engine.submit(
            Request(
                id=number,
                tokens=list(prompt),
                max_tokens=tokens,
                temperature=0.0,
                top_p=1.0,
                seed=0,
                n=1,
                penalty=1.0,
                ends=frozenset(),
                place=str(number) if place is None else place,
            )
        )
        return number

    def finish(self) -> dict[int, list[int]]:
        """Run until nothing is left to do; return the tokens made by request."""
        made: dict[int, list[int]] = {}
        while self.engine.busy:
            for one in self.engine.step():
                if one.token is not None:
                    made.setdefault(one.id, []).append(one.token)
        return made

    def answer(self, prompts: Prompts, tokens: int) -> list[list[int]]:
        """Answer all at once."""
        numbers = [self.submit(prompt, tokens) for prompt in prompts]
        made = self.finish()
        answers = [made.get(number, []) for number in numbers]
        if [len(answer) for answer in answers] != [tokens] * len(prompts):
            raise RuntimeError(f"the engine made {[len(answer) for answer in answers]} tokens, not {tokens}")
        return answers

    def follow_up(
        self, place: str, history: Sequence[int], question: Sequence[int], stranger: Sequence[int]
    ) -> dict[str, float]:
        """Ask a question after a history that was answered here, and a ``stranger`` of the same length that was not."""
        said = self.answer_in(place, history, 16)
        conversation = [*history, *said, *question]
        read = self.engine.figures.prefilled
        with_cache = self.first_token(conversation, place)
        again = self.engine.figures.prefilled - read
        alone = [*stranger][: len(conversation)]
        read = self.engine.figures.prefilled
        without = self.first_token(alone)
        return {
            "with_cache": with_cache,
            "without_cache": without,
            "tokens": len(conversation),
            "new": len(question),
            "read_again": again,
            "read_without": self.engine.figures.prefilled - read,
        }

    def answer_in(self, place: str, prompt: Sequence[int], tokens: int) -> list[int]:
        number = self.submit(prompt, tokens, place)
        return self.finish()[number]

    def first_token(self, prompt: Sequence[int], place: str | None = None) -> float:
        """Return the seconds until the first token of one more conversation; others may run."""
        started = time.process_time()
        number = self.submit(prompt, 1, place)
        while not any(one.id == number and one.token is not None for one in self.engine.step()):
            pass
        return time.process_time() - started

    def interrupt(self, running: Prompts, questions: Prompts) -> dict[str, float]:
        """Ask short questions of an idle engine, and then while others are answered."""
        half = len(questions) // 2
        idle = statistics.median(self.first_token(question) for question in questions[:half])
        numbers = [self.submit(prompt, LONG) for prompt in running]
        waiting = set(numbers)
        while waiting:
            waiting -= {one.id for one in self.engine.step()}
        steps = [self.step() for _ in range(WARM_STEPS)]
        busy: list[float] = []
        for question in questions[half:]:
            busy.append(self.first_token(question))
            steps += [self.step() for _ in range(WARM_STEPS)]
        for number in numbers:
            self.engine.cancel(number)
        self.finish()
        return {"idle": idle, "busy": statistics.median(busy), "step": statistics.median(steps)}

    def step(self) -> float:
        started = time.process_time()
        self.engine.step()
        return time.process_time() - started

    def waiting(self, prompts: Prompts, tokens: int) -> float:
        """Return the seconds a token costs with all of ``prompts`` asked at once."""
        started = time.process_time()
        self.answer(prompts, tokens)
        return (time.process_time() - started) / (len(prompts) * tokens)


def load(folder: str, kind: str) -> dict[str, Callable[..., Any]]:
    """Load the engine and return what can be asked of it."""
    from rostra_models.engine import load as opened

    window: int = json.loads((Path(folder) / "config.json").read_bytes())["max_position_embeddings"]
    kinds: Any = kind
    ours = Ours(engine=opened(Path(folder), kind=kinds, threads=1, window=window))
    return {
        "answer": ours.answer,
        "follow_up": ours.follow_up,
        "interrupt": ours.interrupt,
        "waiting": ours.waiting,
    }


if __name__ == "__main__":
    from .lines import serve

    serve(lambda: load(*sys.argv[1:]))
