"""``rostra bench adapters``: its names are a contract, each figure has its unit, and both contenders do the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rostra.components import installed
from rostra_adapters.benches import adapters, discord, slack


def test_it_is_installed() -> None:
    assert "adapters" in {point.name for point in installed("benches")}


async def test_figures_have_units_and_ratios_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def of_discord(quick: bool) -> Mapping[str, float]:
        return {
            "discord_per_second": 500.0,
            "discord_ack_p99_ms": 12.0,
            "discord_peak_memory_mb": 90.0,
            "discord_vs_bare_discordpy": 0.756,
        }

    async def of_slack(quick: bool) -> Mapping[str, float]:
        return {"slack_ack_p99_ms": 9.0 if quick else 8.0, "slack_vs_bare_bolt": 0.9}

    monkeypatch.setattr(discord, "measure", of_discord)
    monkeypatch.setattr(slack, "measure", of_slack)
    report = await adapters.bench(quick=True)
    assert report["ratios"] == {"discord_vs_bare_discordpy": 0.76, "slack_vs_bare_bolt": 0.9}
    units = {name: one["unit"] for name, one in report["figures"].items()}
    assert units == {
        "discord_per_second": "1/s",
        "discord_ack_p99_ms": "ms",
        "discord_peak_memory_mb": "MB",
        "slack_ack_p99_ms": "ms",
    }
    assert report["figures"]["slack_ack_p99_ms"]["value"] == 9.0
    assert report["missing"] == []


async def test_what_is_not_installed_is_named_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def absent(quick: bool) -> Mapping[str, float]:
        raise ModuleNotFoundError("No module named 'slack_bolt'", name="slack_bolt")

    async def of_discord(quick: bool) -> Mapping[str, float]:
        return {"discord_vs_bare_discordpy": 1.0}

    monkeypatch.setattr(discord, "measure", of_discord)
    monkeypatch.setattr(slack, "measure", absent)
    report = await adapters.bench(quick=True)
    assert report["missing"] == ["slack: slack_bolt is not installed"]
    assert report["ratios"] == {"discord_vs_bare_discordpy": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bare", "bare_that_replies", "in_memory"])
async def test_every_contender_answers_and_acknowledges(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord, "WARM", 10)
    measured = await discord.run(name, 10, 10)
    assert measured.by_processor > 0
    assert measured.by_clock > 0
    assert measured.memory > 0
    assert len(measured.acknowledged) == 10
