"""What people are told before anything of theirs is kept for ranking, and what they may allow. Versioned: a new text asks anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..places import Place
from ..views import Button, Buttons, Text, View
from .values import ConsentEvent, ConsentScope, new_id

VERSION = "1"
"""Of all texts below; whoever changes what one of them promises counts it up."""

SCOPES: Mapping[ConsentScope, str] = {
    "store": "keep the texts you write here for longer than other conversations",
    "rate": "keep what you rank and rate, to tell which answers are better",
    "train": "train models on what you write and rank here",
    "publish": "publish what you write and rank here, under a pseudonym",
}

NOTICE = (
    "**Before you rank:** I keep your ranking, when you made it, and a pseudonym in place of your name, so that"
    " whoever runs this bot can tell which answers are better. Nothing is trained on it unless you allow that as well."
    " `/privacy` shows what I keep about you and takes it back at any time."
)

WRITTEN = "Write `/privacy allow rate` to agree, or `/privacy allow train` to let models learn from it, too."


def holds(consents: Mapping[ConsentScope, ConsentEvent], scope: ConsentScope) -> bool:
    """Return whether somebody allows ``scope``, having read the notice as it is now."""
    found = consents.get(scope)
    return found is not None and found.granted and found.notice_version == VERSION


def notice(then: str, *, buttons: bool) -> View:
    """Return what asks for consent; ``then`` is the command that goes on afterwards, without its slash."""
    if not buttons:
        return View(parts=(Text(text=NOTICE), Text(text=WRITTEN)), private=True)
    row = (
        Button(control=f"/privacy allow rate {then}".rstrip(), label="I agree", style="primary"),
        Button(
            control=f"/privacy allow train {then}".rstrip(), label="I agree, and models may learn from it"
        ),
        Button(control="/privacy refuse", label="No"),
    )
    return View(parts=(Text(text=NOTICE), Buttons(buttons=row)), private=True)


def implied(scope: ConsentScope) -> tuple[ConsentScope, ...]:
    """Return what somebody allows who allows ``scope``: nothing is trained on or published that may not be kept."""
    wider: Mapping[ConsentScope, tuple[ConsentScope, ...]] = {
        "train": ("rate", "train"),
        "publish": ("rate", "publish"),
    }
    return wider.get(scope, (scope,))


def withdrawn(scope: ConsentScope) -> tuple[ConsentScope, ...]:
    """Return what somebody takes back who takes back ``scope``: without ``rate`` nothing may be trained on or published."""
    return ("rate", "train", "publish") if scope == "rate" else (scope,)


def said(
    scopes: Sequence[ConsentScope], person: str, place: Place, *, granted: bool, evidence: str, at: datetime
) -> Sequence[ConsentEvent]:
    """Return what is stored when somebody (a pseudonym) who read the notice allows ``scopes``, or takes them back."""
    return [
        ConsentEvent(
            id=new_id(),
            person=person,
            place=place,
            scope=scope,
            granted=granted,
            notice_version=VERSION,
            evidence=evidence,
            at=at,
        )
        for scope in scopes
    ]
