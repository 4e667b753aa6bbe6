"""Rankings in the making: what somebody has pressed so far, and the ranking that it comes to. Pure.

Whoever presses one answer after the other says each time which is the best of those that are left; on ballots with many
answers the second press says which is the worst. What nobody pressed stands between, and was not compared with one another.
Whoever moves answers about on a page says all of it at once (`arranged`): the same as pressing them from the best to the worst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

from .ranking import LETTERS, Ranking, RankingError, Tiers, letter

TIE = "="
STRAIGHT = ">"
"""Before all presses: they go from the best on, also where the second one would be the worst."""
UNDO = "undo"
MARK = 8
"""Hexadecimal digits that tell one press from another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was pressed on a ballot of ``k`` answers: letters, and ``=`` before one that is tied with the last.

    ``ends``: the second is the worst, unless `STRAIGHT` stands first. ``mark`` is of the event that was taken last, so that the same event changes nothing.
    """

    k: int
    ends: bool = False
    taps: str = ""
    mark: str = ""

    @property
    def worst_second(self) -> bool:
        """Whether the second press says which is the worst."""
        return self.ends and not self.taps.startswith(STRAIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a draft says: tiers from the best, the worst where it is known, and who is left between them."""

    front: tuple[tuple[int, ...], ...]
    back: int | None
    rest: tuple[int, ...]
    joining: bool


def mark_of(event: str) -> str:
    """Return what an event is known by in drafts."""
    return blake2b(event.encode("utf-8", "surrogatepass"), digest_size=MARK // 2).hexdigest()


def text_of(draft: Draft) -> str:
    """Return a draft as it is stored."""
    return f"{draft.taps} {draft.mark}".strip() if draft.taps or draft.mark else ""


def read(stored: str, k: int, *, ends: bool) -> Draft:
    """Return the draft that `text_of` made ``stored`` from; an empty one where that is of no use."""
    taps, _, mark = stored.partition(" ")
    if not taps.removeprefix(STRAIGHT).startswith(tuple(LETTERS)):
        taps, mark = "", mark or taps
    straight = taps[: taps.startswith(STRAIGHT)]
    draft = Draft(k=k, ends=ends, taps=straight)
    try:
        for key in taps[len(straight) :]:
            draft = tapped(draft, key)
    except RankingError:
        return Draft(k=k, ends=ends)
    return replace(draft, mark=mark)


def tapped(draft: Draft, key: str, mark: str = "") -> Draft:
    """Return the draft after a letter, ``=`` or ``undo`` was pressed in the event with this mark.

    Raises `RankingError`, to be shown to whoever pressed it.
    """
    if mark and mark == draft.mark:
        return draft
    key = key.strip()
    if key.lower() == UNDO:
        if not draft.taps:
            raise RankingError("There is nothing to undo.")
        left = draft.taps[:-1]
        return replace(draft, taps="" if left == STRAIGHT else left, mark=mark)
    now = standing(draft)
    if key == TIE:
        return replace(draft, taps=_tie(draft, now), mark=mark)
    slot = LETTERS.find(key.upper()) if len(key) == 1 else -1
    if not 0 <= slot < draft.k:
        raise RankingError(
            f"There is no answer {key[:20]!r}; the answers are {', '.join(LETTERS[: draft.k])}."
        )
    if slot not in now.rest:
        raise RankingError(f"{letter(slot)} has its place already; `undo` takes the last press back.")
    return replace(draft, taps=draft.taps + letter(slot), mark=mark)


def _tie(draft: Draft, now: Standing) -> str:
    if not now.front:
        raise RankingError("Press an answer first; = then ties the next one with it.")
    if not now.rest:
        raise RankingError("All answers have their places; `undo` takes the last press back.")
    return draft.taps if now.joining else draft.taps + TIE


def standing(draft: Draft) -> Standing:
    """Return what a draft says."""
    front: list[list[int]] = []
    back: int | None = None
    joining = False
    for key in draft.taps.removeprefix(STRAIGHT):
        if key == TIE:
            joining = True
            continue
        slot = LETTERS.index(key)
        if joining:
            front[-1].append(slot)
        elif draft.worst_second and front and back is None:
            back = slot
        else:
            front.append([slot])
        joining = False
    placed: set[int | None] = {back, *(slot for tier in front for slot in tier)}
    return Standing(
        front=tuple(map(tuple, front)),
        back=back,
        rest=tuple(slot for slot in range(draft.k) if slot not in placed),
        joining=joining,
    )


def ranking(draft: Draft) -> Ranking:
    """Return the ranking that a draft comes to if nothing more is pressed. Raises `RankingError`."""
    now = standing(draft)
    if not now.front:
        raise RankingError("Press the best answer first.")
    if now.joining:
        raise RankingError("The tie waits for an answer; press it, or take it back with `undo`.")
    last = () if now.back is None else ((now.back,),)
    rest = (now.rest,) if now.rest else ()
    tiers = (*now.front, *rest, *last)
    return Ranking(tiers=tiers, loose=len(now.front) if len(now.rest) > 1 else None)


def arranged(draft: Draft, tiers: Tiers, mark: str = "") -> Draft:
    """Return the draft that says ``tiers``, of all answers, in place of what was pressed, in the event with this mark.

    Raises `RankingError` where an answer is missing.
    """
    missing = [slot for slot in range(draft.k) if all(slot not in tier for tier in tiers)]
    if missing:
        raise RankingError(f"{letter(missing[0])} has no place yet; each answer needs one.")
    taps = "".join(TIE.join(map(letter, tier)) for tier in tiers)
    return replace(draft, taps=f"{STRAIGHT}{taps}" if draft.ends else taps, mark=mark)


def arrangement(draft: Draft) -> Tiers:
    """Return all answers in tiers as a draft has them so far: what has no place yet stands in the order shown, each alone."""
    now = standing(draft)
    last = () if now.back is None else ((now.back,),)
    return (*now.front, *((slot,) for slot in now.rest), *last)


def asked(draft: Draft) -> str:
    """Return what is asked next."""
    now = standing(draft)
    if now.joining:
        return "Which one is just as good?"
    if not now.front:
        return "Which is best?"
    if not now.rest or (len(now.rest) == 1 and (now.back is not None or not draft.worst_second)):
        return "Save it, or press undo."
    if draft.worst_second and now.back is None:
        return "Which is worst?"
    if draft.worst_second:
        return "Save it, or go on: which is the best of the rest?"
    return "Which is the best of the rest?"


def so_far(draft: Draft) -> str:
    """Return what was pressed so far as people read it: ``B > A = …``; nothing if there is nothing."""
    now = standing(draft)
    parts = [" = ".join(map(letter, tier)) for tier in now.front]
    if not parts:
        return ""
    if now.joining:
        parts[-1] += " = …"
    elif len(now.rest) == 1:
        parts.append(letter(now.rest[0]))
    elif now.rest:
        parts.append("…")
    if now.back is not None:
        parts.append(letter(now.back))
    return " > ".join(parts)
