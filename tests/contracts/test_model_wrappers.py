"""Models around models keep the contract of models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.chat import Utterance
from rostra.clock import SystemClock
from rostra.protocols import Model
from rostra.testing.models import ModelContract
from rostra_models.canned import CannedModel, CannedSettings
from rostra_models.wrappers.best_of import BestOfModel, Choosing
from rostra_models.wrappers.cache import CacheModel, CacheSettings
from rostra_models.wrappers.fallback import FallbackModel
from rostra_models.wrappers.limit import LimitModel
from rostra_models.wrappers.recorder import RecorderModel
from rostra_models.wrappers.retry import RetryModel, RetrySettings
from rostra_models.wrappers.router import RouterModel, RouterSettings
from rostra_models.wrappers.tape import Tape, open_tape

CLOCK = SystemClock()
ROUTES = RouterSettings.model_validate({"default": "a", "rules": [{"models": ["b"], "above": 100}]})


class Longest:
    """Likes long answers."""

    name = "longest"

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        return [len(said[-1].text) for said in conversations]


def canned(name: str = "canned") -> CannedModel:
    return CannedModel(name, CannedSettings(), CLOCK)


WRAPPERS: Mapping[str, Callable[[], Model]] = {
    "retry": lambda: RetryModel("w", canned(), RetrySettings(model="m"), clock=CLOCK),
    "fallback": lambda: FallbackModel("w", [canned("a"), canned("b")], first_seconds=5, clock=CLOCK),
    "limit": lambda: LimitModel("w", canned(), streams=1),
    "cache": lambda: CacheModel("w", canned(), CacheSettings(model="m"), clock=CLOCK),
    "router": lambda: RouterModel("w", {"a": canned("a"), "b": canned("b")}, ROUTES),
    "best-of": lambda: BestOfModel("w", [canned()], Longest(), clock=CLOCK),
}


class TestWrapper(ModelContract):
    @pytest.fixture(params=WRAPPERS)
    def model(self, request: pytest.FixtureRequest) -> Model:
        return WRAPPERS[request.param]()


class TestBestOfSeveral(ModelContract):
    @pytest.fixture
    def model(self) -> Model:
        return BestOfModel("w", [canned("a"), canned("b")], Longest(), Choosing(n=2), clock=CLOCK)

    @pytest.mark.xfail(strict=True, reason="the usage of the winner is that of all candidates")
    async def test_max_tokens_is_respected(self, model: Model) -> None:
        await super().test_max_tokens_is_respected(model)


class TestRecorder(ModelContract):
    @pytest_asyncio.fixture
    async def tape(self, tmp_path: Path) -> AsyncGenerator[Tape]:
        async with open_tape(tmp_path, keep_days=1, megabytes=1, clock=CLOCK) as tape:
            yield tape

    @pytest.fixture
    def model(self, tape: Tape) -> Model:
        return RecorderModel("w", canned(), tape, CLOCK)
