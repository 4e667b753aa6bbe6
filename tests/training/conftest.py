from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own: runs are remembered there."""
    folder = tmp_path / "data-folder"
    monkeypatch.setenv("ROSTRA_DATA", str(folder))
    return folder
