"""Golden transcripts: whole conversations in plain text, in at one end and out at the other.

A transcript first sets the scene, then lets people talk; the indented lines are what the bot did::

    # blocked on the way out
    word bomb illicit/violent
    answer hi => All is well. | Now for the bomb.

    ann@general: hi
        begins: All is well.
        retracts to: …

``answers how? => One. || Another.`` has several answers to one question, said in turn: they are ranked in the order made.
``rater ann`` and ``operator ann`` let somebody do more, and ``thumbs`` has answers with buttons under them.

``can`` names the platform's capabilities (``can edit nonce``; everything by default). `replay` runs the conversation
through the real pipeline and returns the transcript as it should be: a test compares it with the file.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from ..actions import Action, Append, Begin, Capabilities, Finish, Replace, Retract, Show, Typing
from ..config import FeedbackSettings, Permissions, Settings
from ..views import as_text
from .clock import ManualClock, settle
from .fakes import ListModerator, ScriptedModel, bot
from .ordered import InOrder
from .platform import EVERYTHING, FakePlatform

IDS = re.compile(r"\b[0-9a-f]{32}\b|(?<=policy )[0-9a-f]{12}\b")
"""Ids of replies, which differ from run to run, and versions of policies, which differ from release to release."""


@dataclass(slots=True)
class _Scene:
    words: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    variants: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    can: Capabilities = EVERYTHING
    people: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    thumbs: bool = False

    def set(self, line: str) -> None:
        """Set the scene by one line. Raises `ValueError`."""
        kind, _, rest = line.partition(" ")
        match kind:
            case "word":
                word, _, category = rest.rpartition(" ")
                self.words[word] = category
            case "answer":
                question, _, pieces = rest.partition(" => ")
                self.answers[question] = [f"{piece.strip()} " for piece in pieces.split("|")]
            case "answers":
                question, _, several = rest.partition(" => ")
                self.variants[question] = [one.strip() for one in several.split("||")]
            case "rater" | "operator" | "owner":
                self.people.setdefault(kind, []).append(f"fake/*:{rest}")
            case "thumbs":
                self.thumbs = True
            case "can":
                self.can = Capabilities(**dict.fromkeys(rest.split(), True))
            case _:
                raise ValueError(
                    f"{line!r} sets nothing; write word, answer, answers, can, rater, or NAME@CHANNEL: TEXT"
                )


async def replay(transcript: str) -> str:
    """Return ``transcript`` with what the bot really does. Raises `ValueError` where it cannot be read."""
    lines = [line for line in transcript.splitlines() if not line.startswith((" ", "\t"))]
    scene = _Scene()
    spoken = [line for line in lines if _is_spoken(line)]
    for line in lines:
        if line and not line.startswith("#") and not _is_spoken(line):
            scene.set(line)
    heard = iter(await _play(scene, [_said(line) for line in spoken]))
    out: list[str] = []
    for line in lines:
        out.append(line)
        if _is_spoken(line):
            out.extend(next(heard))
    return "\n".join(out).rstrip() + "\n"


async def _play(scene: _Scene, said: Sequence[tuple[str, str, str]]) -> Sequence[Sequence[str]]:
    clock = ManualClock()
    platform = FakePlatform(capabilities=scene.can)
    model = ScriptedModel(script=scene.answers, variants=scene.variants)
    judge = ListModerator(words=scene.words)
    settings = Settings(
        permissions=Permissions.model_validate(scene.people), feedback=FeedbackSettings(thumbs=scene.thumbs)
    )
    heard: list[Sequence[str]] = []
    store = InOrder(clock=clock)
    async with bot(platform, model, moderators=[judge], clock=clock, settings=settings, store=store) as app:
        running = asyncio.ensure_future(app.run())
        for person, channel, text in said:
            platform.calls.clear()
            platform.events.put_nowait(platform.message(text, author=person, channel=channel))
            await settle()
            await app.reception.drain()
            heard.append([line for action, _ in platform.calls for line in _written(action)])
        app.stop()
        await running
    return heard


def _is_spoken(line: str) -> bool:
    who, colon, _ = line.partition(":")
    return bool(colon) and "@" in who and " " not in who and not line.startswith("#")


def _said(line: str) -> tuple[str, str, str]:
    who, _, text = line.partition(":")
    person, _, channel = who.partition("@")
    return person, channel, text.strip()


def _written(action: Action) -> Iterator[str]:
    match action:
        case Begin(text=text):
            verb = "begins"
        case Append(text=text):
            verb = "adds"
        case Replace(text=text):
            verb = "replaces with"
        case Retract(text=text):
            verb = "retracts to"
        case Finish(text=text, ending=ending):
            verb = "finishes" if ending == "stop" else f"finishes ({ending})"
        case Show(view=view):
            verb, text = "shows", as_text(view)
        case Typing():
            return
        case _:
            assert_never(action)
    lines = [line for line in IDS.sub("ID", text).rstrip().splitlines() if line.strip()]
    if len(lines) > 1:  # blank lines part the transcript, so a text of several lines goes without its own
        yield f"    {verb}:"
        yield from (f"        {line}" for line in lines)
    else:
        yield f"    {verb}: {lines[0].strip()}" if lines else f"    {verb}"
