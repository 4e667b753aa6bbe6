"""Remote models keep the contract of models, over both APIs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.components import Services
from rostra.protocols import Model
from rostra.testing.models import ModelContract
from rostra_models.remote.component import opened
from rostra_models.remote.presets import Api
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.testing import FakeServer


@asynccontextmanager
async def echo(api: Api) -> AsyncGenerator[Model]:
    async with FakeServer().listening() as url:
        settings = RemoteSettings(url=url, model="echo", api=api)
        async with opened(settings, Services(name="remote", data=Path(), base=Path())) as model:
            yield model


@pytest_asyncio.fixture
async def chat() -> AsyncGenerator[Model]:
    async with echo("chat") as model:
        yield model


@pytest_asyncio.fixture
async def responses() -> AsyncGenerator[Model]:
    async with echo("responses") as model:
        yield model


class TestChat(ModelContract):
    @pytest.fixture
    def model(self, chat: Model) -> Model:
        return chat


class TestResponses(ModelContract):
    @pytest.fixture
    def model(self, responses: Model) -> Model:
        return responses
