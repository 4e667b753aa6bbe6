"""The settings of components, and what is said when they are wrong."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr, model_validator

from rostra.components import Component, ComponentSettings, Services
from rostra.config import Settings, Table, Where, component_settings, load, moderation_settings, table_of
from rostra.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, without the environment of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, **env: str) -> Settings:
    Path("rostra.toml").write_text(text, encoding="utf-8")
    return load(None, env)


class Inner(ComponentSettings):
    depth: int = 1


class BotSettings(ComponentSettings):
    token: SecretStr
    shards: Annotated[int, Field(ge=1)] = 1
    inner: Inner = Inner()
    rooms: Mapping[str, Inner] = Field(default_factory=dict[str, Inner])
    lists: tuple[Inner, ...] = ()

    @model_validator(mode="after")
    def _few(self) -> BotSettings:
        if self.shards > 10:
            raise ValueError("shards of one bot are at most 10")
        return self


class Court(ComponentSettings):
    policies: Mapping[str, Inner] = Field(default_factory=dict[str, Inner])
    timeout: float = 2.0


@asynccontextmanager
async def never_opened(settings: BotSettings | Court, services: Services) -> AsyncGenerator[None]:
    raise NotImplementedError
    yield


BOT = Component(name="bot", settings=BotSettings, open=never_opened)


def test_a_component_gets_its_own_settings() -> None:
    settings = read("[adapters.b]\nkind = 'bot'\ntoken = 't'\nshards = '2'\ninner = {depth = 3}")
    own = component_settings(BOT, settings.adapters["b"], table_of(settings, "adapters", "b"))
    assert isinstance(own, BotSettings)
    assert (own.token.get_secret_value(), own.shards, own.inner.depth) == ("t", 2, 3)


@pytest.mark.parametrize(
    ("text", "env", "said"),
    [
        (
            "shards = 2",
            {},
            "rostra.toml: [adapters.b] token is missing; set ROSTRA_ADAPTERS__B__TOKEN in the environment",
        ),
        (
            "token = 't'\nshards = 11",
            {},
            "rostra.toml: [adapters.b] shards of one bot are at most 10",
        ),
        (
            "token = 't'\nshrads = 2",
            {},
            "rostra.toml: [adapters.b] shrads is not known; did you mean 'shards'?",
        ),
        (
            "token = 't'\ninner = {dept = 1}",
            {},
            "rostra.toml: [adapters.b.inner] dept is not known; did you mean 'depth'?",
        ),
        (
            "token = 't'\nrooms.hall.dept = 1",
            {},
            "rostra.toml: [adapters.b.rooms.hall] dept is not known; did you mean 'depth'?",
        ),
        (
            "token = 't'\nlists = [{depth = 'x'}]",
            {},
            "rostra.toml: [adapters.b.lists.0] depth = 'x': should be a valid integer, unable to parse string as an integer",
        ),
        ("token = ['t0ps3cret']", {}, "rostra.toml: [adapters.b] token: should be a valid string"),
        (
            "token = 't'",
            {"ROSTRA_ADAPTERS__B__SHARDS": "0"},
            "environment: ROSTRA_ADAPTERS__B__SHARDS = '0': should be greater than or equal to 1",
        ),
    ],
    ids=range(8),
)
def test_errors_in_a_components_settings_are_named_in_the_same_manner(
    text: str, env: Mapping[str, str], said: str
) -> None:
    settings = read(f"[adapters.b]\nkind = 'bot'\n{text}", **env)
    with pytest.raises(ConfigError) as wrong:
        component_settings(BOT, settings.adapters["b"], table_of(settings, "adapters", "b"))
    assert str(wrong.value).replace(f"{Path.cwd()}/", "") == said
    assert wrong.value.__context__ is None


COURT = Component(name="court", settings=Court, open=never_opened)


def test_the_moderation_stage_gets_the_policies_too() -> None:
    settings = read("[moderation]\ntimeout = 3\n[policies.strict]\ndepth = 4")
    own = moderation_settings(COURT, settings)
    assert isinstance(own, Court)
    assert (own.timeout, own.policies["strict"].depth) == (3.0, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[moderation]\ntimeuot = 3",
            "rostra.toml: [moderation] timeuot is not known; did you mean 'timeout'?",
        ),
        (
            "[policies.strict]\ndept = 4",
            "rostra.toml: [policies.strict] dept is not known; did you mean 'depth'?",
        ),
    ],
)
def test_errors_of_the_moderation_stage_name_the_table_they_stand_in(text: str, said: str) -> None:
    settings = read(text)
    with pytest.raises(ConfigError) as wrong:
        moderation_settings(COURT, settings)
    assert str(wrong.value).replace(f"{Path.cwd()}/", "") == said


def test_without_a_file_an_error_says_so() -> None:
    with pytest.raises(ConfigError, match=r"configuration: \[adapters.b\] token is missing"):
        component_settings(BOT, Table(kind="bot"), Where(table=("adapters", "b")))
