"""Operators show, try and change policies from the chat, at once and for good."""

from __future__ import annotations

import pytest

from rostra.errors import StoreError
from rostra.places import Person
from rostra.storage.memory import MemoryStore
from rostra.stores import PolicyChange
from rostra.testing.chats import chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import BrokenModerator, ListModerator
from rostra_moderation.amend import effective, judges_of, parse_path, parse_value, shown, tendency
from rostra_moderation.policy import PolicySettings
from rostra_moderation.rulebook import Rulebook

HERONS = ListModerator(words={"heron": "hate", "crane": "spam"})
OLGA = Person(id="olga")


async def test_a_change_is_in_force_at_once_and_says_what_held_before() -> None:
    async with chatting(HERONS) as chat:
        assert "heron" not in await chat.ask("a heron")
        said = await chat.insist("/policy set default categories.hate.block never")
        assert said == (
            "`default` version 1: `categories.hate.block` 0.7 → never (looser). `/policy rollback default 0` undoes it."
        )
        assert await chat.ask("a heron") == "a heron"
        assert "never → 0.2 (stricter)" in await chat.operate("/policy set default categories.hate.block 0.2")
        assert "heron" not in await chat.ask("another heron")


async def test_a_change_outlives_the_process_and_the_configuration_stays_below_it() -> None:
    store = MemoryStore(clock=ManualClock())
    configured = {"default": {"hold": "full", "categories": {"spam": {"block": "never"}}}}
    async with chatting(HERONS, store=store, policies=configured) as chat:
        await chat.insist("/policy set default categories.hate.block never")
    async with chatting(HERONS, store=store, policies=configured) as chat:
        assert await chat.ask("a heron and a crane", channel="lounge") == "a heron and a crane"
        shown_ = await chat.ask("/policy show", author="olga", channel="lounge")
        assert "changed, version 1" in shown_
        assert "hold full" in shown_


async def test_a_version_can_be_gone_back_to_and_that_is_a_version_too() -> None:
    store = MemoryStore(clock=ManualClock())
    async with chatting(HERONS, store=store) as chat:
        await chat.insist("/policy set default categories.hate.block never")
        await chat.insist("/policy set default categories.spam.block never")
        assert "version 3 now" in await chat.insist("/policy rollback default 1")
        assert await chat.ask("a heron") == "a heron"
        assert "crane" not in await chat.ask("a crane")
        await chat.insist("/policy rollback default 0")
        assert "heron" not in await chat.ask("one more heron")
        assert "no version 9" in await chat.operate("/policy rollback default 9")
        assert "'two' is no version" in await chat.operate("/policy rollback default two")
        history = await chat.operate("/policy history")
    assert [line.split()[0] for line in history.splitlines()[1:]] == ["4", "3", "2", "1"]
    assert "olga" in history
    assert (await store.policies())["default"].table == {}
    audited = [(one.action, one.actor and one.actor.id, one.detail["version"]) for one in store.changes]
    assert audited == [("change policy", "olga", str(number)) for number in (1, 2, 3, 4)]


async def test_default_goes_back_to_what_is_configured() -> None:
    store = MemoryStore(clock=ManualClock())
    async with chatting(HERONS, store=store, policies={"default": {"hold": "full"}}) as chat:
        await chat.insist("/policy set default hold none")
        assert "`hold` none → full (stricter)" in await chat.operate("/policy set default hold default")
        assert "as configured" in await chat.operate("/policy show")
    assert (await store.policies())["default"].table == {}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/policy set nope hold full", "there is no policy 'nope'; there are: default, strict"),
        ("/policy set default hold word", "hold: input should be 'none', 'sentence', 'paragraph' or 'full'"),
        ("/policy set default categories.hate.block 7", "categories.hate.block"),
        ("/policy set default categories.rude.block 0.5", "no category 'rude'"),
        ("/policy set default holds full", "holds: extra inputs are not permitted"),
        ("/policy set default a..b 1", "'a..b' is no path"),
        ("/policy set default judge nobody", "there is no moderator 'nobody'; there are: list"),
        ("/policy set default shadow nobody", "there is no policy 'nobody' to decide beside"),
        ("/policy set default hold", "/policy set POLICY PATH VALUE"),
        ("/policy show nope", "there is no policy 'nope'"),
        ("/policy history nope", "there is no policy 'nope'"),
        ("/policy", "`/policy` goes on: `/policy history`, `/policy rollback`"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_would_be_right_and_changes_nothing(
    line: str, answer: str
) -> None:
    store = MemoryStore(clock=ManualClock())
    async with chatting(HERONS, store=store, policies={"strict": {"hold": "full"}}) as chat:
        assert answer in await chat.operate(line)
    assert await store.policies() == {}


async def test_who_is_no_operator_changes_and_sees_nothing() -> None:
    store = MemoryStore(clock=ManualClock())
    async with chatting(HERONS, store=store) as chat:
        for line in (
            "/policy show",
            "/policy set default hold full",
            "/policy test x",
            "/policy rollback default 0",
        ):
            assert "is for operators" in await chat.ask(line)
    assert await store.policies() == {}


async def test_a_text_is_tried_in_both_directions_and_leaves_nothing_behind() -> None:
    store = MemoryStore(clock=ManualClock())
    table = {"answer": {"hate": {"block": "never"}}, "strikes": {"limit": 1}}
    async with chatting(HERONS, store=store, policies={"default": table}) as chat:
        said = await chat.operate("/policy test the heron")
        assert "As a question: **block**: hate >= 0.7, says list." in said
        assert "As an answer: **flag**: hate >= 0.4, says list." in said
        assert "hate      1.000  0.4        never" in said
        assert "As a question: **allow**, says list." in await chat.operate("/policy test a duck")
    assert list(await store.reviews(None)) == []


async def test_a_moderator_that_fails_is_seen_in_a_trial() -> None:
    async with chatting(HERONS, BrokenModerator()) as chat:
        assert "**block** (error): ModelError, says broken." in await chat.operate("/policy test a duck")


async def test_a_policy_that_only_watches_and_one_beside_are_told_in_a_trial_and_the_trace() -> None:
    policies = {
        "default": {"shadow": "strict"},
        "strict": {"categories": {"*": {"flag": 0.9, "block": "never"}}},
    }
    async with chatting(HERONS, policies=policies) as chat:
        assert "A shadow would say: strict: flag hate >= 0.9." in await chat.operate("/policy test heron")
        await chat.insist("/policy set default shadow true")
        assert "It only watches" in await chat.operate("/policy show")
        assert await chat.ask("a heron") == "a heron"
        assert "block hate >= 0.7" in await chat.ask("/why")


async def test_a_change_that_cannot_be_stored_is_not_in_force() -> None:
    class Full(MemoryStore):
        async def change_policy(self, policy: str, table: object, **_: object) -> PolicyChange:
            raise StoreError("the disk is full")

    async with chatting(HERONS, store=Full(clock=ManualClock())) as chat:
        said = await chat.insist("/policy set default categories.hate.block never")
        assert said == "Nothing was changed: the disk is full"
        assert "heron" not in await chat.ask("a heron")


# Paths and values


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("hold", ("hold",)),
        ("categories.self-harm/intent.block", ("categories", "self-harm/intent", "block")),
        ("categories.*.flag", ("categories", "*", "flag")),
        ('places."discord/1.2/*".hold', ("places", "discord/1.2/*", "hold")),
        ("places.'a b'.hold", ("places", "a b", "hold")),
    ],
)
def test_a_path_is_read(path: str, keys: tuple[str, ...]) -> None:
    assert parse_path(path) == keys


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", 'a."b', 'a."b"c', "a" * 201])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        parse_path(path)


