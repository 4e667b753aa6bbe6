"""What engine tests ask, and of whom; torch is imported when it is needed, not when tests are collected."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from rostra_models.engine import Engine, Made, Request
    from rostra_models.engine.runner import Part


def ask(number: int, tokens: Iterable[int], max_tokens: int = 8, **more: Any) -> Request:
    from rostra_models.engine import Request

    return Request(id=number, tokens=list(tokens), max_tokens=max_tokens, **more)


@dataclass(slots=True)
class Answer:
    """All that was made of one choice."""

    tokens: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    finish: str | None = None
    cached: int = 0

    def add(self, made: Made) -> None:
        assert self.finish is None, "something was made after the end"
        if made.token is not None and made.logprob is not None:
            self.tokens.append(made.token)
            self.logprobs.append(made.logprob)
        self.finish, self.cached = made.finish, made.cached


Answers = dict[tuple[int, int], Answer]


def answers(engine: Engine, requests: Iterable[Request] = ()) -> Answers:
    """Submit all, and go on until nothing is left."""
    for request in requests:
        engine.submit(request)
    found: Answers = {}
    while engine.busy:
        collect(found, engine.step())
    return found


def collect(found: Answers, made: Sequence[Made]) -> None:
    for one in made:
        found.setdefault((one.id, one.choice), Answer()).add(one)


VOCABULARY = 101


@dataclass(eq=False)
class Notes:
    """A memory that keeps the tokens themselves."""

    room: int
    size: int
    owner: Toy
    tokens: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self.owner.notes.add(self)

    @property
    def length(self) -> int:
        return len(self.tokens)

    @property
    def bytes(self) -> int:
        return self.size * len(self.tokens)

    def copied(self, length: int, room: int) -> Notes | None:
        if length != self.length and not self.owner.cuts:
            return None
        self.owner.copies += 1
        return Notes(room, self.size, self.owner, self.tokens[:length])


class Toy:
    """A runner that goes on with `after` what it read, and remembers what it was given and what is still held of it."""

    def __init__(self, *, token_bytes: int = 100, cuts: bool = True) -> None:
        self.token_bytes = token_bytes
        self.cuts = cuts
        self.notes: weakref.WeakSet[Notes] = weakref.WeakSet()
        self.copies = 0
        self.read: list[list[int]] = []
        """How many tokens each part had, by step."""
        self.broken = False

    @property
    def held(self) -> int:
        """Bytes of all tokens in memories that somebody still has."""
        return sum(notes.bytes for notes in self.notes)

    def memory(self, room: int) -> Notes:
        return Notes(room, self.token_bytes, self)

    def forward(self, parts: Sequence[Part]) -> Tensor:
        import torch

        if self.broken:
            raise RuntimeError("out of memory")
        self.read.append([len(part.tokens) for part in parts])
        wanted: list[int] = []
        for part in parts:
            part.memory.tokens.extend(part.tokens)
            assert part.memory.length <= part.memory.room, "more than there is room for"
            if part.wanted:
                wanted.append(after(part.memory.tokens))
        logits = torch.zeros(len(wanted), VOCABULARY)
        logits[range(len(wanted)), wanted] = 9.0
        return logits


def after(tokens: Sequence[int]) -> int:
    """Return what `Toy` finds likeliest after all these tokens, and no others."""
    return (31 * sum(tokens) + 7 * tokens[0] + len(tokens)) % VOCABULARY


def said(tokens: Sequence[int], count: int) -> list[int]:
    """Return what `Toy` answers."""
    found = list(tokens)
    for _ in range(count):
        found.append(after(found))
    return found[len(tokens) :]


@contextmanager
def threads(count: int) -> Generator[None]:
    """Let torch compute in so many threads: more than there are free cores wait for one another most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


@contextmanager
def torch_seed(seed: int) -> Generator[Any]:
    """Give torch with a random state of the test's own."""
    import torch

    untyped: Any = torch
    with untyped.random.fork_rng():
        untyped.manual_seed(seed)
        yield untyped


def listed(tensor: Any) -> list[Any]:
    """Return the numbers of a tensor."""
    return tensor.tolist()


def made_by_transformers(kind: str, folder: Path, **config: Any) -> Any:
    """Write a small random model of that kind to ``folder`` and return it; norms, biases and attention all matter."""
    import transformers

    library: Any = transformers
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    with torch_seed(0) as torch:
        made = library.AutoModelForCausalLM.from_config(library.AutoConfig.for_model(kind, **config)).eval()
        for name, weight in made.named_parameters():
            if "norm" in name or "ln_" in name or "bias" in name:
                weight.data = torch.rand_like(weight) + 0.5
            else:
                weight.data *= 4
    made.save_pretrained(folder)
    return made


def generated(model: Any, prompts: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    """Return what transformers' ``generate`` answers greedily; prompts of one length go together, without padding."""
    import torch

    found: dict[int, list[int]] = {}
    for length in sorted({len(prompt) for prompt in prompts}):
        numbers = [number for number, prompt in enumerate(prompts) if len(prompt) == length]
        asked = torch.tensor([prompts[number] for number in numbers])
        out = model.generate(
            asked,
            attention_mask=torch.ones_like(asked),
            max_new_tokens=count,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        found |= dict(zip(numbers, out[:, length:].tolist(), strict=True))
    return [found[number] for number in range(len(prompts))]
