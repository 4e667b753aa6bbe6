"""Where a local model lies, what it needs, and what is said when that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rostra.components import Services, find
from rostra.errors import ModelError, ModelMissing
from rostra_models.local import LocalModel, LocalSettings, check_local, component, folder_of, open_local
from rostra_models.testing import tiny_llama
from rostra_models.versions import version_of


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(name="bot", data=tmp_path / "data" / "models" / "bot", base=tmp_path / "base")


@pytest.fixture
def tiny(services: Services) -> Path:
    return tiny_llama(services.data.parent / "tiny")


TINY = LocalSettings(folder="tiny")


async def opened(settings: LocalSettings, services: Services, free: int | None = 10**12) -> LocalModel:
    async with open_local(settings, services, memory=lambda: free, command=("/nowhere",)) as model:
        assert isinstance(model, LocalModel)
        return model


@pytest.mark.parametrize(
    ("folder", "where"),
    [
        ("embedded", "data/models/embedded"),
        ("./mine", "base/mine"),
        ("sub/mine", "base/sub/mine"),
        ("/elsewhere/mine", "/elsewhere/mine"),
        ("..", "base/.."),
    ],
)
def test_a_bare_name_is_beside_the_other_models_and_a_path_beside_the_configuration(
    folder: str, where: str, services: Services, tmp_path: Path
) -> None:
    assert folder_of(LocalSettings(folder=folder), services) == tmp_path / where


def test_it_is_found_under_its_name(tmp_path: Path) -> None:
    assert find("models", "local", tmp_path) is component


async def test_a_missing_model_names_the_command(services: Services) -> None:
    with pytest.raises(ModelMissing, match=r"`rostra model pull embedded` gets it$"):
        await opened(LocalSettings(), services)


@pytest.mark.parametrize(
    ("folder", "advice"),
    [("mine", "`rostra model pull FOLDER --name mine` gets it"), ("./mine", "it needs 'config.json' and")],
)
async def test_a_missing_model_of_ones_own_says_what_is_needed(
    folder: str, advice: str, services: Services
) -> None:
    with pytest.raises(ModelMissing) as failure:
        await opened(LocalSettings(folder=folder), services)
    assert advice in str(failure.value)


@pytest.mark.usefixtures("tiny")
async def test_opening_starts_nothing_and_knows_the_window(services: Services) -> None:
    model = await opened(TINY, services)
    assert (model.name, model.window, model.state, model.pid) == ("bot", 4096, "idle", None)
    assert model.count("abc") == 3


@pytest.mark.usefixtures("tiny")
async def test_the_window_can_be_set(services: Services) -> None:
    assert (await opened(LocalSettings(folder="tiny", window=100), services)).window == 100


async def test_a_model_without_a_window_needs_one_in_the_settings(services: Services, tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    del config["max_position_embeddings"]
    (tiny / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="names no window; set `window` for model 'bot'"):
        await opened(TINY, services)
    assert (await opened(LocalSettings(folder="tiny", window=100), services)).window == 100


@pytest.mark.usefixtures("tiny")
async def test_too_little_memory_says_how_much_is_needed_and_there(services: Services) -> None:
    with pytest.raises(ModelMissing, match=r"'bot' needs 400 MB of memory and 300 MB are free; free some or"):
        await opened(TINY, services, free=300_000_000)
    with pytest.raises(ModelMissing, match=r"300 MB are free; .*`dtype = \"bfloat16\"`"):
        await opened(LocalSettings(folder="tiny", dtype="float32"), services, free=300_000_000)


@pytest.mark.usefixtures("tiny")
async def test_the_model_says_which_one_it_is(services: Services, tiny: Path) -> None:
    model = await opened(TINY, services, free=None)
    assert model.version == version_of(tiny, name="bot")


@pytest.mark.usefixtures("tiny")
async def test_memory_is_not_checked_where_it_is_unknown_or_unwanted(services: Services) -> None:
    assert (await opened(TINY, services, free=None)).state == "idle"
    assert (await opened(LocalSettings(folder="tiny", check_memory=False), services, free=1)).state == "idle"


@pytest.mark.usefixtures("tiny")
async def test_missing_libraries_name_the_extra(services: Services) -> None:
    with pytest.raises(ModelMissing, match=r"needs 'transformers'; `pip install 'rostra\[local\]'`"):
        async with open_local(TINY, services, installed=lambda library: library != "transformers"):
            pass


@pytest.mark.usefixtures("tiny")
async def test_the_check_finds_what_opening_would(services: Services) -> None:
    (found,) = await check_local(TINY, services)
    assert found.ok
    assert "4096 tokens" in found.what
    (missing,) = await check_local(LocalSettings(), services)
    assert not missing.ok
    assert "rostra model pull embedded" in missing.advice
