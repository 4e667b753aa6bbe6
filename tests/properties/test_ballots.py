"""Whatever the answers of a ballot are, both platforms take what is made of it: as messages, and as forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simcord.components import validate_components, walk_components

from rostra.feedback.ballots import Sheet, drawn
from rostra.feedback.values import Assignment, Axis, Batch, Campaign, Candidate, Line, Mode, Shown
from rostra.places import Place
from rostra.testing.discord_server.limits import check_modal
from rostra.testing.slack_server.rules import Limits, check_blocks, check_view
from rostra.views import Ballot
from rostra_adapters.discord import drawing
from rostra_adapters.discord.modals import points
from rostra_adapters.slack import blocks, modals

REPLY = "0192aba473e99943b95763d7d82a9000"
PLACE = Place(adapter="slack", workspace="T1", channel="C1", thread="1.2")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AWKWARD = (
    "\u202e",
    "a\u0301",
    "\u200d\U0001f468\u200d\U0001f469",
    "```\n",
    "\x00",
    "<@U1>",
    "\ud800",
    "|",
    " ",
)


def long(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


answers = st.builds(
    long,
    st.text(min_size=1, max_size=12) | st.sampled_from(AWKWARD),
    st.integers(0, 20_000) | st.sampled_from([0, 1, 20_000]),
)
axes = st.lists(
    st.sampled_from(["helpful", "true", "safe", "kind", "short-and-to-the-po"]), min_size=1, unique=True
)


def sheet_of(
    texts: Sequence[str],
    mode: Mode,
    names: Sequence[str] = ("helpful",),
    *,
    draft: str,
    context: Sequence[str],
) -> Sheet:
    ids = tuple(f"{number:032x}" for number in range(len(texts)))
    held = Assignment(
        id="f" * 32,
        task="e" * 32,
        campaign="d" * 32,
        batch="c" * 32,
        person="b" * 32,
        state="leased",
        lease_until=NOW,
        shown_order=ids,
        at=NOW,
        draft=draft,
    )
    campaign = Campaign(
        id="d" * 32,
        name="eggs",
        place=PLACE,
        mode=mode,
        guideline=context[0],
        axes=tuple(Axis(name=name, maximum=10) for name in names),
    )
    lines = tuple(Line(role="user", text=text) for text in context[1:])
    batch = Batch(id="c" * 32, place=PLACE, asker="", context=lines, at=NOW)
    candidates = tuple(
        Candidate(id=id_, batch=batch.id, ordinal=number, text=text)
        for number, (id_, text) in enumerate(zip(ids, texts, strict=True))
    )
    shown = Shown(batch=batch, candidates=candidates)
    return Sheet(assignment=held, campaign=campaign, shown=shown, answers=candidates)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """Draw a ballot of 2 to 9 answers, in any way of asking, in the middle of being answered."""
    mode: Mode = draw(st.sampled_from(["rank", "best_worst", "rate"]))
    names = draw(axes)
    taps = st.sampled_from(["", "B", "BA 12345678"])
    return sheet_of(
        draw(st.lists(answers, min_size=2, max_size=9)),
        mode,
        names,
        draft=f"A{names[0]}=2 12345678" if mode == "rate" else draw(taps),
        context=draw(st.tuples(answers, answers, answers)),
    )


def check_discord(sheet: Sheet, *, guideline: bool) -> None:
    view = drawn(sheet, buttons=True, guideline=guideline)
    drafts = drawing.drawn(view, REPLY)
    for draft in drafts:
        sent = draft.sending()
        components: list[Any] = sent["view"].to_components() if "view" in sent else []
        validate_components(components, flags=discord.MessageFlags(components_v2=draft.layout).value)
        found = list(walk_components(components))
        assert len(found) <= 40
        assert sum(len(one.get("content", "")) for one in found if one["type"] == 10) <= 4000
        assert len(draft.content) <= 2000
        assert len(draft.files) <= 10
        assert draft.content.strip() or components or draft.files
    for ballot in (part for part in view.parts if isinstance(part, Ballot) and part.scales):
        for slot in range(len(ballot.answers)):
            check_modal(points(ballot, slot, f"{REPLY}.0").to_dict())


def check_slack(sheet: Sheet, *, guideline: bool) -> None:
    limits, view = Limits(), drawn(sheet, buttons=True, guideline=guideline)
    for page in blocks.render(REPLY, view).pages:
        check_blocks(list(page.blocks), limits)
        assert blocks.weight(list(page.blocks)) <= limits.blocks_text
    for ballot in (part for part in view.parts if isinstance(part, Ballot)):
        modal = modals.ballot(ballot, f"{REPLY}.0", PLACE)
        check_view(modal, limits)
        assert blocks.weight(modal["blocks"]) <= limits.blocks_text


@pytest.mark.slow
@settings(max_examples=30)
@given(sheets(), st.booleans())
def test_every_ballot_stays_inside_of_every_limit_of_both_platforms(sheet: Sheet, guideline: bool) -> None:
    check_discord(sheet, guideline=guideline)
    check_slack(sheet, guideline=guideline)


@pytest.mark.parametrize("k", range(2, 10))
@pytest.mark.parametrize("mode", ["rank", "rate"])
def test_long_answers_are_one_message_on_discord_with_all_of_them_attached(k: int, mode: Mode) -> None:
    texts = [f"{number}{'x' * 19_999}" for number in range(k)]
    draft = "Ahelpful=2" if mode == "rate" else "A"
    sheet = sheet_of(texts, mode, draft=draft, context=("Judge well.", "Hm.", "Why?"))
    (shown,) = drawing.drawn(drawn(sheet, buttons=True, guideline=True), REPLY)
    whole = "".join(data.decode() for _, data in shown.files)
    assert [text[0] for text in texts if text not in whole] == []
