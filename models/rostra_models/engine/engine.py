"""Answers many conversations at once, a token of each at a time, and reads new prompts in portions between.

Continuous batching (https://www.usenix.org/conference/osdi22/presentation/yu) with portions of prompts beside it
(https://arxiv.org/abs/2308.16369). A prompt is cut at the same places whatever else goes on, so that nobody's answer
depends on who else is answered meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rostra.errors import ModelError

from .prefixes import Entry, Prefixes
from .request import Made, Request
from .runner import Part, Runner
from .sampler import Drawer, draw
from .waiting import Waiting

PORTION = 32
"""Tokens of a prompt that are read together. Smaller ones cost more, larger ones keep running answers waiting."""

AHEAD = 1024
"""Tokens that a memory has room for at least."""

BUSY_PORTIONS, IDLE_PORTIONS = 2, 16
"""How many portions a step reads while answers are being made, and while none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an engine did so far, in tokens (``prefilled``: read of prompts; ``cached``: known before) and steps."""

    prefilled: int
    cached: int
    decoded: int
    steps: int


@dataclass(slots=True, eq=False)
class _Reading:
    """A prompt on its way into a memory; ``read`` of its tokens are there once this step is done."""

    request: Request
    entry: Entry
    cached: int
    read: int

    @property
    def left(self) -> int:
        return len(self.request.tokens) - self.read

    def portion(self) -> Part:
        """Return the next tokens to read."""
        start, self.read = self.read, min(len(self.request.tokens), self.read - self.read % PORTION + PORTION)
        tokens = self.request.tokens[start : self.read]
        self.entry.tokens.extend(tokens)
        return Part(memory=self.entry.memory, tokens=tokens, wanted=not self.left)


@dataclass(slots=True, eq=False)
class _Seat:
    """An answer in the making: ``token`` was drawn and is read next."""

    request: Request
    choice: int
    entry: Entry
    drawer: Drawer
    cached: int
    token: int = -1

    def part(self) -> Part:
        self.entry.tokens.append(self.token)
        return Part(memory=self.entry.memory, tokens=(self.token,))


class Engine:
    """One model and everybody who is answered by it. Not for several threads at once.

    `submit` what is asked, then call `step` as long as it is `busy`.
    """

    def __init__(self, runner: Runner, *, window: int, memory: int, seats: int) -> None:
        """``window``: tokens of a prompt and its answer; ``memory``: bytes for conversations; ``seats``: answers at once."""
        self.window = window
        self._runner = runner
        self._memory = memory
        self._most = seats
        self._waiting = Waiting()
        self._readings: list[_Reading] = []
        self._seats: list[_Seat] = []
        self._prefixes = Prefixes()
        self._counts: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._seats or self._readings or len(self._waiting))

    @property
    def figures(self) -> Figures:
        return Figures(**{name: self._counts[name] for name in Figures.__slots__})

    def submit(self, request: Request) -> None:
        """Take a request. Raises `ModelError` if it can never be answered."""
        if min(request.n, request.max_tokens) < 1:
            raise ModelError(
                f"{request.n} answers of {request.max_tokens} tokens are none; ask for at least one of each"
            )
        asked = len(request.tokens)
        if not 0 < asked < self.window:
            raise ModelError(f"the prompt has {asked} tokens; the window has {self.window}, answer included")
        if self._bytes(request) > self._memory:
            raise ModelError(
                f"the conversation needs {self._bytes(request) / 1e6:,.1f} MB of memory beside the model, and all may"
                f" take {self._memory / 1e6:,.1f} MB together"
            )
        self._waiting.put(request)

    def cancel(self, number: int, choice: int | None = None) -> None:
        """Make no more of the request with this id, or of one choice that is being made. Their seats are free at once."""
        if choice is None:
            self._waiting.remove(number)
            for reading in [one for one in self._readings if one.request.id == number]:
                self._readings.remove(reading)
                self._prefixes.release(reading.entry)
        for seat in [one for one in self._seats if one.request.id == number and choice in {None, one.choice}]:
            self._seats.remove(seat)
            self._prefixes.release(seat.entry)

    def clear(self) -> None:
        """Forget everybody and everything, as after a step that failed."""
        self._waiting = Waiting()
        self._readings, self._seats = [], []
        self._prefixes.clear()

    def reload(self, runner: Runner) -> None:
        """Go on with other weights, as after a step of training; what was read with the old ones is forgotten.

        Raises `ModelError` while somebody is answered: half an answer of each model is nobody's.
        """
        if self.busy:
            raise ModelError("weights cannot be changed while somebody is answered")
        self._prefixes.clear()
        self._runner = runner

    def step(self) -> list[Made]:
        """Go on by one token with every answer, and by some portions of prompts. Return what was made.

        Raises what the model does, of want of memory for example: then `clear` it.
        """
        self._admit()
        seats = list(self._seats)
        portions = [(reading, reading.portion()) for reading in self._turns()]
        parts = [seat.part() for seat in seats] + [part for _, part in portions]
        if not parts:
            return []
        logits = self._runner.forward(parts)
        self._counts["steps"] += 1
        self._counts["prefilled"] += sum(len(part.tokens) for _, part in portions)
        rows = list(range(len(seats)))
        for row, reading in enumerate(
            (reading for reading, part in portions if part.wanted), start=len(seats)
        ):
            begun = self._begin(reading)
            seats += begun
            rows += [row] * len(begun)
        if not rows:
            return []
        drawn = draw(logits if len(rows) == len(logits) else logits[rows], [seat.drawer for seat in seats])
        self._counts["decoded"] += len(drawn)
        return [self._made(seat, *found) for seat, found in zip(seats, drawn, strict=True)]

    def _admit(self) -> None:
        """Give seats to those who wait, as long as there are some and memory is."""
        while (request := self._next()) is not None:
            self._waiting.take(request)
            room = min(self.window, len(request.tokens) + request.max_tokens)
            spare = self._memory - self._reserved() - self._bytes(request)
            entry = self._prefixes.begin(request.tokens, room, align=PORTION, most=spare)
            if entry is None:
                # Room for the next questions too: what is not written to takes no memory.
                memory = self._runner.memory(min(self.window, max(2 * room, AHEAD)))
                entry = self._prefixes.add(Entry([], memory))
            self._readings.append(_Reading(request, entry, len(entry.tokens), len(entry.tokens)))
            self._counts["cached"] += len(entry.tokens)

    def _next(self) -> Request | None:
        """Return who is to be admitted now, or None if nobody waits or nobody fits."""
        running = [one.request for one in self._running()]
        request = self._waiting.next(Counter(one.place for one in running))
        if request is None or not running:
            return request
        taken = sum(reading.request.n for reading in self._readings) + len(self._seats)
        fits = self._reserved() + self._bytes(request) <= self._memory
        return request if fits and taken + request.n <= self._most else None

    def _running(self) -> list[_Reading | _Seat]:
        return [*self._readings, *self._seats]

    def _bytes(self, request: Request) -> int:
        tokens = min(self.window, len(request.tokens) + request.max_tokens)
        return request.n * tokens * self._runner.token_bytes

    def _reserved(self) -> int:
        """Return the bytes that those who are answered may yet come to take."""
        requests = {one.request.id: one.request for one in self._running()}
        return sum(map(self._bytes, requests.values()))

    def _turns(self) -> Iterator[_Reading]:
        """Yield whose prompts are read in this step, a portion each time: the oldest and the nearest to its end in turn.

        So a short question gets through beside a long one, and the long one goes on.
        """
        for number in range(BUSY_PORTIONS if self._seats else IDLE_PORTIONS):
            unread = [reading for reading in self._readings if reading.left]
            if not unread:
                return
            yield min(unread, key=lambda one: one.left) if number % 2 else unread[0]

    def _begin(self, reading: _Reading) -> list[_Seat]:
        """Return seats for the choices of a prompt that was read; each but the first has a copy of its memory."""
        request, entry = reading.request, reading.entry
        self._readings.remove(reading)
        entries = [entry]
        for _ in range(1, request.n):
            copied = entry.memory.copied(entry.memory.length, entry.memory.room)
            if copied is None:
                raise ModelError("this model cannot make several answers from one reading of a prompt")
            entries.append(self._prefixes.add(Entry(list(entry.tokens), copied)))
        seats = [
            _Seat(request, choice, own, Drawer(request, choice), reading.cached)
            for choice, own in enumerate(entries)
        ]
        self._seats += seats
        return seats

    def _made(self, seat: _Seat, token: int, logprob: float) -> Made:
        request, said = seat.request, seat.drawer.said
        seat.token = token
        ended = token in request.ends
        full = len(said) == request.max_tokens or len(request.tokens) + len(said) == self.window
        if ended or full:
            self._seats.remove(seat)
            self._prefixes.release(seat.entry)
        return Made(
            id=request.id,
            choice=seat.choice,
            token=None if ended else token,
            logprob=None if ended else logprob,
            finish="stop" if ended else "length" if full else None,
            cached=seat.cached,
        )
