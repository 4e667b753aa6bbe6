"""Replay: what another policy would have decided, from what the journal keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rostra.clock import SystemClock
from rostra.errors import ConfigError
from rostra.places import Person, Place
from rostra.storage import open_store
from rostra.storage.memory import MemoryStore
from rostra.stores import Judgement
from rostra.testing.chats import chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import BrokenModerator, ListModerator
from rostra.testing.samples import NOON, STEPS
from rostra.turns import Step, Trace
from rostra.verdicts import Decision, Judged, Span, Verdict
from rostra_moderation.policy import Policy, PolicySettings
from rostra_moderation.policy_cli import app
from rostra_moderation.replay import Replay, counted, replay

LONG_AGO = NOON.replace(year=1990)
HERE = Place(adapter="fake", workspace="w", channel="general")
BIRDS = ListModerator(words={"heron": "hate", "crane": "spam"})


def policy(**table: object) -> Policy:
    return Policy(PolicySettings.model_validate(table))


def recorded(
    verdict: Verdict, *, category: str = "", author: Person | None = None, language: str = ""
) -> Judgement:
    """Return a judgement as the moderation stage leaves it."""
    trace = Trace(steps=list(STEPS))
    trace.judged("question", verdict)
    trace.note(
        "moderation",
        verdict.decision.name.lower(),
        direction="question",
        category=category,
        rule=verdict.rule,
        source=verdict.source,
        kind=verdict.kind,
        language=language,
    )
    return Judgement(
        reply="r1",
        at=NOON,
        place=HERE,
        author=author,
        steps=tuple(trace.steps),
        verdicts=tuple(trace.verdicts),
    )


def by(policy_: Policy, *judgements: Judgement) -> Replay:
    return replay(judgements, lambda _: policy_)


SCORED = Verdict(
    decision=Decision.BLOCK,
    source="a",
    categories={"hate": 0.8, "spam": 0.1},
    rule="hate >= 0.7",
    policy="old",
)


def test_scores_are_held_against_the_new_thresholds() -> None:
    found = by(policy(categories={"hate": {"block": 0.9}}), recorded(SCORED, category="hate"))
    assert [(one.before, one.after, one.category, one.rule) for one in found.changed] == [
        (Decision.BLOCK, Decision.FLAG, "hate", "hate >= 0.4")
    ]
    assert by(policy(), recorded(SCORED, category="hate")).changed == ()
    allowed = Verdict(decision=Decision.ALLOW, source="a", categories={"spam": 0.3}, policy="old")
    stricter = by(policy(categories={"spam": {"block": 0.2}}), recorded(allowed))
    assert [one.after for one in stricter.changed] == [Decision.BLOCK]


def test_what_was_said_in_words_is_taken_at_its_word_again() -> None:
    worded = Verdict(
        decision=Decision.BLOCK, source="mine", categories={"hate": 0.1}, rule="house rule 3", policy="old"
    )
    assert by(policy(), recorded(worded)).changed == ()
    plain = Verdict(decision=Decision.FLAG, source="mine", policy="old")
    assert by(policy(), recorded(plain)).changed == ()


def test_who_failed_has_failed_again_and_the_new_policy_says_whether_that_matters() -> None:
    broken = Verdict(
        decision=Decision.BLOCK,
        source="remote",
        kind="timeout",
        rule="TimeoutError",
        categories={"hate": 0.5},
    )
    assert by(policy(), recorded(broken)).changed == ()
    forgiving = by(policy(on_error={"remote": "allow"}), recorded(broken))
    assert [(one.after, one.category) for one in forgiving.changed] == [(Decision.FLAG, "hate")]
    missed = Verdict(decision=Decision.ALLOW, source="a", rule="without remote, other")
    strict = by(policy(on_error={"remote": "allow"}), recorded(missed))
    assert [one.after for one in strict.changed] == [Decision.BLOCK]
    assert by(policy(on_error={"remote": "allow", "other": "allow"}), recorded(missed)).changed == ()


def test_role_and_language_count_as_they_did() -> None:
    mine = policy(
        categories={"hate": {"block": 0.9}},
        roles={"guest": {"categories": {"hate": {"block": 0.5}}}},
        languages={"de": {"categories": {"hate": {"block": 0.6}}}},
    )
    guest = Person(id="x", roles=frozenset({"guest"}))
    assert by(mine, recorded(SCORED, category="hate", author=guest)).changed == ()
    assert by(mine, recorded(SCORED, category="hate", language="de")).changed == ()
    assert len(by(mine, recorded(SCORED, category="hate")).changed) == 1


def test_what_would_be_masked_is_told() -> None:
    found = Verdict(
        decision=Decision.FLAG,
        source="a",
        categories={"pii": 0.9},
        spans=(Span(start=0, end=3, category="pii"),),
        rule="pii >= 0.5",
    )
    masked = by(policy(categories={"pii": {"block": 0.5, "action": "mask"}}), recorded(found, category="pii"))
    assert [(one.after, one.action) for one in masked.changed] == [(Decision.BLOCK, "mask")]


def test_changes_are_counted_by_what_they_have_in_common() -> None:
    found = by(policy(categories={"hate": {"block": 0.9}}), *[recorded(SCORED, category="hate")] * 3)
    assert counted(found.changed) == {("question", "block", "flag", "hate", "fake/w/general"): 3}
    assert (found.total, found.decided["question", Decision.BLOCK]) == (3, 3)


def test_places_without_a_policy_are_counted_and_left_out() -> None:
    found = replay([recorded(SCORED, category="hate")], lambda _: None)
    assert (found.skipped, found.total, found.changed) == (1, 0, ())


def test_a_verdict_without_a_step_goes_by_its_scores() -> None:
    bare = Judgement(
        reply="r",
        at=NOON,
        place=HERE,
        author=None,
        steps=(Step(stage="dispatch", what="/persona"),),
        verdicts=(Judged(direction="question", verdict=SCORED),),
    )
    assert len(by(policy(categories={"hate": {"block": "never"}}), bare).changed) == 1


async def test_the_policy_that_decided_decides_the_same_again() -> None:
    """… for whatever the real stage leaves in the journal."""
    table: Mapping[str, Mapping[str, object]] = {
        "default": {
            "categories": {"spam": {"action": "review"}},
            "on_error": {"broken": "allow"},
            "answer": {"hate": {"block": "never"}},
        }
    }
    store = MemoryStore(clock=ManualClock())
    script = {"say": ["A heron. ", "A crane."]}
    async with chatting(BIRDS, BrokenModerator(), policies=table, store=store, script=script) as chat:
        for text in ("hello", "a heron", "a crane", "say", "heron and crane", "/policy test heron"):
            await chat.ask(text)
        judgements = await store.judgements(LONG_AGO)
    same = replay(judgements, lambda _: Policy(PolicySettings.model_validate(table["default"])))
    assert (same.total, same.changed) == (7, ())
    other = replay(judgements, lambda _: policy())
    assert {one.after for one in other.changed} == {Decision.BLOCK}


# The command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path / "data"))
    (tmp_path / "rostra.toml").write_text("[policies.strict]\ncategories.hate.block = 0.1\n")
    return tmp_path


def rostra(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


async def record(folder: Path, texts: Sequence[str]) -> None:
    """Have a bot with a database answer these."""
    clock = SystemClock()
    async with (
        open_store("", data=folder / "data", clock=clock) as store,
        chatting(BIRDS, store=store, clock=clock) as chat,
    ):
        for text in texts:
            await chat.ask(text)
        await chat.insist("/policy set default categories.spam.block never")
        await chat.ask("crane again")
        waiting = await store.reviews(None)
        await chat.operate(f"/review wrong {waiting[0].id}")


@pytest.fixture
async def with_traffic(folder: Path) -> Path:
    await record(folder, ["hello", "a heron", "a crane"])
    return folder


def test_recorded_traffic_is_replayed_from_the_database(with_traffic: Path) -> None:
    (with_traffic / "loose.toml").write_text('categories.hate = { block = "never" }\n')
    found = json.loads(rostra("replay", "--policy", "loose.toml", "--json").stdout)
    assert (found["replayed"], found["changed"]) == (6, 3)
    counts = [(one["direction"], one["before"], one["after"], one["category"]) for one in found["counts"]]
    assert sorted(counts) == [
        ("answer", "flag", "block", "spam"),
        ("question", "block", "flag", "hate"),
        ("question", "flag", "block", "spam"),
    ]
    assert {one["place"] for one in found["counts"]} == {"fake/w/general"}
    assert {one["action"] for one in found["examples"]} == {"", "refuse"}
    assert {len(one["trace"]) for one in found["examples"]} == {32}
    in_force = json.loads(rostra("replay", "--json").stdout)
    assert [(one["category"], one["after"]) for one in in_force["counts"]] == [("spam", "flag")]
    named = rostra("replay", "--policy", "strict", "--since", "1d").stdout
    assert "6 decisions, of which 2 would be others" in named
    assert json.loads(rostra("replay", "--since", "2990-01-01", "--json").stdout)["replayed"] == 0


def test_a_file_may_have_a_policy_for_each_route(with_traffic: Path) -> None:
    (with_traffic / "all.toml").write_text('[policies.default]\ncategories.hate = { block = "never" }\n')
    assert json.loads(rostra("replay", "--policy", "all.toml", "--json").stdout)["changed"] == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no file that can be read, and no policy; there are: default, strict"),
        ("holds = 'full'", "odd.toml: holds: extra inputs are not permitted"),
        ("[", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_policy_is_an_error_of_one_line(
    folder: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (folder / "odd.toml").write_text(content)
    refused = rostra("replay", "--policy", "odd.toml").exception
    assert isinstance(refused, ConfigError)
    assert message in str(refused)
    assert "\n" not in str(refused)


def test_looking_makes_no_database(folder: Path) -> None:
    assert json.loads(rostra("replay", "--json").stdout)["replayed"] == 0
    assert json.loads(rostra("history", "--json").stdout)["versions"] == []
    assert rostra("export").stdout == ""
    assert json.loads(rostra("show", "default", "--json").stdout)["policies"]["default"]["changed"] == 0
    assert not (folder / "data").exists()
    assert rostra("replay", "--since", "yesterday").exit_code == 2


def test_what_operators_changed_is_shown_over_the_configuration(with_traffic: Path) -> None:
    shown = json.loads(rostra("show", "--json").stdout)["policies"]
    assert shown["default"]["changed"] == 1
    assert shown["default"]["question"]["spam"]["block"] == "never"
    assert shown["strict"]["question"]["hate"]["block"] == 0.1
    assert "changed by operators, version 1" in rostra("show", "default").stdout
    assert "categories.spam.block 0.8 → never" in rostra("history").stdout
    (with_traffic / "data" / "master.key").unlink()
    without = rostra("show", "default")
    assert without.exit_code == 0
    assert "what operators changed cannot be read" in without.stderr


def test_decisions_are_exported_as_lines(with_traffic: Path) -> None:
    assert rostra("export", "--out", "labelled.jsonl").exit_code == 0
    lines = [json.loads(line) for line in (with_traffic / "labelled.jsonl").read_text().splitlines()]
    assert lines == [
        {
            "label": False,
            "categories": {"spam": 1.0},
            "direction": "answer",
            "review": "wrong",
            "text": "crane again",
        }
    ]
    assert rostra("export", "--out", "no/such/folder").exit_code == 2


CALIBRATION = """\
[moderators.rules]
kind = "rules"
lists = []
words.birds = { find = ["heron"], category = "hate", severity = 0.9 }
"""


def test_texts_are_judged_by_the_configured_moderators(folder: Path) -> None:
    (folder / "rostra.toml").write_text(CALIBRATION)
    harmless = [{"text": f"good day number {number}", "label": False} for number in range(40)]
    harmful = [{"text": "a heron", "label": ["hate"]}, {"categories": {"hate": 1.0}, "label": ["hate"]}]
    lines = [json.dumps(line) for line in (*harmless, *harmful)]
    (folder / "mine.jsonl").write_text("\n".join(lines))
    found = json.loads(rostra("calibrate", "mine.jsonl", "--fpr", "0.05", "--json").stdout)
    assert (found["harmless"], found["harmful"]) == (40, 2)
    assert found["categories"]["hate"]["recall"] == 1.0
    assert "[policies.default.categories]" in found["toml"]
    printed = rostra("calibrate", "mine.jsonl", "--fpr", "0.05")
    assert "40 harmless and 2 harmful lines" in printed.stdout
    assert "40 harmless lines cannot show that at most 0.05 of them are blocked" in printed.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "mine.jsonl: cannot be read"),
        ("{}", "mine.jsonl: line 1: has neither"),
        ('{"score": 0.5, "label": true}', "mine.jsonl: there are no harmless lines"),
    ],
)
def test_lines_that_are_wrong_are_an_error_of_one_line(
    folder: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (folder / "mine.jsonl").write_text(content)
    refused = rostra("calibrate", "mine.jsonl").exception
    assert isinstance(refused, ConfigError)
    assert message in str(refused)
