"""What people do on the chat page, in a real browser."""

from __future__ import annotations

from browser_windows import Visit
from playwright.async_api import expect
from visitor import PHONE, Visitor
from whole_bot import PASSWORD, Stand

from rostra_adapters.web.shown import NOTES


async def test_a_newcomer_opens_the_printed_link_and_chats(stand: Stand, visit: Visit) -> None:
    somebody = await visit()
    page = somebody.page
    await page.goto(stand.link)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    await expect(page.get_by_label("Your question")).to_be_focused()
    await somebody.write("What is tea?")
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    await expect(somebody.answer).to_contain_text("leaves of a shrub.")
    await expect(somebody.answer).not_to_contain_text("Green")
    stand.go_on()
    await expect(somebody.answer.get_by_text("Green")).to_be_visible()
    await somebody.sees("writing")
    stand.go_on()
    await somebody.sees("done")
    await expect(somebody.answer).to_contain_text("That is all.")
    for name in ("Copy", "Again", "Good", "Bad"):
        await expect(somebody.answer.get_by_role("button", name=name)).to_be_visible()
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(page.get_by_role("navigation").get_by_role("link", name="What is tea?")).to_be_visible()


async def test_an_answer_that_is_withdrawn_leaves_the_page_and_says_so(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann")
    await ann.write("Tell me the story")
    await expect(ann.answer).to_contain_text("the old house by the lake")
    await ann.sees("writing")
    stand.go_on()
    await ann.sees("withdrawn")
    for _ in range(2):
        await expect(ann.answer.get_by_text(NOTES["withdrawn"])).to_be_visible()
        assert "lake" not in await ann.page.content()
        assert "rosebud" not in await ann.page.content()
        await ann.page.reload()


async def test_a_harmful_question_is_refused(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.ask("How do I build a pipe bomb?", "refused")
    await expect(ann.answer.get_by_text(NOTES["refused"])).to_be_visible()
    await expect(ann.answer).to_contain_text("won't help")
    await expect(ann.answer.get_by_role("button", name="Again")).to_be_visible()


async def test_everything_can_be_done_by_keyboard(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann")
    keyboard, question = ann.page.keyboard, ann.page.get_by_label("Your question")
    await expect(question).to_be_focused()
    skip = ann.page.get_by_role("link", name="To the question")
    while not await skip.evaluate("(link) => link === document.activeElement"):
        await keyboard.press("Shift+Tab")
        await expect(ann.page.locator(":focus")).to_be_in_viewport()
    await keyboard.press("Enter")
    await expect(question).to_be_focused()

    options = ann.page.get_by_role("option")
    await keyboard.type("/rese")
    await expect(options.filter(visible=True)).to_have_count(1)
    await keyboard.press("Escape")
    await expect(ann.page.get_by_role("listbox")).to_be_hidden()
    await keyboard.press("ControlOrMeta+a")
    await keyboard.type("/")
    first = await question.get_attribute("aria-activedescendant")
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowUp")
    assert await question.get_attribute("aria-activedescendant") == first
    await keyboard.type("hel")
    await keyboard.press("Enter")
    await expect(question).to_have_value("/help ")
    await keyboard.press("Enter")
    await ann.sees("view")
    await expect(ann.answer).to_contain_text("/reset")

    await keyboard.type("What is tea?")
    await keyboard.press("Shift+Enter")
    await expect(question).to_have_value("What is tea?\n")
    await keyboard.press("Enter")
    await expect(ann.answer).to_contain_text("leaves of a shrub.")
    await keyboard.press("Escape")
    await ann.sees("stopped")
    assert (await ann.answer.inner_text()).count("Stopped.") == 1
    await expect(question).to_be_focused()
    await keyboard.press("Shift+Tab")
    await expect(ann.answer.get_by_role("button", name="Again")).to_be_focused()


async def test_a_reload_in_the_middle_of_an_answer_loses_nothing(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann")
    await ann.write("What is tea?")
    await expect(ann.answer).to_contain_text("leaves of a shrub.")
    await ann.page.reload()
    await expect(ann.answer).to_contain_text("leaves of a shrub.")
    await ann.sees("writing")
    stand.go_on()
    await expect(ann.answer).to_contain_text("Green")
    stand.go_on()
    await ann.sees("done")
    assert (await ann.answer.inner_text()).count("shrub") == 1
    await expect(ann.page.locator(".turn")).to_have_count(1)


async def test_a_question_is_edited_and_asked_anew(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.ask("One question")
    await ann.ask("Another question")
    page, turns = ann.page, ann.page.locator(".turn")
    await turns.first.hover()
    await turns.first.get_by_role("button", name="Edit").click()
    question = page.get_by_label("Your question")
    await expect(question).to_have_value("One question")
    await expect(page.get_by_text("Asking this question anew")).to_be_visible()
    await page.get_by_role("button", name="Keep it").click()
    await expect(question).to_have_value("")
    await turns.first.get_by_role("button", name="Edit").click()
    await ann.write("A better question")
    await expect(turns).to_have_count(1)
    await expect(turns.locator(".bubble")).to_have_text("A better question")
    await ann.sees("done")
    await ann.answer.get_by_role("button", name="Again").click()
    await expect(turns.locator(".bubble")).to_have_text("A better question")
    await ann.sees("done")
    await page.reload()
    await expect(turns).to_have_count(1)


async def test_an_answer_is_rated_and_copied(visit: Visit) -> None:
    ann = await visit("ann", permissions=["clipboard-read", "clipboard-write"])
    await ann.ask("Show me everything")
    await ann.page.locator(".code").get_by_role("button", name="Copy").click()
    await expect(ann.page.get_by_role("button", name="Copied")).to_be_visible()
    assert str(await ann.page.evaluate("navigator.clipboard.readText()")).startswith("print('a line")
    await ann.answer.get_by_role("button", name="Bad", exact=True).click()
    after = ann.page.locator(".after")
    await after.get_by_role("button", name="I agree", exact=True).click()
    await expect(after).to_contain_text("Saved: not a good answer.")


async def test_a_conversation_is_found_again_and_deleted(visit: Visit) -> None:
    ann = await visit("ann")
    await ann.ask("One question")
    page = ann.page
    await page.get_by_role("navigation").get_by_role("link", name="New conversation").click()
    await expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    await page.get_by_role("link", name="One question").click()
    await expect(ann.answer).to_contain_text("You said something.")
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Your conversations will be listed here.")).to_be_visible()


async def test_two_windows_show_the_same(stand: Stand, visit: Visit) -> None:
    ann = await visit("ann")
    await ann.ask("One question")
    other = Visitor(page=await ann.page.context.new_page(), url=ann.url, complaints=ann.complaints)
    other.watch()
    await other.page.goto(ann.page.url)
    await ann.write("What is tea?")
    await expect(other.answer).to_contain_text("leaves of a shrub.")
    await other.page.get_by_role("button", name="Stop").click()
    await ann.sees("stopped")
    await other.sees("stopped")
    await ann.page.locator(".who").get_by_role("button", name="Sign out").click()
    await expect(ann.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await other.write("One question more")
    await expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert ann.complaints.pop().endswith("401 (Unauthorized)")


async def test_people_sign_in_with_a_name_and_a_password(stand: Stand, visit: Visit) -> None:
    await stand.account("ann", "owner")
    somebody = await visit()
    page = somebody.page
    await somebody.open()
    await page.get_by_label("Name").fill("ann")
    await page.get_by_label("Password").fill("not the password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    assert somebody.complaints.pop().endswith("403 (Forbidden)")
    await expect(page.get_by_label("Name")).to_have_value("ann")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your question")).to_be_focused()


async def test_the_page_fits_a_phone(visit: Visit) -> None:
    ann = await visit("ann", viewport=PHONE, has_touch=True, is_mobile=True)
    page = ann.page
    menu, side = page.get_by_role("button", name="Conversations"), page.locator("#side")
    await expect(side).to_be_hidden()
    await menu.tap()
    await expect(side).to_be_visible()
    await expect(menu).to_have_attribute("aria-expanded", "true")
    await page.touchscreen.tap(310, 300)
    await expect(side).to_be_hidden()
    await menu.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="New conversation").focus()
    await page.keyboard.press("Escape")
    await expect(side).to_be_hidden()
    await expect(menu).to_be_focused()
    await ann.fits()
    await ann.ask("Show me everything")
    await ann.fits()
    await ann.ask("long" * 60)
    await ann.fits()


async def test_the_page_is_dark_where_the_browser_is(visit: Visit) -> None:
    ann = await visit("ann")
    paper = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g))"
    assert int(await ann.page.evaluate(paper)) > 200
    await ann.page.emulate_media(color_scheme="dark")
    assert int(await ann.page.evaluate(paper)) < 60
