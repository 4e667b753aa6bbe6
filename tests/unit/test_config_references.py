"""Components that name other components: in which order they are opened, and what cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from rostra.chat import Sampling, Utterance
from rostra.cli.survey import survey
from rostra.components import ComponentSettings, Names, Services
from rostra.config import Reference, Settings, Table, load, references
from rostra.errors import ConfigError
from rostra.opening import open_models


class Inner(ComponentSettings):
    model: Annotated[str, Names("models")] = ""
    other: str = "not a name"


class Outer(ComponentSettings):
    model: Annotated[str | None, Names("models")] = None
    models: Annotated[tuple[str, ...], Names("models"), Field(max_length=3)] = ()
    prices: Annotated[Mapping[str, float], Names("models")] = {}
    scorer: Annotated[str, Names("scorers")] = ""
    inner: Inner = Inner()
    rules: tuple[Inner, ...] = ()
    rooms: Mapping[str, Inner] = {}


def test_names_are_found_wherever_they_stand() -> None:
    own = Outer(
        model="a",
        models=("b", "c"),
        prices={"d": 1.0},
        scorer="s",
        inner=Inner(model="e"),
        rules=(Inner(), Inner(model="f")),
        rooms={"hall": Inner(model="g")},
    )
    found = [(one.kind, one.name, one.at) for one in references(own)]
    assert found == [
        ("models", "a", ("model",)),
        ("models", "b", ("models", 0)),
        ("models", "c", ("models", 1)),
        ("models", "d", ("prices", "d")),
        ("scorers", "s", ("scorer",)),
        ("models", "e", ("inner", "model")),
        ("models", "f", ("rules", 1, "model")),
        ("models", "g", ("rooms", "hall", "model")),
    ]
    assert references(Outer()) == []
    assert references(Inner(model="x")) == [Reference(kind="models", name="x", at=("model",))]


WRITTEN = """
[models.top]
kind = "fallback"
models = ["best", "plain"]
[models.best]
kind = "best-of"
models = ["plain"]
scorer = "grader"
[models.plain]
kind = "canned"
answers = { "Why?" = "Because." }
[models.judge]
kind = "canned"
otherwise = "7"
[scorers.grader]
kind = "asked"
model = "slow"
[models.slow]
kind = "limit"
model = "judge"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str) -> Settings:
    Path("rostra.toml").write_text(text, encoding="utf-8")
    return load(None, {})


async def test_models_that_name_others_open_after_them_and_stay_in_their_order(tmp_path: Path) -> None:
    settings = read(WRITTEN)
    assert survey(settings).problems == []
    async with AsyncExitStack() as stack:
        services = await open_models(settings, Services(name="", data=tmp_path, base=tmp_path), stack)
        assert list(services.models) == ["top", "best", "plain", "judge", "slow"]
        assert list(services.scorers) == ["grader"]
        asked = (Utterance(role="user", text="Why?"),)
        said = [piece.text async for piece in services.models["top"].stream(asked, Sampling())]
        assert "".join(said) == "Because."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[models.a]\nkind = 'retry'\nmodel = 'plian'\n[models.plain]\nkind = 'canned'",
            ["[models.a] model = 'plian': there is no [models.plian]; did you mean 'plain'?"],
        ),
        (
            "[models.a]\nkind = 'fallback'\nmodels = ['b', 'c']\n[models.b]\nkind = 'canned'",
            ["[models.a] models, entry 2 = 'c': there is no [models.c]; known: a, b"],
        ),
        (
            "[models.a]\nkind = 'best-of'\nmodels = ['b']\nscorer = 's'\n[models.b]\nkind = 'canned'",
            ["[models.a] scorer = 's': there is no [scorers.s]; there is none"],
        ),
        (
            "[models.a]\nkind = 'retry'\nmodel = 'a'",
            ["[models.a] model = 'a': a circle, models.a → models.a"],
        ),
        (
            (
                "[models.a]\nkind = 'best-of'\nmodels = ['b']\nscorer = 's'\n[models.b]\nkind = 'canned'\n"
                "[scorers.s]\nkind = 'asked'\nmodel = 'a'"
            ),
            ["[scorers.s] model = 'a': a circle, models.a → scorers.s → models.a"],
        ),
        (
            (
                "[models.a]\nkind = 'retry'\nmodel = 'b'\n[models.b]\nkind = 'retry'\nmodel = 'a'\n"
                "[models.c]\nkind = 'retry'\nmodel = 'x'"
            ),
            [
                "[models.b] model = 'a': a circle, models.a → models.b → models.a",
                "[models.c] model = 'x': there is no [models.x]; known: a, b, c",
            ],
        ),
    ],
    ids=["typing error", "in a list", "no scorer", "itself", "through a scorer", "two problems"],
)
async def test_a_name_that_is_not_there_and_a_circle_are_one_line_each(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    settings = read(text)
    lines = [f"{Path.cwd()}/rostra.toml: {line}" for line in said]
    assert list(survey(settings).problems) == lines
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError) as error:
            await open_models(settings, Services(name="", data=tmp_path, base=tmp_path), stack)
    assert str(error.value).splitlines() == lines


opened: list[str] = []


@asynccontextmanager
async def noted(settings: Any, services: Services) -> AsyncGenerator[str]:
    opened.append(services.name)
    yield services.name
    opened.append(f"{services.name} closed")


def test_a_bot_opens_scorers_and_closes_them_after_the_models_that_use_them(tmp_path: Path) -> None:
    opened.clear()
    Path("mine.py").write_text(
        "from typing import Annotated\n"
        "from test_config_references import noted\n"
        "from rostra import Component, ComponentSettings, Names\n"
        "class Mine(ComponentSettings):\n"
        "    scorer: Annotated[str, Names('scorers')] = ''\n"
        "mine = Component(name='mine', settings=Mine, open=noted)\n"
    )
    settings = read(
        "data = 'there'\n[models.a]\nkind = './mine.py:mine'\nscorer = 's'\n[scorers.s]\nkind = './mine.py:mine'\n"
        "[moderators.rules]\nkind = 'rules'"
    )

    async def run() -> None:
        async with AsyncExitStack() as stack:
            await open_models(settings, Services(name="", data=tmp_path, base=settings.base), stack)

    asyncio.run(run())
    assert opened == ["s", "a", "a closed", "s closed"]


async def test_a_scorer_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    settings = Settings(scorers={"s": Table(kind="nothing")}, data=tmp_path)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match="no scorer named 'nothing'; installed: asked, reward"):
            await open_models(settings, Services(name="", data=tmp_path, base=tmp_path), stack)
