"""Databases for tests: a template of each kind is made once, and every test gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from rostra.storage.database import Database, url_of
from rostra.storage.migrate import migrate
from rostra.storage.schema import metadata
from rostra.testing.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def server() -> Generator[Postgres]:
    """A PostgreSQL, started when the first test asks for it."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and nothing in them."""
    file = tmp_path_factory.mktemp("template") / "rostra.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_database(server: Postgres) -> str:
    """The name of a PostgreSQL database with all tables, which the tests share."""
    name = server.database()
    _migrate(server.url(name))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database of the test's own."""
    shutil.copy(sqlite_template, tmp_path / "rostra.db")
    return f"sqlite:///{tmp_path / 'rostra.db'}"


@pytest.fixture
def postgres_url(server: Postgres, postgres_database: str) -> Generator[str]:
    """The URL of a PostgreSQL database with all tables and nothing in them; nobody else uses it meanwhile."""
    yield server.url(postgres_database)
    server.empty(postgres_database, metadata.tables)


def _migrate(url: str) -> None:
    database = Database(url_of(url, Path()))
    migrate(database.writing)
    database.writing.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of the test's own, on each engine in turn."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    found: str = request.getfixturevalue(name)
    return found