def test_values_are_those_of_toml_and_words() -> None:
    values = [
        parse_value(text) for text in ("0.5", "true", "[10, 60]", '"never"', "never", "{ block = 1 }", "= 3")
    ]
    assert values == [0.5, True, [10, 60], "never", "never", {"block": 1}, "= 3"]
    with pytest.raises(ValueError, match="at most 200 characters"):
        parse_value("x" * 201)


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("categories.hate.block", 0.7, 0.6, "stricter"),
        ("categories.hate.flag", 0.3, float("inf"), "looser"),
        ("places.x.hold", "none", "full", "stricter"),
        ("categories.pii.action", "refuse", "mask", "looser"),
        ("on_error.remote", "block", "allow", "looser"),
        ("shadow", False, True, "looser"),
        ("categories.hate.block", 0.7, 0.7, ""),
        ("categories.hate.template", "a", "b", ""),
    ],
)
def test_it_is_said_whether_a_change_is_stricter_or_looser(
    path: str, old: object, new: object, said: str
) -> None:
    assert tendency(parse_path(path), old, new) == said


SETTINGS = PolicySettings.model_validate(
    {
        "categories": {"hate": {"block": 0.5}},
        "places": {
            "discord/*": {"hold": "full", "roles": {"moderator": {"categories": {"*": {"block": 0.9}}}}}
        },
        "languages": {"de": {"answer": {"hate": {"block": 0.2, "judge": "llama"}}}},
        "judge": "carer",
    }
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("categories.hate/threatening.block", "0.5"),
        ("categories.violence.block", "0.7"),
        ("languages.de.answer.hate.block", "0.2"),
        ("languages.fr.answer.hate.block", "0.5"),
        ("places.discord/*.hold", "full"),
        ("places.slack/*.hold", "sentence"),
        ("places.discord/*.roles.moderator.categories.violence.block", "0.9"),
        ("strikes.timeout", "10, 1440, 60"),
        ("risk.block", "never"),
        ("on_error.remote", "block"),
        ("queue", "flag, review"),
        ("shadow", "false"),
        ("hold_grey", "nothing"),
        ("places.discord/*", "nothing"),
    ],
)
def test_what_holds_somewhere_is_known_whoever_says_it(path: str, value: str) -> None:
    assert shown(effective(SETTINGS, parse_path(path))) == value


def test_all_judges_of_a_policy_are_known() -> None:
    assert judges_of(SETTINGS) == {"carer", "llama"}


# The rulebook


def test_tables_are_joined_and_values_replaced() -> None:
    base = {"default": SETTINGS}
    over = PolicySettings.model_validate(
        {"categories": {"hate": {"flag": 0.1}}, "places": {"slack/*": {"hold": "none"}}, "judge": ""}
    )
    settings = Rulebook(base).settings("default", over)
    assert settings.categories["hate"].block == 0.5
    assert settings.categories["hate"].flag == 0.1
    assert set(settings.places) == {"discord/*", "slack/*"}
    assert settings.judge == ""


def test_a_rulebook_has_a_default_and_ignores_changes_of_policies_that_are_gone() -> None:
    rulebook = Rulebook({"strict": PolicySettings(hold="full")})
    before = rulebook.of("default")
    rulebook.take({"gone": PolicySettings(hold="none"), "strict": PolicySettings(judge="llama")})
    assert rulebook.names == ("default", "strict")
    assert rulebook.of("gone") is None
    assert before is not None
    assert rulebook.of("default") is not None
    assert rulebook.settings("strict") == PolicySettings(hold="full", judge="llama")
