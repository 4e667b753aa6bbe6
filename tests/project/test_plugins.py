"""A plugin's whole way: scaffolded, built into a wheel, installed beside Rostra's, and its contract tests passed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from rostra.cli.main import run

ROOT = Path(__file__).parents[2]
PLUGINS = [("adapter", "telegram"), ("moderator", "politeness"), ("model", "parrot"), ("command", "dice")]


def call(*arguments: str | Path, cwd: Path, typed: str = "") -> str:
    """Run a program; return what it printed, or fail with all it said."""
    # Nothing of this environment must leak into the other one.
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "ROSTRA", "PYTEST"))
    }
    words = [str(argument) for argument in arguments]
    done = subprocess.run(words, cwd=cwd, env=env, input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments[0]} said:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(project: Path, into: Path) -> Path:
    """Build the wheel of ``project`` with the tools of this environment."""
    into.mkdir()
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", into, project, cwd=project)
    (wheel,) = into.glob("*.whl")
    return wheel


def clean_environment(folder: Path, wheels: Sequence[Path]) -> Path:
    """Make an environment that has third-party packages and ``wheels``, and nothing of this checkout; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    # A folder named in a .pth file is searched, but the .pth files in it are not: the editable Rostra stays outside.
    (packages / "third-party.pth").write_text(sysconfig.get_path("purelib"))
    call(
        *(sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-index", "--no-deps"),
        *("--force-reinstall", "--no-compile", "--disable-pip-version-check", *wheels),
        cwd=folder,
    )
    return python


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Scaffold the plugins, build and install everything; return the folder and the environment's Python."""
    folder = tmp_path_factory.mktemp("workshop")
    for kind, name in PLUGINS:
        assert run(["new", kind, name, "--path", str(folder / f"rostra-{name}")]) == 0
    source = folder / "source"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".*", "tests", "docs", "benchmarks", "__pycache__", "shared"),
    )
    projects: list[Path] = [source, *(folder / f"rostra-{name}" for _, name in PLUGINS)]
    with ThreadPoolExecutor(2) as pool:
        wheels = list(pool.map(build, projects, [folder / f"{project.name}.dist" for project in projects]))
    return folder, clean_environment(folder / "environment", wheels)


@pytest.mark.slow
def test_the_environment_has_the_wheels_and_not_the_checkout(workshop: tuple[Path, Path]) -> None:
    folder, python = workshop
    code = "import rostra, rostra_adapters; print(rostra.__file__); print(rostra_adapters.__file__)"
    for place in call(python, "-c", code, cwd=folder).split():
        assert Path(place).is_relative_to(folder / "environment")


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(workshop: tuple[Path, Path]) -> None:
    (wheel,) = (workshop[0] / "source.dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packages = {"rostra", "rostra_adapters", "rostra_moderation", "rostra_models"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == packages
    assert {"rostra/templates/config.toml", "rostra/templates/new/adapter/adapter.py.tmpl"} <= set(names)
    assert [name for name in names if name.endswith(".pyc")] == []


@pytest.mark.slow
def test_installed_plugins_are_listed(workshop: tuple[Path, Path]) -> None:
    folder, python = workshop
    said = call(python.with_name("rostra"), "plugins", "list", "--json", cwd=folder)
    found = {(row["kind"], row["name"], row["package"]) for row in json.loads(said)["plugins"]}
    assert {(f"{kind}s", name, f"rostra-{name}") for kind, name in PLUGINS} <= found


def contract_tests(python: Path, project: Path) -> str:
    """Run the tests of a plugin as they were scaffolded; return what pytest says."""
    # The package comes from its wheel, not from the folder beside its tests.
    (package,) = (file.parent for file in project.glob("*/py.typed"))
    shutil.rmtree(package)
    return call(
        *(
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "rostra.testing.plugin",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:simcord",
        ),
        cwd=project,
    )


@pytest.mark.slow
def test_scaffolded_plugins_pass_their_contracts(workshop: tuple[Path, Path]) -> None:
    folder, python = workshop
    projects = [folder / f"rostra-{name}" for _, name in PLUGINS]
    with ThreadPoolExecutor(2) as pool:
        for said in pool.map(partial(contract_tests, python), projects):
            assert " passed" in said


@pytest.mark.slow
def test_a_bot_runs_on_installed_plugins(workshop: tuple[Path, Path]) -> None:
    folder, python = workshop
    (folder / "rostra.toml").write_text(
        """
        data = "data"
        [models.parrot]
        kind = "parrot"
        [moderators.politeness]
        kind = "politeness"
        words = ["dammit"]
        [commands.dice]
        kind = "dice"
        """
    )
    questions = "Polly wants a cracker\na cracker, dammit\n/dice 2\n"
    said = call(python.with_name("rostra"), "chat", cwd=folder, typed=questions).splitlines()
    assert said[0] == "Polly wants a cracker"
    assert "cracker" not in "".join(said[1:])
    assert " = " in said[-1]
