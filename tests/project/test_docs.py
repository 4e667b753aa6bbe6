"""The documentation is true: what it shows is run, what it names is there."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

import pytest
from pydantic import BaseModel
from typer.main import get_group

from rostra.cli.main import app, run
from rostra.cli.survey import survey
from rostra.components import KINDS, Component
from rostra.config import (
    DeliverySettings,
    FeedbackSettings,
    Limits,
    LogSettings,
    MemorySettings,
    Permissions,
    Persona,
    RefusalSettings,
    StorageSettings,
    load,
)
from rostra.config import Settings as RostraSettings
from rostra.config.settings import AnswererTable, QuotaTable, RouteTable, SamplingTable
from rostra.errors import ConfigError
from rostra_adapters.web.oauth.settings import ProviderSettings
from rostra_moderation.moderation import ModerationSettings
from rostra_moderation.policy import PolicySettings
from rostra_moderation.wordlists import load as load_words

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"

BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:#|\{#) (?P<name>[\w./-]+\.\w+)\b")
LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
MACHINE = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|Users|mnt)\b|\.\./shared\b")

CANNED = {
    "ROSTRA_MODELS__EMBEDDED__KIND": "canned",
    "ROSTRA_MODELS__EMBEDDED__ANSWERS": json.dumps(
        {"What is the capital of France?": "The capital of France is Paris."}
    ),
}
"""Stands in for the embedded model: what is documented of it is not what it says."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what it is said to be, what is in it, and the line it starts on."""

    kind: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """The file that the block says it is, or an empty string."""
        found = FILE.match(self.text)
        return found["name"] if found else ""


def blocks(page: Path) -> Sequence[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["kind"].strip(), found["text"], text.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(text)
    ]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_shows_works(page: Path, tmp_path: Path) -> None:
    session = Session(tmp_path)
    for block in blocks(page):  # an example may name a file that the page shows later
        if block.file:
            session.write(block.file, block.text)
    for block in blocks(page):
        try:
            session.play(block)
        except BaseException as error:
            error.add_note(f"in the block that starts at {name_of(page)}:{block.line}")
            raise


class Session:
    """Somebody who follows a page from top to bottom, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "there"
        self.folder.mkdir()
        self.data = folder / "data"

    def write(self, name: str, text: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def play(self, block: Block) -> None:
        if block.file:
            self.write(block.file, block.text)
        match block.kind.split():
            case ["text"] | ["jinja"]:
                pass
            case ["toml", *how]:
                self._toml(block, how)
            case ["python"]:
                self._python(block)
            case ["sh"]:
                for line in joined(block.text.splitlines()):
                    check_line(line)
            case ["console"]:
                for command, shown in commands(block.text):
                    self._run(command, shown)
            case _:
                pytest.fail(f"a block of {block.kind!r}: say text, toml, python, sh or console")

    def _toml(self, block: Block, how: Sequence[str]) -> None:
        if how == ["project"]:  # it names what would be installed only then
            tomllib.loads(block.text)
        elif block.file and block.file != "rostra.toml":
            load_words(f"./{block.file}", self.folder)
        else:
            self.write("rostra.toml", block.text)
            if how == ["wrong"]:
                with pytest.raises(ConfigError):
                    load(self.folder / "rostra.toml", {})
                return
            assert list(survey(load(self.folder / "rostra.toml", {})).problems) == []

    def _python(self, block: Block) -> None:
        if block.file.startswith("test_"):
            options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
            command = [sys.executable, "-m", "pytest", *options, "--rootdir", ".", block.file]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout
            return
        module = ModuleType("example")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setitem(sys.modules, "example", module)  # dataclasses look there for their module
            exec(compile(block.text, block.file or "example.py", "exec"), vars(module))

    def _run(self, command: str, shown: str) -> None:
        said = self._said(command)
        assert fits(shown, said), f"$ {command}\n{said}\nis not what is shown:\n{shown}"

    def _said(self, command: str) -> str:
        """Return what ``[printf '%s\\n' LINE… |] [VARIABLE=VALUE] rostra …`` prints, standard error included."""
        first, pipe, last = command.rpartition(" | ")
        words, variables = split(last)
        assert words[0] == "rostra", f"{command!r} is not run here; show it as sh"
        lines = shlex.split(first)
        assert not pipe or lines[:2] == ["printf", r"%s\n"], f"{first!r} is not printf '%s\\n' LINE…"
        typed = "".join(f"{line}\n" for line in lines[2:])
        said = io.BytesIO()
        heard = io.TextIOWrapper(said, encoding="utf-8", write_through=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("ROSTRA_")]:
                patch.delenv(name)
            for name, value in {**self._environment(), **variables}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8"))
            patch.setattr(sys, "stdout", heard)
            patch.setattr(sys, "stderr", heard)
            run(words[1:])
        return said.getvalue().decode()

    def _environment(self) -> Mapping[str, str]:
        file = self.folder / "rostra.toml"
        models = file.read_text(encoding="utf-8") if file.exists() else ""
        embedded = "[models.embedded]" in models or "[models." not in models
        return {"ROSTRA_DATA": str(self.data), **(CANNED if embedded else {})}


def split(line: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the words of a line of shell, and the variables that it sets before them."""
    words, variables = shlex.split(line, comments=True), dict[str, str]()
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return words, variables


