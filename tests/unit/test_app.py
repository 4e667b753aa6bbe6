"""The composition root: what the configuration names is opened, and put where it belongs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent

import pytest

from rostra import ConfigError, Sampling
from rostra.app import open_app
from rostra.config import Settings, load
from rostra.testing.platform import FakePlatform

PLUGINS = """
from rostra import Decision, Finish, Verdict, command

async def judge(passage):
    found = "the butler did it" in passage.text
    return Verdict(
        decision=Decision.BLOCK if found else Decision.ALLOW,
        source="mine",
        categories={"custom": 1.0} if found else {},
    )

def shout(inner):
    async def handle(turn, emit):
        async def loud(action):
            await emit(Finish(reply=turn.reply, text="the butler did it") if isinstance(action, Finish) else action)
        await inner(turn, loud if "shout" in turn.question else emit)
    return handle

@command("roll", help="Roll dice")
async def roll(call):
    return "4"

nothing = 3
"""


def settings_of(folder: Path, toml: str) -> Settings:
    (folder / "plugins.py").write_text(PLUGINS)
    file = folder / "rostra.toml"
    file.write_text(
        '[storage]\nurl = "memory:"\n[models.canned]\nkind = "canned"\notherwise = "Fine."\n'
        "[feedback]\nthumbs = false\n" + dedent(toml)
    )
    return load(file, {"ROSTRA_DATA": str(folder / "data")})


async def answers(settings: Settings, *questions: str) -> list[str]:
    platform = FakePlatform()
    async with open_app(settings, adapters={platform.name: platform}) as app:
        running = asyncio.ensure_future(app.run())
        for question in questions:
            platform.say(question)
        await platform.answered(len(questions))
        app.stop()
        await running
    return list(platform.seen())


async def test_moderators_stages_and_commands_come_from_local_files(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [moderators.mine]
        kind = "./plugins.py:judge"
        [stages.loud]
        kind = "./plugins.py:shout"
        [commands.dice]
        kind = "./plugins.py:roll"
        """,
    )
    plain, asked, stage, rolled = await answers(
        settings, "hello", "is it true that the butler did it?", "please shout", "/roll"
    )
    assert (plain, rolled) == ("Fine.", "4")
    assert "butler" not in asked + stage
    assert "Fine" not in asked + stage


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[moderators.mine]\nkind = "./plugins.py:judges"', r"no 'judges'; it has: .*judge"),
        ('[moderators.mine]\nkind = "./nowhere.py:judge"', "no file './nowhere.py'"),
        ('[moderators.mine]\nkind = "./plugins.py"', "names no object"),
        (
            '[moderators.mine]\nkind = "./plugins.py:nothing"',
            "is a int; it must be a rostra.components.Component",
        ),
        (
            '[moderators.mine]\nkind = "ruels"',
            "no moderator named 'ruels'; installed: classifier, judge, remote, rules",
        ),
        ('[commands.help]\nkind = "help"', "'help' and 'help' get in each other's way"),
    ],
)
async def test_what_cannot_be_opened_says_what_would_be_right(
    tmp_path: Path, toml: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        await answers(settings_of(tmp_path, toml))


async def test_a_bot_without_a_moderator_does_not_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "").model_copy(update={"moderators": {}})
    with pytest.raises(ConfigError, match="moderator"):
        await answers(settings)


async def test_what_answers_is_kept_and_every_answer_says_what_made_it(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [answerers.default]
        model = "canned"
        sampling = { temperature = 0.3, max_tokens = 99 }
        """,
    )
    platform = FakePlatform()
    async with open_app(settings, adapters={platform.name: platform}) as app:
        running = asyncio.ensure_future(app.run())
        asked = platform.say("hello")
        await platform.answered(1)
        app.stop()
        await running
        store = app.parts.store
        (version,) = await store.model_versions()
        assert (version.name, version.source) == ("canned", "canned")
        found = await store.explanation(asked.place)
        assert found is not None
        (facts,) = [
            dict(step.facts) for step in found.steps if (step.stage, step.what) == ("answer", "asked")
        ]
        assert facts["model_version"] == version.id
        assert await store.sampling_of(str(facts["sampling_config"])) == Sampling(
            temperature=0.3, max_tokens=99
        )
