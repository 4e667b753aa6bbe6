"""What ``rostra policy`` works on: the configuration, the store where there is one, files."""

from __future__ import annotations

import math
import re
import sys
import tomllib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import typer
from pydantic import ValidationError

from rostra.clock import SystemClock
from rostra.components import Component
from rostra.config import Settings, load, moderation_settings
from rostra.errors import ConfigError, StoreError
from rostra.places import Person, Place
from rostra.routes import Routes
from rostra.storage import MEMORY, open_store
from rostra.stores import Judgement, PolicyChange, Review, Store
from rostra.verdicts import Passage

from .amend import problem
from .calibrate import Calibration, Line, calibrate, read
from .commands.review import labelled
from .moderation import ModerationSettings, component
from .opened import opened
from .policy import Policy, PolicySettings
from .register_store import StoreRegister
from .replay import PolicyOf, Replay, replay
from .rulebook import Rulebook
from .sheets import Thresholds

_AGO = re.compile(r"(\d{1,5})([dh])")
AT_ONCE = 64


async def policies(config: Path | None, name: str | None, place: str) -> Mapping[str, Any]:
    """Return what the policies come to in ``place``, as plain data; thresholds never reached are ``"never"``."""
    settings = load(config)
    base = _configured(settings)
    if name is not None and name not in base.names:
        raise ConfigError(f"no policy {name!r}; there are: {', '.join(base.names)}")
    adapter, workspace, channel = [*place.split("/", 2), "", ""][:3]
    where = Place(adapter=adapter, workspace=workspace, channel=channel)
    rulebook, numbers = await _in_force(settings, base)
    return {
        each: _plain(cast("Policy", rulebook.of(each)), where, numbers.get(each, 0))
        for each in (base.names if name is None else (name,))
    }


