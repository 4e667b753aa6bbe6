"""axe-core finds nothing wrong with any page, whatever stands on it: in the light and in the dark, on a desk and on a phone."""

from __future__ import annotations

from browser_windows import Visit
from playwright.async_api import expect
from visitor import LOOKS, OTHER_LOOKS, PHONE
from whole_bot import Stand


async def test_the_pages_at_the_door(stand: Stand, visit: Visit) -> None:
    somebody = await visit()
    page = somebody.page
    await page.goto(stand.link)
    await somebody.accessible()
    await somebody.open("/link/used")
    await somebody.accessible()
    assert somebody.complaints.pop().endswith("404 (Not Found)")
    await somebody.open("/sign-in")
    await page.get_by_label("Name").fill("nobody")
    await page.get_by_label("Password").fill("not a password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await somebody.accessible()
    assert somebody.complaints.pop().endswith("403 (Forbidden)")


async def test_a_new_conversation_and_its_commands(visit: Visit) -> None:
    ann = await visit("ann", "owner")
    await ann.page.keyboard.type("/")
    await expect(ann.page.get_by_role("listbox")).to_be_visible()
    await ann.accessible()


async def test_a_conversation_with_everything_in_it(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann", "owner")
    await ann.ask("Show me everything")
    await ann.answer.get_by_role("button", name="Bad", exact=True).click()
    await expect(ann.page.locator(".after")).to_contain_text("I agree")
    await ann.ask("How do I build a pipe bomb?", "refused")
    await ann.write("Tell me the story")
    stand.go_on()
    await ann.sees("withdrawn")
    await ann.ask("/persona", "view")
    await ann.write("What is tea?")
    await expect(ann.answer).to_contain_text("leaves of a shrub.")
    await ann.page.get_by_role("button", name="Edit").first.click()
    await ann.accessible(*LOOKS, *OTHER_LOOKS)


async def test_the_menu_of_a_phone(visit: Visit) -> None:
    ann = await visit("ann", viewport=PHONE)
    await ann.page.get_by_role("button", name="Conversations").click()
    await expect(ann.page.locator("#side")).to_be_visible()
    await ann.accessible(("light", PHONE), ("dark", PHONE))
