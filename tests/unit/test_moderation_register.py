"""The register: who may ask, what counts against whom, and what happens when the store fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from rostra.errors import StoreError
from rostra.places import Permission, Person, Place
from rostra.storage.memory import MemoryStore
from rostra.stores import Case, PolicyChange, Sanction, SanctionKind
from rostra.testing.clock import ManualClock
from rostra.testing.samples import NOON
from rostra.testing.stages import a_turn
from rostra.turns import Turn
from rostra.verdicts import Decision, Passage, Verdict
from rostra_moderation.policy import Ruling
from rostra_moderation.register import NoRegister
from rostra_moderation.register_store import FRESH, StoreRegister
from rostra_moderation.standing import tally, time_out
from rostra_moderation.tables import StrikeSettings

TWO = StrikeSettings(limit=2, window=60, timeout=(10, 30), memory=1000)
ANN = Person(id="ann")


def given(
    kind: SanctionKind, minute: float, length: float = 60, reply: str = "", reason: str = ""
) -> Sanction:
    at = NOON + timedelta(minutes=minute)
    until = at + timedelta(minutes=length)
    return Sanction(kind=kind, at=at, until=until, reply=reply, reason=reason)


def later(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


# What sanctions come to


def test_strikes_count_until_they_expire() -> None:
    strikes = [given("strike", 0), given("strike", 30)]
    assert len(tally(strikes, NOON + later(40)).strikes) == 2
    assert len(tally(strikes, NOON + later(70)).strikes) == 1
    assert tally(strikes, NOON + later(90)).strikes == ()


def test_strikes_that_led_to_a_time_out_count_no_more() -> None:
    sanctions = [given("strike", 0), given("strike", 1), given("timeout", 1, 10), given("strike", 12)]
    assert [one.at for one in tally(sanctions, NOON + later(12)).strikes] == [NOON + later(12)]


def test_a_time_out_is_in_force_until_its_end_and_the_longest_counts() -> None:
    sanctions = [given("timeout", 0, 30), given("timeout", 1, 10)]
    assert tally(sanctions, NOON + later(5)).out_until == NOON + later(30)
    assert tally(sanctions, NOON + later(30)).out_until is None


def test_a_pardon_takes_away_what_stands_before_it_and_nothing_after() -> None:
    before = [given("strike", 0), given("timeout", 0, 100)]
    pardon = given("pardon", 0, 0)
    assert tally([*before, pardon], NOON) == tally([], NOON)
    assert len(tally([*before, pardon, given("strike", 0)], NOON).strikes) == 1


def test_a_pardon_for_one_reply_forgives_its_strike_and_its_time_out_alone() -> None:
    sanctions = [
        given("strike", 0, reply="a"),
        given("strike", 0, reply="b"),
        given("timeout", 0, 10, reply="b"),
        given("pardon", 1, 0, reply="b"),
    ]
    stands = tally(sanctions, NOON + later(2))
    assert ([one.reply for one in stands.strikes], stands.out_until) == (["a"], None)


def test_time_outs_grow_with_each_that_is_remembered() -> None:
    first = [given("strike", 0), given("strike", 1)]
    assert time_out(first[:1], NOON + later(1), TWO) is None
    assert time_out(first, NOON + later(1), TWO) == later(10)
    again = [*first, given("timeout", 1, 10, reason="strikes"), given("strike", 12), given("strike", 13)]
    assert time_out(again, NOON + later(13), TWO) == later(30)
    third = [*again, given("timeout", 13, 30, reason="strikes"), given("strike", 50), given("strike", 51)]
    assert time_out(third, NOON + later(51), TWO) == later(30)
    by_hand = [replace(one, reason="operator") if one.kind == "timeout" else one for one in again]
    assert time_out(by_hand, NOON + later(13), TWO) == later(10)
    long_after = [*again[:3], given("strike", 2000), given("strike", 2001)]
    assert time_out(long_after, NOON + later(2001), TWO) == later(10)


# The register


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def register(store: MemoryStore, clock: ManualClock) -> StoreRegister:
    return StoreRegister(store, clock=clock)


def blocked(*, strikes: StrikeSettings | None = TWO, queued: bool = False) -> Ruling:
    verdict = Verdict(
        decision=Decision.BLOCK, source="a", categories={"hate": 0.9}, rule="hate >= 0.7", policy="p"
    )
    return Ruling(verdict=verdict, category="hate", score=0.9, threshold=0.7, strikes=strikes, queued=queued)


def asked(reply: str = "r1", permission: Permission = Permission.ASKER) -> Turn:
    return replace(a_turn("bad words"), reply=reply, permission=permission)


def passage_of(turn: Turn) -> Passage:
    return Passage(text=turn.question, direction="question", place=turn.place, author=turn.author)


async def block(register: StoreRegister, *replies: str, permission: Permission = Permission.ASKER) -> None:
    for reply in replies:
        turn = asked(reply, permission)
        await register.record(turn, passage_of(turn), blocked())


async def test_strikes_lead_to_a_time_out_that_is_told_once_and_ends(
    register: StoreRegister, clock: ManualClock
) -> None:
    place = asked().place
    await block(register, "r1")
    assert not (await register.standing(ANN, place)).out
    await block(register, "r2")
    first = await register.standing(ANN, place)
    assert (first.out, first.told, first.seconds) == (True, False, 600.0)
    again = await register.standing(ANN, replace(place, channel="another", thread="1"))
    assert (again.out, again.told) == (True, True)
    assert not (await register.standing(ANN, replace(place, workspace="another"))).out
    assert not (await register.standing(Person(id="ben"), place)).out
    await clock.advance(600)
    assert not (await register.standing(ANN, place)).out


async def test_a_reply_is_held_against_nobody_twice(register: StoreRegister, store: MemoryStore) -> None:
    await block(register, "r1", "r1")
    assert len(await store.sanctions(ANN, asked().place)) == 1


async def test_operators_get_no_strikes(register: StoreRegister, store: MemoryStore) -> None:
    await block(register, "r1", "r2", permission=Permission.OPERATOR)
    assert list(await store.sanctions(ANN, asked().place)) == []


async def test_what_happens_during_a_pardon_counts_for_nothing(
    register: StoreRegister, store: MemoryStore, clock: ManualClock
) -> None:
    place = asked().place
    await register.pardon(ANN, place, Person(id="olga"), length=timedelta(minutes=5))
    await block(register, "r1", "r2")
    assert not (await register.standing(ANN, place)).out
    await clock.advance(301)
    await block(register, "r3")
    assert [one.kind for one in await store.sanctions(ANN, place)] == ["pardon", "strike"]


async def test_a_time_out_by_hand_holds_at_once_and_a_pardon_ends_it_at_once(register: StoreRegister) -> None:
    place, olga = asked().place, Person(id="olga")
    assert not (await register.standing(ANN, place)).out
    await register.send_out(ANN, place, timedelta(minutes=5), olga)
    assert (await register.standing(ANN, place)).seconds == 300.0
    await register.pardon(ANN, place, olga)
    assert not (await register.standing(ANN, place)).out


async def test_a_change_by_another_process_is_seen_after_a_while(
    register: StoreRegister, store: MemoryStore, clock: ManualClock
) -> None:
    place = asked().place
    assert not (await register.standing(ANN, place)).out
    now = clock.now()
    await store.sanction(ANN, place, Sanction(kind="timeout", at=now, until=now + timedelta(hours=1)))
    assert not (await register.standing(ANN, place)).out
    await clock.advance(FRESH)
    assert (await register.standing(ANN, place)).out


async def test_what_is_queued_holds_the_text_and_what_was_decided(
    register: StoreRegister, store: MemoryStore
) -> None:
    turn = asked()
    await register.record(turn, passage_of(turn), blocked(strikes=None, queued=True))
    found = await store.reviews(turn.place)
    assert [(one.reply, one.case.text, one.case.action) for one in found] == [("r1", "bad words", "refuse")]
    assert dict(found[0].case.verdict.categories) == {"hate": 0.9}


async def test_what_has_no_consequences_leaves_no_trace(register: StoreRegister, store: MemoryStore) -> None:
    turn = asked()
    await register.record(turn, passage_of(turn), blocked(strikes=None))
    assert list(await store.reviews(None)) == []
    assert list(await store.sanctions(ANN, turn.place)) == []


async def test_changes_of_policies_come_back_as_settings(register: StoreRegister, store: MemoryStore) -> None:
    await store.change_policy("default", {"hold": "full"}, what="hold", actor=None)
    await store.change_policy("strict", {"holt": "full"}, what="hold", actor=None)
    with structlog.testing.capture_logs() as logs:
        found = await register.policies()
    assert {name: one.hold for name, one in found.items()} == {"default": "full"}
    assert [(one["policy"], one["version"]) for one in logs] == [("strict", 1)]


# When the store fails


class Failing(MemoryStore):
    """Refuses everything that the register asks of it, in the way ``error`` says."""

    error: Exception = StoreError("the disk is full")

    async def queue(self, event: object, reply: str, case: Case) -> str:
        raise self.error

    async def sanctions(self, person: Person, place: Place) -> Sequence[Sanction]:
        raise self.error

    async def policies(self) -> dict[str, PolicyChange]:
        raise self.error


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ZeroDivisionError("a bug")])
async def test_a_store_that_fails_costs_a_record_and_nothing_else(
    clock: ManualClock, error: Exception
) -> None:
    broken = Failing(clock=clock)
    broken.error = error
    register = StoreRegister(broken, clock=clock)
    turn = asked()
    with structlog.testing.capture_logs() as logs:
        await register.record(turn, passage_of(turn), blocked(queued=True))
        assert not (await register.standing(ANN, turn.place)).out
        assert await register.policies() == {}
    assert [one["event"] for one in logs] == [
        "not recorded",
        "not recorded",
        "standing not known",
        "changes of policies cannot be read",
    ]
    assert "bad words" not in str(logs)


async def test_a_time_out_that_is_known_holds_while_the_store_fails(clock: ManualClock) -> None:
    class Flickering(MemoryStore):
        broken = False

        async def sanctions(self, person: Person, place: Place) -> Sequence[Sanction]:
            if self.broken:
                raise StoreError("gone")
            return await super().sanctions(person, place)

    store = Flickering(clock=clock)
    register = StoreRegister(store, clock=clock)
    place = asked().place
    await register.send_out(ANN, place, timedelta(hours=1), Person(id="olga"))
    assert (await register.standing(ANN, place)).out
    store.broken = True
    await clock.advance(FRESH)
    assert (await register.standing(ANN, place)).out


async def test_without_a_register_everybody_stands_well() -> None:
    turn = asked()
    register = NoRegister()
    await register.record(turn, passage_of(turn), blocked(queued=True))
    assert not (await register.standing(ANN, turn.place)).out
    assert await register.policies() == {}
