"""The chat page from question to answer: streams that are taken up again, duplicates, withdrawal, asking anew."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from secrets import token_hex

import pytest
from web_stand import Browser, Stand, standing

from rostra.actions import Address, Append, Begin, Finish, Retract, Show
from rostra.events import Event
from rostra.protocols import Accepted
from rostra.talks import Talk
from rostra.views import Choice, Choices, File, View

TALK = "0192f0a1b2c37d4e8f90a1b2c3d4e5f6"
OTHER = "0192f0a1b2c37d4e8f90a1b2c3d4e5f7"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncGenerator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


@pytest.fixture
async def ann(stand: Stand) -> Browser:
    return await stand.signed_in("ann")


async def asked(stand: Stand, browser: Browser, text: str, talk: str = TALK, **more: str) -> str:
    """Ask something and wait until it is answered."""
    turn = await browser.say(text, talk, **more)
    await stand.app.reception.drain()
    return turn


def answers(page: str) -> list[str]:
    """Return the HTML of the answers on a page."""
    return re.findall(r'<div class="answer".*?(?=<div class="after")', page, re.DOTALL)


def states(page: str) -> list[str]:
    return re.findall(r'class="answer"[^>]*data-state="(\w+)"', page)


def questions(page: str) -> list[str]:
    return re.findall(r'<div class="bubble">(.*?)</div>', page, re.DOTALL)


async def test_an_answer_streams_and_is_there_after_a_reload(stand: Stand, ann: Browser) -> None:
    turn = await ann.say("greet me", TALK)
    async with ann.listening(TALK) as stream:
        everything = await stream.until("all")
        if 'data-state="done"' not in everything["html"]:
            await stream.until("answer", turn=turn, state="done")
    page = await ann.page(f"/chat/{TALK}")
    assert questions(page) == ["greet me"]
    assert states(page) == ["done"]
    assert "<p>Hello <strong>there</strong>, and <code>welcome</code>.</p>" in page
    assert f'href="/chat/{TALK}" aria-current="page">greet me</a>' in page


async def test_a_stream_goes_on_where_it_was_cut(stand: Stand, ann: Browser) -> None:
    turn = await asked(stand, ann, "greet me")
    place = Talk(id=TALK, adapter="web", owner="x", title="", at=stand.app.parts.clock.now()).place
    address = Address(place=place, question=turn)
    async with ann.listening(TALK) as stream:
        await stream.until("all")
        await stand.web.perform(address, Begin(reply="r", text="one"), "r")
        await stream.until("answer", state="writing")
        last = stream.seen[-1][0]
    await stand.web.perform(address, Append(reply="r", text=" two"), "r")
    async with ann.listening(TALK, **{"Last-Event-ID": last}) as stream:
        assert (await stream.until("grow"))["tail"] == "<p>one two</p>\n"
        assert [kind for _, kind, _ in stream.seen] == ["grow"], "nothing is told twice"
    for forgotten in ("", "nonsense", "00000000-3", last.partition("-")[0] + "-99999"):
        async with ann.listening(TALK, **{"Last-Event-ID": forgotten}) as stream:
            assert turn in (await stream.until("all"))["html"]


async def test_who_was_away_for_too_long_is_told_everything_anew(stand: Stand, ann: Browser) -> None:
    turn = await asked(stand, ann, "greet me")
    first = stand.web.feed.mark(TALK, 0)
    channel = stand.web.feed.channel(TALK)
    for _ in range(600):
        channel.publish("after", {"turn": turn, "html": "", "state": "done"})
    async with ann.listening(TALK, since=first) as stream:
        assert "Hello" in (await stream.until("all"))["html"]


@pytest.mark.slow
async def test_what_was_asked_before_a_restart_is_shown_after_it(tmp_path: Path) -> None:
    async with standing(tmp_path, storage="") as stand:
        ann = await stand.signed_in("ann")
        await asked(stand, ann, "greet me")
        await asked(stand, ann, "/help model")
        cookies = dict(ann.client.cookies)
    async with standing(tmp_path, storage="") as stand:
        ann = stand.browser()
        ann.client.cookies.update(cookies)
        page = await ann.page(f"/chat/{TALK}")
    assert questions(page) == ["greet me", "/help model"]
    assert states(page) == ["done", "view"]
    assert "<strong>there</strong>" in page


async def test_a_message_that_is_sent_twice_is_asked_once(stand: Stand, ann: Browser) -> None:
    own = token_hex(16)
    first, second = [await ann.send(f"{TALK}/messages", id=own, text="greet me") for _ in range(2)]
    await stand.app.reception.drain()
    assert [first.json()["duplicate"], second.json()["duplicate"]] == [False, True]
    assert first.json()["turn"] == second.json()["turn"]
    assert questions(await ann.page(f"/chat/{TALK}")) == ["greet me"]


async def test_the_same_id_in_another_conversation_is_another_message(stand: Stand, ann: Browser) -> None:
    own = token_hex(16)
    both = [await ann.send(f"{talk}/messages", id=own, text="greet me") for talk in (TALK, OTHER)]
    assert [answer.json()["duplicate"] for answer in both] == [False, False]
    await stand.app.reception.drain()


async def test_an_answer_that_is_withdrawn_says_so_and_leaves_no_word(stand: Stand, ann: Browser) -> None:
    turn = await asked(stand, ann, "greet me")
    place = Talk(id=TALK, adapter="web", owner="x", title="", at=stand.app.parts.clock.now()).place
    address = Address(place=place, question=turn)
    async with ann.listening(TALK, since=stand.web.feed.mark(TALK)) as stream:
        await stand.web.perform(address, Begin(reply="r", text="the secret"), "r")
        await stream.until("answer", state="writing")
        await stand.web.perform(address, Retract(reply="r", text="I would rather not."), "r")
        told = await stream.until("answer", state="withdrawn")
    assert "This answer was withdrawn." in told["html"]
    assert "I would rather not." in told["html"]
    assert "secret" not in told["html"]


async def test_an_answer_that_is_blocked_is_refused_also_after_a_reload(stand: Stand, ann: Browser) -> None:
    await asked(stand, ann, "spoil it")
    page = await ann.page(f"/chat/{TALK}")
    assert states(page)[0] in {"refused", "withdrawn"}
    assert "rosebud" not in page


async def test_a_question_that_is_refused_says_so(stand: Stand, ann: Browser) -> None:
    await asked(stand, ann, "is it rosebud?")
    page = await ann.page(f"/chat/{TALK}")
    assert states(page) == ["refused"]
    assert "Not answered." in page


async def test_asking_anew_replaces_what_followed_and_is_not_remembered(stand: Stand, ann: Browser) -> None:
    await asked(stand, ann, "greet me")
    second = await asked(stand, ann, "tell me")
    await asked(stand, ann, "and more")
    await asked(stand, ann, "tell me otherwise", instead_of=second)
    page = await ann.page(f"/chat/{TALK}")
    assert questions(page) == ["greet me", "tell me otherwise"]
    said = await stand.app.parts.store.recall(
        Talk(id=TALK, adapter="web", owner="x", title="", at=stand.app.parts.clock.now()).place, 10
    )
    assert [one.text for one in said if one.role == "user"] == ["greet me", "tell me otherwise"]


async def test_nothing_is_asked_anew_while_an_answer_is_under_way(tmp_path: Path) -> None:
    async with standing(tmp_path, seconds=30.0) as stand:
        ann = await stand.signed_in("ann")
        turn = await ann.say("greet me", TALK)
        refused = await ann.send(f"{TALK}/messages", text="greet me", instead_of=turn)
        assert (refused.status_code, refused.json()) == (
            409,
            {"error": "An answer is still being given. Stop it first."},
        )
        async with ann.listening(TALK) as stream:
            await stream.until("all")
            assert (await ann.send(f"{TALK}/stop")).status_code == 202
            await stream.until("answer", turn=turn, state="stopped")
        page = await ann.page(f"/chat/{TALK}")
    assert states(page) == ["stopped"]
    assert len(answers(page)) == 1, "that somebody stopped it is no turn of its own"


async def test_commands_are_answered_with_views_whose_controls_work(stand: Stand, ann: Browser) -> None:
    turn = await asked(stand, ann, "greet me")
    page = await ann.page(f"/chat/{TALK}")
    bad = re.search(r'data-press="([^"]+)" aria-label="Bad"', page)
    assert bad
    where = {"on": turn, "base": "answer"}
    assert (await ann.send(f"{TALK}/presses", control=bad[1], **where)).status_code == 202
    await stand.app.reception.drain()
    page = await ann.page(f"/chat/{TALK}")
    assert "Before you rank" in page
    agree = re.search(r'data-press="([^"]+)">I agree</button>', page)
    assert agree
    await ann.send(f"{TALK}/presses", control=agree[1], **where)
    await stand.app.reception.drain()
    page = await ann.page(f"/chat/{TALK}")
    assert "not a good answer" in page
    assert "Before you rank" not in page, "the last word under an answer stands"
    assert "Write it better" in page
    assert states(page) == ["done"]


async def test_a_message_that_cannot_be_stored_is_to_be_sent_again(stand: Stand, ann: Browser) -> None:
    accept = stand.web.accept
    stand.web.accept = None
    own = token_hex(16)
    refused = await ann.send(f"{TALK}/messages", id=own, text="greet me")
    assert refused.status_code == 503
    stand.web.accept = accept
    taken = await ann.send(f"{TALK}/messages", id=own, text="greet me")
    assert (taken.status_code, taken.json()["duplicate"]) == (202, False)
    await stand.app.reception.drain()
    assert questions(await ann.page(f"/chat/{TALK}")) == ["greet me"]


async def test_files_of_views_are_handed_to_those_in_the_conversation(stand: Stand, ann: Browser) -> None:
    turn = await ann.say("greet me", TALK)
    await stand.app.reception.drain()
    reply = re.search(r'data-press="(\w+)\.0"', await ann.page(f"/chat/{TALK}"))
    assert reply
    store = stand.app.parts.store
    entry = await store.entry(reply[1])
    assert entry is not None
    assert entry.event.id == turn
    files = tuple(
        File(name=name, media_type=kind, data=b"<script>x</script>")
        for name, kind in (("a.html", "text/html"), ("b.svg", "image/svg+xml"), ("c.png", "image/png"))
    )
    await _show(stand, ann, View(parts=files))
    found = re.findall(r'data-file="(\w+/\d)" download', await ann.page(f"/chat/{OTHER}"))
    assert len(found) == 3
    kinds: list[str] = []
    for path in found:
        answer = await ann.client.get(f"/chat/{OTHER}/files/{path}")
        assert answer.content == b"<script>x</script>"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kinds.append(f"{answer.headers['Content-Type']} {answer.headers.get('Content-Disposition', '')}")
    harmless = "application/octet-stream attachment"
    assert kinds == [harmless, harmless, "image/png "]
    assert (await ann.client.get(f"/chat/{TALK}/files/{found[0]}")).status_code == 404


async def _show(stand: Stand, browser: Browser, view: View) -> None:
    """Have a message in the other conversation answered with ``view``."""
    accept, store = stand.web.accept, stand.app.parts.store
    assert accept is not None

    async def take(event: Event) -> Accepted:
        taken = await store.accept(event)
        entry = await store.entry(taken.reply)
        assert entry is not None
        out = stand.app.reception.delivery.open(entry.reply)
        await out.emit(Show(reply=taken.reply, view=view))
        await out.settle()
        return Accepted(reply=taken.reply)

    stand.web.accept = take
    await browser.say("show me", OTHER)
    stand.web.accept = accept


async def test_a_conversation_that_is_deleted_is_gone_and_forgotten(stand: Stand, ann: Browser) -> None:
    await asked(stand, ann, "greet me")
    assert (await ann.send(f"{TALK}/delete")).status_code == 200
    assert (await ann.client.get(f"/chat/{TALK}")).status_code == 404
    assert TALK not in await ann.page()
    place = Talk(id=TALK, adapter="web", owner="x", title="", at=stand.app.parts.clock.now()).place
    assert list(await stand.app.parts.store.recall(place, 10)) == []


async def test_choices_of_every_number_are_drawn(stand: Stand, ann: Browser) -> None:
    few = tuple(Choice(value=str(number), label=f"<b>{number}</b>") for number in range(3))
    many = tuple(Choice(value=str(number), label=str(number)) for number in range(9))
    parts = (
        Choices(control="/a", prompt="few?", choices=few),
        Choices(control="/b", prompt="one?", choices=many),
        Choices(control="/c", prompt="some?", choices=many, least=0, most=3),
    )
    await _show(stand, ann, View(parts=parts))
    page = await ann.page(f"/chat/{OTHER}")
    assert page.count("data-value=") == 3
    assert "&lt;b&gt;1&lt;/b&gt;" in page
    assert page.count("<option value=") == 9
    assert page.count('type="checkbox"') == 9


async def test_what_a_page_is_told_is_bounded(stand: Stand, ann: Browser) -> None:
    for what, status in (
        ({"text": "x" * 32_001}, 413),
        ({"text": "   "}, 400),
        ({"text": 7}, 400),
        ({"id": "../x", "text": "hi"}, 400),
    ):
        answer = await ann.send(f"{TALK}/messages", **what)
        assert answer.status_code == status, what
    huge = await ann.client.post(
        f"/chat/{TALK}/messages", content=b"x" * 300_000, headers={"X-CSRF-Token": ann.csrf}
    )
    assert huge.status_code in {400, 413}
    assert (await ann.client.get(f"/chat/{TALK}")).status_code == 404, "nothing was begun"


async def test_finished_text_stands_whatever_was_streamed(stand: Stand, ann: Browser) -> None:
    turn = await asked(stand, ann, "greet me")
    place = Talk(id=TALK, adapter="web", owner="x", title="", at=stand.app.parts.clock.now()).place
    address = Address(place=place, question=turn)
    async with ann.listening(TALK, since=stand.web.feed.mark(TALK)) as stream:
        await stand.web.perform(address, Begin(reply="r", text="a guess"), "r")
        await stand.web.perform(address, Finish(reply="r", text="the truth"), "r")
        told = await stream.until("answer", state="done")
    assert "the truth" in told["html"]
    assert stand.web.feed.channel(TALK).live == {}
