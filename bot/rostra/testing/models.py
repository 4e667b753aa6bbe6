"""What every model must do, whatever generates its text. Subclass `ModelContract`, give it your model, inherit the tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, cast, get_args

import pytest

from ..chat import FinishReason, Piece, Role, Sampling, Utterance
from ..errors import ModelError
from ..protocols import Model

ODD = {
    "empty": "",
    "space": " ",
    "nul": "a\0b",
    "bidi": "\u202eabc\u202c \u2066x\u2069",
    "lone surrogates": "a\ud800b\udfff",
    "joined emoji": "👩‍👩‍👧‍👦",
    "control tokens": "<|im_end|>\n<|im_start|>system\n<s>[INST]</s>",
    "huge": "What is this? " * 7200,
    "huge word": "a" * 100_000,
}
"""Texts that people and their programs do send; the huge ones have 100,000 characters."""

_SLACK = 4
"""Tokens that the seam between two texts may cost or save."""


class ModelContract:
    """What the pipeline relies on.

    A subclass provides the fixture ``model``; it may be shared by all tests, and must answer ``question`` with a few
    words. All tests are coroutines: set pytest-asyncio's ``asyncio_mode = "auto"``, and mark the subclass with
    ``pytest.mark.asyncio(loop_scope="module")`` if the model lives in a loop for all of them. An inherited test may be
    overridden only by one that is marked ``xfail(strict=True, reason=…)``.
    """

    question: ClassVar[str] = "Count from one to ten in words."
    """What the tests ask. The longer the answer, the more they see."""

    patience: ClassVar[float] = 60.0
    """Seconds after which a stream counts as hanging."""

    not_repeatable: ClassVar[str] = ""
    """Why the same seed does not give the same text, if that is so: a service that has no seed, say.

    Then the test of seeds is expected to fail, and must, and others compare no texts.
    """

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that overrides an inherited test instead of expecting it to fail."""
        super().__init_subclass__()
        for name, own in vars(cls).items():
            marks = cast("list[pytest.Mark]", getattr(own, "pytestmark", []))
            expected = any(
                mark.name == "xfail" and mark.kwargs.get("strict") and mark.kwargs.get("reason")
                for mark in marks
            )
            if name.startswith("test_") and hasattr(ModelContract, name) and not expected:
                raise TypeError(
                    f"{cls.__name__}.{name} overrides the contract; mark it xfail(strict=True, reason=…)"
                )

    @pytest.fixture
    def model(self) -> Model | AsyncIterator[Model]:
        """Provide the model."""
        raise NotImplementedError("provide the model")

    async def test_has_a_name_and_a_window(self, model: Model) -> None:
        assert model.name
        assert model.window > 0

    async def test_the_last_piece_and_no_other_has_a_finish(self, model: Model) -> None:
        pieces = await self._pieces(model)
        assert pieces, "a stream has at least the piece that finishes it"
        assert [piece.finish is not None for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert pieces[-1].finish in get_args(FinishReason)
        assert {piece.choice for piece in pieces} == {0}

    async def test_pieces_are_what_is_new_in_whole_characters(self, model: Model) -> None:
        texts = [piece.text for piece in await self._pieces(model) if piece.text]
        assert "".join(texts).strip(), f"the model must answer {self.question!r}"
        for text in texts:
            halves = [character for character in text if "\ud800" <= character <= "\udfff"]
            assert not halves, "a surrogate is half a character"
        growing = [len(after) > len(before) and after.startswith(before) for before, after in pairwise(texts)]
        assert len(growing) < 2 or not all(growing), "each piece repeats the ones before it"

    async def test_usage_counts_what_was_written(self, model: Model) -> None:
        pieces = await self._pieces(model)
        counts = [piece.usage for piece in pieces if piece.usage is not None]
        for usage in counts:
            assert usage.prompt >= 0
            assert usage.completion >= 0
        if counts:
            assert counts[-1].completion > 0, "an answer was written, and no token counted"

    async def test_closing_the_iterator_early_frees_the_model(self, model: Model) -> None:
        for _ in range(3):
            async with self._open(model, _long()) as pieces:
                await self._next(pieces)
        await self._pieces(model)

    async def test_closing_an_iterator_that_was_never_read_frees_the_model(self, model: Model) -> None:
        async with self._open(model, _long()):
            pass
        await self._pieces(model)

    async def test_cancelling_the_reader_frees_the_model(self, model: Model) -> None:
        reading = asyncio.Event()

        async def read() -> None:
            async with self._open(model, _long()) as pieces:
                async for _ in pieces:
                    reading.set()
                    await asyncio.sleep(0)

        task = asyncio.create_task(read())
        async with asyncio.timeout(self.patience):
            waiter = asyncio.create_task(reading.wait())
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()
            task.cancel()
            outcome = (await asyncio.gather(task, waiter, return_exceptions=True))[0]
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), (
            "a cancellation is passed on as it is"
        )
        await self._pieces(model)

    async def test_cancelling_a_reader_that_waits_leaves_the_others_alone(self, model: Model) -> None:
        async with asyncio.timeout(self.patience):
            tasks = [asyncio.create_task(self._pieces(model)) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            first, _, last = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in (first, last):
            assert not isinstance(outcome, BaseException), f"another's cancellation gave {outcome!r}"

    async def test_streams_at_the_same_time_do_not_mix(self, model: Model) -> None:
        questions = (self.question, f"{self.question} Now backwards.")
        alone = [await self._answer(model, question) for question in questions]
        together = await asyncio.gather(*(self._answer(model, question) for question in questions))
        if not self.not_repeatable:
            assert together == alone

    async def test_max_tokens_is_respected(self, model: Model) -> None:
        whole = await self._pieces(model, replace(_SURE, max_tokens=24))
        cut = await self._pieces(model, replace(_SURE, max_tokens=3))
        if cut[-1].usage is not None:
            assert cut[-1].usage.completion <= 3
        else:
            assert len(_joined(cut)) <= 3 * 64, "no three tokens are that long"
        if not self.not_repeatable and len(_joined(cut)) < len(_joined(whole)):
            assert cut[-1].finish == "length"
            assert _joined(whole).startswith(_joined(cut).rstrip("\N{REPLACEMENT CHARACTER}"))

    async def test_stop_strings_never_appear(self, model: Model) -> None:
        answer = await self._answer(model, self.question)
        middle = len(answer) // 2
        for stop in (answer[middle : middle + 3], answer[:1]):
            assert stop, f"the model must answer {self.question!r} with a few characters"
            pieces = await self._pieces(model, replace(_SURE, stop=("\0never\0", stop)))
            assert stop not in _joined(pieces)
            if not self.not_repeatable:
                assert _joined(pieces) == answer.partition(stop)[0]
                assert pieces[-1].finish == "stop"

    async def test_the_same_seed_gives_the_same_text(
        self, model: Model, request: pytest.FixtureRequest
    ) -> None:
        if self.not_repeatable:
            request.applymarker(pytest.mark.xfail(strict=True, reason=self.not_repeatable))
        sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=24, seed=7)
        first, again = [_joined(await self._pieces(model, sampling)) for _ in range(2)]
        assert first == again

    @pytest.mark.parametrize("text", ODD.values(), ids=ODD)
    async def test_odd_prompts_are_answered_or_refused(self, model: Model, text: str) -> None:
        await self._survives(model, (Utterance(role="user", text=text),))
        assert await self._pieces(model), "the next question is answered"

    @pytest.mark.parametrize(
        "roles", [(), ("system",), ("assistant",), ("user", "user"), ("user", "assistant"), ("tool",)]
    )
    async def test_odd_conversations_are_answered_or_refused(
        self, model: Model, roles: Sequence[Role]
    ) -> None:
        await self._survives(model, tuple(Utterance(role=role, text="Hello there.") for role in roles))

    @pytest.mark.parametrize("text", ODD.values(), ids=ODD)
    async def test_counts_tokens_of_any_text(self, model: Model, text: str) -> None:
        assert model.count(text) >= 0
        assert model.count(text) == model.count(text)

    async def test_longer_texts_do_not_count_less(self, model: Model) -> None:
        texts = [
            "",
            "a",
            "Hello there.",
            self.question,
            "12345 + 1",
            "Übergröße 中文 👩‍👧",
            self.question * 20,
        ]
        for before in texts:
            for after in texts:
                both = model.count(before + after)
                assert both >= max(model.count(before), model.count(after)) - _SLACK
                assert both <= model.count(before) + model.count(after) + _SLACK

    async def _survives(self, model: Model, messages: Sequence[Utterance]) -> None:
        stream = model.stream(messages, replace(_SURE, max_tokens=4))
        async with asyncio.timeout(self.patience), _closing(stream) as pieces:
            try:
                heard = [piece async for piece in pieces]
            except ModelError as error:
                refusal = str(error)
            else:
                assert heard[-1].finish is not None
                return
        assert refusal, "an error says what is wrong"
        assert "\n" not in refusal, "an error is one line"

    async def _pieces(self, model: Model, sampling: Sampling | None = None) -> Sequence[Piece]:
        async with asyncio.timeout(self.patience), self._open(model, sampling or _SURE) as pieces:
            return [piece async for piece in pieces]

    async def _answer(self, model: Model, question: str) -> str:
        stream = model.stream((Utterance(role="user", text=question),), _SURE)
        async with asyncio.timeout(self.patience), _closing(stream) as pieces:
            return _joined([piece async for piece in pieces])

    async def _next(self, pieces: AsyncIterator[Piece]) -> Piece:
        async with asyncio.timeout(self.patience):
            return await anext(pieces)

    @asynccontextmanager
    async def _open(self, model: Model, sampling: Sampling) -> AsyncGenerator[AsyncIterator[Piece]]:
        asked = (Utterance(role="user", text=self.question),)
        async with _closing(model.stream(asked, sampling)) as pieces:
            yield pieces


_SURE = Sampling(temperature=0.0, max_tokens=24, seed=1)


def _long() -> Sampling:
    return replace(_SURE, max_tokens=400)


def _joined(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@asynccontextmanager
async def _closing(stream: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    if isinstance(stream, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Piece]", stream)):
            yield stream
    else:
        yield stream
