from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rostra.actions import Action, Emit, Finish
from rostra.chat import Usage
from rostra.config import Settings
from rostra.errors import ModelError
from rostra.grants import Grant
from rostra.places import Permission, Person, Place
from rostra.quotas import PERS, Quota, Quotas, amount, money, named
from rostra.refusals import Refusals
from rostra.spending import Amounts
from rostra.stages.quota import estimate, quota
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock, settle
from rostra.testing.fakes import ScriptedModel, bot
from rostra.testing.platform import FakePlatform
from rostra.testing.stages import StageContract, a_turn
from rostra.turns import Handler, Stage, Turn

HERE = Place(adapter="discord", workspace="1", channel="general")
ANN = Person(id="ann", roles=frozenset({"staff"}))
STAFF = Grant.parse("*/*:@staff")


def quotas(*configured: Quota, clock: ManualClock | None = None) -> Quotas:
    clock = clock or ManualClock()
    store = MemoryStore(clock=clock)
    return Quotas(configured, drawer=store, spendings=store, clock=clock)


async def names(some: Quotas, person: Person = ANN, permission: Permission = Permission.ASKER) -> list[str]:
    return [one.quota.name for one in await some.of(person, permission, HERE, "default")]


class TestQuota(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return quota(quotas(Quota(messages=50)), {"scripted": ScriptedModel()}, Refusals())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({}, "gives no amount"),
        ({"messages": 0}, "messages is 0; it must be more than 0"),
        ({"cost": -1.0}, "cost is -1.0"),
        ({"cost": float("nan")}, "cost is nan"),
        ({"tokens": 10**12}, "less than 1e"),
        ({"messages": 1, "per": "role"}, "per role, and who = .* names none"),
    ],
)
def test_a_quota_that_means_nothing_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Quota(**wrong)


def test_the_configuration_says_which_quota_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"quotas\.0"):
        Settings.model_validate({"quotas": [{"window": "day"}]})
    read = Settings.model_validate({"quotas": [{"who": "*/*:@staff", "per": "role", "cost": 0.5}]}).quotas
    assert read == (Quota(who=STAFF, per="role", cost=0.5),)


def test_quotas_without_a_name_are_called_by_what_they_count() -> None:
    some = [
        Quota(messages=1),
        Quota(tokens=1),
        Quota(name="person-day-2", cost=1),
        Quota(per="channel", cost=1),
    ]
    assert [one.name for one in named(some)] == ["person-day", "person-day-3", "person-day-2", "channel-day"]


async def test_a_quota_holds_where_both_its_patterns_fit() -> None:
    some = quotas(
        Quota(name="all", messages=1),
        Quota(name="staff", who=STAFF, messages=1),
        Quota(name="elsewhere", who=Grant.parse("slack/*:*"), messages=1),
        Quota(name="rooms", place="discord/1/gen*", messages=1),
        Quota(name="others", place="discord/2/*", messages=1),
    )
    assert await names(some) == ["all", "staff", "rooms"]
    assert await names(some, Person(id="ben")) == ["all", "rooms"]
    assert [one.name for one in await some.all(HERE)] == ["all", "staff", "rooms", "others"]


async def test_operators_are_exempt_unless_a_quota_names_them() -> None:
    some = quotas(
        Quota(name="all", messages=1),
        Quota(name="role", who=STAFF, messages=1),
        Quota(name="her", who=Grant.parse("*/*:ann"), messages=1),
    )
    assert await names(some, permission=Permission.OPERATOR) == ["role", "her"]
    assert await names(some, permission=Permission.RATER) == ["all", "role", "her"]


async def test_what_has_an_amount_of_its_own_has_a_counter_of_its_own() -> None:
    some = quotas(*(Quota(name=per, who=STAFF, per=per, messages=1) for per in PERS))

    async def keys(person: Person, place: Place, answerer: str) -> dict[str, tuple[str, ...]]:
        held = await some.of(person, Permission.ASKER, place, answerer)
        return {one.quota.name: one.share.key for one in held}

    first = await keys(ANN, HERE, "default")
    ben = Person(id="ben", roles=ANN.roles)
    thread = Place(adapter="discord", workspace="1", channel="general", thread="7")
    elsewhere = Place(adapter="discord", workspace="2", channel="general")

    def changed(other: dict[str, tuple[str, ...]]) -> set[str]:
        return {name for name in first if other[name] != first[name]}

    assert changed(await keys(ben, HERE, "default")) == {"person"}
    assert changed(await keys(ANN, thread, "default")) == set()
    assert changed(await keys(ANN, elsewhere, "default")) == {"role", "channel", "workspace"}
    assert changed(await keys(ANN, HERE, "expert")) == {"answerer"}


