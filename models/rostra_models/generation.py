"""From conversations in words to answers in words, many at once. Runs in the model's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from rostra.chat import FinishReason

from .conversation import Conversation
from .engine import Engine, Made, Request
from .engine import load as load_engine
from .text import Detokenizer, Stops
from .wire import Generate, Load, Text

TEMPERATURE, TOP_P = 0.7, 0.95
"""For models whose makers recommend nothing, or greedy answers, which repeat themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How a model is spoken to and what it says: its layout, its tokens as text, and what its makers recommend.

    ``ends`` are the tokens that end an answer.
    """

    conversation: Conversation
    decode: Callable[[Sequence[int]], str]
    ends: frozenset[int]
    penalty: float = 1.0
    temperature: float = TEMPERATURE
    top_p: float = TOP_P


@dataclass(slots=True)
class _Answer:
    """A choice in the making. ``logprobs`` are of tokens whose text was not said yet."""

    request: Generate
    prompt: int
    characters: Detokenizer
    stops: Stops
    made: int = 0
    logprobs: list[float] = field(default_factory=list[float])

    def text(self, one: Made, text: str, finish: FinishReason | None) -> Text:
        logprobs, self.logprobs = tuple(self.logprobs), []
        return Text(
            id=one.id,
            text=text,
            choice=one.choice,
            finish=finish,
            prompt=self.prompt if finish else 0,
            completion=self.made if finish else 0,
            cached=one.cached if finish else 0,
            logprobs=logprobs,
        )


class Answers:
    """Everybody who is answered by one model. Not for several threads at once."""

    def __init__(self, engine: Engine, speech: Speech) -> None:
        self.engine = engine
        self.speech = speech
        self._open: dict[tuple[int, int], _Answer] = {}

    @property
    def open(self) -> frozenset[int]:
        """The numbers of the requests that are not finished."""
        return frozenset(number for number, _ in self._open)

    def begin(self, request: Generate) -> None:
        """Take a request. Raises `ModelError` if the prompt leaves no room for an answer."""
        sampling, speech = request.sampling, self.speech
        prompt = speech.conversation.tokens(request.messages)
        choices = max(1, sampling.n)
        self.engine.submit(
            Request(
                id=request.id,
                tokens=prompt,
                max_tokens=max(1, sampling.max_tokens),
                temperature=speech.temperature if sampling.temperature is None else sampling.temperature,
                top_p=speech.top_p if sampling.top_p is None else sampling.top_p,
                seed=int.from_bytes(os.urandom(6), "big") if sampling.seed is None else sampling.seed,
                n=choices,
                penalty=speech.penalty,
                ends=speech.ends,
                place=request.place,
            )
        )
        for choice in range(choices):
            stops = Stops((*sampling.stop, *speech.conversation.stops))
            self._open[request.id, choice] = _Answer(request, len(prompt), Detokenizer(speech.decode), stops)

    def cancel(self, number: int) -> None:
        """Say no more to a request, if it is still open."""
        if number in self.open:
            self.engine.cancel(number)
            self._open = {key: answer for key, answer in self._open.items() if key[0] != number}

    def clear(self) -> None:
        """Forget everybody, as after a step that failed."""
        self.engine.clear()
        self._open.clear()

    def step(self) -> Sequence[Text]:
        """Go on with every answer; return what there is to say. Raises what the model does."""
        return [text for made in self.engine.step() for text in self._said(made)]

    def _said(self, made: Made) -> Sequence[Text]:
        answer = self._open[made.id, made.choice]
        text = ""
        if made.token is not None:
            answer.made += 1
            answer.logprobs += [] if made.logprob is None else [made.logprob]
            text = answer.stops.push(answer.characters.push(made.token))
        finish = "stop" if answer.stops.found else made.finish
        if not finish:
            return [answer.text(made, text, None)] if text else ()
        if not made.finish:
            self.engine.cancel(made.id, made.choice)
        del self._open[made.id, made.choice]
        return [answer.text(made, text + answer.stops.rest(), finish)]


def load(order: Load) -> Answers:
    """Load the model of a folder. Raises whatever transformers does; nothing was said yet that it could quote."""
    folder = Path(order.folder)
    engine = load_engine(
        folder,
        kind=order.dtype,
        threads=order.threads,
        window=order.window,
        memory=order.memory,
        seats=order.seats,
    )
    return Answers(engine, speech(folder, penalty=order.repetition_penalty))


def speech(folder: Path, *, penalty: float | None = None) -> Speech:
    """Return how the model in ``folder`` is spoken to. Raises whatever transformers does."""
    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    )
    own = _recommended(folder, transformers)
    end: int | list[int] | None = own.eos_token_id
    ends: list[int | None] = [*end] if isinstance(end, list) else [end]
    return Speech(
        conversation=Conversation(tokenizer),
        decode=lambda tokens: tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        ),
        ends=frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None),
        penalty=(own.repetition_penalty if penalty is None else penalty) or 1.0,
        temperature=own.temperature if own.do_sample and own.temperature else TEMPERATURE,
        top_p=own.top_p if own.do_sample and own.top_p else TOP_P,
    )


def _recommended(folder: Path, transformers: Any) -> Any:
    """Return the generation settings beside the weights, else those that the configuration has."""
    if (folder / "generation_config.json").is_file():
        return transformers.GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    config = transformers.AutoConfig.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    )
    return transformers.GenerationConfig.from_model_config(config)
