"""What raters and operators find: campaigns with questions and answers, and texts that wait for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from whole_bot import Stand

from rostra.accounts import new_token
from rostra.events import Message
from rostra.feedback.judged import Judged
from rostra.feedback.values import Campaign
from rostra.passes import Pass
from rostra.places import Permission, Person, Place
from rostra.stores import Case
from rostra.testing.ballots import asked, begun, consent, somebody
from rostra.verdicts import Decision, Span, Verdict

HERE = Place(adapter="web", channel="elsewhere")
HOUSE = Place(adapter="discord", workspace="house", channel="hall")
ANSWERS = ("Seven minutes.", "Ask a hen.", "Three minutes, or four.", "In water.")


async def poll(
    stand: Stand,
    name: str = "Eggs",
    *,
    place: Place = HERE,
    questions: Sequence[str] = ("How long do I boil an egg?",),
    answers: Sequence[str] = ANSWERS,
    guideline: str = "",
    overlap: int = 1,
) -> Campaign:
    """Begin a campaign whose ballots have all these ``answers``."""
    store = stand.app.parts.store
    plan = await begun(store, name, place=place, k=len(answers), overlap=overlap, guideline=guideline)
    for question in questions:
        await asked(store, plan, question, answers=answers, at=stand.app.parts.clock.now())
    return plan


async def judged(stand: Stand, plan: Campaign) -> Sequence[Judged]:
    """Return what stands of a campaign's ballots."""
    return [one async for one in stand.app.parts.store.judged(plan.id)]


async def agreed(stand: Stand, person: Person, place: Place = HERE) -> str:
    """Have somebody allow that their rankings are kept; return their pseudonym."""
    store = stand.app.parts.store
    pseudonym = await store.pseudonym(place.adapter, person)
    await store.consent(consent(pseudonym, "rate", place=place, at=stand.app.parts.clock.now()))
    return pseudonym


async def link(stand: Stand, name: str, place: Place = HOUSE) -> str:
    """Return the address that lets somebody of a chat rank once."""
    store, now = stand.app.parts.store, stand.app.parts.clock.now()
    token = new_token()
    one = Pass(
        person=await somebody(store, name, place.adapter),
        place=place,
        permission=Permission.RATER,
        made_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    await store.open_pass(one, token)
    return f"{stand.url}/rank/link/{token}"


async def flagged(stand: Stand, text: str, author: Person) -> str:
    """Put a question into the queue of the operators; return the case's id."""
    store = stand.app.parts.store
    place, now = Place(adapter="web", channel=f"of-{author.id}"), stand.app.parts.clock.now()
    event = Message(id=f"m-{author.id}", place=place, author=author, text=text, sent_at=now)
    verdict = Verdict(
        decision=Decision.FLAG,
        source="rules",
        categories={"custom": 0.75, "hate": 0.1},
        spans=(Span(start=0, end=7, category="custom"),),
        rule="custom>=0.5",
    )
    case = Case(direction="question", verdict=verdict, text=text, action="review")
    return await store.queue(event, (await store.accept(event)).reply, case)