async def test_counters_begin_anew_with_the_window() -> None:
    clock = ManualClock()
    some = quotas(Quota(window="hour", messages=1), clock=clock)
    before = (await some.of(ANN, Permission.ASKER, HERE, "default"))[0].share
    await clock.advance(3600)
    after = (await some.of(ANN, Permission.ASKER, HERE, "default"))[0].share
    assert before.key != after.key
    assert after.ends_at - before.ends_at == timedelta(hours=1)


async def test_what_owners_set_holds_in_their_workspace_and_goes_before_the_configuration() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)

    def again() -> Quotas:
        return Quotas([Quota(name="all", messages=9)], drawer=store, spendings=store, clock=clock)

    some = again()
    await some.set(HERE, Quota(name="all", messages=1))
    await some.set(HERE, Quota(name="staff", who=STAFF, cost=0.5))
    elsewhere = Place(adapter="discord", workspace="2", channel="general")
    for known in (some, again()):
        assert [(one.name, one.messages, one.cost) for one in await known.all(HERE)] == [
            ("all", 1, None),
            ("staff", None, 0.5),
        ]
        assert [one.messages for one in await known.all(elsewhere)] == [9]
    await some.remove(HERE, "all")
    assert [(one.name, one.messages) for one in await again().all(HERE)] == [("all", 9), ("staff", None)]
    with pytest.raises(ValueError, match="of the configuration"):
        await some.remove(HERE, "all")
    with pytest.raises(ValueError, match="nobody has set a quota 'x' here"):
        await some.remove(HERE, "x")
    with pytest.raises(ValueError, match="is no name"):
        await some.set(HERE, Quota(name="No Name", messages=1))


async def test_so_many_quotas_can_be_set_and_no_more() -> None:
    some = quotas()
    for number in range(25):
        await some.set(HERE, Quota(name=f"q{number}", messages=1))
    await some.set(HERE, Quota(name="q7", messages=2))
    with pytest.raises(ValueError, match="25 quotas already"):
        await some.set(HERE, Quota(name="q25", messages=1))


def test_amounts_are_said_in_words() -> None:
    assert [amount("messages", 1), amount("tokens", 12_000)] == ["1 message", "12,000 tokens"]
    assert [money(0), money(500_000), money(1_234_560_000), money(125)] == [
        "0.00",
        "0.50",
        "1,234.56",
        "0.000125",
    ]


# The stage


class Priced(ScriptedModel):
    def most(self, prompt: int, completion: int) -> Usage:
        return Usage(prompt=prompt, completion=completion, cost=(prompt + completion) / 1000)


def said(actions: list[Action]) -> str:
    return "".join(action.text for action in actions if isinstance(action, Finish))


async def ask(stage: Stage, inner: Handler, turn: Turn) -> str:
    shown: list[Action] = []

    async def emit(action: Action) -> None:
        shown.append(action)

    await stage(inner)(turn, emit)
    return said(shown)


def answering(*used: Usage) -> Handler:
    async def inner(turn: Turn, emit: Emit) -> None:
        turn.trace.used.extend(used)
        await emit(Finish(reply=turn.reply, text="fine."))

    return inner


def numbered(number: int) -> Turn:
    return replace(a_turn(), reply=f"r{number}")


async def counters(some: Quotas, turn: Turn) -> list[Amounts]:
    return list(await some.used(await some.of(turn.author, turn.permission, turn.place, turn.answerer.name)))


async def test_a_refusal_says_which_limit_how_much_and_when_it_begins_anew() -> None:
    clock = ManualClock(datetime(2026, 7, 29, 19, 0, tzinfo=UTC))
    some = quotas(Quota(messages=2), clock=clock)
    stage = quota(some, {"scripted": ScriptedModel()}, Refusals())
    answers = [await ask(stage, answering(Usage(prompt=3, completion=4)), numbered(n)) for n in range(3)]
    assert answers[:2] == ["fine.", "fine."]
    assert answers[2] == (
        "That would go beyond your quota: 2 messages a day, of which 0 are left."
        " It begins anew on 2026-07-30 at 00:00 UTC, in about 5 hours."
    )
    await clock.advance(5 * 3600)
    assert await ask(stage, answering(Usage(prompt=3, completion=4)), numbered(3)) == "fine."


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "0.50 of money a month, of which 0.00 is left"), ("de", "0.50 an Geld im Monat")],
)
async def test_money_is_reserved_at_the_price_of_the_model(language: str, words: str) -> None:
    some = quotas(Quota(per="channel", window="month", cost=0.5))
    stage = quota(some, {"scripted": Priced()}, Refusals(language=language))
    assert await ask(stage, answering(Usage(prompt=300, completion=200, cost=0.5)), numbered(1)) == "fine."
    assert words in await ask(stage, answering(), numbered(2))


