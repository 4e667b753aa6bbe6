"""``/limits``: what quotas leave, and what owners set."""

from __future__ import annotations

from collections.abc import Sequence

from ..command import Call, Command, Option, command
from ..errors import StoreError
from ..grants import EVERYBODY, Grant, within
from ..places import Permission, Person, Place
from ..quotas import LARGEST, PERS, Held, Per, Quota, Quotas, amount
from ..spending import Amounts
from ..views import Table, Text, View, text
from ..windows import WINDOWS, each, left, window_called
from .choosing import one_of, quotas_set

AMOUNTS = "what there is: messages=20, tokens=50000, cost=0.50, or several with commas between them"


@command("limits", help="Show what is left of your quotas, and when they begin anew", control=True)
async def limits(call: Call) -> View | str:
    """List the quotas that hold for whoever asks, here."""
    turn = call.turn
    held = await call.desk.quotas.of(turn.author, turn.permission, turn.place, turn.answerer.name)
    if not held:
        return text("No quota holds for you here.", private=True)
    return View(parts=(await _left(call.desk.quotas, held),), private=True)


@command(
    "limits show",
    help="Show the quotas that hold here, or what is left for somebody",
    options=[Option(name="who", help="a person: their id on this platform, or a mention")],
    permission=Permission.OPERATOR,
)
async def show(call: Call) -> View | str:
    """List all quotas of the workspace; for a person, what each leaves them, except those of roles."""
    quotas, place = call.desk.quotas, call.place
    given = call.options.get("who", "")
    if not given:
        found = await quotas.all(place)
        if not found:
            return text("No quota is set here.", private=True)
        own = await quotas.set_in(place)
        rows = tuple(_row(one, "a chat" if one.name in own else "the configuration") for one in found)
        header = ("Name", "Who", "Where", "Per", "Amount", "Every", "Set in")
        return View(parts=(Table(header=header, rows=rows),), private=True)
    person = Person(id=_id_of(given))
    held = await quotas.of(person, Permission.ASKER, place, call.turn.answerer.name)
    if not held:
        return text("No quota holds for them here, as far as roles do not matter.", private=True)
    note = Text(text="Quotas of roles are not among them: I learn somebody's roles when they say something.")
    return View(parts=(await _left(quotas, held), note), private=True)


@command(
    "limits set",
    help="Set a quota for this workspace",
    options=[
        Option(name="name", help="what to call it; one that is there is replaced", required=True),
        Option(name="per", help="what has an amount of its own", required=True, choices=one_of(*PERS)),
        Option(name="window", help="hour, day, week or month", required=True, choices=one_of(*WINDOWS)),
        Option(name="amounts", help=AMOUNTS, required=True),
        Option(name="who", help="for whom: @ROLE, a person's id, or * for everybody but operators"),
        Option(name="place", help="where: a pattern over adapter/workspace/channel; by default, everywhere"),
    ],
    permission=Permission.OWNER,
)
async def set_(call: Call) -> View | str:
    """Have a quota hold in the workspace from now on."""
    try:
        quota = _quota(call)
        await call.desk.set_quota(call.turn, quota)
    except ValueError as error:
        return f"That does not work: {error}."
    except StoreError as error:
        return f"Nothing was changed: {error}"
    return f"From now on `{quota.name}` holds: {_amounts(quota)} {each(quota.window)} per {quota.per}."


@command(
    "limits remove",
    help="Remove a quota that was set for this workspace",
    options=[Option(name="name", help="what it is called", required=True, choices=quotas_set)],
    permission=Permission.OWNER,
)
async def remove(call: Call) -> View | str:
    """Have a quota that was set in a chat no longer hold."""
    name = call.options["name"]
    try:
        await call.desk.remove_quota(call.turn, name)
    except ValueError as error:
        return f"That does not work: {error}."
    except StoreError as error:
        return f"Nothing was changed: {error}"
    return f"`{name}` no longer holds as it was set here."


commands: Sequence[Command] = (limits, show, set_, remove)


async def _left(quotas: Quotas, held: Sequence[Held]) -> Table:
    now = quotas.clock.now()
    used = await quotas.used(held)
    rows = [
        (
            one.quota.name,
            one.quota.per,
            what,
            left_of,
            f"{one.share.ends_at:%Y-%m-%d %H:%M}, in {left(one.share.ends_at, now)}",
        )
        for one, taken in zip(held, used, strict=True)
        for what, left_of in _kinds(one, taken)
    ]
    return Table(header=("Quota", "Per", "Of", "Left", "Begins anew (UTC)"), rows=tuple(rows))


def _kinds(one: Held, used: Amounts) -> Sequence[tuple[str, str]]:
    ceiling = one.share.ceiling
    kinds = (
        ("messages", ceiling.messages, used.messages),
        ("tokens", ceiling.tokens, used.tokens),
        ("cost", ceiling.cost, used.cost),
    )
    return [
        (f"{amount(kind, most)} {each(one.quota.window)}", amount(kind, max(0, most - taken)))
        for kind, most, taken in kinds
        if most is not None
    ]


def _row(quota: Quota, where: str) -> tuple[str, ...]:
    return (quota.name, str(quota.who), quota.place, quota.per, _amounts(quota), quota.window, where)


def _amounts(quota: Quota) -> str:
    ceiling = quota.ceiling
    kinds = (("messages", ceiling.messages), ("tokens", ceiling.tokens), ("cost", ceiling.cost))
    return ", ".join(amount(kind, most) for kind, most in kinds if most is not None)


def _quota(call: Call) -> Quota:
    """Return the quota that a call describes. Raises `ValueError`."""
    given = call.options
    amounts = _amounts_of(given["amounts"])
    return Quota(
        name=given["name"],
        who=_who(given.get("who", "*"), call.place),
        place=given.get("place", "*"),
        per=_per(given["per"]),
        window=window_called(given["window"]),
        messages=None if "messages" not in amounts else _whole("messages", amounts["messages"]),
        tokens=None if "tokens" not in amounts else _whole("tokens", amounts["tokens"]),
        cost=amounts.get("cost"),
    )


def _who(given: str, place: Place) -> Grant:
    """Return whom ``given`` means, in the workspace of ``place``."""
    if given == "*":
        return within(place, EVERYBODY)
    role = given.startswith("@") and len(given) > 1
    return within(place, Grant(where="", who=given[1:] if role else _id_of(given), role=role))


def _per(text_: str) -> Per:
    for per in PERS:
        if per == text_:
            return per
    raise ValueError(f"a quota is not per {text_[:40]!r}; it is per {', '.join(PERS)}")


def _amounts_of(written: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in written.replace(" ", "").split(","):
        kind, _, value = part.partition("=")
        if kind not in {"messages", "tokens", "cost"}:
            raise ValueError(f"{part[:40]!r} is no amount; write {AMOUNTS.partition(': ')[2]}")
        try:
            found[kind] = float(value)
        except ValueError:
            raise ValueError(f"{value[:40]!r} is no number of {kind}") from None
    return found


def _whole(kind: str, value: float) -> int:
    if not 1 <= value < LARGEST or value != int(value):
        raise ValueError(f"{value:g} is no number of {kind}; write a whole one, 1 or more")
    return int(value)


def _id_of(written: str) -> str:
    """Return the id in a mention as platforms write it (``<@123>``, ``<@!123>``, ``<@U1|ann>``), or what is written."""
    if written.startswith("<@") and written.endswith(">"):
        return written[2:-1].removeprefix("!").partition("|")[0]
    return written
