"""The command line: names, exit status, one-line errors, JSON."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from rostra.cli.init import REMOTE, Choice, configuration
from rostra.cli.lazy import BUILT_IN
from rostra.cli.main import run
from rostra.clock import SystemClock
from rostra.config import load
from rostra.storage import open_store
from rostra.versions import Deployment, ModelVersion

CONFIG = """\
data = "data"
[storage]
url = "memory:"
[models.echo]
kind = "canned"
answers = { "hi" = "Hello there." }
"""


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Rostra = Callable[..., Outcome]


@pytest.fixture
def rostra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rostra:
    """Run the command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path / "data"))

    def call(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = run(arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


def with_model(opening: str) -> str:
    """Write a model into a file of its own; return a configuration that uses it."""
    Path("model.py").write_text(
        f"""
from contextlib import asynccontextmanager
from rostra import Component, ComponentSettings, ModelError
from rostra.testing.fakes import ScriptedModel

@asynccontextmanager
async def opened(settings, services):
    {opening}

component = Component(name="local", settings=ComponentSettings, open=opened)
"""
    )
    return 'data = "data"\n[storage]\nurl = "memory:"\n[models.own]\nkind = "./model.py:component"\n'


def write(text: str = CONFIG, name: str = "rostra.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_the_help_lists_every_command(rostra: Rostra) -> None:
    listed = rostra("--help")
    assert listed.status == 0
    assert [name for name in BUILT_IN if f"  {name} " not in listed.out] == []
    assert "  model " in listed.out


def test_without_a_command_the_help_is_shown_and_it_counts_as_wrong_use(rostra: Rostra) -> None:
    bare = rostra()
    assert bare.status == 2
    assert "Commands:" in bare.out


def test_the_version(rostra: Rostra) -> None:
    assert rostra("--version").out.startswith("rostra 0.")


@pytest.mark.parametrize(
    "command",
    [
        *(
            name
            for name in BUILT_IN
            if name not in {"account", "audit", "policy", "outbox", "plugins", "new", "user", "key"}
        ),
        "policy show",
        "audit verify",
        "audit export",
        "key new",
        "key list",
        "key revoke",
        "key rotate",
        "account new",
        "account list",
        "account password",
        "account roles",
        "user export",
        "user erase",
        "outbox list",
        "outbox resend",
        "plugins list",
        "new adapter",
        "new moderator",
        "new model",
        "new command",
    ],
)
def test_every_command_has_help_with_an_example(rostra: Rostra, command: str) -> None:
    shown = rostra(*command.split(), "--help")
    assert shown.status == 0
    assert f"rostra {command}" in shown.out
    assert "Example" in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chta"], "rostra: No such command 'chta'. Did you mean 'chat'? (see --help)\n"),
        (["chat", "--onec", "x"], "rostra: No such option: --onec (Possible options: --once) (see --help)\n"),
        (
            ["chat", "--once", " "],
            "rostra: Invalid value for --once: is empty; write a question (see --help)\n",
        ),
        (["new", "adapter"], "rostra: Missing argument 'name' (see --help)\n"),
        (["outbox", "resend"], "rostra: Invalid value for ID: name ids, or say --all (see --help)\n"),
    ],
    ids=["command", "option", "value", "argument", "choice"],
)
def test_wrong_use_is_said_in_one_line(rostra: Rostra, arguments: list[str], said: str) -> None:
    outcome = rostra(*arguments)
    assert (outcome.status, outcome.out, outcome.err) == (2, "", said)


@pytest.mark.parametrize(
    "command", ["chat", "serve", "check", "doctor", "policy show", "outbox list", "backup x.zip"]
)
def test_a_configuration_that_is_not_there_fails_in_one_line(rostra: Rostra, command: str) -> None:
    outcome = rostra(*command.split(), "--config", "nope.toml")
    assert outcome.status == 1
    assert "no file 'nope.toml'; `rostra init --path nope.toml` writes one" in outcome.err + outcome.out
    assert "Traceback" not in outcome.err


def test_debug_shows_where(rostra: Rostra) -> None:
    with pytest.raises(Exception, match="no file"):
        rostra("--debug", "chat", "--config", "nope.toml")


def test_a_bug_is_said_to_be_one(rostra: Rostra) -> None:
    write(with_model("raise ZeroDivisionError('division by zero')\n    yield"))
    outcome = rostra("chat", "--once", "hi")
    assert outcome.status == 1
    assert outcome.err == (
        "rostra: ZeroDivisionError: division by zero (a bug; --debug before the command shows where)\n"
    )


def test_a_question_on_the_command_line_gets_just_the_answer(rostra: Rostra) -> None:
    write()
    outcome = rostra("chat", "--once", "hi")
    assert (outcome.status, outcome.out, outcome.err) == (0, "Hello there.\n", "")


def test_lines_are_answered_one_by_one(rostra: Rostra) -> None:
    write()
    outcome = rostra("chat", stdin="hi\n\nAre you there?\n/persona pirate\n")
    assert outcome.status == 0
    assert outcome.out.splitlines()[:2] == ["Hello there.", "Are you there?"]
    assert "pirate" in outcome.out.splitlines()[2]


def test_a_harmful_question_gets_the_refusal_and_the_model_is_not_asked(rostra: Rostra) -> None:
    write(CONFIG.replace("[models.echo]", '[models.echo]\notherwise = "THE MODEL WAS ASKED"'))
    outcome = rostra("chat", "--once", "How do I build a pipe bomb at home?")
    assert outcome.status == 0
    assert "THE MODEL WAS ASKED" not in outcome.out
    assert "police" in outcome.out


def test_a_failure_of_the_model_is_a_failure_of_the_command(rostra: Rostra) -> None:
    write(
        with_model("yield ScriptedModel(name=services.name, script={'hi': ModelError('the weights melted')})")
    )
    outcome = rostra("chat", "--once", "hi")
    assert outcome.status == 1
    assert "melted" not in outcome.out


def test_the_log_goes_into_the_data_folder_not_into_the_conversation(rostra: Rostra, tmp_path: Path) -> None:
    write(f"{CONFIG}[log]\nlevel = 'debug'\n")
    assert rostra("chat", "--once", "hi").err == ""
    log = tmp_path / "data" / "logs" / "chat.log"
    assert "Hello there" not in log.read_text()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_chat_takes_the_settings_of_the_configured_console(rostra: Rostra) -> None:
    write(f"{CONFIG}[adapters.tty]\nkind = 'console'\ncolur = 'never'\n")
    outcome = rostra("chat", "--once", "hi")
    assert outcome.status == 1
    assert "[adapters.tty] colur is not known; did you mean 'colour'?" in outcome.err


def test_init_writes_what_check_accepts(rostra: Rostra) -> None:
    made = rostra("init", "--path", "etc/bot.toml")
    assert made.status == 0
    assert "etc/bot.toml is written" in made.out
    checked = rostra("check", "--config", "etc/bot.toml", "--json")
    assert checked.json["problems"] == []
    assert checked.status == 0


def test_what_init_writes_serves_the_page_on_this_machine_and_chats_in_the_terminal(
    rostra: Rostra, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rostra("init")
    assert "rostra serve --config rostra.toml" in made.out
    adapters = load(Path("rostra.toml"), {}).adapters
    assert [(name, table.kind) for name, table in adapters.items()] == [("web", "web")]
    assert "web: http://127.0.0.1:8080/: the printed link signs in" in rostra("doctor", "web").out
    monkeypatch.setenv("ROSTRA_MODELS__EMBEDDED__KIND", "canned")
    monkeypatch.setenv("ROSTRA_MODELS__EMBEDDED__ANSWERS", '{"hi": "hello from the page\'s bot"}')
    chatted = rostra("chat", "--once", "hi")
    assert (chatted.status, chatted.out.strip()) == (0, "hello from the page's bot")


def test_init_replaces_nothing_unless_told_to(rostra: Rostra) -> None:
    write("# mine\n")
    refused = rostra("init")
    assert refused.status == 1
    assert (
        refused.err == "rostra: 'rostra.toml' is there already; --force replaces it, --path names another\n"
    )
    assert Path("rostra.toml").read_text() == "# mine\n"
    assert rostra("init", "--force").status == 0


@pytest.mark.parametrize("model", list(REMOTE))
def test_init_writes_a_remote_model_that_is_valid(rostra: Rostra, model: Choice) -> None:
    assert rostra("init", "--model", model.value).status == 0
    outcome = rostra("check")
    assert outcome.status == 0, outcome.err
    assert f"model {model.value}" in outcome.out


@pytest.mark.parametrize("model", list(Choice))
def test_every_configuration_is_toml_and_its_comments_hold_the_defaults(
    model: Choice, tmp_path: Path
) -> None:
    text = configuration(model)
    assert tomllib.loads(text)["models"].keys() == {model.value}
    # Every "# key = value" and "# [table]" line, taken out of its comment, gives a configuration that is valid still.
    lines = [
        line.removeprefix("# ")
        if line.startswith(("# [", "# ")) and ("= " in line or "[" in line[:4])
        else line
        for line in text.split("# --- Where people talk")[1].splitlines()[1:]
        if not line.startswith("# Several")
    ]
    file = tmp_path / "all.toml"
    file.write_text("\n".join(line for line in lines if not line.startswith("What")))
    settings = load(file, {})
    plain = load(None, {})
    assert settings.limits == plain.limits
    assert settings.delivery == plain.delivery
    assert settings.storage == plain.storage
    assert settings.log == plain.log
    assert settings.permissions.owner == plain.permissions.owner


def test_check_lists_every_problem(rostra: Rostra) -> None:
    write(
        """
[models.a]
kind = "canned"
answrs = {}
[moderators.m]
kind = "nowhere"
[adapters.x]
kind = "./gone.py:component"
[moderation]
timeuot = 3
"""
    )
    outcome = rostra("check")
    assert outcome.status == 1
    assert [line.partition("rostra.toml: ")[2] for line in outcome.err.splitlines()] == [
        "[models.a] answrs is not known; did you mean 'answers'?",
        "[moderators.m] kind: no moderator named 'nowhere'; installed: classifier, judge, remote, rules",
        f"[adapters.x] kind: no file './gone.py' in {str(Path.cwd())!r}",
        "[moderation] timeuot is not known; did you mean 'timeout'?",
    ]
    assert rostra("check", "--json").json["valid"] is False


def test_check_of_a_broken_file_is_json_too(rostra: Rostra) -> None:
    write("[limits]\nwating = 1")
    outcome = rostra("check", "--json")
    assert outcome.status == 1
    assert len(outcome.json["problems"]) == 1


def test_a_bot_without_any_moderator_is_not_valid(rostra: Rostra) -> None:
    write(f"{CONFIG}[moderators]\n")
    outcome = rostra("check")
    assert outcome.status == 1
    assert "nothing leaves unjudged" in outcome.err


def test_doctor_tells_what_is_well_and_what_is_not(rostra: Rostra) -> None:
    write(CONFIG.replace('url = "memory:"', 'url = ""'))
    outcome = rostra("doctor", "--json")
    parts = {finding["part"]: finding for finding in outcome.json["findings"]}
    assert parts.keys() >= {
        "configuration",
        "data folder",
        "disk",
        "memory",
        "database",
        "master key",
        "outbox",
    }
    assert parts["database"]["ok"]
    assert "moderator rules" in parts
    assert outcome.status == (0 if outcome.json["well"] else 1)


def test_doctor_fails_when_the_database_does_not_open(rostra: Rostra, tmp_path: Path) -> None:
    write(CONFIG.replace('url = "memory:"', f'url = "sqlite:///{tmp_path}/rostra.toml/x.db"'))
    outcome = rostra("doctor")
    assert outcome.status == 1
    assert "✗ database: " in outcome.out


async def deployed(name: str) -> None:
    settings = load(Path("rostra.toml"))
    async with open_store(settings.storage.url, data=settings.data, clock=SystemClock()) as store:
        version = await store.model_version(ModelVersion(name=name))
        await store.deploy(Deployment(version=version, name=name))


def test_doctor_finds_what_was_deployed_and_is_gone(rostra: Rostra) -> None:
    write(CONFIG.replace('url = "memory:"', 'url = ""'))
    asyncio.run(deployed("helper"))
    outcome = rostra("doctor", "--json")
    (found,) = [one for one in outcome.json["findings"] if one["part"] == "model helper"]
    assert not found["ok"]
    assert "'helper'" in found["what"]


def test_doctor_finds_what_was_deployed_under_a_name_that_means_something_else(rostra: Rostra) -> None:
    write(CONFIG.replace('url = "memory:"', 'url = ""'))
    asyncio.run(deployed("echo"))
    outcome = rostra("doctor")
    assert outcome.status == 1
    assert "✗ deployed models: the configuration has a [models.echo]" in outcome.out


def test_plugins_list_has_what_is_installed(rostra: Rostra) -> None:
    rows = rostra("plugins", "list", "--json").json["plugins"]
    found = {(row["kind"], row["name"], row["package"]) for row in rows}
    assert ("adapters", "console", "rostra") in found
    assert ("moderators", "rules", "rostra") in found
    assert "console" in rostra("plugins", "list").out


def test_policy_show_gives_the_thresholds(rostra: Rostra) -> None:
    write(f"{CONFIG}[policies.strict]\nhold = 'full'\ncategories.spam = {{block = 0.1}}\n")
    policies = rostra("policy", "show", "--json").json["policies"]
    assert policies["default"]["hold"] == "sentence"
    assert policies["strict"]["hold"] == "full"
    assert policies["strict"]["question"]["spam"]["block"] == 0.1
    assert policies["default"]["question"]["pii"]["block"] == "never"
    assert "spam" in rostra("policy", "show", "strict").out


def test_a_policy_that_is_not_there_is_an_error(rostra: Rostra) -> None:
    write()
    assert rostra("policy", "show", "nope").err == "rostra: no policy 'nope'; there are: default\n"


def test_a_bench_that_is_not_there_is_an_error(rostra: Rostra) -> None:
    outcome = rostra("bench", "nope")
    assert outcome.status == 1
    assert outcome.err.startswith("rostra: no bench 'nope'; there are: ")


def test_a_bench_says_what_it_did_not_compare(
    rostra: Rostra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = {
        "bench": "tiny",
        "machine": {},
        "figures": {"speed": {"value": 1, "unit": "1/s"}},
        "ratios": {},
        "missing": ["nonebot2", "the embedded model (rostra model pull embedded)"],
    }
    (tmp_path / "tiny_bench.py").write_text(f"async def bench(*, quick):\n    return {report!r}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    offered = EntryPoint(name="tiny", value="tiny_bench:bench", group="rostra.benches")

    def offers(kind: str) -> list[EntryPoint]:
        assert kind == "benches"
        return [offered]

    monkeypatch.setattr("rostra.components.installed", offers)
    assert rostra("bench", "tiny").err.splitlines() == [
        "not compared: nonebot2",
        "not compared: the embedded model (rostra model pull embedded)",
    ]


@pytest.mark.parametrize("kind", ["adapter", "moderator", "model", "command"])
def test_new_makes_a_package_once(rostra: Rostra, kind: str) -> None:
    assert rostra("new", kind, "my-thing").status == 0
    project = tomllib.loads(Path("rostra-my-thing/pyproject.toml").read_text())["project"]
    assert project["name"] == "rostra-my-thing"
    name = "my_thing" if kind == "command" else "component"
    assert project["entry-points"][f"rostra.{kind}s"] == {"my-thing": f"rostra_my_thing.{kind}:{name}"}
    for file in Path("rostra-my-thing").rglob("*.py"):
        compile(file.read_text(), str(file), "exec")
        assert "$" not in file.read_text()
    again = rostra("new", kind, "my-thing")
    assert again.status == 1
    assert "is there already" in again.err


@pytest.mark.parametrize("name", ["Telegram", "1st", "a b", "../up", "-x-", "a--b"])
def test_a_plugin_needs_a_proper_name(rostra: Rostra, name: str) -> None:
    assert rostra("new", "adapter", "--", name).status == 2


@pytest.mark.slow
def test_the_help_waits_for_no_library() -> None:
    heavy = ["torch", "transformers", "sqlalchemy", "alembic", "cryptography", "rich", "asyncio.events"]
    code = (
        "import sys; from rostra.cli.main import run; run(['--help']);"
        f"print([name for name in {heavy[:-2]!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
