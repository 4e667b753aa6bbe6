"""The single tests of ``rostra doctor``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..components import Finding, Kind, Services, unimportable
from ..deployments import with_deployed
from ..errors import ConfigError, StoreError
from ..routes import Routes
from .silent import silent
from .survey import Named

if TYPE_CHECKING:
    from ..config import Settings
    from ..versions import Deployment

Found: TypeAlias = tuple[str, Finding]

DISK_MB = 1_000
"""Free space below which a converted model and a growing database are in danger."""
MEMORY_MB = 1_500
"""What the embedded model, torch and the bot take together, with room to spare."""


def machine(data: Path) -> Sequence[Found]:
    """Test the data folder, the disk under it and the memory."""
    return [("data folder", _folder(data)), ("disk", _disk(data)), ("memory", _memory(Path("/proc/meminfo")))]


async def storage(settings: Settings) -> tuple[Sequence[Found], Sequence[Deployment]]:
    """Test the master key, and that the database opens and has the tables this version needs; return what was deployed."""
    from ..clock import SystemClock
    from ..storage import open_store

    key = settings.storage.master_key
    where = _database(settings.storage.url)
    try:
        async with open_store(
            settings.storage.url,
            data=settings.data,
            clock=SystemClock(),
            master_key=key.get_secret_value() if key else None,
        ) as store:
            dead = (await store.backlog()).dead
            deployments = await store.deployments()
    except StoreError as error:
        advice = f"see that {where} is there and writable"
        return [("database", Finding(ok=False, what=str(error), advice=advice))], ()
    letters = Finding(
        ok=not dead,
        what=f"{dead} replies could not be delivered" if dead else "everything was delivered",
        advice="`rostra outbox list` says why, `rostra outbox resend` tries again",
    )
    findings = [
        ("database", Finding(ok=True, what=f"{where} opens")),
        ("master key", _key(settings.data, given=key is not None)),
        ("outbox", letters),
    ]
    return findings, deployments


def deployed(settings: Settings, deployments: Sequence[Deployment]) -> tuple[Sequence[Found], Settings]:
    """Test that what was deployed goes with the configuration; return ``settings`` with it, as a bot starts."""
    try:
        together, _ = with_deployed(settings, deployments)
    except ConfigError as error:
        advice = "deploy it under another name, or give that part of the configuration another"
        return [("deployed models", Finding(ok=False, what=str(error), advice=advice))], settings
    return [], together


async def components(settings: Settings, found: Sequence[Named]) -> Sequence[Found]:
    """Have every component that can test itself do so."""
    findings: list[Found] = []
    moderators = silent(one.name for one in found if one.kind == "moderators")
    for one in found:
        component = one.component
        if component is None or component.check is None:
            continue
        services = Services(
            name=one.name,
            data=settings.data / one.kind / one.name,
            base=settings.base,
            routes=Routes(settings.routes),
            moderators=moderators,
        )
        part = f"{one.kind.removesuffix('s')} {one.name}"
        check = component.check(one.settings, services)
        findings += [(part, finding) for finding in await _checked(one.kind, component.name, check)]
    return findings


async def _checked(kind: Kind, name: str, check: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        return await check
    except ImportError as error:
        what, _, command = str(unimportable(kind, name, error)).partition("; pip ")
        return [
            Finding(ok=False, what=what, advice=f"pip {command}" if command else "install what is missing")
        ]
    except Exception as error:  # noqa: BLE001  a component is foreign code; one that breaks must not hide the others
        return [
            Finding(ok=False, what=f"its check fails: {type(error).__name__}: {error}", advice="a bug in it")
        ]


def _folder(data: Path) -> Finding:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding(ok=True, what=str(data))
    return Finding(
        ok=False, what=f"{existing} cannot be written", advice="set ROSTRA_DATA to a folder of your own"
    )


def _disk(data: Path) -> Finding:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(existing).free // 1_000_000
    return Finding(
        ok=free >= DISK_MB, what=f"{free:,} MB free", advice=f"make room: {DISK_MB:,} MB should be free"
    )


def _memory(meminfo: Path) -> Finding:
    # https://docs.kernel.org/filesystems/proc.html#meminfo
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
    except OSError:
        return Finding(ok=True, what="this system does not say how much is free")
    free = int(lines["MemAvailable"].split()[0]) // 1000
    return Finding(
        ok=free >= MEMORY_MB,
        what=f"{free:,} MB available",
        advice=f"the embedded model wants {MEMORY_MB:,} MB; a remote one needs none here",
    )


def _key(data: Path, *, given: bool) -> Finding:
    if given:
        return Finding(ok=True, what="given by the configuration or ROSTRA_MASTER_KEY")
    from ..storage.keys import FILE

    path = data / FILE
    if not path.exists():
        return Finding(ok=True, what="none is needed")
    mode = path.stat().st_mode & 0o777
    return Finding(ok=not mode & 0o077, what=f"{path}, mode {mode:04o}", advice=f"run: chmod 600 {path}")


def _database(url: str) -> str:
    """Return which database is meant, without the password that may stand in a URL."""
    if not url:
        return "SQLite in the data folder"
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else scheme
