"""What the hold-back window of streamed answers promises, for any text, any chunks, any order of verdicts.

The model of a moderator here blocks every prefix that holds the whole of a given span, and allows all others. Verdicts
arrive late and out of order. Four guards that each break one promise fail the same properties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rostra_moderation.guard import Guard, Hold

HOLDS: tuple[Hold, ...] = ("none", "sentence", "paragraph", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A text, cut at ``cuts``; a span that must not be seen, if any; and what ``picks`` say comes when.

    After each chunk ``picks`` names how many of the verdicts under way arrive, and ``last`` whether the youngest of
    them comes first.
    """

    text: str
    hold: Hold
    most: int | None
    cuts: tuple[int, ...]
    span: tuple[int, int] | None
    picks: tuple[int, ...]
    last: tuple[bool, ...]

    @property
    def chunks(self) -> Sequence[str]:
        edges = [0, *sorted(self.cuts), len(self.text)]
        return [self.text[start:end] for start, end in pairwise(edges)]

    def blocks(self, length: int) -> bool:
        return self.span is not None and length >= self.span[1]


words = st.sampled_from(
    [
        "a",
        "word",
        "bomb",
        "e.g.",
        "3.14",
        "Dr.",
        "end.",
        "What?!",
        "so…",
        '"quoted."',
        "don't",
        "x" * 30,
        "中文。字",
    ]
)
gaps = st.sampled_from([" ", " ", " ", "\n", "\n\n", "  ", "", "\n```\n", "\u200b", "\t"])
pieces = st.lists(st.tuples(words, gaps), max_size=25).map(lambda made: "".join(map("".join, made)))
texts = st.one_of(
    pieces,
    st.text(max_size=80),
    st.text(alphabet="ab. \n`!?\u0301\u200d\U0001f469e", max_size=120),
)


@st.composite
def plays(draw: st.DrawFn, *, harmless: bool | None = None) -> Play:
    text = draw(texts)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=30))
    span = None
    if text and harmless is not True and (harmless is False or draw(st.booleans())):
        start = draw(st.integers(0, len(text) - 1))
        span = (start, draw(st.integers(start + 1, len(text))))
    steps = len(cuts) + 1
    return Play(
        text=text,
        hold=draw(st.sampled_from(HOLDS)),
        most=draw(st.sampled_from([None, 1, 7, 20])),
        cuts=tuple(cuts),
        span=span,
        picks=tuple(draw(st.lists(st.integers(0, 3), min_size=steps, max_size=steps))),
        last=tuple(draw(st.lists(st.booleans(), min_size=steps, max_size=steps))),
    )


class Show:
    """Plays a play: feeds, asks, judges, and watches what comes out."""

    def __init__(self, make: type[Guard], play: Play) -> None:
        self.play = play
        self.guard = make(play.hold, most=play.most)
        self.emitted = ""
        self.covered = 0  # characters under the longest prefix that was allowed
        self.blocked = False
        self._pending: list[int] = []
        self._asked: set[int] = set()

    def run(self) -> None:
        play = self.play
        for chunk, count, last in zip(play.chunks, play.picks, play.last, strict=True):
            self.guard.feed(chunk)
            self._ask()
            for _ in range(min(count, len(self._pending))):
                self._judge(self._pending.pop(-1 if last else 0))
        self.guard.close()
        self._ask()
        while self._pending:
            self._judge(self._pending.pop())
            self._ask()
        self._out(self.guard.release())

    def _ask(self) -> None:
        length = self.guard.due()
        if length is not None and length not in self._asked:
            assert 0 < length <= len(self.guard.text)
            self._asked.add(length)
            self._pending.append(length)

    def _judge(self, length: int) -> None:
        if self.play.blocks(length):
            self.blocked = True
            self.guard.block()
            self._out(self.guard.release())
        else:
            self.covered = max(self.covered, length)
            self._out(self.guard.allow(length))

    def _out(self, text: str) -> None:
        self.emitted += text
        assert not (text and self.blocked), "something came out after a block"
        assert len(self.emitted) <= self.covered, "a character came out before a verdict that covers it"
        assert self.play.text.startswith(self.emitted), "what came out is no prefix of the text"


def nothing_is_shown_unjudged(make: type[Guard], play: Play) -> None:
    show = Show(make, play)
    show.run()
    if play.span is not None:
        # The span is never complete: its last character stays back, and with it the unit that this one lies in.
        assert len(show.emitted) < play.span[1]
        if play.hold == "full":
            assert show.emitted == ""
    elif not show.blocked:
        assert show.emitted == play.text, "something was kept back that nobody blocked"


def only_whole_units_are_shown(make: type[Guard], play: Play) -> None:
    guard = make(play.hold, most=10_000)  # no unit ends by force
    text = play.text
    shown = ""
    for chunk in play.chunks:
        guard.feed(chunk)
        length = guard.due()
        if length is not None:
            shown += guard.allow(length)
        if shown:
            assert ends_a_unit(play.hold, text, len(shown)), f"{shown[-20:]!r} was shown of {text!r}"


def ends_a_unit(hold: Hold, text: str, end: int) -> bool:
    """Say whether a unit may end before ``end``, by rules as simple as they can be."""
    before, after = text[:end], text[end:]
    match hold:
        case "full":
            return False
        case "none":
            edge = before[-1:].isspace() or after[:1].isspace() or "\u3040" <= before[-1:] <= "\u9fff"
            return edge or "\u0e00" <= before[-1:] <= "\u17ff"
        case "sentence":
            return before.rstrip("\"')]\u201d\u2019»*_")[-1:] in {*".!?…。\uff01\uff1f", "\n"}
        case "paragraph":
            return before.endswith("\n\n")


@given(plays())
@settings(max_examples=600, deadline=None)
def test_no_character_is_shown_before_a_verdict_that_covers_it(play: Play) -> None:
    nothing_is_shown_unjudged(Guard, play)


@given(plays(harmless=True))
@settings(max_examples=300, deadline=None)
def test_only_whole_units_are_shown(play: Play) -> None:
    only_whole_units_are_shown(Guard, play)


@given(plays(harmless=True))
@settings(max_examples=200, deadline=None)
def test_no_more_than_the_limit_is_held_back(play: Play) -> None:
    if play.hold == "full":
        return
    guard = Guard(play.hold, most=20)
    for character in play.text:
        guard.feed(character)
        length = guard.due()
        if length is not None:
            guard.allow(length)
        assert len(guard.text) - guard.released <= 20


class ShowsBeforeItIsJudged(Guard):
    def allow(self, length: int) -> str:
        del length
        return super().allow(len(self.text))


class GoesOnAfterABlock(Guard):
    def block(self) -> None:
        pass


class LosesTheTail(Guard):
    def close(self) -> None:
        pass


class CutsWords(Guard):
    def feed(self, text: str) -> None:
        super().feed(text)
        self._end(len(self._text))


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (ShowsBeforeItIsJudged, nothing_is_shown_unjudged),
        (GoesOnAfterABlock, nothing_is_shown_unjudged),
        (LosesTheTail, nothing_is_shown_unjudged),
        (CutsWords, only_whole_units_are_shown),
    ],
)
def test_a_guard_that_breaks_a_promise_fails(broken: type[Guard], promise: object) -> None:
    assert callable(promise)

    @given(plays())
    @settings(max_examples=500, deadline=None, database=None, phases=[Phase.generate], derandomize=True)
    def played(play: Play) -> None:
        promise(broken, play)

    with pytest.raises(AssertionError):
        played()
