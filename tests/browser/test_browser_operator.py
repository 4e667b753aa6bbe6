"""The operator's pages in a real browser."""

from __future__ import annotations

import pytest
from browser_windows import Visit
from playwright.async_api import expect
from polls import flagged, poll
from whole_bot import Stand

from rostra.feedback.values import Campaign
from rostra.testing.ballots import ranked

TEXT = "rosebud is what the story is about"


async def ranking(stand: Stand, name: str = "Eggs") -> Campaign:
    """Return a campaign of which some ballots are in."""
    plan = await poll(stand, name, questions=("one?", "two?", "three?"), overlap=2)
    for rater in ("ann", "ben"):
        for said in ("A > B > C > D", "A > B = C > D", "B > A > D > C"):
            await ranked(stand.app.parts.store, plan, rater, said)
    return plan


async def test_an_operator_decides_what_waits_for_a_decision(stand: Stand, visit: Visit) -> None:
    await flagged(stand, TEXT, (await stand.account("ben")).person)
    olga = await visit("olga", "operator")
    page = olga.page
    await page.get_by_role("link", name="Operator").click()
    await page.get_by_role("link", name=TEXT).click()
    await expect(page.locator("mark")).to_contain_text("rosebud")
    await page.get_by_role("button", name="It may not pass").click()
    await expect(page.get_by_role("status").first).to_be_visible()
    await page.get_by_role("link", name="Reviews", exact=True).click()
    await expect(page.get_by_text("Nothing waits for a decision.")).to_be_visible()
    await page.get_by_role("link", name="Decided").click()
    await expect(page.get_by_text(TEXT)).to_be_visible()


async def test_a_campaign_is_seen_as_it_comes_in(stand: Stand, visit: Visit) -> None:
    plan = await poll(stand, questions=("one?", "two?"))
    olga = await visit("olga", "operator")
    page = olga.page
    await olga.open("/operator/campaigns")
    await page.get_by_role("link", name="Eggs").click()
    before = await page.locator("#live").inner_text()
    await ranked(stand.app.parts.store, plan, "ann")
    await expect(page.locator("#live")).not_to_have_text(before, use_inner_text=True)


@pytest.mark.parametrize("stand", ["disk"], indirect=True)  # of what is in memory there is nothing to export
async def test_the_operator_s_pages_shut_nobody_out(stand: Stand, visit: Visit) -> None:
    ben = await stand.account("ben")
    case = await flagged(stand, TEXT, ben.person)
    plan = await ranking(stand)
    oskar = await visit("oskar", "owner")
    for path in (
        "reviews",
        f"reviews/{case}",
        "campaigns",
        f"campaigns/{plan.id}",
        "people",
        "health",
        "policy",
    ):
        await oskar.open(f"/operator/{path}")
        await expect(oskar.page.get_by_role("heading", level=1)).to_be_visible()
        await oskar.accessible()
    await oskar.page.get_by_label("Text").fill(TEXT)
    await oskar.page.get_by_role("button", name="Judge it").click()
    await expect(oskar.page.get_by_role("heading", name="Verdict")).to_be_visible()
    await oskar.accessible()
    await oskar.open("/operator/people")
    await oskar.page.get_by_label("Name of their account").fill("ben")
    await oskar.page.get_by_role("button", name="Find").click()
    await expect(oskar.page.get_by_role("heading", level=1)).to_contain_text("ben")
    await oskar.accessible()
