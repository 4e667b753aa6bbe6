"""The contract for models passes a good one and fails each of these, at the test that is meant for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.errors import ModelError
from rostra.protocols import Model
from rostra.testing.models import ODD, ModelContract

WORDS = "one two three four five six seven eight nine ten eleven twelve "


@dataclass
class Counting:
    """A good model: counts in words, one after the other being served."""

    name: str = "counting"
    window: int = 4096
    free: asyncio.Lock = field(default_factory=asyncio.Lock)

    def count(self, text: str) -> int:
        return len(text)

    def words(self, sampling: Sampling) -> Sequence[str]:
        return WORDS.split(" ")[: sampling.max_tokens]

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        async with self.free:
            text = said = ""
            words = self.words(sampling)
            for number, word in enumerate(words):
                await asyncio.sleep(0)
                text += f"{word} "
                ends = [text.find(stop) for stop in sampling.stop if stop in text]
                new = text[len(said) : min(ends)] if ends else text[len(said) : self.sure(text, sampling)]
                said += new
                if ends:
                    yield Piece(text=new, finish="stop", usage=Usage(prompt=1, completion=number + 1))
                    return
                yield Piece(text=new)
            yield Piece(
                text=text[len(said) :],
                finish="stop" if len(words) > 10 else "length",
                usage=Usage(prompt=1, completion=len(words)),
            )

    def sure(self, text: str, sampling: Sampling) -> int:
        return len(text) - max(map(len, sampling.stop), default=0)


@dataclass
class ByPiece(Counting):
    """Something is wrong with what a good model says."""

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        said = ""
        async for piece in super().stream(messages, sampling):
            said += piece.text
            for other in self.instead(piece, said):
                yield other

    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        raise NotImplementedError


class NeverFinishes(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [Piece(text=piece.text)]


class FinishesTwice(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [piece, piece] if piece.finish else [piece]


class SaysNothing(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        for nothing in ():
            yield nothing


class RepeatsItself(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [piece if piece.finish else Piece(text=said)]


class HalfCharacters(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [piece] if piece.finish else [Piece(text="\ud83d"), Piece(text="\ude00")]


class CountsNoTokens(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [piece if not piece.finish else Piece(finish="stop", usage=Usage(prompt=1, completion=0))]


class StaysBusy(Counting):
    """Keeps its place taken by whoever leaves early."""

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        await self.free.acquire()
        for word in self.words(sampling):
            await asyncio.sleep(0)
            yield Piece(text=f"{word} ")
        self.free.release()
        yield Piece(finish="stop")


@dataclass
class BusyBeforeItIsRead(Counting):
    """Takes its place when the stream is made, and gives it back when it was read."""

    taken: bool = False

    def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        if self.taken:
            raise ModelError("busy")
        self.taken = True
        return self.read(messages, sampling)

    async def read(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        try:
            async for piece in super().stream(messages, sampling):
                yield piece
        finally:
            self.taken = False


class IgnoresCancellation(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        yield Piece(text="one ")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("interrupted") from None


class TakesOthersAlong(Counting):
    """Fails everybody when one is cancelled."""

    broken = False

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        try:
            for word in self.words(sampling):
                await asyncio.sleep(0)
                if self.broken:
                    raise ModelError("the connection is closed")
                yield Piece(text=f"{word} ")
        except asyncio.CancelledError:
            self.broken = True
            raise
        yield Piece(finish="stop")


class Mixes(Counting):
    """All streams take from one supply."""

    supply: list[str]

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.supply = list(self.words(sampling))
        while self.supply:
            word = self.supply.pop(0)
            await asyncio.sleep(0)
            yield Piece(text=f"{word} ")
        yield Piece(finish="stop")


class NoLimit(Counting):
    def words(self, sampling: Sampling) -> Sequence[str]:
        return WORDS.split(" ") * 20


class NoLimitUncounted(NoLimit):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        async for piece in super().stream(messages, sampling):
            yield Piece(text=piece.text, finish=piece.finish)


class SaysStopWithoutStopping(ByPiece):
    def instead(self, piece: Piece, said: str) -> Sequence[Piece]:
        return [Piece(text=piece.text, finish="stop", usage=piece.usage) if piece.finish else piece]


class NoStops(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        for word in self.words(sampling):
            yield Piece(text=f"{word} ")
        yield Piece(finish="stop")


class ShowsTheBeginningOfAStop(Counting):
    def sure(self, text: str, sampling: Sampling) -> int:
        return len(text) - 1


class Unseeded(Counting):
    def words(self, sampling: Sampling) -> Sequence[str]:
        return [str(random.random()) for _ in range(min(5, sampling.max_tokens))]


class ChokesOnSurrogates(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        for message in messages:
            message.text.encode()
        async for piece in super().stream(messages, sampling):
            yield piece


class NeedsAQuestion(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        assert messages[-1].role
        async for piece in super().stream(messages, sampling):
            yield piece


class RefusesInManyLines(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        if "\0" in messages[-1].text:
            raise ModelError("Traceback (most recent call last):\n  …")
        async for piece in super().stream(messages, sampling):
            yield piece


class DiesOfOddPrompts(Counting):
    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        if "\0" in messages[-1].text:
            self.window = 0
        if not self.window:
            raise ModelError("dead")
        async for piece in super().stream(messages, sampling):
            yield piece


class CountsBackwards(Counting):
    def count(self, text: str) -> int:
        return -len(text)


class CountsAtRandom(Counting):
    def count(self, text: str) -> int:
        return random.randrange(10**9)


class CountsLines(Counting):
    def count(self, text: str) -> int:
        return 100 // (len(text) + 1)


class CountsBytes(Counting):
    def count(self, text: str) -> int:
        return len(text.encode())


class NoWindow(Counting):
    window = 0

    def __init__(self) -> None:
        super().__init__(window=0)


class Kit(ModelContract):
    patience = 0.1


BROKEN = (
    (NoWindow, "has_a_name_and_a_window"),
    (NeverFinishes, "the_last_piece_and_no_other_has_a_finish"),
    (FinishesTwice, "the_last_piece_and_no_other_has_a_finish"),
    (SaysNothing, "the_last_piece_and_no_other_has_a_finish"),
    (SaysNothing, "pieces_are_what_is_new_in_whole_characters"),
    (RepeatsItself, "pieces_are_what_is_new_in_whole_characters"),
    (HalfCharacters, "pieces_are_what_is_new_in_whole_characters"),
    (CountsNoTokens, "usage_counts_what_was_written"),
    (StaysBusy, "closing_the_iterator_early_frees_the_model"),
    (BusyBeforeItIsRead, "closing_an_iterator_that_was_never_read_frees_the_model"),
    (StaysBusy, "cancelling_the_reader_frees_the_model"),
    (IgnoresCancellation, "cancelling_the_reader_frees_the_model"),
    (TakesOthersAlong, "cancelling_a_reader_that_waits_leaves_the_others_alone"),
    (Mixes, "streams_at_the_same_time_do_not_mix"),
    (NoLimit, "max_tokens_is_respected"),
    (NoLimitUncounted, "max_tokens_is_respected"),
    (SaysStopWithoutStopping, "max_tokens_is_respected"),
    (NoStops, "stop_strings_never_appear"),
    (ShowsTheBeginningOfAStop, "stop_strings_never_appear"),
    (Unseeded, "the_same_seed_gives_the_same_text"),
    (NeedsAQuestion, "odd_conversations_are_answered_or_refused"),
    (CountsLines, "longer_texts_do_not_count_less"),
)
BROKEN_AT = (
    (ChokesOnSurrogates, "odd_prompts_are_answered_or_refused", "lone surrogates"),
    (RefusesInManyLines, "odd_prompts_are_answered_or_refused", "nul"),
    (DiesOfOddPrompts, "odd_prompts_are_answered_or_refused", "nul"),
    (CountsBackwards, "counts_tokens_of_any_text", "bidi"),
    (CountsAtRandom, "counts_tokens_of_any_text", "nul"),
    (CountsBytes, "counts_tokens_of_any_text", "lone surrogates"),
)


class TestCounting(ModelContract):
    @pytest.fixture
    def model(self) -> Model:
        return Counting()


class TestUnseeded(ModelContract):
    not_repeatable = "draws from the system's random numbers"

    @pytest.fixture
    def model(self) -> Model:
        return Unseeded()


@pytest.mark.parametrize(
    ("model", "test"), BROKEN, ids=[f"{model.__name__}-{test[:20]}" for model, test in BROKEN]
)
async def test_a_broken_model_fails(model: type[Any], test: str, request: pytest.FixtureRequest) -> None:
    more = {
        "odd_conversations_are_answered_or_refused": ((),),
        "the_same_seed_gives_the_same_text": (request,),
    }
    with pytest.raises((AssertionError, TimeoutError, IndexError, ModelError)):
        await getattr(Kit(), f"test_{test}")(model(), *more.get(test, ()))


@pytest.mark.parametrize(
    ("model", "test", "text"), BROKEN_AT, ids=[f"{model.__name__}-{text}" for model, _, text in BROKEN_AT]
)
async def test_a_model_broken_by_a_text_fails(model: type[Any], test: str, text: str) -> None:
    with pytest.raises((AssertionError, UnicodeEncodeError, ModelError)):
        await getattr(Kit(), f"test_{test}")(model(), ODD[text])


def test_every_test_of_the_kit_catches_something() -> None:
    caught = {f"test_{test}" for _, test, *_ in (*BROKEN, *BROKEN_AT)}
    tests = {name for name in vars(ModelContract) if name.startswith("test_")}
    assert caught == tests


def test_an_inherited_test_cannot_be_hidden() -> None:
    with pytest.raises(TypeError, match=r"Lenient.test_max_tokens_is_respected"):

        class Lenient(ModelContract):  # pyright: ignore[reportUnusedClass]  making it is what fails
            async def test_max_tokens_is_respected(self, model: Model) -> None:
                pass


def test_an_inherited_test_can_be_expected_to_fail() -> None:
    class Honest(ModelContract):
        @pytest.mark.xfail(strict=True, reason="the service counts words")
        async def test_max_tokens_is_respected(self, model: Model) -> None:
            await super().test_max_tokens_is_respected(model)

    assert Honest.test_max_tokens_is_respected is not ModelContract.test_max_tokens_is_respected
