"""``/rank campaign``: what operators ask of raters, begun, changed, paused and closed from a chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, get_args

from ...command import Call, Choosing, Command, Desk, Option, command
from ...feedback import points
from ...feedback.queue import GOLD, NAME, REPEATS, campaign_called
from ...feedback.ranking import MOST
from ...feedback.selecting import SELECT, WAYS
from ...feedback.values import Axis, Campaign, CampaignStatus, Mode, new_id
from ...places import Permission, Place
from ...views import Table, View, text
from ..choosing import one_of
from .office import Act, Office, explained

MODES: tuple[Mode, ...] = get_args(Mode)
LEVELS = tuple(level.name.lower() for level in Permission)


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The commands, over an office."""

    office: Office

    async def new(self, call: Call) -> View | str:
        """Begin a campaign; it is open at once."""
        name, mode = call.options["name"], call.options.get("mode", "rank")
        if name == NAME or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name[:40]!r} is no name for one; letters, digits, - and _ would be right")
        if await campaign_called(self.office.store, call.place, name) is not None:
            raise ValueError(f"there is a campaign {name!r} already")
        made = Campaign(
            id=new_id(),
            name=name,
            place=replace(call.place, thread=None),
            mode=_mode(mode),
            k=2 if mode == "pair" else _whole(call.options.get("k", "4"), 1 if mode == "rate" else 2, MOST),
            axes=points.USUAL if mode == "rate" else (),
            overlap=_whole(call.options.get("overlap", "1"), 1, 50),
            answerers=self._answerers(call, call.options.get("answerers", "")),
        )
        await self._save(call, made, "new campaign")
        axes = f" Answers get points for `{points.axes_text(made.axes)}`; `/rank campaign set {name} axes helpful 5, true 5` changes that."
        return (
            f"The campaign `{name}` is open. `/rank campaign add {name}` puts the last question here into it,"
            f" `/rank campaign set {name} KEY VALUE` changes it, and `/rank next {name}` hands out its ballots."
            + (axes if made.axes else "")
        )

    async def set(self, call: Call) -> View | str:
        """Change a campaign."""
        found, key, value = await self._found(call), call.options["key"], call.options.get("value", "")
        change = CHANGES.get(key)
        if key == "answerers":
            changed = replace(found, answerers=self._answerers(call, value))
        elif key == "axes":
            changed = replace(found, axes=await self._axes(found, value))
            value = points.axes_text(changed.axes)
        elif change is None:
            raise ValueError(f"{key[:20]!r} cannot be set; {', '.join(KEYS)} can")
        else:
            changed = replace(found, **change(found, value))
        await self._save(call, changed, f"set campaign {key}")
        return f"`{found.name}` is changed: `{key}` is `{_short(value) or 'nothing'}` now."

    async def _axes(self, found: Campaign, value: str) -> tuple[Axis, ...]:
        if found.mode != "rate":
            raise ValueError(
                f"{found.name!r} has its answers put in order; a campaign of the mode rate has axes"
            )
        if (await self.office.store.progress(found.id)).submitted:
            raise ValueError(
                f"{found.name!r} has points on its axes already; begin a new campaign for others"
            )
        return points.axes_of(value)

    def turning(self, status: CampaignStatus, said: str) -> Act:
        """Return the command that opens, pauses or closes a campaign."""

        async def turn(call: Call) -> View | str:
            found = await self._found(call)
            if found.status == "closed" and status != "closed":
                raise ValueError(f"the campaign {found.name!r} is closed for good; begin a new one")
            await self._save(call, replace(found, status=status), f"{status} campaign")
            return f"The campaign `{found.name}` {said}."

        return turn

    async def gold(self, call: Call) -> View | str:
        """Make the ranking that the operator gave last in a campaign the right one, to check raters by."""
        found = await self._found(call)
        if found.mode == "rate":
            raise ValueError(f"{found.name!r} asks for points, of which none are the right ones")
        store, visitor = self.office.store, await self.office.visitor(call)
        last = next(iter(await store.assignments(visitor.person, found.id, "submitted", 1)), None)
        said = None if last is None else (await store.revisions(last.id))[-1]
        if last is None or said is None or not said.tiers:
            raise ValueError(
                f"you have ranked nothing in {found.name!r} yet; `/rank next {found.name}` first"
            )
        others = [one for one in found.more.get(GOLD, ()) if one["task"] != last.task]
        gold = [*others, {"task": last.task, "tiers": [list(tier) for tier in said.tiers]}]
        await self._save(call, replace(found, more={**found.more, GOLD: gold}), "gold task")
        rate = "" if found.gold_rate else f" `/rank campaign set {found.name} gold 0.1` hands it out."
        return f"`{found.name}` has {len(gold)} ballots with a known ranking now.{rate}"

    async def list(self, call: Call) -> View | str:
        """List the campaigns of the workspace and how far they have come."""
        found = await self.office.store.campaigns(call.place)
        if not found:
            return text("There is no campaign here. `/rank campaign new NAME` begins one.", private=True)
        rows: list[tuple[str, ...]] = []
        for one in found:
            done = await self.office.store.progress(one.id)
            ballots = f"{done.submitted} in, {done.leased} out"
            rows.append((one.name, one.status, one.mode, str(one.k), f"{done.done} of {done.tasks}", ballots))
        header = ("Campaign", "Status", "Mode", "Answers", "Tasks done", "Ballots")
        return View(parts=(Table(header=header, rows=tuple(rows)),), private=True)

    async def names(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the names of the campaigns of a workspace."""
        del desk
        return tuple(one.name for one in await self.office.store.campaigns(place))

    async def _found(self, call: Call) -> Campaign:
        found = await campaign_called(self.office.store, call.place, call.options["name"])
        if found is None:
            raise ValueError(f"there is no campaign {call.options['name'][:40]!r} here")
        return found

    def _answerers(self, call: Call, given: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(one for one in given.replace(" ", ",").split(",") if one))
        known = call.desk.answerers()
        strange = next((name for name in names if name not in known), None)
        if strange is not None:
            raise ValueError(f"there is no answerer {strange[:40]!r}; there are {', '.join(known)}")
        return names

    async def _save(self, call: Call, campaign: Campaign, action: str) -> None:
        await self.office.store.save_campaign(campaign)
        await self.office.store.audit(
            call.turn.author,
            action,
            campaign.id,
            {"name": campaign.name},
            adapter=call.place.adapter,
            place=call.place,
        )


def _mode(given: str) -> Mode:
    for mode in MODES:
        if mode == given:
            return mode
    raise ValueError(f"{given[:20]!r} is no mode; there are {', '.join(MODES)}")


def _whole(given: str, least: int, most: int) -> int:
    if not given.isdecimal() or not least <= int(given) <= most:
        raise ValueError(f"{given[:20]!r} is not a number from {least} to {most}")
    return int(given)


def _share(given: str) -> float:
    try:
        share = float(given)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{given[:20]!r} is not a share from 0 to 1, such as 0.1")
    return share


def _level(given: str) -> Permission:
    if given not in LEVELS:
        raise ValueError(f"{given[:20]!r} is no level; there are {', '.join(LEVELS)}")
    return Permission[given.upper()]


def _guideline(_: Campaign, given: str) -> Mapping[str, Any]:
    return {"guideline": given, "guideline_version": sha256(given.encode()).hexdigest()[:12] if given else ""}


def _repeats(found: Campaign, given: str) -> Mapping[str, Any]:
    return {"more": {**found.more, REPEATS: _share(given)}}


def _select(found: Campaign, given: str) -> Mapping[str, Any]:
    if given not in WAYS:
        raise ValueError(f"{given[:20]!r} is no way to select; there are {', '.join(WAYS)}")
    return {"more": {**found.more, SELECT: given}}


CHANGES: Mapping[str, Callable[[Campaign, str], Mapping[str, Any]]] = {
    "k": lambda _, given: {"k": _whole(given, 1, MOST)},
    "overlap": lambda _, given: {"overlap": _whole(given, 1, 50)},
    "raters": lambda _, given: {"raters": _level(given)},
    "guideline": _guideline,
    "gold": lambda _, given: {"gold_rate": _share(given)},
    "repeats": _repeats,
    "select": _select,
    "budget": lambda _, given: {"budget": _whole(given, 0, 10**9)},
    "cap": lambda _, given: {"caps_per_day": _whole(given, 0, 10**6)},
    "minutes": lambda _, given: {"lease_seconds": 60.0 * _whole(given, 1, 43_200)},
}
KEYS = (*CHANGES, "answerers", "axes")


def _short(value: str) -> str:
    value = " ".join(value.replace("`", "'").split())
    return value if len(value) <= 60 else f"{value[:59]}…"  # noqa: PLR2004  as much as fits into a sentence


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    campaigns = Campaigns(office)
    named: Choosing = campaigns.names
    name = Option(name="name", help="what it is called", required=True, choices=named)

    def made(path: str, about: str, act: Act, *options: Option, dangerous: str = "") -> Command:
        return command(
            f"rank campaign {path}",
            help=about,
            options=options,
            permission=Permission.OPERATOR,
            dangerous=dangerous,
        )(explained(act))

    return (
        made(
            "new",
            "Begin a campaign",
            campaigns.new,
            Option(name="name", help="what to call it", required=True),
            Option(name="mode", help=", ".join(MODES), choices=one_of(*MODES)),
            Option(name="k", help="answers on a ballot, 2 to 9; by default 4"),
            Option(name="overlap", help="raters of each ballot; by default 1"),
            Option(name="answerers", help="who is compared, such as default,pirate"),
        ),
        made(
            "set",
            "Change a campaign",
            campaigns.set,
            name,
            Option(name="key", help=", ".join(KEYS), required=True, choices=one_of(*KEYS)),
            Option(name="value", help="what it is to be", free=True),
        ),
        made("pause", "Hand out no more ballots for now", campaigns.turning("paused", "rests"), name),
        made("open", "Hand out ballots again", campaigns.turning("open", "is open"), name),
        made(
            "close",
            "End a campaign for good",
            campaigns.turning("closed", "is closed"),
            name,
            dangerous="ends the campaign for good.",
        ),
        made("gold", "Check raters by the ranking that you gave last", campaigns.gold, name),
        made("list", "List the campaigns and how far they are", campaigns.list),
    )
