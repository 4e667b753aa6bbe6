"""Looking at a text that grows, in windows, and what was heard of them."""

from __future__ import annotations

import pytest
from courtroom import Phrases
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.testing.moderators import passage
from rostra.verdicts import Decision, Span, Verdict
from rostra_moderation.heard import Heard
from rostra_moderation.overlap import OVERLAP, Overlap


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_no_longer_than_the_overlap_lies_within_some_window(
    sizes: list[int], data: st.DataObject
) -> None:
    text = data.draw(st.text(alphabet="ab c\n\u0301", min_size=sum(sizes), max_size=sum(sizes)))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, min(len(text), start + OVERLAP)))
    overlap, length, found = Overlap(), 0, False
    for size in sizes:
        length += size
        begin = overlap.start(text[:length])
        found = found or (begin <= start and end <= length)
    assert found


def test_a_long_text_is_never_looked_at_again_as_a_whole() -> None:
    overlap = Overlap()
    looked = sum(length - overlap.start("word " * (length // 5)) for length in range(5, 50_000, 5))
    assert looked < 50_000 / 5 * (OVERLAP + 60)
    assert overlap.cut


def test_a_window_begins_with_a_word() -> None:
    overlap = Overlap(overlap=10)
    overlap.start("one two three four five")
    assert (
        "one two three four five six"[overlap.start("one two three four five six") :] == "three four five six"
    )


def test_what_was_heard_of_windows_stands_where_it_was_in_the_text() -> None:
    phrases = Phrases(scores={"bad": ("hate", 0.5), "worse": ("violence", 0.8)})
    text = "some bad and then some worse and bad words"
    heard = Heard()
    for start, end in ((0, 20), (13, len(text))):
        heard.add([phrases.judge_now(passage(text[start:end]))], start)
    [verdict] = heard.verdicts
    whole = phrases.judge_now(passage(text))
    assert dict(verdict.categories) == dict(whole.categories)
    assert sorted(verdict.spans, key=str) == sorted(whole.spans, key=str)


def test_one_that_failed_once_has_failed() -> None:
    heard = Heard()
    failed = Verdict(decision=Decision.BLOCK, source="x", kind="error")
    for verdict in (
        Verdict(decision=Decision.ALLOW, source="x"),
        failed,
        Verdict(decision=Decision.ALLOW, source="x"),
    ):
        heard.add([verdict], 0)
    assert heard.verdicts == (failed,)


@pytest.mark.parametrize("order", [1, -1])
def test_the_stricter_verdict_stays(order: int) -> None:
    flagged = Verdict(decision=Decision.FLAG, source="x", rule="sly")
    fine = Verdict(decision=Decision.ALLOW, source="x", spans=(Span(start=0, end=1, category="hate"),))
    heard = Heard()
    for verdict in (flagged, fine)[::order]:
        heard.add([verdict], 0)
    assert [(each.decision, each.rule, len(each.spans)) for each in heard.verdicts] == [
        (Decision.FLAG, "sly", 1)
    ]
