"""The models that come with Rostra keep the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.clock import SystemClock
from rostra.components import Services
from rostra.protocols import Model
from rostra.testing.models import ModelContract
from rostra_models.canned import CannedModel, CannedSettings
from rostra_models.local import LocalSettings, open_local
from rostra_models.testing import tiny_llama


class TestCanned(ModelContract):
    @pytest.fixture
    def model(self) -> Model:
        return CannedModel("canned", CannedSettings(), SystemClock())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tiny(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Model]:
    models: Path = tmp_path_factory.mktemp("models")
    tiny_llama(models / "tiny", window=1024)
    services = Services(name="tiny", data=models / "tiny", base=models)
    async with open_local(LocalSettings(folder="tiny"), services) as model:
        yield model


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
class TestLocal(ModelContract):
    @pytest.fixture
    def model(self, tiny: Model) -> Model:
        return tiny
