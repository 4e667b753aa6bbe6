"""Where which model answers: the newest deployment of each pattern, in the default answerer's part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rostra.chat import Answerer
from rostra.command import Commands
from rostra.config import Settings, load
from rostra.deployments import in_force, with_deployed
from rostra.desk import FrontDesk
from rostra.errors import ConfigError
from rostra.places import Place
from rostra.routes import Route, Routes
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.versions import Deployment

HERE = Place(adapter="discord", channel="c", workspace="g")
THERE = Place(adapter="slack", channel="c", workspace="g")


def deployment(name: str, place: str = "*") -> Deployment:
    return Deployment(version="0" * 32, name=name, place=place)


def settings_of(folder: Path, toml: str) -> Settings:
    file = folder / "rostra.toml"
    file.write_text(toml, encoding="utf-8")
    return load(file, {"ROSTRA_DATA": str(folder)})


def answers(settings: Settings, place: Place, *deployed: Deployment) -> Answerer:
    changed, routes = with_deployed(settings, deployed)
    return changed.answerers[routes.of(place).answerer]


def test_of_each_pattern_the_newest_holds_and_what_was_withdrawn_does_not() -> None:
    withdrawn = replace(deployment("c", "slack/*"), state="withdrawn")
    found = in_force(
        [deployment("b"), withdrawn, deployment("a"), deployment("a", "slack/*"), deployment("a", "x")]
    )
    assert [(one.name, one.place) for one in found] == [("b", "*"), ("a", "x")]


def test_a_deployed_model_speaks_and_draws_as_the_default_answerer_does(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [models.small]
        kind = "local"
        folder = "small"
        threads = 3
        [answerers.default]
        persona = "pirate"
        sampling = { max_tokens = 9 }
        """,
    )
    found = answers(settings, HERE, deployment("tuned"))
    assert (found.name, found.model, found.persona, found.sampling.max_tokens) == (
        "tuned",
        "tuned",
        "pirate",
        9,
    )
    changed, _ = with_deployed(settings, [deployment("tuned")])
    assert dict(changed.models["tuned"].options) == {"folder": "tuned", "threads": 3}
    assert list(changed.models) == ["small", "tuned"]


def test_a_pattern_limits_where_it_answers_and_the_newest_that_fits_wins(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[models.small]\nkind = "local"\nfolder = "small"\n')
    deployed = [deployment("new", "discord/*"), deployment("old")]
    assert answers(settings, HERE, *deployed).model == "new"
    assert answers(settings, THERE, *deployed).model == "old"
    assert answers(settings, HERE, *reversed(deployed)).model == "old"


def test_a_route_to_another_answerer_stays_and_one_to_the_default_keeps_its_policy(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [models.small]
        kind = "local"
        [models.other]
        kind = "canned"
        [answerers.default]
        model = "small"
        [answerers.other]
        model = "other"
        [policies.strict]
        [[routes]]
        place = "discord/*"
        policy = "strict"
        [[routes]]
        place = "slack/*"
        answerer = "other"
        """,
    )
    _, routes = with_deployed(settings, [deployment("tuned")])
    assert (routes.of(HERE).answerer, routes.of(HERE).policy) == ("tuned", "strict")
    assert (routes.deployed(HERE), routes.found(HERE)[1]) == ("*", "discord/*")
    assert (routes.of(THERE).answerer, routes.deployed(THERE)) == ("other", "")


def test_what_the_configuration_has_is_not_opened_twice(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, '[models.first]\nkind = "canned"\n[models.mine]\nkind = "local"\nfolder = "kept"\n'
    )
    changed, _ = with_deployed(settings, [deployment("kept")])
    assert dict(changed.models) == dict(settings.models)
    assert answers(settings, HERE, deployment("kept")).model == "mine"


@pytest.mark.parametrize("table", ['[models.tuned]\nkind = "canned"', "[answerers.tuned]"])
def test_a_name_that_means_something_else_in_the_configuration_is_refused(tmp_path: Path, table: str) -> None:
    settings = settings_of(tmp_path, f'[models.small]\nkind = "canned"\n{table}\n')
    with pytest.raises(
        ConfigError, match=r"\.tuned\] that is not the kept model 'tuned'; deploy it under another"
    ):
        with_deployed(settings, [deployment("tuned")])


def test_the_model_that_nobody_asked_for_is_not_needed_once_another_answers_everywhere(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path, "")
    changed, _ = with_deployed(settings, [deployment("tuned")])
    assert (list(changed.models), changed.answerers["default"].model) == (["tuned"], "tuned")
    elsewhere, _ = with_deployed(settings, [deployment("tuned", "discord/*")])
    assert list(elsewhere.models) == ["embedded", "tuned"]
    (tmp_path / "models" / "embedded").mkdir(parents=True)
    kept, _ = with_deployed(settings, [deployment("tuned")])
    assert list(kept.models) == ["embedded", "tuned"]
    assert answers(settings, HERE, deployment("embedded"), deployment("tuned")).name == "default"


def test_without_deployments_nothing_changes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    changed, routes = with_deployed(settings, [])
    assert changed is settings
    assert routes.of(HERE) == Route()
    assert Routes().deployed(HERE) == ""


async def test_the_desk_says_what_is_deployed_and_what_somebody_chose_stays() -> None:
    store = MemoryStore(clock=ManualClock())
    desk = FrontDesk(
        store=store,
        answerers={
            name: Answerer(name=name, model=f"{name} model") for name in ("default", "tuned", "other")
        },
        personas={},
        commands=Commands([]),
        routes=Routes(deployed=[("discord/*", "tuned")]),
    )
    held = {one.name: one for one in await desk.holding(HERE)}
    assert (held["model"].value, held["answerer"].why) == ("tuned model", "deployed for `discord/*`")
    assert {one.name: one.value for one in await desk.holding(THERE)}["model"] == "default model"
    await store.choose(HERE, "answerer", "other")
    desk = FrontDesk(
        store=store,
        answerers=desk.answerers(),
        personas={},
        commands=Commands([]),
        routes=Routes(deployed=[("*", "tuned")]),
    )
    assert {one.name: one.value for one in await desk.holding(HERE)}["model"] == "other model"
