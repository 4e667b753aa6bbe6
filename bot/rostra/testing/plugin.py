"""For pytest: ``-p rostra.testing.plugin`` fails every test that reaches beyond loopback."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .network import loopback_only


@pytest.fixture(autouse=True)
def network_guard() -> Generator[None]:
    """Refuse the network to the test, and fail it if it tried."""
    with loopback_only() as attempts:
        yield
    if attempts:
        pytest.fail(f"the test reached beyond loopback: {'; '.join(attempts)}", pytrace=False)