def fits(shown: str, said: str) -> bool:
    """Say whether ``shown`` is what was ``said``; an ellipsis stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    ours = re.sub(r"[ \t]+$", "", said, flags=re.MULTILINE)
    return re.fullmatch(pattern, ours.strip(), re.DOTALL) is not None


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block and what is shown after it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def joined(lines: Sequence[str]) -> Sequence[str]:
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def check_line(line: str) -> None:
    """Check that what a line of shell calls is there and takes these arguments, without running it."""
    words, _ = split(line)
    match words:
        case ["rostra", *arguments]:
            check_arguments(arguments)
        case ["make", *targets]:
            known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert [name for name in targets if "=" not in name and name not in known] == []
        case ["python", file, *_] if file.endswith(".py"):
            assert (ROOT / file).is_file()
        case ["docker", "build", "-f", file, *_]:
            assert (ROOT / file).is_file()
        case _:
            pass


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise if the command line would not take ``arguments``; nothing is run."""
    command: Any = get_group(app)
    context = command.make_context("rostra", ["check"])
    name, rest = "rostra", list(arguments)
    while hasattr(command, "resolve_command") and rest != ["--help"]:
        name, command, rest = command.resolve_command(context, rest)
    if rest != ["--help"]:
        command.make_context(name, rest)


def test_an_ellipsis_stands_for_anything_and_nothing_else_does() -> None:
    assert fits("a … c\n", "a b c\n")
    assert fits("first\n…\nlast", "first\nsecond\nthird\nlast")
    assert not fits("a . c", "a b c")
    assert not fits("a", "a b")


def test_a_wrong_argument_is_found() -> None:
    check_arguments(["model", "pull", "embedded"])
    for wrong in (["chat", "--twice", "x"], ["nothing"], ["new", "moderator"], ["init", "--model", "x"]):
        with pytest.raises(Exception, match=r"(?i)no such|missing|is not one of|invalid"):
            check_arguments(wrong)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "changes" / "README.md"], ids=name_of)
def test_links_lead_somewhere_and_no_page_knows_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = BLOCK.sub("", text)
    lost = [
        to
        for to in (found["to"] for found in LINK.finditer(prose))
        if "://" not in to and not to.startswith("#") and not (page.parent / to.partition("#")[0]).exists()
    ]
    assert lost == []
    assert MACHINE.findall(text) == []