async def changes(config: Path | None, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the versions that operators made of a policy, newest first."""
    async with stored(load(config)) as store:
        found: Sequence[PolicyChange] = [] if store is None else await store.policy_changes(name, 1000)
    return [
        {
            "version": one.number,
            "at": one.at.isoformat(timespec="seconds"),
            "by": one.by,
            "what": one.what,
            "table": dict(one.table),
        }
        for one in found
    ]


async def replayed(config: Path | None, instead: str | None, since: str, limit: int) -> Replay:
    """Return what ``instead``, a file or the name of a policy, would have decided on the recorded traffic."""
    settings = load(config)
    start = moment(since)
    async with stored(settings) as store:
        rulebook, _ = await _in_force(settings, _configured(settings), store)
        policy_of = _policy_of(instead, rulebook, Routes(settings.routes))
        judgements: Sequence[Judgement] = [] if store is None else await store.judgements(start, limit)
    return replay(judgements, policy_of)


async def calibrated(config: Path | None, file: Path, target: float) -> Calibration:
    """Return thresholds for the lines in ``file``; those without scores are judged first. Raises `ConfigError`."""
    lines = _lines(file)
    settings = load(config)
    unjudged = [number for number, line in enumerate(lines) if line.scores is None]
    if unjudged:
        for number, scores in zip(
            unjudged, await _judged(settings, [lines[n] for n in unjudged]), strict=True
        ):
            lines[number] = replace(lines[number], scores=scores)
    try:
        return calibrate(lines, target)
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from None


async def exported(config: Path | None) -> Sequence[Mapping[str, Any]]:
    """Return what operators decided, oldest first, as labelled lines."""
    async with stored(load(config)) as store:
        found: Sequence[Review] = []
        if store is not None:
            found = await store.reviews(None, 1_000_000, decided=True)
    return list(labelled(reversed(found)))


@asynccontextmanager
async def stored(settings: Settings) -> AsyncGenerator[Store | None]:
    """Lend the store of the configuration, None where there is no database yet: looking must not make one."""
    if not _is_there(settings):
        yield None
        return
    key = settings.storage.master_key
    async with open_store(
        settings.storage.url,
        data=settings.data,
        clock=SystemClock(),
        master_key=key.get_secret_value() if key else None,
    ) as store:
        yield store


def moment(since: str) -> datetime:
    """Return the moment that ``since`` names: ``7d``, ``12h``, or a date, in UTC. Raises `typer.BadParameter`."""
    found = _AGO.fullmatch(since)
    if found is not None:
        length = timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))
        return SystemClock().now() - length
    try:
        read_ = datetime.fromisoformat(since)
    except ValueError:
        raise typer.BadParameter(
            f"{since!r} is no time; write 7d, 12h or 2026-03-01", param_hint="--since"
        ) from None
    return read_ if read_.tzinfo is not None else read_.replace(tzinfo=UTC)


def _is_there(settings: Settings) -> bool:
    url = settings.storage.url
    if url == MEMORY:
        return False
    from rostra.storage.database import url_of

    parsed = url_of(url, settings.data)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def _configured(settings: Settings) -> Rulebook:
    options = moderation_settings(cast("Component[Any, Any]", component), settings)
    return Rulebook(cast("ModerationSettings", options).policies)


async def _in_force(
    settings: Settings, rulebook: Rulebook, store: Store | None = None
) -> tuple[Rulebook, Mapping[str, int]]:
    """Return ``rulebook`` with what operators changed, and the numbers of their versions."""
    if store is None:
        try:
            async with stored(settings) as own:
                return rulebook, {} if own is None else await _take(rulebook, own)
        except StoreError as error:
            typer.echo(f"rostra: what operators changed cannot be read: {error}", err=True)
            return rulebook, {}
    return rulebook, await _take(rulebook, store)


async def _take(rulebook: Rulebook, store: Store) -> Mapping[str, int]:
    rulebook.take(await StoreRegister(store, clock=SystemClock()).policies())
    return {name: one.number for name, one in (await store.policies()).items() if one.table}


def _plain(policy: Policy, place: Place, changed: int) -> Mapping[str, Any]:
    sheet = policy.at(place)
    return {
        "version": policy.version,
        "changed": changed,
        "shadow": policy.settings.shadow,
        "hold": sheet.hold,
        "hold_grey": sheet.hold_grey,
        "unjudgeable": sheet.unjudgeable,
        "unknown_language": sheet.unknown_language,
        "judge": sheet.judge,
        "question": _thresholds(sheet.question),
        "answer": _thresholds(sheet.answer),
    }


def _thresholds(table: Mapping[str, Thresholds]) -> Mapping[str, Mapping[str, float | str]]:
    return {
        category: {"flag": _number(limits.flag), "block": _number(limits.block), "action": limits.action}
        for category, limits in sorted(table.items())
    }


def _number(threshold: float) -> float | str:
    return "never" if math.isinf(threshold) else threshold


def _policy_of(instead: str | None, rulebook: Rulebook, routes: Routes) -> PolicyOf:
    """Return who decides in a place: the rulebook, one policy for all, or what a file says. Raises `ConfigError`."""
    if instead is None:
        return lambda place: rulebook.of(routes.of(place).policy)
    named = rulebook.of(instead)
    if named is not None:
        return lambda _: named
    table = _toml(Path(instead), rulebook)
    try:
        if "policies" in table:
            tables = cast("Mapping[str, Any]", table["policies"])
            other = Rulebook(
                {
                    **rulebook.base,
                    **{name: PolicySettings.model_validate(one) for name, one in tables.items()},
                }
            )
            return lambda place: other.of(routes.of(place).policy)
        only = Policy(PolicySettings.model_validate(table))
    except ValidationError as error:
        raise ConfigError(f"{instead}: {problem(error)}") from None
    return lambda _: only


def _toml(path: Path, rulebook: Rulebook) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{str(path)!r} is no file that can be read, and no policy; there are: {', '.join(rulebook.names)}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _lines(file: Path) -> list[Line]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return read(text.split("\n"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from None


async def _judged(settings: Settings, lines: Sequence[Line]) -> Sequence[Mapping[str, float]]:
    """Return the scores of the configured moderators, in the order of the lines. Raises `ConfigError`."""
    import asyncio

    place, author = Place(adapter="calibrate", channel=""), Person(id="")
    found: list[Mapping[str, float]] = []
    async with opened(settings) as moderation:
        for start in range(0, len(lines), AT_ONCE):
            portion = lines[start : start + AT_ONCE]
            verdicts = await asyncio.gather(
                *(
                    moderation.judge(
                        Passage(text=line.text or "", direction="question", place=place, author=author)
                    )
                    for line in portion
                )
            )
            for number, verdict in enumerate(verdicts, start=start + 1):
                if verdict.kind != "judged":
                    raise ConfigError(
                        f"text {number} could not be judged: {verdict.source} failed ({verdict.rule}); a score that is"
                        " missing would count as harmless"
                    )
                found.append(verdict.categories)
    return found
