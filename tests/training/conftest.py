from __future__ import annotations

from pathlib import Path

import pytest
from training_talk import rankings

from rostra_models.testing import tiny_llama
from rostra_models.training.passes import PassesLoop
from rostra_models.training.reward import RewardSettings, reward


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own: runs are remembered there."""
    folder = tmp_path / "data-folder"
    monkeypatch.setenv("ROSTRA_DATA", str(folder))
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that nobody changes."""
    return tiny_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, with other weights."""
    return tiny_llama(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(scope="session")
def likes_a(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that likes an a."""
    folder = tmp_path_factory.mktemp("reward")
    loop = PassesLoop(learning_rate=0.01, tensorboard=False, plot=False, device="cpu")
    return reward(
        RewardSettings(
            data=rankings(folder / "pairs.jsonl", 40),
            format="trl",
            model=base,
            out=folder / "likes-a",
            window=128,
            batch=4,
            validation_share=0.2,
            loop=loop,
        )
    ).model
