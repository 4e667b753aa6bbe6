"""``rostra bench moderation``: its names are a contract, its figures are of what it says."""

from __future__ import annotations

import pytest

from rostra_moderation.benches.moderation import bench


@pytest.mark.slow
async def test_it_prints_what_was_promised_and_guesses_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROSTRA_MODERATION_DATA", raising=False)
    monkeypatch.setenv("ROSTRA_BENCH_PYTHON", "/nowhere/python")
    report = await bench(quick=True)
    figures = {name: figure["value"] for name, figure in report["figures"].items()}
    assert {
        "rules_us",
        "classifier_ms",
        "batch_messages_per_second",
        "evasion_recall",
        "benign_false_positive_rate",
        "validation_auprc",
        "chain_ms",
        "linear_ms",
        "shipped_megabytes",
    } <= set(figures)
    assert all(
        0 <= figures[name] <= 1 for name in figures if name.startswith(("validation", "evasion_recall"))
    )
    assert figures["validation_auprc"] > 0.8
    assert figures["evasion_recall"] > 0.9
    assert figures["evasion_transforms"] >= 40
    assert figures["shipped_megabytes"] <= 25
    assert report["ratios"] == {}
    assert set(report["missing"]) >= {"alt_profanity_check", "better_profanity", "tfidf"}
