from __future__ import annotations

import pytest
from hypothesis import settings

# The gate tries the same examples each time, so that what it says is about the change; `make soak` looks for new ones.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=2000)
settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-transcripts", action="store_true", help="write what happens into the transcripts"
    )
