"""The contract kit for adapters: a good adapter passes it, and each way of being broken fails it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from bad_postmen import (
    AnswersOnTheOldLine,
    AppendsEverything,
    CannotBeCancelled,
    CommandsAreNobodys,
    Cuts,
    Defusing,
    DropsRepeatsOfWhatWasRefused,
    Elsewhere,
    Falls,
    ForgetsAfterwards,
    GivesUpInAStorm,
    HangsUp,
    KeepsWhatWasRetracted,
    LosesTheSecond,
    Mute,
    NamesTheEventItself,
    NarrowMinded,
    NeverInPlace,
    NewIdEachTime,
    NoAttachments,
    NobodyHasRoles,
    NoButtonsUnderAnswers,
    NoId,
    NoNonce,
    NoReceipt,
    NoTimeZone,
    Obedient,
    OneIdForAll,
    PressesWhatStandsFirst,
    RemembersViews,
    RemembersWhatItShowed,
    Reverses,
    SaysNothingAloud,
    SendsLabels,
    ShowsTextOnly,
    StartsAfresh,
    StoresFirst,
    TakesFirst,
    Tears,
    TokenOfADay,
    TooBigForTheBoard,
    TypesForGood,
    WaitsForEver,
)
from post import Office, Pager, Postman

from rostra.errors import AdapterError
from rostra.testing.adapters import HOSTILE, PARTS, AdapterContract, Platform


class TestPostman(AdapterContract):
    dangerous = ("@all the world",)

    @pytest.fixture
    def platform(self) -> Platform:
        return Office(Defusing)


class TestPager(AdapterContract):
    @pytest.fixture
    def platform(self) -> Platform:
        return Office(Pager)


class Hasty(AdapterContract):
    patience = 0.1
    dangerous = ("@all the world",)


Check = Callable[[Hasty, Platform], Awaitable[None]]


def check(name: str, *arguments: Any, patience: float = Hasty.patience) -> Check:
    """Return one test of the kit, to be run by hand. A good adapter passes it in ``patience`` seconds."""

    async def run(kit: Hasty, platform: Platform) -> None:
        kit.patience = patience
        await getattr(kit, name)(platform, *arguments)

    run.__name__ = name
    return run


HALF_A_PAIR = next(text for text in HOSTILE if "\ud800" in text)
FAULTS: Sequence[tuple[type[Postman], Check]] = [
    (LosesTheSecond, check("test_hands_over_what_people_say_in_order")),
    (Reverses, check("test_hands_over_what_people_say_in_order")),
    (Falls, check("test_hands_over_what_people_say_in_order")),
    (OneIdForAll, check("test_every_event_has_an_id_of_its_own")),
    (NoId, check("test_every_event_has_an_id_of_its_own")),
    (Elsewhere, check("test_places_name_the_adapter_and_a_channel")),
    (NoTimeZone, check("test_events_say_who_and_when")),
    (TakesFirst, check("test_acknowledges_nothing_before_it_is_stored")),
    (TakesFirst, check("test_what_could_not_be_stored_comes_again_under_its_id")),
    (NewIdEachTime, check("test_what_could_not_be_stored_comes_again_under_its_id")),
    (Mute, check("test_a_finished_answer_is_seen")),
    (ForgetsAfterwards, check("test_can_answer_what_was_asked_before_a_restart")),
    (NoReceipt, check("test_a_streamed_answer_is_seen_once")),
    (AppendsEverything, check("test_what_finishes_stands_instead_of_what_was_shown")),
    (AppendsEverything, check("test_a_replacement_replaces")),
    (KeepsWhatWasRetracted, check("test_a_retraction_leaves_nothing", "")),
    (KeepsWhatWasRetracted, check("test_a_retraction_leaves_nothing", "No.")),
    (ShowsTextOnly, check("test_every_part_of_a_view_is_shown_in_some_form", *PARTS[1])),
    (NoNonce, check("test_one_key_shows_one_message_where_nonces_are_honoured")),
    (TypesForGood, check("test_typing_leaves_nothing_behind")),
    (SaysNothingAloud, check("test_an_empty_answer_does_no_harm")),
    (NarrowMinded, check("test_hostile_text_does_no_harm", HALF_A_PAIR)),
    (Obedient, check("test_dangerous_text_is_defused")),
    (Cuts, check("test_a_long_answer_is_shown_whole")),
    (CommandsAreNobodys, check("test_a_command_is_a_message_or_an_invocation")),
    (NewIdEachTime, check("test_a_repeated_message_has_the_same_id")),
    (DropsRepeatsOfWhatWasRefused, check("test_a_repeat_of_what_could_not_be_stored_is_taken")),
    (HangsUp, check("test_what_is_said_while_the_connection_is_broken_arrives")),
    (StartsAfresh, check("test_what_is_said_while_the_connection_is_broken_arrives")),
    (NewIdEachTime, check("test_what_is_said_while_the_connection_is_broken_arrives")),
    (AnswersOnTheOldLine, check("test_can_answer_after_the_connection_broke")),
    (WaitsForEver, check("test_a_connection_that_fell_silent_is_renewed", patience=0.5)),
    (GivesUpInAStorm, check("test_an_answer_comes_once_and_whole_through_a_storm", patience=1.0)),
    (NoReceipt, check("test_an_answer_comes_once_and_whole_through_a_storm", patience=1.0)),
    (StoresFirst, check("test_a_press_is_acknowledged_in_time_however_long_it_takes_to_store")),
    (RemembersWhatItShowed, check("test_an_answer_that_a_restart_cut_short_is_finished_in_its_place")),
    (NoNonce, check("test_a_call_that_a_restart_cut_short_shows_one_message", 1)),
    (RemembersViews, check("test_a_view_of_before_a_restart_can_be_pressed")),
    (TokenOfADay, check("test_goes_on_after_the_clock_has_jumped", patience=1.0)),
    (NobodyHasRoles, check("test_events_say_which_roles_somebody_has")),
    (PressesWhatStandsFirst, check("test_a_press_names_the_control")),
    (PressesWhatStandsFirst, check("test_what_is_picked_comes_with_its_values")),
    (SendsLabels, check("test_a_form_comes_back_filled_in")),
    (NeverInPlace, check("test_a_view_takes_the_place_of_the_one_that_was_pressed")),
    (NoButtonsUnderAnswers, check("test_buttons_under_an_answer_can_be_pressed")),
    (TooBigForTheBoard, check("test_a_ballot_of_nine_long_answers_is_shown")),
    (Tears, check("test_long_code_stays_code_in_every_message")),
    (NoAttachments, check("test_what_is_attached_comes_with_the_message", "a.txt", "text/plain", b"a", "a")),
    (NamesTheEventItself, check("test_an_edited_message_is_named")),
    (NamesTheEventItself, check("test_a_deleted_message_is_named")),
    (NamesTheEventItself, check("test_a_reaction_names_the_answer")),
    (CannotBeCancelled, check("test_ends_when_it_is_cancelled")),
]


@pytest.mark.parametrize(("kind", "fails"), FAULTS, ids=lambda value: value.__name__)
async def test_a_broken_adapter_fails(kind: type[Postman], fails: Check) -> None:
    with pytest.raises((AssertionError, LookupError, TimeoutError, UnicodeError, RuntimeError, AdapterError)):
        await fails(Hasty(), Office(kind))


def test_every_test_of_the_kit_is_failed_by_something() -> None:
    tests = {name for name in dir(AdapterContract) if name.startswith("test_")}
    assert tests == {fails.__name__ for _, fails in FAULTS}
