"""Rounds in which contenders answer the same questions one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from .contenders import Command, Contender, Died, started
from .samples import Sample

SHORTEST, LONGEST = 17, 180
"""Tokens of a prompt."""

WARM_UP = 4
"""Tokens that each contender makes before it is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A way of answering: which process it is asked of, as which job, for how many conversations at once.

    ``often`` are measured in each round, ``seldom`` in the first alone. ``first`` says whether the time to the first
    tokens is measured too.
    """

    name: str
    process: str
    job: str
    often: Sequence[int]
    seldom: Sequence[int] = ()
    first: bool = True

    def counts(self, number: int) -> Sequence[int]:
        """Return the numbers of conversations of round ``number``; the one before the first, -1, only warms up."""
        if number == 0:
            return (*self.often, *self.seldom)
        return self.often if number > 0 else self.often or self.seldom


ENTRIES = (
    Entry(name="ours", process="ours", job="answer", often=(1, 8), seldom=(4, 16)),
    Entry(name="llamacpp_q8_0", process="llamacpp_q8_0_alone", job="answer", often=(1,)),
    Entry(name="llamacpp_q8_0", process="llamacpp_q8_0", job="answer", often=(8,), seldom=(4, 16)),
    Entry(name="transformers_float32", process="transformers_float32", job="one", often=(1, 8)),
    Entry(
        name="transformers_continuous",
        process="transformers_continuous",
        job="continuous",
        often=(),
        seldom=(8,),
        first=False,  # each call sets its cache up anew, which takes longer than the tokens: once is enough
    ),
    Entry(
        name="transformers_continuous_kept",
        process="transformers_kept",
        job="kept",
        often=(8,),
        seldom=(1, 4, 16),
    ),
    Entry(
        name="transformers_padded_float32",
        process="transformers_float32",
        job="padded",
        often=(8,),
        seldom=(4, 16),
    ),
    Entry(name="llamacpp_q4_0", process="llamacpp_q4_0_alone", job="answer", often=(1,)),
    Entry(name="llamacpp_q4_0", process="llamacpp_q4_0", job="answer", often=(8,), seldom=(4, 16)),
    Entry(name="transformers_bfloat16", process="transformers_bfloat16", job="one", often=(1,)),
    Entry(
        name="transformers_padded_bfloat16",
        process="transformers_bfloat16",
        job="padded",
        often=(8,),
        seldom=(4, 16),
    ),
    Entry(name="ours_float32", process="ours_float32", job="answer", often=(1, 8)),
)
"""Everything that is measured. What answers one after the other is no faster with more of them: it is asked 1 and 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Samples by entry and number of conversations, one a round, and the tokens made; what failed, and how."""

    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=dict[tuple[str, int], list[Sample]])
    made: dict[str, list[list[int]]] = field(default_factory=dict[str, list[list[int]]])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def lengths(conversations: int) -> Sequence[int]:
    """Return the lengths of the prompts of so many conversations: evenly from the shortest to the longest."""
    if conversations == 1:
        return ((SHORTEST + LONGEST) // 2,)
    step = (LONGEST - SHORTEST) / (conversations - 1)
    return tuple(SHORTEST + round(number * step) for number in range(conversations))


def prompts(chance: Random, vocabulary: int, sizes: Iterable[int]) -> list[list[int]]:
    """Return prompts of random tokens: no cache knows them."""
    return [[chance.randrange(3, vocabulary) for _ in range(size)] for size in sizes]


def measure(
    commands: Mapping[str, Command], entries: Sequence[Entry], vocabulary: int, *, rounds: int, tokens: int
) -> Measured:
    """Start the processes and let all entries answer, in turn, ``rounds`` times.

    A peer that fails is left out from then on and named. Raises `Died` if it is ours that does.
    """
    found = Measured()
    with ExitStack() as stack:
        running: dict[str, Contender] = {}
        for name in dict.fromkeys(entry.process for entry in entries if entry.process in commands):
            try:
                running[name] = stack.enter_context(started(name, commands[name]))
            except Died as error:
                _left_out(found, name, error)
        for number in range(-1, rounds):
            # The order turns round every time, so that it favours nobody.
            turns = list(entries)[:: 1 if number % 2 == 0 else -1]
            for count in sorted({count for entry in entries for count in entry.counts(number)}):
                for entry in turns:
                    process = entry.process
                    if count not in entry.counts(number) or process not in running or process in found.failed:
                        continue
                    try:
                        _ask(running[process], entry, found, _Load(number, count, vocabulary, tokens))
                    except Died as error:
                        _left_out(found, process, error)
    return found


def _left_out(found: Measured, process: str, error: Died) -> None:
    if process.startswith("ours"):
        raise error
    found.failed[process] = str(error)


@dataclass(frozen=True, slots=True)
class _Load:
    """What is asked at once in a round; the round before the first, -1, only warms up."""

    round: int
    conversations: int
    vocabulary: int
    tokens: int

    def prompts(self, *, first: bool) -> list[list[int]]:
        """Return the same for every contender, and others for the first tokens than for whole answers."""
        chance = Random(f"{self.round} {self.conversations} {first}")  # noqa: S311  reproducible, not secret
        sizes = lengths(self.conversations) if self.round >= 0 else [SHORTEST] * self.conversations
        return prompts(chance, self.vocabulary, sizes)


def _ask(contender: Contender, entry: Entry, found: Measured, load: _Load) -> None:
    if load.round < 0:
        contender.ask(entry.job, prompts=load.prompts(first=True), tokens=min(WARM_UP, load.tokens))
        return
    first: float | None = None
    if entry.first:
        first = contender.ask(entry.job, prompts=load.prompts(first=True), tokens=1).cpu
    whole = contender.ask(entry.job, prompts=load.prompts(first=False), tokens=load.tokens)
    found.made.setdefault(entry.name, []).extend(whole.made)
    found.samples.setdefault((entry.name, load.conversations), []).append(
        Sample(
            conversations=load.conversations,
            tokens=load.tokens,
            cpu=whole.cpu,
            wall=whole.wall,
            first=first,
            peak_mb=whole.peak_mb,
        )
    )
