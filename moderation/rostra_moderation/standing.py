"""What strikes, time-outs and pardons come to at a moment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rostra.stores import Sanction

from .tables import StrikeSettings

STRIKES = "strikes"
"""Why there is a time-out that nobody gave by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How somebody stands: the strikes that count, the end of the time-out in force, and of the pardon in force."""

    strikes: tuple[Sanction, ...] = ()
    out_until: datetime | None = None
    pardoned_until: datetime | None = None


def tally(sanctions: Sequence[Sanction], now: datetime) -> Tally:
    """Return what ``sanctions`` (oldest first) come to.

    A pardon takes away what stands before it. A strike counts until it expires or has led to a time-out.
    """
    left = _unforgiven(sanctions)
    outs = [one for one in left if one.kind == "timeout"]
    last = max((number for number, one in enumerate(left) if one.kind == "timeout"), default=-1)
    pardons = [one.until for one in sanctions if one.kind == "pardon" and not one.reply and one.until > now]
    return Tally(
        strikes=tuple(one for one in left[last + 1 :] if one.kind == "strike" and one.until > now),
        out_until=max((one.until for one in outs if one.until > now), default=None),
        pardoned_until=max(pardons, default=None),
    )


def time_out(sanctions: Sequence[Sanction], now: datetime, settings: StrikeSettings) -> timedelta | None:
    """Return for how long somebody with ``sanctions`` is to be sent out now, None where the strikes do not suffice."""
    if not settings.limit or len(tally(sanctions, now).strikes) < settings.limit:
        return None
    since = now - timedelta(minutes=settings.memory)
    before = sum(
        one.kind == "timeout" and one.reason == STRIKES and one.at > since for one in _unforgiven(sanctions)
    )
    return timedelta(minutes=settings.timeout[min(before, len(settings.timeout) - 1)])


def _unforgiven(sanctions: Sequence[Sanction]) -> Sequence[Sanction]:
    forgiven = {one.reply for one in sanctions if one.kind == "pardon" and one.reply}
    start = max(
        (number for number, one in enumerate(sanctions) if one.kind == "pardon" and not one.reply), default=-1
    )
    return [one for one in sanctions[start + 1 :] if one.kind != "pardon" and one.reply not in forgiven]
