"""``rostra bench generate``: its names are a contract, its arithmetic is right, and no peer is guessed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rostra_models.benches.contenders import Died, started
from rostra_models.benches.generate import RATIOS, Plan, Subject, failures, ratios_of, report
from rostra_models.benches.rounds import ENTRIES, Entry, Measured, lengths, measure
from rostra_models.benches.samples import Sample, decode_rate, first_ms, growth, ratio
from rostra_models.benches.weights import M10, M30, Shape, random_llama
from rostra_models.weights import read

TINY = Shape(width=32, inner=64, layers=2, heads=2, kv_heads=1, vocabulary=300)


def sample(
    *, cpu: float, first: float | None = None, conversations: int = 1, tokens: int = 10, wall: float = 1.0
) -> Sample:
    return Sample(conversations=conversations, tokens=tokens, cpu=cpu, wall=wall, first=first, peak_mb=1.0)


def contender(answer: str, *, load: str = "") -> list[str | Path]:
    """A process that answers with what the expression ``answer`` gives."""
    script = f"""
from rostra_models.benches.lines import serve
def load():
    {load or "pass"}
    def work(prompts, tokens):
        print("a library's noise")
        return {answer}
    return {{"answer": work}}
serve(load)
"""
    return [sys.executable, "-c", script]


def test_a_rate_counts_the_tokens_of_all_conversations_and_the_time_of_their_prompts() -> None:
    measured = sample(cpu=2.0, wall=4.0, conversations=8, tokens=64)
    assert measured.rate == 256
    assert measured.wall_rate == 128


def test_a_decode_rate_leaves_out_the_first_tokens_and_what_they_took() -> None:
    rounds = [sample(cpu=cpu, first=0.5, conversations=2, tokens=11) for cpu in (1.5, 2.5, 9.0)]
    assert decode_rate(rounds) == pytest.approx(20 / 2.0)
    assert first_ms(rounds) == 500


@pytest.mark.parametrize("first", [None, 2.0])
def test_there_is_no_decode_rate_without_times_that_give_one(first: float | None) -> None:
    assert decode_rate([sample(cpu=1.0, first=first)]) is None


def test_a_ratio_is_the_median_of_the_rounds_and_above_one_where_ours_takes_less_time() -> None:
    ours = [sample(cpu=cpu) for cpu in (1.0, 1.0, 4.0)]
    theirs = [sample(cpu=cpu) for cpu in (2.0, 3.0, 4.0)]
    assert ratio(ours, theirs) == 2.0


def test_a_peer_measured_in_the_first_round_alone_is_compared_with_that_round() -> None:
    ours = [sample(cpu=cpu) for cpu in (1.0, 9.0, 9.0)]
    assert ratio(ours, [sample(cpu=3.0)]) == 3.0


def test_growth_is_the_worst_rise_over_any_case_before() -> None:
    assert growth([4.0, 1.0, 1.2, 1.1]) == pytest.approx(1.2)
    assert growth([4.0, 3.0, 2.0]) == 1.0


def test_prompts_are_ragged_and_reach_from_the_shortest_to_the_longest() -> None:
    for count in (4, 8, 16):
        sizes = lengths(count)
        assert len(sizes) == len(set(sizes)) == count
        assert (min(sizes), max(sizes)) == (17, 180)
    assert lengths(1) == (98,)


def test_every_ratio_compares_what_some_entry_measures() -> None:
    names = {(entry.name, count) for entry in ENTRIES for count in entry.counts(0)}
    assert {(peer, count) for count, peer in RATIOS.values()} <= names
    assert {("ours", count) for count, _ in RATIOS.values()} <= names


def test_ratios_of_peers_that_were_not_measured_are_left_out() -> None:
    measured = Measured()
    measured.samples["ours", 1] = [sample(cpu=1.0, first=0.1)]
    measured.samples["ours", 8] = [sample(cpu=2.0, conversations=8)]
    measured.samples["llamacpp_q8_0", 1] = [sample(cpu=0.7, first=0.4)]
    assert ratios_of(measured) == {"one_vs_llamacpp_q8": 0.7, "one_vs_llamacpp_q8_decode": 0.33}


def test_a_peer_that_dies_is_left_out_and_all_others_are_asked_the_same() -> None:
    entries = [
        Entry(name=name, process=name, job="answer", often=(1, 2), seldom=(3,))
        for name in ("ours", "fine", "dies")
    ]
    commands = {
        "ours": contender("[[one[0]] * tokens for one in prompts]"),
        "fine": contender("[[one[0]] * tokens for one in prompts]"),
        "dies": contender("1 / (3 - tokens) and [[7]]"),
    }
    found = measure(commands, entries, 300, rounds=2, tokens=3)
    assert "ZeroDivisionError" in found.failed.pop("dies")
    assert found.failed == {}
    assert found.made["ours"] == found.made["fine"]
    assert [(key, len(samples)) for key, samples in sorted(found.samples.items())] == [
        (("fine", 1), 2),
        (("fine", 2), 2),
        (("fine", 3), 1),
        (("ours", 1), 2),
        (("ours", 2), 2),
        (("ours", 3), 1),
    ]


def test_a_peer_that_failed_is_named_with_the_model_and_the_reason() -> None:
    measured = Measured()
    measured.failed["llamacpp_q8_0_alone"] = "ended with status 1: no such file"
    assert failures("30m", measured) == ["llama-cpp-python with 30m (ended with status 1: no such file)"]


def test_our_own_failure_is_no_missing_peer() -> None:
    entry = Entry(name="ours", process="ours", job="answer", often=(1,))
    with pytest.raises(Died, match="ours ended with status 1: OSError: no weights"):
        measure(
            {"ours": contender("[]", load="raise OSError('no weights')")}, [entry], 300, rounds=1, tokens=3
        )


def test_what_a_contender_took_is_told_beside_what_it_made() -> None:
    with started("busy", contender("sum(range(10**6)) and len(prompts)")) as process:
        told = process.ask("answer", prompts=[[1], [2]], tokens=1)
    assert told.made == 2
    assert 0 < told.cpu <= told.wall + 0.1
    assert told.peak_mb > 1


def test_random_weights_have_the_size_that_their_shape_says(tmp_path: Path) -> None:
    folder = random_llama(tmp_path / "tiny", TINY)
    assert read(folder).parameters == TINY.parameters
    assert read(folder).window == TINY.window
    vocabulary = json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    assert len(vocabulary) == TINY.vocabulary
    assert M30.parameters == pytest.approx(30e6, rel=0.01)
    assert M10.parameters == pytest.approx(10e6, rel=0.02)


@pytest.mark.slow
def test_it_prints_what_was_promised_and_guesses_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_BENCH_PYTHON", "/nowhere/python")
    entries = [entry for entry in ENTRIES if entry.process == "ours" or entry.process.startswith("llamacpp")]
    subject = Subject(label="tiny", shape=TINY, rounds=1, tokens=8, entries=entries)
    printed = json.loads(json.dumps(report(Plan(subjects=[subject], alone=1, windows=0, history=100))))
    figures = {name: figure["value"] for name, figure in printed["figures"].items()}
    assert printed["bench"] == "generate"
    assert printed["machine"]["cores"] >= 1
    assert printed["ratios"] == {}
    assert printed["missing"] == ["llama-cpp-python"]
    assert {"ttft_ms", "ttft_follow_up_ratio", "cost_a_token_growth", "ttft_busy_of_bar"} <= set(figures)
    for count in (1, 4, 8, 16):
        assert figures[f"tiny_{count}_ours_tokens_per_second"] > 0
        assert figures[f"tiny_{count}_ours_memory_mb"] > 10
    # What was read of the follow-up is counted: the question, and the last token of the answer before it.
    assert figures["follow_up_prefilled_tokens"] <= figures["follow_up_new_tokens"] + 1
    assert figures["follow_up_prefilled_tokens_without_cache"] == figures["follow_up_tokens"] == 136
