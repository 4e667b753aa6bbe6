"""The project keeps its own rules: sizes, imports, order, what is in the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

import rostra
from rostra.components import KINDS
from rostra.course import stages_of
from rostra.desk import FrontDesk
from rostra.testing.fakes import ListModerator, ScriptedModel, bot
from rostra.testing.platform import FakePlatform

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot/rostra", "adapters/rostra_adapters", "moderation/rostra_moderation", "models/rostra_models")
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

LINES = 400
FUNCTION_LINES = 60
ORDER = (
    "ignore",
    "dispatch",
    "limits",
    "coalesce",
    "history",
    "quota",
    "moderation",
    "persona",
    "budget",
    "presence",
)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_no_source_file_is_too_long() -> None:
    lengths = {name_of(file): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and the lines of every function."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_function_is_too_long() -> None:
    long = {
        f"{name_of(file)}:{name}": lines
        for file in SOURCES
        for name, lines in functions(file)
        if lines > FUNCTION_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(file)
        for file in SOURCES
        if file.stat().st_size and not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.slow
def test_importing_rostra_brings_no_heavy_library() -> None:
    code = """
import sys
import rostra, rostra.cli.main, rostra_moderation.moderation, rostra_models.local, rostra_adapters.console
print(*sorted({name.partition(".")[0] for name in sys.modules} & {
    "torch", "transformers", "tokenizers", "safetensors", "gguf", "numpy", "sqlalchemy", "alembic", "psycopg",
}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    "point",
    [point for kind in KINDS for point in entry_points(group=f"rostra.{kind}")],
    ids=lambda point: f"{point.group}.{point.name}",
)
def test_every_entry_point_leads_to_something(point: EntryPoint) -> None:
    assert point.load() is not None


def test_the_entry_points_that_are_installed_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = {
        (group, name, value)
        for group, points in project["entry-points"].items()
        for name, value in points.items()
    }
    installed = {
        (point.group, point.name, point.value)
        for kind in KINDS
        for point in entry_points(group=f"rostra.{kind}")
        if point.dist is not None and point.dist.name == "rostra"
    }
    assert installed == written, "run: pip install -e ."


def exported() -> set[str]:
    return {name for name in vars(rostra) if not name.startswith("_") and name not in submodules()}


def submodules() -> set[str]:
    """Return the names that are in the package because some part of it was imported."""
    files = {file.stem for file in (ROOT / "bot" / "rostra").glob("*.py")}
    folders = {folder.parent.name for folder in (ROOT / "bot" / "rostra").glob("*/__init__.py")}
    return (files | folders) - {"command"}


def test_every_public_name_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "values.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert set(documented) == exported()
    assert len(documented) == len(set(documented))


def test_every_category_is_documented() -> None:
    from rostra.verdicts import CATEGORIES

    page = (ROOT / "docs" / "reference" / "values.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^Categories: (.*)\.$", page, re.MULTILINE)
    assert tuple(re.findall(r"`([^`]+)`", line)) == CATEGORIES


def test_every_table_of_the_database_is_documented() -> None:
    from rostra.storage.schema import metadata

    page = (ROOT / "docs" / "reference" / "data-model.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(metadata.tables)


def test_every_changelog_fragment_is_named_for_its_kind() -> None:
    names = [file.name for file in (ROOT / "changes").iterdir() if file.name != "README.md"]
    assert [name for name in names if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", name)] == []


async def test_the_stages_stand_in_the_order_that_is_promised() -> None:
    moderators = [ListModerator(words={"bomb": "illicit"})]
    async with bot(FakePlatform(), ScriptedModel(), moderators=moderators) as app:
        parts = app.parts
        desk = FrontDesk(store=parts.store, answerers={}, personas={}, commands=parts.commands)
        stages = stages_of(parts, desk)
    assert tuple(stage.__module__.rpartition(".")[2] for stage in stages) == ORDER
    page = (ROOT / "docs" / "why" / "pipeline.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"► inbox ► (.*) ► answer ► model$", page, re.MULTILINE)
    assert tuple(line.split(" ► ")) == ORDER


@pytest.mark.slow
def test_the_wheel_holds_the_sources_of_the_four_packages_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(command, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    there = {name.partition("/")[2] for name in tracked if (ROOT / name).is_file()}
    assert held == there
    assert {name.partition("/")[0] for name in held} == {package.partition("/")[2] for package in PACKAGES}
