"""Reading the configuration, and what is said when it is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from rostra.config import Settings, load
from rostra.errors import ConfigError
from rostra.routes import Route


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, without the environment of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, **env: str) -> Settings:
    Path("rostra.toml").write_text(text, encoding="utf-8")
    return load(None, env)


def problem(text: str, **env: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        read(text, **env)
    return str(wrong.value).replace(f"{Path.cwd()}/", "")


def test_without_a_file_everything_is_there() -> None:
    settings = load(None, {})
    assert {name: table.kind for name, table in settings.adapters.items()} == {"console": "console"}
    assert {name: table.kind for name, table in settings.models.items()} == {"embedded": "local"}
    assert {name: table.kind for name, table in settings.moderators.items()} == {
        "rules": "rules",
        "classifier": "classifier",
    }
    assert list(settings.answerers) == ["default"]
    assert (settings.answerers["default"].model, settings.answerers["default"].persona) == (
        "embedded",
        "assistant",
    )
    assert settings.personas.keys() >= {"assistant", "pirate", "tutor"}
    assert (settings.limits.concurrent, settings.limits.waiting, settings.storage.retention_days) == (
        64,
        1000,
        30,
    )
    assert (settings.source, settings.base) == (None, Path.cwd())
    assert not settings.log.content


def test_constructed_directly_it_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_LOG__LEVEL", "debug")
    monkeypatch.setenv("LOG", "{}")
    Path("rostra.toml").write_text("[log]\nlevel = 'error'")
    assert Settings().log.level == "info"


def test_the_environment_is_that_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_LOG__LEVEL", "error")
    assert load().log.level == "error"


def test_a_file_is_found_by_path_by_variable_and_in_the_working_directory(folder: Path) -> None:
    for name, level in (("a.toml", "debug"), ("b.toml", "warning"), ("rostra.toml", "error")):
        (folder / name).write_text(f"[log]\nlevel = '{level}'")
    assert load(Path("a.toml"), {"ROSTRA_CONFIG": "b.toml"}).log.level == "debug"
    assert load(None, {"ROSTRA_CONFIG": "b.toml"}).log.level == "warning"
    assert load(None, {}).log.level == "error"
    assert load(Path("a.toml"), {}).source == folder / "a.toml"


def test_relative_paths_start_where_the_file_is(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "bot.toml").write_text('data = "var"\n[refusals]\nfolder = "words"')
    settings = load(Path("etc/bot.toml"), {})
    assert settings.base == folder / "etc"
    assert settings.data == folder / "etc" / "var"
    assert settings.refusals.folder == folder / "etc" / "words"


def test_a_relative_data_folder_of_the_environment_starts_in_the_working_directory(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "bot.toml").write_text('data = "var"')
    assert load(Path("etc/bot.toml"), {"ROSTRA_DATA": "here"}).data == folder / "here"


def test_the_environment_wins_table_by_table() -> None:
    settings = read(
        "[limits]\nwaiting = 7\nburst = 3\n[models.gpt-4]\nkind = 'remote'\nurl = 'http://a'",
        ROSTRA_LIMITS__WAITING="8",
        ROSTRA_MODELS__GPT_4__API_KEY="hidden",
        ROSTRA_ROUTES='[{"place": "console/*"}]',
        rostra_log__level="debug",
    )
    assert (settings.limits.waiting, settings.limits.burst) == (8, 3)
    assert dict(settings.models["gpt-4"].options) == {"url": "http://a", "api_key": "hidden"}
    assert settings.routes == (Route(place="console/*"),)
    assert settings.log.level == "debug"


def test_the_master_key_has_a_short_name() -> None:
    key = read("", ROSTRA_MASTER_KEY="c2VjcmV0").storage.master_key
    assert key is not None
    assert key.get_secret_value() == "c2VjcmV0"


def test_a_text_that_only_begins_like_json_stays_a_text() -> None:
    settings = read("", ROSTRA_MODELS__M__KIND="canned", ROSTRA_MODELS__M__PASSWORD="{curly")
    assert settings.models["m"].options["password"] == "{curly"


def test_variables_of_others_are_left_alone() -> None:
    # Kubernetes sets these for a service called rostra.
    assert read("", ROSTRA_PORT="tcp://10.0.0.1:80", ROSTRA_SERVICE_HOST="10.0.0.1").limits.waiting == 1000


def test_an_answerer_takes_the_first_model_its_name_and_its_sampling() -> None:
    settings = read(
        """
        [models.first]
        kind = "canned"
        [models.second]
        kind = "canned"
        [answerers.default]
        prompt = "Be kind."
        [answerers.dry]
        model = "second"
        persona = "librarian"
        [answerers.dry.sampling]
        temperature = 0
        stop = ["END"]
        [personas.librarian]
        prompt = "You are a librarian."
        """
    )
    default, dry = settings.answerers["default"], settings.answerers["dry"]
    assert (default.name, default.model, default.prompt) == ("default", "first", "Be kind.")
    assert (dry.name, dry.model, dry.persona) == ("dry", "second", "librarian")
    assert (dry.sampling.temperature, dry.sampling.stop, dry.sampling.top_p) == (0, ("END",), None)
    assert settings.personas["librarian"].prompt == "You are a librarian."
    assert "assistant" in settings.personas


def test_without_a_default_the_first_answerer_is_it() -> None:
    settings = read("[answerers.poet]\nprompt = 'In verse.'\n[answerers.other]\nprompt = 'x'")
    assert settings.answerers["default"].prompt == "In verse."
    assert settings.answerers["default"].name == "default"


def test_the_settings_cannot_be_changed() -> None:
    settings = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.waiting = 5  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[limits]\nwating = 3",
            "rostra.toml: [limits] wating is not known; did you mean 'waiting'?",
        ),
        ("[limts]\nwaiting = 3", "rostra.toml: limts is not known; did you mean 'limits'?"),
        (
            "[limits]\nwaiting = 'lots'",
            "rostra.toml: [limits] waiting = 'lots': should be a valid integer, unable to parse string as an integer",
        ),
        ("[limits]\nburst = 0", "rostra.toml: [limits] burst = 0: should be greater than or equal to 1"),
        ("limits = 3", "rostra.toml: limits = 3: should be a table"),
        ("[adapters.term]", "rostra.toml: [adapters.term] kind is missing"),
        ("[models]", "rostra.toml: models = …: should not be empty"),
        (
            "[answerers.default.sampling]\ntemprature = 1",
            "rostra.toml: [answerers.default.sampling] temprature is not known; did you mean 'temperature'?",
        ),
        (
            "[answerers.default.sampling]\ntop_p = 2",
            "rostra.toml: [answerers.default.sampling] top_p = 2: should be less than or equal to 1",
        ),
        (
            "[answerers.default]\nname = 'x'",
            "rostra.toml: [answerers.default] name is not known; known: model, persona, prompt, sampling",
        ),
        (
            "[answerers.default]\nmodel = 'embeded'",
            "rostra.toml: [answerers.default] model = 'embeded': there is no [models.embeded]; did you mean 'embedded'?",
        ),
        (
            "[answerers.default]\npersona = 'pirat'",
            "rostra.toml: [answerers.default] persona = 'pirat': there is no [personas.pirat]; did you mean 'pirate'?",
        ),
        (
            "[[routes]]\nplace = 'a'\n[[routes]]\nanswerer = 'nobody'",
            "rostra.toml: [[routes]] number 2: answerer = 'nobody': there is no [answerers.nobody]; known: default",
        ),
        (
            "[policies.strict]\n[[routes]]\npolicy = 'strct'",
            "rostra.toml: [[routes]] number 1: policy = 'strct': there is no [policies.strct]; did you mean 'strict'?",
        ),
        (
            "[[routes]]\npalce = 'a'",
            "rostra.toml: [[routes]] number 1: palce is not known; did you mean 'place'?",
        ),
        (
            "[permissions]\nowner = ['ann']",
            "rostra.toml: [permissions] owner, entry 1 = 'ann': is not ADAPTER/WORKSPACE:PERSON_ID or ADAPTER/WORKSPACE:@ROLE, such as 'discord/123:@moderators'",
        ),
        ("[permissions]\nowner = 'ann'", "rostra.toml: [permissions] owner = 'ann': should be a list"),
        (
            "[log]\nlevel = 'loud'",
            "rostra.toml: [log] level = 'loud': should be 'debug', 'info', 'warning' or 'error'",
        ),
        ("data =", "rostra.toml: not valid TOML: Invalid value (at end of document)"),
    ],
    ids=lambda text: text.replace("\n", " ")[:40],
)
def test_an_error_names_file_table_key_value_and_what_would_be_right(text: str, said: str) -> None:
    assert problem(text) == said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "ROSTRA_LIMITS__WAITING",
            "x",
            "environment: ROSTRA_LIMITS__WAITING = 'x': should be a valid integer, unable to parse string as an integer",
        ),
        (
            "ROSTRA_LIMTS__WAITING",
            "5",
            "environment: ROSTRA_LIMTS__WAITING sets no known key; did you mean ROSTRA_LIMITS__WAITING?",
        ),
        (
            "ROSTRA_LIMITS__WATING",
            "5",
            "environment: ROSTRA_LIMITS__WATING is not known; did you mean 'waiting'?",
        ),
        ("ROSTRA_DATTA", "x", "environment: ROSTRA_DATTA sets no known key; did you mean ROSTRA_DATA?"),
        ("ROSTRA_LOG__", "x", "environment: ROSTRA_LOG__ has an empty part; write ROSTRA_TABLE__KEY"),
    ],
)
def test_an_error_in_the_environment_names_the_variable(variable: str, value: str, said: str) -> None:
    assert problem("", **{variable: value}) == said


def test_every_error_has_its_line() -> None:
    lines = problem("[limits]\nwating = 3\nburst = 0\n[log]\nlevel = 'x'").splitlines()
    assert len(lines) == 3


def test_a_file_that_is_not_there_says_how_to_make_it() -> None:
    with pytest.raises(ConfigError, match=r"no file 'nope.toml'; `rostra init --path nope.toml` writes one"):
        load(Path("nope.toml"), {})


def test_a_file_in_another_encoding_is_an_error(folder: Path) -> None:
    (folder / "rostra.toml").write_bytes(b"data = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(None, {})


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ("[storage]\nmaster_key = ['tops3cret']", {}),
        ("[storage]\nurl = ['postgresql://u:tops3cret@h/d']", {}),
        ("[storage]\nmaster_key = 'tops3cret'\nnonsense = 'x'", {}),
        ("[limits]\nwaiting = {password = 'tops3cret'}", {}),
        ("[adapters]\nx = ['tops3cret']", {}),
        ("", {"ROSTRA_STORAGE__MASTER_KEY__X": "tops3cret"}),
        ("[models.m]\napi_key = 'tops3cret'", {}),
    ],
    ids=range(7),
)
def test_no_secret_is_ever_said(text: str, env: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError) as wrong:
        read(text, **env)
    said = "".join(traceback.format_exception(wrong.value))
    assert "tops3cret" not in said


def test_settings_show_no_secret() -> None:
    settings = read(
        "[models.m]\nkind = 'x'\napi_key = 'tops3cret'\n[storage]\nmaster_key = 'tops3cret'\nurl = 'a://tops3cret@b'"
    )
    assert "tops3cret" not in repr(settings)
