"""The simulation of answers that go wrong halfway: that it measures what it says."""

from __future__ import annotations

import json

import pytest

from rostra_moderation.benches import stream
from rostra_moderation.benches.mechanisms import PEERS, guardrails_ai, nemo, openai_guardrails, wait
from rostra_moderation.benches.speech import Sentences, Speech, sentences, speeches
from rostra_moderation.benches.stream import COVERS, Oracle, bench, compared, peer_with_oracle, with_oracle

OF = Sentences(
    benign=["The sun is out and it is warm.", "I like to walk by the sea in spring.", "Tea is fine with me."],
    harmful=["First part of it is here.", "Then there is the second one, which is longer.", "So it goes on!"],
    source="made up",
)


def test_half_of_the_answers_violate_and_say_where() -> None:
    said = speeches(40, seed=1, of=OF)
    assert sum(speech.violates for speech in said) == 20
    for speech in said:
        assert "".join(speech.tokens) == speech.text
        assert 250 < len(speech.tokens) < 450
        passage = speech.text[speech.start : speech.end]
        assert bool(passage) == speech.violates
        assert not passage or passage.startswith(tuple(OF.harmful))
    assert said == speeches(40, seed=1, of=OF)


def test_there_are_sentences_without_any_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROSTRA_MODERATION_DATA", raising=False)
    of = sentences()
    assert len(of.benign) > 100
    assert len(of.harmful) > 100
    assert all(text[-1] in ".!?" for text in of.benign)


SPEECH = Speech("Fine. " * 40 + "Bad one. Bad two. Bad three. " + "Fine. " * 120, 240, 268)


async def test_mechanisms_see_and_show_what_their_sources_say() -> None:
    asked: list[tuple[int, int]] = []

    async def judge(speech: Speech, start: int, end: int) -> bool:
        asked.append((start, end))
        return speech.share(start, end) >= 0.6

    assert (await wait(SPEECH, judge)).most == 0
    first = await nemo(200, 50, stream_first=True)(SPEECH, judge)
    assert (first.blocked, SPEECH.seen(first.most)) == (True, 28)
    held = await nemo(200, 50, stream_first=False)(SPEECH, judge)
    assert (held.blocked, held.most) == (True, 0)
    shown = await openai_guardrails(SPEECH, judge)
    assert (shown.blocked, SPEECH.seen(shown.most)) == (True, 28)
    asked.clear()
    alone = await guardrails_ai(SPEECH, judge)
    assert (alone.blocked, alone.most) == (False, len(SPEECH.text))
    assert asked[:3] == [(0, 5), (5, 11), (11, 17)]
    assert asked[-1][1] == len(SPEECH.text)


async def test_windows_of_nemo_overlap_and_reach_the_end() -> None:
    asked: list[tuple[int, int]] = []

    async def judge(speech: Speech, start: int, end: int) -> bool:
        asked.append((start, end))
        return False

    speech = Speech("word " * 500)
    screen = await nemo(200, 50, stream_first=False)(speech, judge)
    tokens = [((start + 1) // 5, (end + 1) // 5) for start, end in asked]
    assert tokens[:2] == [(0, 200), (150, 350)]
    assert screen.most == len(speech.text)


async def test_ours_misses_nothing_and_leaves_nothing_visible() -> None:
    said = speeches(16, seed=2, of=OF)
    tallies = [await with_oracle(said, "sentence", cover) for cover in COVERS]
    for tally in tallies:
        assert (tally.violating, tally.missed) == (8, 0)
        assert tally.after == [0.0] * 8
        assert max(tally.before) < 1
    whole = await with_oracle(said, "full", 0.6)
    assert (whole.leaked, whole.missed) == (0, 0)
    eager = await with_oracle(said, "none", 0.6)
    assert eager.leaked == 8
    assert eager.after == [0.0] * 8
    assert sum(eager.waits) < sum(tallies[0].waits) < sum(whole.waits)


async def test_the_oracle_of_a_mechanism_that_judges_sentences_alone_misses_most() -> None:
    said = speeches(16, seed=2, of=OF)
    theirs = await peer_with_oracle(said, PEERS["guardrails_ai"], 1.0)
    ours = await with_oracle(said, "sentence", 1.0)
    assert theirs.missed > 0
    assert compared("guardrails_ai", ours, theirs)["caught_vs_guardrails_ai"] > 1


def test_the_oracle_blocks_what_holds_enough() -> None:
    speech = Speech("0123456789", 2, 7)
    oracle = Oracle(cover=0.6)
    assert [oracle.blocks(speech, *part) for part in ((0, 4), (0, 5), (4, 10), (5, 10))] == [
        False,
        True,
        True,
        False,
    ]


async def test_the_report_has_the_figures_that_others_rely_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def without(stack: object) -> None:
        return None

    monkeypatch.setattr(stream, "_classifier", without)
    monkeypatch.setattr(stream, "QUICK", 6)
    monkeypatch.setattr(stream, "sentences", lambda: OF)
    report = await bench(quick=True)
    figures = report["figures"]
    assert figures["missed_percent"]["value"] == 0
    assert figures["visible_after_retraction"]["value"] == 0
    assert figures["added_p95_ms"]["value"] > 0
    names = {"leaked_percent", "visible_before_retraction_percent", "wait_p95_tokens"}
    assert names <= set(figures)
    assert {f"missed_percent_{name}" for name in PEERS} <= set(figures)
    assert report["missing"] == ["the classifier that ships"]
    json.dumps(report)
