from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rostra import Call, Command, Option, Permission, command
from rostra.command import Commands, read, usage
from rostra.events import Invocation
from rostra.places import Person, Place
from rostra.stages.dispatch import line_of


def a_command(path: str, *options: Option) -> Command:
    @command(path, help="…", options=options, permission=Permission.OPERATOR)
    async def run(call: Call) -> str:
        return ""

    return run


NEW = a_command(
    "rank new", Option(name="name", help="…", required=True), Option(name="about", help="…", free=True)
)


def test_the_longest_path_that_fits_is_found() -> None:
    commands = Commands([NEW, a_command("help")])
    found = commands.match(["rank", "new", "cats", "and", "dogs"])
    assert found is not None
    assert (found[0], list(found[1])) == (NEW, ["cats", "and", "dogs"])
    assert commands.match(["rank"]) is None
    assert commands.match([]) is None


@pytest.mark.parametrize("other", ["rank new", "rank", "rank new thing"])
def test_a_path_with_children_is_no_command_with_options(other: str) -> None:
    with pytest.raises(ValueError, match="get in each other's way"):
        Commands([NEW, a_command(other, Option(name="which", help=""))])


def test_a_command_without_options_may_have_children() -> None:
    bare = a_command("rank")
    commands = Commands([NEW, bare])
    assert [one and one[0] for one in (commands.match(["rank"]), commands.match(["rank", "new"]))] == [
        bare,
        NEW,
    ]


def test_words_fill_the_options_in_order_and_the_last_takes_the_rest() -> None:
    assert read(NEW, {}, ["cats", "and", "dogs"]) == {"name": "cats", "about": "and dogs"}
    assert read(NEW, {"about": "them"}, ["cats"]) == {"about": "them", "name": "cats"}
    assert read(NEW, {"name": "cats", "text": "of the platform"}, []) == {"name": "cats"}


@pytest.mark.parametrize(("given", "words"), [({}, []), ({"name": "a", "about": "b"}, ["c"])])
def test_what_cannot_be_read_says_how_it_is_written(given: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"/rank new NAME \[ABOUT\]"):
        read(NEW, given, words)


def test_usage_shows_what_is_optional() -> None:
    assert usage(NEW) == "/rank new NAME [ABOUT]"


def test_an_option_called_text_takes_what_follows_a_command_of_two_words() -> None:
    one = a_command("policy test", Option(name="text", help="…", required=True))
    asked = Invocation(
        id="1",
        place=Place(adapter="console", channel="here"),
        author=Person(id="p"),
        path=("policy",),
        options={"text": "test you there"},
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    line = line_of(asked)
    assert line is not None
    found = Commands([one]).match(line.words)
    assert found is not None
    assert read(one, line.options, found[1]) == {"text": "you there"}
