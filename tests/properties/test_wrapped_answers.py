"""Whatever is asked, whoever fails and whoever leaves when: wrappers neither mix, nor lose, nor repeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.chat import Piece, Sampling, Utterance
from rostra.errors import ModelError
from rostra.places import Place
from rostra.testing.clock import ManualClock, settle
from rostra_models.wrappers.cache import CacheModel, CacheSettings
from rostra_models.wrappers.fallback import FallbackModel
from rostra_models.wrappers.limit import LimitModel
from rostra_models.wrappers.streams import closing

pytestmark = pytest.mark.slow
PLACES = [None, *(Place(adapter="test", channel=name) for name in "abc")]


@dataclass(slots=True)
class Repeater:
    """Says what it was asked, and with which sampling, a character a piece; counts what is open."""

    name: str = "repeater"
    window: int = 100
    asked: int = 0
    open: int = 0
    most: int = 0

    def count(self, text: str) -> int:
        return len(text)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            for character in answer(messages, sampling):
                await asyncio.sleep(0)
                yield Piece(text=character)
            yield Piece(finish="stop")
        finally:
            self.open -= 1


def answer(messages: Sequence[Utterance], sampling: Sampling) -> str:
    return f"{[(said.role, said.text) for said in messages]} {sampling.max_tokens} {sampling.stop} {sampling.seed}"


async def said(pieces: AsyncGenerator[Piece], most: int) -> str:
    """Return what is said until ``most`` pieces were read."""
    text = ""
    async with closing(pieces) as stream:
        async for piece in stream:
            text += piece.text
            most -= 1
            if not most:
                break
    return text


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks ``delay`` rounds after the start, reads ``pieces``, and is cancelled after ``patience`` rounds."""

    messages: tuple[Utterance, ...]
    sampling: Sampling
    delay: int
    pieces: int
    patience: int


texts = st.sampled_from(["", "a", "b", "ab", "\ud800", '"', "a\0"])
roles = st.sampled_from(["user", "assistant"])
utterances = st.builds(Utterance, role=roles, text=texts)
samplings = st.builds(
    Sampling,
    temperature=st.just(0.0),
    max_tokens=st.sampled_from([1, 2]),
    stop=st.sampled_from([(), ("a",), ("a", "b"), ("ab",)]),
    place=st.sampled_from(PLACES),
)
askers = st.builds(
    Asker,
    messages=st.lists(utterances, max_size=2).map(tuple),
    sampling=samplings,
    delay=st.integers(0, 20),
    pieces=st.integers(1, 80),
    patience=st.integers(0, 120),
)


async def together(model: CacheModel | LimitModel, crowd: Sequence[Asker]) -> list[str | BaseException]:
    async def one(asker: Asker) -> str:
        await rounds(asker.delay)
        return await said(model.stream(asker.messages, asker.sampling), asker.pieces)

    async def impatient(asker: Asker) -> str:
        task = asyncio.create_task(one(asker))
        for _ in range(asker.patience):
            await asyncio.sleep(0)
            if task.done():
                break
        task.cancel()
        return await task

    async with asyncio.timeout(20):
        return await asyncio.gather(*map(impatient, crowd), return_exceptions=True)


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@settings(max_examples=60, deadline=None)
@given(crowd=st.lists(askers, max_size=12), entries=st.integers(1, 3), characters=st.integers(1, 100))
def test_a_cache_never_mixes_answers_and_leaves_nothing_open(
    crowd: Sequence[Asker], entries: int, characters: int
) -> None:
    async def run() -> None:
        inner = Repeater()
        own = CacheSettings(model="m", entries=entries, characters=characters)
        model = CacheModel("cache", inner, own, clock=ManualClock())
        for _ in range(2):
            for asker, outcome in zip(crowd, await together(model, crowd), strict=True):
                right = answer(asker.messages, asker.sampling)
                assert isinstance(outcome, asyncio.CancelledError) or outcome == right[: asker.pieces]
        await settle()
        assert inner.open == 0
        assert model.entries <= entries
        assert model.characters <= characters

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(crowd=st.lists(askers, max_size=12), streams=st.integers(1, 3), waiting=st.integers(0, 12))
def test_a_limit_is_never_exceeded_and_no_slot_is_ever_lost(
    crowd: Sequence[Asker], streams: int, waiting: int
) -> None:
    async def run() -> None:
        inner = Repeater()
        model = LimitModel("limit", inner, streams=streams, waiting=waiting)
        for asker, outcome in zip(crowd, await together(model, crowd), strict=True):
            right = answer(asker.messages, asker.sampling)
            assert (
                isinstance(outcome, asyncio.CancelledError | ModelError) or outcome == right[: asker.pieces]
            )
        assert inner.most <= streams
        assert inner.open == 0
        # As many as there ever were can be open again, with nobody waiting.
        streams_again = [model.stream((), Sampling()) for _ in range(streams)]
        async with asyncio.timeout(5):
            for pieces in streams_again:
                await anext(pieces)
        assert inner.open == streams
        for pieces in streams_again:
            await pieces.aclose()

    asyncio.run(run())


@dataclass(slots=True)
class Failing:
    """Says ``pieces`` and fails, unless ``whole``."""

    name: str
    pieces: Sequence[str]
    whole: bool
    window: int = 100

    def count(self, text: str) -> int:
        return len(text)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        for text in self.pieces:
            yield Piece(text=text)
        if not self.whole:
            raise ModelError(f"{self.name} failed")
        yield Piece(finish="stop")


chains = st.lists(
    st.tuples(st.lists(st.sampled_from(["", "x", "yz"]), max_size=3), st.booleans()), min_size=1
)


@given(chain=chains)
def test_a_fallback_says_the_words_of_one_model_only_and_each_of_them_once(
    chain: Sequence[tuple[Sequence[str], bool]],
) -> None:
    async def run() -> None:
        models = [
            Failing(str(number), [text.replace("x", f"[{number}]") for text in texts], whole)
            for number, (texts, whole) in enumerate(chain)
        ]
        heard: list[str] = []
        with contextlib.suppress(ModelError):
            async for piece in FallbackModel("f", models).stream((), Sampling()):
                heard.append(piece.text)  # noqa: PERF401  what was heard before an error counts
        speaking = [model for model in models if any(model.pieces)]
        assert "".join(heard) == "".join(speaking[0].pieces if speaking else ())

    asyncio.run(run())