async def test_what_nothing_was_asked_for_is_given_back() -> None:
    some = quotas(Quota(messages=1, tokens=5000))
    stage = quota(some, {"scripted": ScriptedModel()}, Refusals())
    assert await ask(stage, answering(), numbered(1)) == "fine."

    async def fails(turn: Turn, emit: Emit) -> None:
        raise ModelError("broke")

    with pytest.raises(ModelError):
        await ask(stage, fails, numbered(2))
    assert await counters(some, numbered(3)) == [Amounts()]


async def test_what_was_used_counts_even_if_the_turn_is_cancelled_or_ended_before() -> None:
    some = quotas(Quota(messages=9, tokens=50_000))
    stage = quota(some, {"scripted": ScriptedModel()}, Refusals())

    async def late(turn: Turn, emit: Emit) -> None:
        await emit(Finish(reply=turn.reply, text="blocked."))
        turn.trace.used.append(Usage(prompt=10, completion=5))

    assert await ask(stage, late, numbered(1)) == "blocked."

    async def hangs(turn: Turn, emit: Emit) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            turn.trace.used.append(Usage(prompt=10, completion=0))

    running = asyncio.ensure_future(ask(stage, hangs, numbered(2)))
    await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await counters(some, numbered(3)) == [Amounts(messages=2, tokens=25)]


async def test_a_message_is_not_lent_to_somebody_else_before_it_is_known_what_it_took() -> None:
    some = quotas(Quota(messages=1))
    stage = quota(some, {"scripted": ScriptedModel()}, Refusals())
    seen: list[list[Amounts]] = []

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Finish(reply=turn.reply, text="blocked."))
        seen.append(await counters(some, turn))
        turn.trace.used.append(Usage(prompt=10, completion=5))

    await ask(stage, inner, numbered(1))
    assert seen == [[Amounts(messages=1)]]


async def test_of_sixteen_questions_at_once_no_more_pass_than_may() -> None:
    some = quotas(Quota(messages=5))
    stage = quota(some, {"scripted": ScriptedModel()}, Refusals())
    gate = asyncio.Event()

    async def inner(turn: Turn, emit: Emit) -> None:
        await gate.wait()
        await answering(Usage(prompt=1, completion=1))(turn, emit)

    asked = [asyncio.ensure_future(ask(stage, inner, numbered(number))) for number in range(16)]
    await settle()
    gate.set()
    answers = await asyncio.gather(*asked)
    assert answers.count("fine.") == 5
    assert await counters(some, numbered(99)) == [Amounts(messages=5, tokens=10)]


async def test_the_trace_says_what_was_reserved_and_settled() -> None:
    some = quotas(Quota(messages=3, tokens=9000, cost=2.0))
    stage = quota(some, {"scripted": Priced()}, Refusals())
    turn = numbered(1)
    await ask(stage, answering(Usage(prompt=30, completion=20, cost=0.05)), turn)
    steps = [(step.what, dict(step.facts)) for step in turn.trace.steps if step.stage == "quota"]
    assert [what for what, _ in steps] == ["person-day reserved", "settled"]
    assert steps[0][1]["messages"] == "1 of 3"
    assert steps[1][1] == {"tokens": "30 + 20", "cost": "0.05"}


async def test_without_quotas_it_is_counted_all_the_same() -> None:
    some = quotas()
    stage = quota(some, {}, Refusals())
    turn = numbered(1)
    await ask(stage, answering(Usage(prompt=30, completion=20)), turn)
    since = datetime(1990, 1, 1, tzinfo=UTC)
    found = await some.spendings.spent(since, since.replace(year=2990), "person", turn.place)
    assert [(one.name, one.messages, one.prompt, one.completion) for one in found] == [("ann", 1, 30, 20)]
    assert [step for step in turn.trace.steps if step.stage == "quota"] == []


def test_the_estimate_is_no_more_than_the_window_holds_and_no_less_than_was_said() -> None:
    turn = a_turn("one two three")
    usage = estimate(turn, ScriptedModel(window=100_000))
    assert 1_003 < usage.prompt < 1_100
    assert usage.completion == turn.answerer.sampling.max_tokens
    long = replace(turn, question="word " * 90_000)
    assert estimate(long, ScriptedModel(window=4096)).prompt == 4096 - turn.answerer.sampling.max_tokens


