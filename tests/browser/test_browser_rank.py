"""Ranking answers in a real browser: by keyboard, by pointer, from a link of a chat, and in a conversation."""

from __future__ import annotations

from browser_windows import Visit
from playwright.async_api import Locator, expect
from polls import HOUSE, agreed, judged, link, poll
from visitor import Visitor
from whole_bot import Stand


def now(visitor: Visitor) -> Locator:
    """The order that would be saved."""
    return visitor.page.locator("[data-now]")


def card(visitor: Visitor, letter: str) -> Locator:
    return visitor.page.locator(f"[data-letter={letter}]")


async def started(stand: Stand, visit: Visit, name: str) -> Visitor:
    """Return somebody who agreed to be asked, in front of their first ballot."""
    ann = await visit(name, "rater")
    account = await stand.app.parts.store.account_named("web", name)
    assert account
    await agreed(stand, account.person)
    await ann.open("/rank")
    await ann.page.get_by_role("button", name="Start").click()
    await expect(now(ann)).to_have_text("A > B > C > D")
    return ann


async def saved(visitor: Visitor, said: str) -> None:
    await expect(visitor.page.get_by_text("Saved:")).to_contain_text(said)


async def to(visitor: Visitor, target: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(60):
        if await target.evaluate("(element) => element === document.activeElement"):
            return
        await visitor.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


async def test_ranking_by_keyboard_only(stand: Stand, visit: Visit) -> None:
    plan = await poll(stand)
    ann = await visit("ann", "rater")
    page, keyboard = ann.page, ann.page.keyboard
    await to(ann, page.get_by_role("link", name="Rank"))
    await keyboard.press("Enter")
    await to(ann, page.get_by_role("button", name="I agree", exact=True))
    await keyboard.press("Enter")
    start = page.get_by_role("button", name="Start")
    await expect(start).to_be_visible()
    await to(ann, start)
    await keyboard.press("Enter")
    await expect(now(ann)).to_have_text("A > B > C > D")
    await to(ann, card(ann, "A"))
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowDown")
    await expect(card(ann, "C")).to_be_focused()
    await keyboard.press("1")
    await expect(now(ann)).to_have_text("C > A > B > D")
    await expect(page.locator("#live")).to_have_text("C is now 1st of 4")
    await expect(card(ann, "C")).to_be_focused()
    await keyboard.press("ArrowDown")
    await keyboard.press("Alt+ArrowDown")
    await expect(now(ann)).to_have_text("C > B > A > D")
    await keyboard.press("=")
    await expect(now(ann)).to_have_text("C > B = A > D")
    await to(ann, page.get_by_role("button", name="Save"))
    await keyboard.press("Enter")
    await saved(ann, "C > A = B > D")
    await expect(page.get_by_role("button", name="Next")).to_be_focused()
    (one,) = await judged(stand, plan)
    assert one.tiers == (2, 2, 1, 3)
    await keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("nothing for you to rank")


async def test_ranking_by_pointer_only(stand: Stand, visit: Visit) -> None:
    plan = await poll(stand)
    ann = await started(stand, visit, "ann")
    page = ann.page
    for _ in range(2):
        await card(ann, "C").get_by_role("button", name="Move C up").click()
    await card(ann, "B").get_by_role("button", name="B is tied").click()
    await expect(now(ann)).to_have_text("C > A = B > D")
    grip, first = card(ann, "D").locator("[data-grip]"), card(ann, "C")
    await grip.scroll_into_view_if_needed()
    start, end = await grip.bounding_box(), await first.bounding_box()
    assert start
    assert end
    await page.mouse.move(start["x"] + 5, start["y"] + 5)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 5, end["y"] + end["height"] / 2, steps=8)
    await page.mouse.move(start["x"] + 5, end["y"] + 2, steps=8)
    await page.mouse.up()
    await expect(now(ann)).to_have_text("D > C > A = B")
    await page.get_by_role("button", name="Save").click()
    await saved(ann, "D > C > A = B")
    (one,) = await judged(stand, plan)
    assert one.tiers == (3, 3, 2, 1)


async def test_a_reload_in_the_middle_of_a_ballot_keeps_what_was_chosen(stand: Stand, visit: Visit) -> None:
    await poll(stand)
    ann = await started(stand, visit, "ann")
    await card(ann, "D").get_by_role("button", name="Move D up").click()
    await expect(ann.page.get_by_text("Draft kept.")).to_be_visible()
    await ann.page.reload()
    await expect(now(ann)).to_have_text("A > B > D > C")
    await ann.open("/rank")
    await ann.page.get_by_role("link", name="Go on").click()
    await expect(now(ann)).to_have_text("A > B > D > C")
    await ann.page.get_by_role("button", name="Save").click()
    await saved(ann, "A > B > D > C")


async def test_two_raters_share_a_campaign(stand: Stand, visit: Visit) -> None:
    plan = await poll(stand, overlap=2)
    ann, ben = await started(stand, visit, "ann"), await started(stand, visit, "ben")
    for somebody in (ann, ben):
        await card(somebody, "B").get_by_role("button", name="Move B up").click()
        await somebody.page.get_by_role("button", name="Save").click()
        await saved(somebody, "B > A > C > D")
    assert len({one.rater for one in await judged(stand, plan)}) == 2
    await ann.page.get_by_role("button", name="Next").click()
    await expect(ann.page.get_by_text("1 of 1 are done")).to_be_visible()


async def test_a_link_from_a_chat_is_good_for_ranking_once(stand: Stand, visit: Visit) -> None:
    plan = await poll(stand, place=HOUSE)
    address = await link(stand, "cid")
    cid = await visit()
    page = cid.page
    await page.goto(address)
    await cid.accessible()
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="I agree", exact=True).click()
    await page.get_by_role("button", name="Start").click()
    await page.get_by_role("button", name="All bad").click()
    await expect(page.get_by_text("Saved:")).to_be_visible()
    assert [one.outcome for one in await judged(stand, plan)] == ["all_bad"]
    await cid.open("/")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(address)
    await expect(page.get_by_text("This link was used")).to_be_visible()
    assert cid.complaints.pop().endswith("404 (Not Found)")


async def test_answers_are_compared_in_the_conversation(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann", "rater")
    await ann.ask("/privacy allow rate", "view")
    await ann.ask("Which tea is the best?")
    await ann.ask("/rank new 3 default,other,third", "view")
    await expect(now(ann)).to_have_text("A > B > C")
    await card(ann, "B").get_by_role("button", name="Move B up").click()
    await expect(now(ann)).to_have_text("B > A > C")
    await ann.accessible()
    await ann.page.locator(".ballot").get_by_role("button", name="Save").click()
    await expect(ann.page.locator(".turn").last).to_contain_text("Saved: B > A > C")


async def test_the_queue_and_a_ballot_shut_nobody_out(stand: Stand, visit: Visit) -> None:
    await poll(stand, guideline="Prefer what is **true**.")
    ann = await visit("ann", "rater")
    await ann.open("/rank")
    await ann.accessible()
    await ann.page.get_by_role("button", name="I agree", exact=True).click()
    await ann.page.get_by_role("button", name="Start").click()
    await card(ann, "C").get_by_role("button", name="C is tied").click()
    await expect(ann.page.get_by_text("Draft kept.")).to_be_visible()
    await ann.page.get_by_text("Put the best answer first").click()
    await ann.accessible()
    await ann.page.get_by_role("button", name="Save").click()
    await saved(ann, "A > B = C > D")
    await ann.accessible()
