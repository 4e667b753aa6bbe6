"""Whatever a text is: forms of it are found, offsets lead into it, and clean text stays as it is."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.testing.moderators import passage
from rostra_moderation.evasion import TRANSFORMS
from rostra_moderation.normalise import clean, over, plain, readable
from rostra_moderation.rules import Rules, RulesSettings, build
from rostra_moderation.skeleton import skeleton

tricky = st.sampled_from(
    "fuck\u200b\u0301\u202e\u202c\ufe0f\u200d\U000e0041\u0430\u043e\u0455*.-/\\|@$01 \n%&#;x6\U0001f170\u24d0ǝß\ud800\N{FIRE}"
)
odd = st.text(alphabet=st.one_of(st.characters(), tricky, tricky), max_size=60)


@cache
def rules() -> Rules:
    return build(
        "rules",
        RulesSettings.model_validate(
            {"lists": [], "words": {"own": {"find": ["fuck", "bomb"], "severe": True}}}
        ),
        Path(),
    )


@given(odd)
@settings(deadline=None, max_examples=150)
def test_clean_text_is_shorter_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert len(once) <= len(text)
    assert clean(once) == once
    assert not any(0xE0000 <= ord(each) <= 0xE0FFF or 0xD800 <= ord(each) <= 0xDFFF for each in once)


@given(odd)
@settings(deadline=None, max_examples=150)
def test_offsets_of_skeletons_lead_into_the_text(text: str) -> None:
    bare = skeleton(text)
    form = over(bare, plain(bare.text))
    for made in (bare, form):
        if made.starts is None or made.ends is None:
            continue
        assert len(made.starts) == len(made.ends) == len(made.text)
        assert all(0 <= start < end <= len(text) for start, end in zip(made.starts, made.ends, strict=True))


@given(odd)
@settings(deadline=None, max_examples=150)
def test_every_text_can_be_judged_and_read(text: str) -> None:
    verdict = rules().judge_now(passage(text))
    assert all(0 <= span.start < span.end <= len(text) for span in verdict.spans)
    assert isinstance(readable(text), str)


@given(st.sampled_from(sorted(TRANSFORMS)), st.text(max_size=40), st.integers(0, 9))
@settings(deadline=None, max_examples=150)
def test_every_way_of_disguise_takes_every_text(way: str, text: str, seed: int) -> None:
    if any(0xD800 <= ord(each) <= 0xDFFF for each in text):
        return  # encodings take what can be written
    made = TRANSFORMS[way](text, random.Random(seed))
    assert made == TRANSFORMS[way](text, random.Random(seed))