# The whole bot


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
def settings() -> Settings:
    grants = {"owner": ["fake/*:olga"], "operator": ["fake/*:otto"]}
    return Settings.model_validate({"quotas": [{"messages": 2}], "permissions": grants})


async def talk(platform: FakePlatform, settings: Settings, *lines: tuple[str, str]) -> list[str]:
    clock = ManualClock(datetime(2026, 7, 29, 19, 0, tzinfo=UTC))
    model = ScriptedModel(script={"hi": ["well ", "met"]})
    async with bot(platform, model, settings=settings, clock=clock) as app:
        running = asyncio.ensure_future(app.run())
        for number, (author, line) in enumerate(lines, 1):
            platform.say(line, author=author)
            await platform.answered(number)
        app.stop()
        await running
    return list(platform.seen())


@pytest.mark.slow
async def test_people_see_what_is_left_and_operators_what_was_used(
    platform: FakePlatform, settings: Settings
) -> None:
    seen = await talk(
        platform,
        settings,
        ("ann", "/limits"),
        ("ann", "hi"),
        ("ann", "/rostra limits"),
        ("ann", "hi"),
        ("ann", "hi"),
        ("otto", "/why"),
        ("otto", "/limits"),
        ("otto", "/usage day person"),
        ("otto", "/limits show <@!ann>"),
        ("ann", "/usage"),
    )
    assert "2 messages a day" in seen[0]
    assert "2026-07-30 00:00, in 5 hours" in seen[0]
    assert "1 message " in seen[2]
    assert seen[3] == "well met"
    assert "begins anew on 2026-07-30 at 00:00 UTC" in seen[4]
    assert "person-day refused" in seen[5]
    assert seen[6] == "No quota holds for you here."
    assert "ann" in seen[7]
    assert "Together" in seen[7]
    assert "0 messages" in seen[8]
    assert "operator" in seen[9]


@pytest.mark.slow
async def test_owners_set_and_remove_quotas_and_the_log_tells(
    platform: FakePlatform, settings: Settings
) -> None:
    seen = await talk(
        platform,
        settings,
        ("otto", "/limits set mine channel hour messages=1"),
        ("olga", "/limits set mine channel hour messages=1,cost=0.5 @staff"),
        ("olga", "/limits set mine channel hour messages=1"),
        ("olga", "/limits show"),
        ("ann", "hi"),
        ("ann", "hi"),
        ("olga", "/audit"),
        ("olga", "/limits remove mine"),
        ("ann", "hi"),
        ("olga", "/limits remove mine"),
    )
    assert "owner" in seen[0]
    assert seen[1] == "From now on `mine` holds: 1 message, 0.50 of money an hour per channel."
    assert "fake/w:*" in seen[3]
    assert "person-day" in seen[3]
    assert seen[4] == "well met"
    assert "the quota of this channel: 1 messages an hour" in seen[5]
    assert "set quota" in seen[6]
    assert seen[7] == "`mine` no longer holds as it was set here."
    assert seen[8] == "well met"
    assert "nobody has set a quota 'mine' here" in seen[9]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/limits set mine planet hour messages=1", "not per 'planet'; it is per person, role"),
        ("/limits set mine person year messages=1", "'year' is no window"),
        ("/limits set mine person hour apples=1", "'apples=1' is no amount; write messages=20"),
        ("/limits set mine person hour messages=1.5", "1.5 is no number of messages"),
        ("/limits set mine person hour cost=much", "'much' is no number of cost"),
        ("/limits set mine person hour cost=nan", "cost is nan"),
        ("/limits set mine role hour messages=1", "is per role, and who"),
        ("/limits set Mine! person hour messages=1", "'Mine!' is no name"),
        ("/usage year", "'year' is no window"),
        ("/usage day planet", "'planet' is nothing to add up by"),
    ],
)
async def test_what_cannot_be_set_is_refused_with_what_would_be_right(
    platform: FakePlatform, settings: Settings, line: str, why: str
) -> None:
    seen = await talk(platform, settings, ("olga", line))
    assert why in seen[0]


@pytest.mark.slow
async def test_a_piece_without_usage_is_counted_by_the_model(
    platform: FakePlatform, settings: Settings
) -> None:
    seen = await talk(platform, settings, ("ann", "hi"), ("otto", "/usage day model"))
    rows = [line.split() for line in seen[1].splitlines()]
    assert any(row[:2] == ["scripted", "1"] and row[3] == "2" for row in rows), seen[1]
