from __future__ import annotations

from rostra_models.benches.ppo import FULL, OURS, QUICK, RATIOS, THEIRS, Taken, ratios


def test_a_ratio_is_ours_against_the_better_of_the_peers_two_ways() -> None:
    taken = {
        "ended_ours": Taken(seconds=[4.0, 2.0, 100.0], peaks=[1.0], made=[20.0]),
        "ended_trl_float32": Taken(seconds=[12.0], peaks=[2.0], made=[32.0]),
        "ended_trl_bfloat16": Taken(seconds=[24.0], peaks=[2.0], made=[32.0]),
    }
    assert ratios(taken) == {"ppo_vs_trl": 3.0}


def test_without_the_peer_there_is_no_ratio() -> None:
    assert ratios({"ended_ours": Taken(seconds=[4.0], peaks=[1.0], made=[20.0])}) == {}


def test_every_promised_ratio_is_of_contenders_that_are_measured() -> None:
    assert {"ppo_vs_trl", "ppo_same_work_vs_trl"} <= RATIOS.keys()
    for ours, theirs in RATIOS.values():
        assert ours in OURS
        assert any(name.startswith(theirs) for name in THEIRS)
    assert set(FULL.names) == OURS.keys() | THEIRS.keys()
    assert set(QUICK.names) <= set(FULL.names)
