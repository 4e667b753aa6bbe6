"""A model that chooses which of several answers: by place, language, length or price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Self

import structlog
from pydantic import Field, model_validator

from rostra import language
from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.protocols import Model
from rostra.routes import fits

from .bounds import count_of, most_of_one, taken_by_all, window_of
from .streams import closing

MILLION = 1_000_000

log = structlog.get_logger(__name__)


class Price(ComponentSettings):
    """What a million tokens cost, in any currency that all prices of a router share."""

    prompt: Annotated[float, Field(ge=0)] = 0.0
    completion: Annotated[float, Field(ge=0)] = 0.0


class Rule(ComponentSettings):
    """Which models a question may go to, if all that is said of it is so. What is left out holds for every question.

    - ``models``: names of other ``[models.NAME]``; of several, the cheapest.
    - ``place``: a pattern, as in ``[[routes]]``; a question that comes from no place fits only ``*``.
    - ``languages``: ISO 639-1 codes of what was asked last.
    - ``above``, ``below``: tokens of the prompt, more than and fewer than; each model counts its own.
    - ``ceiling``: what the answer may cost at most, if it takes all the tokens it may.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1), Names("models")]
    place: Annotated[str, Field(min_length=1)] = "*"
    languages: tuple[str, ...] = ()
    above: Annotated[int, Field(ge=0)] | None = None
    below: Annotated[int, Field(ge=1)] | None = None
    ceiling: Annotated[float, Field(ge=0)] | None = None


class RouterSettings(ComponentSettings):
    """Who answers what.

    ::

        [models.front]
        kind = "router"
        default = "small"

        [[models.front.rules]]
        languages = ["de", "fr"]
        models = ["large"]

    - ``default``: the ``[models.NAME]`` for what no rule fits.
    - ``rules``: the first that fits wins.
    - ``prices``: by the names of models; needed where a rule has a ceiling or several models.
    - ``window``: tokens; by default the smallest window of all. Set it higher where a rule sends long prompts to models
      that can hold them.
    """

    default: Annotated[str, Field(min_length=1), Names("models")]
    rules: tuple[Rule, ...] = ()
    prices: Annotated[Mapping[str, Price], Names("models")] = {}
    window: Annotated[int, Field(ge=16)] | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        for rule in self.rules:
            if rule.ceiling is not None or len(rule.models) > 1:
                for name in rule.models:
                    if name not in self.prices:
                        raise ValueError(f"model {name!r} has no price; add it to 'prices'")
        return self


class RouterModel:
    """A `rostra.protocols.Model` that passes each question to one of ``models``.

    The window is the smallest unless the settings say otherwise; a count is the largest of all.
    """

    def __init__(self, name: str, models: Mapping[str, Model], settings: RouterSettings) -> None:
        """``models`` has those that the settings name."""
        self.name = name
        self._models = {one: models[one] for one in _named(settings)}
        self._settings = settings

    @property
    def window(self) -> int:
        return self._settings.window or window_of(list(self._models.values()))

    @property
    def takes(self) -> frozenset[str]:
        return taken_by_all(list(self._models.values()))

    def count(self, text: str) -> int:
        return count_of(list(self._models.values()), text)

    def most(self, prompt: int, completion: int) -> Usage:
        return most_of_one(list(self._models.values()), prompt, completion)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        chosen = self.choose(messages, sampling)
        log.debug("question is routed", router=self.name, model=chosen)
        async with closing(self._models[chosen].stream(messages, sampling)) as pieces:
            async for piece in pieces:
                yield piece

    def choose(self, messages: Sequence[Utterance], sampling: Sampling) -> str:
        """Return the name of the model that a question goes to."""
        for rule in self._settings.rules:
            if not _fits_place(rule, sampling) or not _fits_language(rule, messages):
                continue
            if _plain(rule):
                return rule.models[0]
            priced = [
                (self._price(name, tokens, sampling), name)
                for name in rule.models
                if _fits_length(rule, tokens := self._tokens(name, messages))
            ]
            within = [one for one in priced if rule.ceiling is None or one[0] <= rule.ceiling]
            if within:
                return min(within, key=lambda one: one[0])[1]
        return self._settings.default

    def _tokens(self, name: str, messages: Sequence[Utterance]) -> int:
        return sum(self._models[name].count(message.text) for message in messages)

    def _price(self, name: str, tokens: int, sampling: Sampling) -> float:
        price = self._settings.prices.get(name, Price())
        completion = sampling.max_tokens * max(1, sampling.n)
        return (tokens * price.prompt + completion * price.completion) / MILLION


def _named(settings: RouterSettings) -> Sequence[str]:
    return list(dict.fromkeys([settings.default, *(name for rule in settings.rules for name in rule.models)]))


def _fits_place(rule: Rule, sampling: Sampling) -> bool:
    return rule.place == "*" or (sampling.place is not None and fits(sampling.place, rule.place))


def _plain(rule: Rule) -> bool:
    """Return whether neither lengths nor prices matter, so that nothing has to be counted."""
    return len(rule.models) == 1 and rule.above is None and rule.below is None and rule.ceiling is None


def _fits_language(rule: Rule, messages: Sequence[Utterance]) -> bool:
    if not rule.languages:
        return True
    asked = next((message.text for message in reversed(messages) if message.role == "user"), "")
    return language.language_of(asked) in rule.languages


def _fits_length(rule: Rule, tokens: int) -> bool:
    return (rule.above is None or tokens > rule.above) and (rule.below is None or tokens < rule.below)


@asynccontextmanager
async def open_router(settings: RouterSettings, services: Services) -> AsyncGenerator[RouterModel]:
    """Open the wrapper around the models it names; load what tells languages apart, where a rule asks for one."""
    if any(rule.languages for rule in settings.rules):
        await asyncio.to_thread(language.load)
    yield RouterModel(services.name, services.models, settings)


component = Component(name="router", settings=RouterSettings, open=open_router)
