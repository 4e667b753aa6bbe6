"""Nothing runs in a reader's browser, whoever wrote it and wherever it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import pytest_asyncio
from browser_windows import Visit
from payloads import NAMES, OPEN, PLAIN
from playwright.async_api import Dialog, expect
from polls import agreed, flagged, poll
from visitor import Visitor
from whole_bot import Stand, standing

from rostra.feedback.values import Campaign

RAN = re.compile(r"ran\((\d+)\)")
TOGETHER = 12
"""Payloads in one text."""
PERSONAS = "\n".join(
    f"[personas.{json.dumps(name)}]\nprompt = {json.dumps(text)}"
    for name, text in zip(NAMES, PLAIN, strict=False)
)


@pytest_asyncio.fixture(loop_scope="session")
async def stand(tmp_path: Path) -> AsyncGenerator[Stand]:
    async with standing(tmp_path, echo=True, more=PERSONAS) as stand:
        yield stand


def texts() -> Iterator[str]:
    for start in range(0, len(PLAIN), TOGETHER):
        yield "\n\n".join(PLAIN[start : start + TOGETHER])
    yield from OPEN


def no_dialogs(visitor: Visitor) -> None:
    async def refuse(dialog: Dialog) -> None:
        visitor.complaints.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    visitor.on("dialog", refuse)


async def test_what_runs_or_stands_out_would_be_noticed(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.ask("Show me everything")
    harmless = await ann.shape()
    for text in ("<img src=x onerror=ran(1)>", "<form action=https://elsewhere.example/><p id=csrf>"):
        await ann.page.evaluate("(text) => document.querySelector('.settled').innerHTML = text", text)
        assert await ann.shape() - harmless
    other = "document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.example/'}))"
    async with ann.page.expect_console_message(lambda said: "img-src" in said.text):
        await ann.page.evaluate(other)
    async with ann.page.expect_console_message(lambda said: said.text == "ran: 2"):
        await ann.page.evaluate("ran(2)")
    assert len(ann.complaints) > 3
    ann.complaints.clear()


async def test_questions_and_answers_do_nothing(visit: Visit) -> None:
    ben = await visit("ben")
    await ben.ask("Show me everything")
    harmless = await ben.shape()
    ann = await visit("ann")
    harmless |= await ann.shape()
    no_dialogs(ann)
    for text in texts():
        await ann.ask(text)
        assert await ann.shape() <= harmless
    bubbles = "".join(await ann.page.locator(".bubble").all_inner_texts())
    assert set(RAN.findall("".join(texts()))) == set(RAN.findall(bubbles))
    await ann.page.reload()
    await expect(ann.page.locator(".answer[data-state=done]")).to_have_count(len(list(texts())))
    assert await ann.shape() <= harmless
    assert set(ann.went) == {f"{ann.url}/", ann.page.url}


async def test_names_and_titles_do_nothing(stand: Stand, visit: Visit) -> None:
    ben = await visit("ben")
    await ben.ask("Show me everything")
    await ben.open()
    harmless = await ben.shape()
    await ben.ask("/persona", "view")
    with_a_table = await ben.shape()
    evil = ben
    for name, title in zip(NAMES[:2], NAMES[2:], strict=True):
        evil = await visit(name)
        no_dialogs(evil)
        await evil.ask(title)
        await evil.open()
        await expect(evil.page.locator(".who span")).to_have_text(name)
        await expect(evil.page.locator("#talks a")).to_have_text(title)
        assert await evil.shape() <= harmless
    await evil.ask("/persona", "view")
    await expect(evil.page.locator(".answer table")).to_contain_text(NAMES[0])
    assert await evil.shape() <= with_a_table


async def pages(visitor: Visitor, plan: Campaign, case: str) -> Sequence[set[str]]:
    """Return the shapes of the pages that show a campaign and a case."""
    await visitor.open("/rank")
    await visitor.page.locator(f"[data-campaign='{plan.id}'] button").click()
    await expect(visitor.page.locator("[data-now]")).to_be_visible()
    found = [await visitor.shape()]
    await visitor.open("/rank")
    found.append(await visitor.shape())
    for path in ("reviews", f"reviews/{case}", "campaigns", f"campaigns/{plan.id}"):
        await visitor.open(f"/operator/{path}")
        found.append(await visitor.shape())
    return found


async def test_campaigns_and_cases_do_nothing(stand: Stand, visit: Visit) -> None:
    oskar = await visit("oskar", "owner")
    account = await stand.app.parts.store.account_named("web", "oskar")
    assert account
    await agreed(stand, account.person)
    no_dialogs(oskar)
    long = "Something long, with nothing in it.\n\n" * 40
    plan = await poll(stand, guideline=long, questions=[long], answers=[f"{long}{n}" for n in range(4)])
    case = await flagged(stand, "harmless rosebud", (await stand.account("ben")).person)
    harmless = await pages(oskar, plan, case)
    given = list(texts())
    plan = await poll(stand, NAMES[0], questions=[given[4]], answers=given[:4], guideline=given[5])
    case = await flagged(stand, given[6], (await stand.account(NAMES[1])).person)
    for before, after in zip(harmless, await pages(oskar, plan, case), strict=True):
        assert after <= before