def test_every_page_is_reached_from_the_map() -> None:
    seen, todo = set[Path](), [ROOT / "docs" / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for found in LINK.finditer(page.read_text(encoding="utf-8")):
            target = (page.parent / found["to"].partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_relative_to(ROOT / "docs"):
                todo.append(target)
    assert sorted({page for page in PAGES if page.is_relative_to(ROOT / "docs")} - seen) == []


@pytest.mark.slow
def test_the_page_about_the_command_line_is_up_to_date() -> None:
    script = ROOT / "docs" / "rewrite_command_line.py"
    page = subprocess.run(
        [sys.executable, script, "--print"], capture_output=True, text=True, check=True
    ).stdout
    there = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
    assert there == page, "run: python docs/rewrite_command_line.py"


def tables(page: Path) -> Mapping[str, Sequence[Sequence[str]]]:
    """Return the rows of all tables under each heading, without their headers."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").replace("`", "")
        elif line.startswith("| ") and not line.startswith("|--"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return {heading: rows[1:] for heading, rows in found.items()}


def component_settings(component: Any) -> type[BaseModel]:
    settings: type[BaseModel] = component.settings
    return settings


def component(kind: str, name: str) -> type[BaseModel]:
    (point,) = entry_points(group=f"rostra.{kind}", name=name)
    return component_settings(point.load())


SECTIONS: Mapping[str, type[BaseModel]] = {
    "[answerers.NAME]": AnswererTable,
    "[answerers.NAME.sampling]": SamplingTable,
    "[personas.NAME]": Persona,
    "[[routes]]": RouteTable,
    "[permissions]": Permissions,
    "[[quotas]]": QuotaTable,
    "[limits]": Limits,
    "[memory]": MemorySettings,
    "[delivery]": DeliverySettings,
    "[storage]": StorageSettings,
    "[log]": LogSettings,
    "[refusals]": RefusalSettings,
    "[feedback]": FeedbackSettings,
    "[moderation]": ModerationSettings,
    "[policies.NAME]": PolicySettings,
    'kind = "console"': component("adapters", "console"),
    'kind = "slack"': component("adapters", "slack"),
    'kind = "gateway"': component("adapters", "gateway"),
    'kind = "web"': component("adapters", "web"),
    "[adapters.NAME.sign_in.WORD]": ProviderSettings,
    'kind = "rules"': component("moderators", "rules"),
    'kind = "classifier"': component("moderators", "classifier"),
    'kind = "judge"': component("moderators", "judge"),
    'kind = "remote"': component("moderators", "remote"),
    'kind = "remote" of a model': component("models", "remote"),
    'kind = "canned"': component("models", "canned"),
    'kind = "local"': component("models", "local"),
    **{
        f'kind = "{kind}"': component("models", kind)
        for kind in ("retry", "fallback", "limit", "cache", "router", "recorder", "replay", "best-of")
    },
    **{f'kind = "{kind}"': component("scorers", kind) for kind in ("reward", "asked")},
}
NEEDED: Mapping[str, Mapping[str, object]] = {
    'kind = "remote" of a model': {"url": "https://example.org/"},
    'kind = "slack"': {"bot_token": "xoxb-1", "app_token": "xapp-1"},
    "[adapters.NAME.sign_in.WORD]": {"kind": "discord", "issuer": "", "open": True, "people": ["1"]},
}
"""What makes settings valid beside what is required."""
ELSEWHERE = {("[moderation]", "policies")}
"""Keys that are tables of their own in the file."""


def test_every_key_of_the_configuration_is_documented() -> None:
    documented = tables(REFERENCE / "configuration.md")
    assert [cells[0].strip("`") for cells in documented["Top level"]] == list(RostraSettings.model_fields)
    for section, model in SECTIONS.items():
        keys = {name for name in model.model_fields if (section, name) not in ELSEWHERE}
        assert {cells[0].strip("`") for cells in documented[section]} == keys, section


@pytest.mark.parametrize("section", SECTIONS)
def test_the_defaults_shown_are_the_real_ones(section: str) -> None:
    model = SECTIONS[section]
    for key, _, default, _ in tables(REFERENCE / "configuration.md")[section]:
        field = model.model_fields[key.strip("`")]
        if default == "required":
            assert field.is_required()
        elif default == "none":
            assert field.get_default(call_default_factory=True) is None
        elif default != "see below":
            required: dict[str, object] = {
                name: ["example"] if get_origin(one.annotation) is tuple else "https://example.org/"
                for name, one in model.model_fields.items()
                if one.is_required()
            }
            shown = model.model_validate(
                {
                    **required,
                    **NEEDED.get(section, {}),
                    key.strip("`"): tomllib.loads(f"x = {default.strip('`')}")["x"],
                }
            )
            real = field.get_default(call_default_factory=True)
            assert getattr(shown, key.strip("`")) == real, key


def test_every_table_of_the_reference_is_about_something_that_exists() -> None:
    headings = set(tables(REFERENCE / "configuration.md"))
    assert headings == {"Top level", *SECTIONS}


def test_every_built_in_component_is_documented() -> None:
    rows = tables(REFERENCE / "components.md")["Built in"]
    documented = [tuple(cell.strip("`") for cell in row) for row in rows]
    installed = {
        (f"rostra.{kind}", point.name, point.value)
        for kind in KINDS
        for point in entry_points(group=f"rostra.{kind}")
        if point.dist is not None and point.dist.name == "rostra"
    }
    assert {(group, name, value) for group, name, value, *_ in documented} == installed
    for group, name, _, settings, test in documented:
        (point,) = entry_points(group=group, name=name)
        found = point.load()
        keys = list(component_settings(found).model_fields) if isinstance(found, Component) else []
        assert re.findall(r"\w+", settings) == keys, name
        assert not test or (ROOT / test).is_file()
        assert test or group in {"rostra.cli", "rostra.benches"}, f"{name} has no contract test"


def test_every_dependency_is_explained_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.split(r"[\[<>=]", each)[0] for each in wanted} - {"rostra"}
    rows = tables(ROOT / "docs" / "why" / "dependencies.md")
    told = {name.strip() for group in rows.values() for cells in group for name in cells[0].split(",")}
    assert told == names
