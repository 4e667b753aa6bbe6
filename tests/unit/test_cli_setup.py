"""What ``rostra init ADAPTER`` and ``rostra doctor ADAPTER`` say to whoever sets up a chat platform."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from rostra.cli.main import run
from rostra.cli.setup import incomplete, needed
from rostra.components import ComponentSettings, Finding
from rostra_adapters.discord import component as discord

PIGEON = """
from contextlib import asynccontextmanager
from pydantic import SecretStr, model_validator
from rostra import Component, ComponentSettings
from rostra.components import Finding

class Settings(ComponentSettings):
    ring: SecretStr
    seed: SecretStr | None = None
    loft: str = "home"

    @model_validator(mode="after")
    def _fed(self):
        if self.loft == "away" and not self.seed:
            raise ValueError("away needs seed")
        return self

@asynccontextmanager
async def opened(settings, services):
    raise AssertionError("nobody opens it")
    yield

def setup(settings, services):
    known = "ringed" if settings.ring.get_secret_value() else "not ringed yet"
    return f"a pigeon for {services.name} at {settings.loft}, {known}"

async def check(settings, services):
    flies = settings.ring.get_secret_value() == "good"
    return [Finding(ok=flies, what="it flies" if flies else "it does not fly", advice="give it another ring")]

component = Component(name="pigeon", settings=Settings, open=opened, check=check, setup=setup)
plain = Component(name="plain", settings=ComponentSettings, open=opened)
"""
TABLE = '[adapters.post]\nkind = "./pigeon.py:component"\n'
RING = "ROSTRA_ADAPTERS__POST__RING"
SEED = "ROSTRA_ADAPTERS__POST__SEED"


class Secrets(ComponentSettings):
    ring: SecretStr
    seed: SecretStr | None = None
    loft: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path / "data"))
    (tmp_path / "pigeon.py").write_text(PIGEON)
    (tmp_path / "rostra.toml").write_text(TABLE)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_init_says_what_to_enter_and_where_the_tokens_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "post"]) == 0
    said = capsys.readouterr()
    assert said.out == "a pigeon for post at home, not ringed yet\n"
    assert f"export {RING}=…" in said.err
    assert SEED not in said.err
    assert "rostra doctor post; rostra serve" in said.err


def test_init_asks_for_the_secrets_that_the_configuration_needs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rostra.toml").write_text(f'{TABLE}loft = "away"\n')
    assert run(["init", "post"]) == 0
    said = capsys.readouterr()
    assert said.out == "a pigeon for post at away, not ringed yet\n"
    assert f"export {RING}=…" in said.err
    assert f"export {SEED}=…" in said.err


@pytest.mark.usefixtures("folder")
def test_a_token_in_the_environment_is_used_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RING, "hush-hush")
    assert run(["init", "post"]) == 0
    said = capsys.readouterr()
    assert said.out == "a pigeon for post at home, ringed\n"
    assert "hush" not in said.err


def test_init_adds_the_table_to_a_configuration_and_never_a_token(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROSTRA_ADAPTERS__POST__KIND", "./pigeon.py:component")
    monkeypatch.setenv(RING, "hush-hush")
    (folder / "rostra.toml").write_text('[models.echo]\nkind = "canned"')
    for _ in range(2):
        assert run(["init", "post", "--path", "rostra.toml"]) == 0
        monkeypatch.delenv("ROSTRA_ADAPTERS__POST__KIND", raising=False)
    written = (folder / "rostra.toml").read_text()
    assert tomllib.loads(written) == {
        "models": {"echo": {"kind": "canned"}},
        "adapters": {"post": {"kind": "./pigeon.py:component"}},
    }
    assert run(["check"]) == 0
    capsys.readouterr()


def test_init_writes_a_new_configuration_with_the_adapter_instead_of_the_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTRA_ADAPTERS__POST__KIND", "./pigeon.py:component")
    (folder / "rostra.toml").unlink()
    assert run(["init", "post", "--path", "bot.toml"]) == 0
    made = tomllib.loads((folder / "bot.toml").read_text())
    assert made["adapters"] == {"post": {"kind": "./pigeon.py:component"}}
    assert made["models"]["embedded"]["kind"] == "local"


@pytest.mark.usefixtures("folder")
def test_what_has_nothing_to_set_up_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rostra.toml").write_text('[adapters.post]\nkind = "./pigeon.py:plain"\n')
    assert run(["init", "post"]) == 1
    assert "needs nothing to be set up; `rostra serve` runs it" in capsys.readouterr().err
    assert run(["init", "owl"]) == 1
    assert "no adapter named 'owl'; installed: " in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("ring", "status"), [("good", 0), ("bad", 1)])
def test_doctor_tests_one_adapter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ring: str, status: int
) -> None:
    monkeypatch.setenv(RING, ring)
    assert run(["doctor", "post", "--json"]) == status
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["part"], one["ok"]) for one in findings] == [
        ("configuration", True),
        ("adapter post", ring == "good"),
    ]


@pytest.mark.usefixtures("folder")
def test_doctor_says_what_to_do_about_an_adapter_that_is_not_set_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "post"]) == 1
    said = capsys.readouterr().out
    assert "[adapters.post] ring" in said
    assert "`rostra init post` says what it needs" in said
    assert run(["doctor", "owl"]) == 1
    assert "✗ configuration: there is no [adapters.owl]" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["init", "discord"], ["doctor", "discord"]])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    folder: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def without(*_: object) -> str:
        raise ModuleNotFoundError("No module named 'discord'", name="discord")

    async def unchecked(*_: object) -> Sequence[Finding]:
        raise ModuleNotFoundError("No module named 'discord'", name="discord")

    lame = replace(discord, setup=without, check=unchecked)
    monkeypatch.setattr("rostra_adapters.discord.component", lame)
    (folder / "rostra.toml").write_text('[adapters.discord]\nkind = "discord"\ntoken = "t"\n')
    assert run(command) == 1
    said = capsys.readouterr()
    assert "adapter 'discord' cannot be imported: No module named 'discord'" in said.out + said.err
    assert "pip install 'rostra[discord]'" in said.out + said.err
    assert "a bug" not in said.out + said.err


def test_settings_that_are_not_complete_have_empty_secrets() -> None:
    made = incomplete(Secrets, {"seed": "s"})
    assert isinstance(made, Secrets)
    assert made.ring.get_secret_value() == ""
    assert made.seed == SecretStr("s")
    assert needed(Secrets, {"loft": "home"}) == ["ring"]
    assert needed(Secrets, {}) == ["ring", "seed"]
