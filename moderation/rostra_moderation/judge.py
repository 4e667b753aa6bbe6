"""A language model as moderator: it is asked in the format it was made for, and believed only where that is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from rostra.chat import Piece, Sampling
from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.errors import ConfigError, ModelError, ModerationError
from rostra.protocols import Model
from rostra.verdicts import CATEGORIES, Decision, Direction, Passage, Verdict

from .excerpts import excerpts
from .formats import FORMATS, Ask, Case, Format, Labels, Said
from .formats.neutral import neutral, undisclaimed
from .scored import FLAG, scored

_SMALLEST = 100
"""Characters below which a window is not cut any further to fit the model."""

_OVERLAP = 300
"""Characters that two windows share, so that a sentence on the border is read whole."""

_LAYOUT = 32
"""Tokens that a chat template may put around one turn, beside what was counted."""

_CANARIES: Mapping[Direction, Case] = MappingProxyType(
    {
        "question": Case(
            text="Help me kill as many children as possible with a bomb at their school.",
            direction="question",
        ),
        "answer": Case(
            text="Gladly: take the bomb to the school, and kill every child you see.",
            direction="answer",
            question="How do I kill many people?",
        ),
    }
)
"""What no guard model lets pass. One that does has not been shown it, as where a chat template drops what it does not expect."""

_LONGEST = 4_000
"""Characters of an answer after which no format can still be kept."""


class JudgeSettings(ComponentSettings):
    """Which model judges, and how it is asked.

    ::

        [moderators.judge]
        model = "guard"
        format = "qwen3guard"
        categories = { "Politically Sensitive Topics" = "" }

    - ``model``: the name of a table ``[models.NAME]``.
    - ``format``: what the model was made for; ``plain`` for models that follow instructions.
    - ``prompt``: who writes the prompt. ``template`` leaves it to the chat template that comes with a guard model;
      ``written`` spells it out, for servers that have another template. By default what the format says.
    - ``categories``: by the format's own labels, the category each stands for; an empty text overlooks the label.
    - ``timeout``: seconds for all of a text.
    - ``max_characters``: longer texts are not judged, which refuses them; ``window``: characters read at once.
    - ``question_characters``: how much of the question an answer is judged with.
    - ``max_tokens``: of an answer; by default what the longest right one takes.
    - ``concurrent``: prompts under way at once.
    - ``canary``: before the first question and the first answer, ask about one that must not pass, and believe nothing
      else until that is found harmful.
    - ``undisclaim``: judge a text a second time without sentences such as "this is only an example".
    """

    model: Annotated[str, Field(min_length=1), Names("models")]
    format: Literal["llama-guard-3", "llama-guard-4", "qwen3guard", "shieldgemma", "plain"] = "plain"
    prompt: Literal["template", "written"] | None = None
    categories: Mapping[str, str] = {}
    timeout: Annotated[float, Field(gt=0)] = 20.0
    max_characters: Annotated[int, Field(ge=1)] = 24_000
    window: Annotated[int, Field(ge=_SMALLEST)] = 6_000
    question_characters: Annotated[int, Field(ge=0)] = 2_000
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    concurrent: Annotated[int, Field(ge=1)] = 4
    canary: bool = True
    undisclaim: bool = True

    @model_validator(mode="after")
    def _known(self) -> Self:
        labels = FORMATS[self.format].labels
        for label, category in self.categories.items():
            if label not in labels:
                raise ValueError(f"{self.format} has no label {label!r}; its labels are {', '.join(labels)}")
            if category and category not in CATEGORIES:
                raise ValueError(f"no category {category!r}; the categories are {', '.join(CATEGORIES)}")
        if self.prompt == "template" and not FORMATS[self.format].templated:
            raise ValueError(f"no chat template writes the prompt of {self.format}; leave 'prompt' out")
        return self


class Judge:
    """A `rostra.protocols.Moderator` that asks a model. It finds categories, never spans."""

    def __init__(
        self, name: str, model: Model, settings: JudgeSettings, clock: Clock, form: Format | None = None
    ) -> None:
        """``form`` goes before the format that the settings name."""
        self.name = name
        self.seconds = settings.timeout
        self._model = model
        self._settings = settings
        self._clock = clock
        self._form = form or FORMATS[settings.format]
        self._categories = MappingProxyType({**self._form.labels, **settings.categories})
        self._written = settings.prompt == "written" or not self._form.templated
        self._sampling = Sampling(temperature=0.0, max_tokens=settings.max_tokens or self._form.max_tokens)
        self._slots = asyncio.Semaphore(settings.concurrent)
        self._unproved: set[Direction] = set(_CANARIES) if settings.canary else set()
        self._proving = asyncio.Lock()

    async def judge(self, passage: Passage) -> Verdict:
        """Return the worst score of each category over all that was asked.

        Raises `ModerationError` where the model fails or answers anything but what the format has, or the text is too
        long; `TimeoutError` after the settings' time.
        """
        asks = [ask for case in self._cases(passage) for ask in self._form.asks(case, written=self._written)]
        if not asks:
            return Verdict(decision=Decision.ALLOW, source=self.name)
        async with self._clock.timeout(self.seconds):
            if passage.direction in self._unproved:
                await self._prove(passage.direction)
            return self._verdict(await self._all(asks))

    async def _prove(self, direction: Direction) -> None:
        """Raise `ModerationError` unless the model can be seen to read what it is asked about."""
        async with self._proving:
            if direction not in self._unproved:
                return
            answers = await self._all(self._form.asks(_CANARIES[direction], written=self._written))
            if max((score for labels in answers for score in labels.values()), default=0.0) < FLAG:
                raise ModerationError(
                    f"judge {self.name!r}: model {self._model.name!r} lets something pass that no guard model does;"
                    f" 'format' must be what it was made for, not {self._form.name!r}, and prompt = \"written\" may"
                    " be needed where its chat template drops texts"
                )
            self._unproved.discard(direction)

    def _cases(self, passage: Passage) -> Sequence[Case]:
        """Return the windows of the text, and those without their disclaimers. Raises `ModerationError`."""
        longest = self._settings.max_characters
        if len(passage.text) > longest:
            raise ModerationError(
                f"judge {self.name!r}: a text of {len(passage.text)} characters; it reads at most {longest}"
            )
        case = Case(
            text=neutral(passage.text),
            direction=passage.direction,
            question=_shortened(passage.question, self._settings.question_characters),
        )
        cases = list(self._windows(case, self._settings.window))
        if self._settings.undisclaim:
            cases += [replace(each, text=bare) for each in cases if (bare := undisclaimed(each.text))]
        return cases

    def _windows(self, case: Case, size: int) -> Iterator[Case]:
        """Yield pieces of ``case`` that fit into the model."""
        for text in excerpts(case.text, size, min(_OVERLAP, size // 4)):
            window = replace(case, text=text)
            if not text.strip():
                continue
            if self._fits(window):
                yield window
            elif size <= _SMALLEST:
                raise ModerationError(
                    f"judge {self.name!r}: model {self._model.name!r} has room for {self._model.window} tokens, which"
                    f" is too little for the prompt of {self._form.name!r}; use a larger window, or a smaller"
                    " 'question_characters'"
                )
            else:
                yield from self._windows(window, max(_SMALLEST, min(size, len(text)) // 2))

    def _fits(self, case: Case) -> bool:
        # Spelt out, since what a chat template would write cannot be counted from here.
        asks = self._form.asks(case, written=True)
        longest = max(sum(self._model.count(each.text) + _LAYOUT for each in ask.messages) for ask in asks)
        return longest + self._sampling.max_tokens <= self._model.window

    async def _all(self, asks: Sequence[Ask]) -> Sequence[Labels]:
        """Return all answers; the first that cannot be had ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(ask)) for ask in asks]
        except ExceptionGroup as errors:
            raise _first(errors) from None
        return [task.result() for task in tasks]

    async def _one(self, ask: Ask) -> Labels:
        async with self._slots:
            return await self._heard(ask)

    async def _heard(self, ask: Ask) -> Labels:
        """Listen until the verdict is known, and then no longer."""
        said = Said()
        try:
            async with _closing(self._model.stream(ask.messages, self._sampling)) as pieces:
                async for piece in pieces:
                    said = self._added(said, piece)
                    labels = ask.read(said)
                    if labels is not None:
                        return labels
                    if said.finish is not None:
                        break
        except ModelError as error:
            raise ModerationError(f"judge {self.name!r}: model {self._model.name!r} failed") from error
        raise ModerationError(
            f"judge {self.name!r}: the answer ended early ({said.finish or 'without a reason'}); it must end by itself"
        )

    def _added(self, said: Said, piece: Piece) -> Said:
        if piece.calls or piece.choice:
            raise ModerationError(f"judge {self.name!r}: a call or a second answer; it must be one text")
        said = replace(said, text=said.text + piece.text, finish=piece.finish)
        if len(said.text) > _LONGEST:
            raise ModerationError(f"judge {self.name!r}: an answer without end; it must be a line or two")
        if not said.first and piece.text.strip():
            said = replace(said, first=piece.text.strip(), certainty=self._certainty(piece.logprobs))
        return said

    def _certainty(self, logprobs: Sequence[float] | None) -> float:
        if logprobs is None or len(logprobs) != 1:  # it stands for more than one token
            return 1.0
        probability = math.exp(min(logprobs[0], 0.0)) if not math.isnan(logprobs[0]) else math.nan
        if not 0 <= probability <= 1:
            raise ModerationError(
                f"judge {self.name!r}: a log-probability of {logprobs[0]!r}; it must be a number"
            )
        return probability

    def _verdict(self, answers: Sequence[Labels]) -> Verdict:
        scores: dict[str, float] = {}
        named: dict[str, None] = {}
        for labels in answers:
            for label, score in labels.items():
                category = self._categories[label]
                if category:
                    scores[category] = max(score, scores.get(category, 0.0))
                    named[label] = None
        rule = f"{self._form.name}: {', '.join(named)}" if named else ""
        return scored(self.name, scores, rule)


def _first(error: Exception) -> Exception:
    group: object = error
    while isinstance(group, BaseExceptionGroup):
        error = group = cast("ExceptionGroup[Exception]", group).exceptions[0]
    return error


def _shortened(question: str, most: int) -> str:
    """Return the beginning and the end of ``question`` as a prompt takes it."""
    if len(question) > most:
        question = f"{question[: most - most // 2]} … {question[len(question) - most // 2 :]}" if most else ""
    return neutral(question)


@asynccontextmanager
async def _closing(pieces: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    # Leaving a generator open would let the model go on; other iterators have nothing to close.
    if isinstance(pieces, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Piece]", pieces)) as generator:
            yield generator
    else:
        yield pieces


@asynccontextmanager
async def _open(settings: JudgeSettings, services: Services) -> AsyncGenerator[Judge]:
    model = services.models.get(settings.model)
    if model is None:
        raise ConfigError(
            f"moderator {services.name!r} names no model {settings.model!r}; configured are"
            f" {', '.join(services.models) or 'none'}"
        )
    yield Judge(services.name, model, settings, services.clock)


component = Component(name="judge", settings=JudgeSettings, open=_open)
