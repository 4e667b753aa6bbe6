"""The texts that came along with a message: how a question holds them, and how they are cut to fit. Pure.

A question is one text, because it is judged as one: the person's own words, then each attachment under a line with its
name. That line is also how they are told apart again, in a question and in what was asked before, so that an
attachment is cut in the same way whenever it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .events import Attachment

Count = Callable[[str], int]

_LABEL = re.compile(r"^\[attachment: (.*)\]$", re.MULTILINE)
_BEGINS = "[attachment: "
_LIKE_A_LABEL = re.compile(r"^(?=\[attachment: )", re.MULTILINE)
_UNFIT = re.compile(r"[\[\]\x00-\x1f\x7f\x85\u2028\u2029]+")

LONGEST_NAME = 100
CUT = "\n[… the rest was cut: it is longer than the model can read …]"
LEFT_OUT = "\n[… cut: the first {kept:,} of {total:,} characters of {name} are above …]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An attachment inside of a question, and what stands of it there."""

    name: str
    text: str

    def cut_to(self, characters: int) -> str:
        """Return the part with its label, and only so many of its characters."""
        head = f"\n\n[attachment: {self.name}]\n"
        if characters >= len(self.text):
            return head + self.text
        notice = LEFT_OUT.format(kept=characters, total=len(self.text), name=self.name or "it")
        return head + self.text[:characters] + notice


def joined(words: str, attachments: Sequence[Attachment]) -> str:
    """Return a person's words and what could be read of their attachments as one question.

    What only looks like the line above an attachment is moved in by a space.
    """
    if not attachments and _BEGINS not in words:
        return words
    read = [one for one in attachments if one.text is not None]
    pieces = [words and _LIKE_A_LABEL.sub(" ", words)]
    for one in read:
        name = _UNFIT.sub(" ", one.name).strip()[:LONGEST_NAME]
        pieces.append(f"[attachment: {name}]\n{_LIKE_A_LABEL.sub(' ', one.text or '')}")
    return "\n\n".join(filter(None, pieces))


def parts(question: str) -> tuple[str, tuple[Part, ...]]:
    """Return the person's words and the attachments that `joined` made ``question`` of."""
    labels = list(_LABEL.finditer(question)) if _BEGINS in question else []
    if not labels:
        return question, ()
    ends = [*(label.start() for label in labels[1:]), len(question)]
    found = tuple(
        Part(name=label[1], text=question[label.end() : end].removeprefix("\n").removesuffix("\n\n"))
        for label, end in zip(labels, ends, strict=True)
    )
    return question[: labels[0].start()].removesuffix("\n\n"), found


def shortened(question: str, *, room: int, share: int, count: Count) -> str:
    """Return ``question`` in at most ``room`` tokens, its attachments in ``share`` of them.

    Attachments are cut before any of the person's words are, those that are longest first, and each says how much of it
    is left. Words that do not fit by themselves are cut at their end.
    """
    words, attached = parts(question)
    if attached:
        whole = words + "".join(part.cut_to(len(part.text)) for part in attached)
        if fitting(whole, room, count) == len(whole) and _attachments_fit(attached, share, count):
            return question
        question = _cut(words, attached, min(share, room - count(words)), room, count)
    kept = fitting(question, room, count)
    if kept == len(question):
        return question
    return question[: fitting(question, room, count, CUT)] + CUT


def fitting(text: str, room: int, count: Count, notice: str = "") -> int:
    """Return how many of the first characters of ``text`` have ``room`` tokens at most, together with ``notice``.

    It is counted in pieces about as long as the result: the rest of a long text is not looked at.
    """
    low, high = 0, max(64, 4 * room)
    while high < len(text) and count(text[:high] + notice) <= room:
        low, high = high, high * 2
    if high >= len(text):
        if count(text + notice) <= room:
            return len(text)
        high = len(text)
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(text[:middle] + notice) <= room else (low, middle)
    return low


def _attachments_fit(attached: Sequence[Part], share: int, count: Count) -> bool:
    return sum(count(part.cut_to(len(part.text))) for part in attached) <= share


def _cut(words: str, attached: Sequence[Part], share: int, room: int, count: Count) -> str:
    """Return words and attachments, the latter in about ``share`` tokens; less, if they do not come to ``room``."""
    text = words
    while True:
        text = words + "".join(
            part.cut_to(_characters(part, each, count))
            for part, each in zip(attached, _shares(attached, share, count), strict=True)
        )
        # Tokens of pieces do not add up to those of the whole; what is missing is little.
        if share <= 0 or fitting(text, room, count) == len(text):
            return text
        share = share * 9 // 10 - 1


def _shares(attached: Sequence[Part], share: int, count: Count) -> Sequence[int]:
    """Return what each part gets of ``share``: all it needs, if that is less than what those left would get each."""
    given = [0] * len(attached)
    left = max(share, 0)
    needs = [_need(part, left, count) for part in attached]
    order = sorted(range(len(attached)), key=needs.__getitem__)
    for place, number in enumerate(order):
        given[number] = min(needs[number], left // (len(order) - place))
        left -= given[number]
    return given


def _need(part: Part, most: int, count: Count) -> int:
    """Return how many tokens ``part`` has, or a number above ``most``."""
    text = part.cut_to(len(part.text))
    return count(text) if fitting(text, most, count) == len(text) else most + 1


def _characters(part: Part, room: int, count: Count) -> int:
    frame = part.cut_to(0)
    if not part.text or count(part.cut_to(len(part.text))) <= room:
        return len(part.text)
    return min(fitting(part.text, room - count(frame), count), len(part.text) - 1)
