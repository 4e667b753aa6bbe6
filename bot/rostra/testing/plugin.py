"""For pytest: ``-p rostra.testing.plugin`` fails every test that reaches beyond loopback, and has the kits say what they compared."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .network import loopback_only

KITS = ("adapters", "adapter_faults", "adapter_people", "models", "moderators", "stages", "stand", "stores")


def pytest_configure() -> None:
    """Have pytest explain the assertions in the kits as it explains those in test files."""
    pytest.register_assert_rewrite(*(f"rostra.testing.{kit}" for kit in KITS))


@pytest.fixture(autouse=True)
def network_guard() -> Generator[None]:
    """Refuse the network to the test, and fail it if it tried."""
    with loopback_only() as attempts:
        yield
    if attempts:
        pytest.fail(f"the test reached beyond loopback: {'; '.join(attempts)}", pytrace=False)
