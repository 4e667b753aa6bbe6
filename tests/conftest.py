from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Tests run side by side, one a core: with more threads each, those of one would spin while another's has the core, and
# training would take ten times as long. It has to be there before PyTorch is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The gate tries the same examples each time, so that what it says is about the change; `make soak` looks for new ones.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=2000)
settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-transcripts", action="store_true", help="write what happens into the transcripts"
    )


@pytest.fixture
def hub_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no hub for anything.

    huggingface_hub reads the environment once, when it is imported: whichever test is first to import it would decide for
    all that follow in its process. So the switch itself is turned, and turned back.
    """
    constants = pytest.importorskip("huggingface_hub.constants")
    config = pytest.importorskip("datasets.config")
    for module in (constants, config):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", True)
