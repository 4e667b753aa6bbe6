"""How much the gateway takes: repeated requests, quotas, bodies, requests at once, and pages of other origins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from gateway_stand import CHAT, body, error_of, standing, text_of

from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle

AGAIN = {"Idempotency-Key": "order-1"}
QUOTA = """
[[quotas]]
per = "workspace"
window = "hour"
messages = 2
"""
PAGE = {"Origin": "https://app.example"}


async def test_a_repeated_request_gets_the_same_answer_and_the_model_is_asked_once(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, remembered_seconds=60) as stand:
        first = await stand.ask("Hello", AGAIN)
        again = await stand.ask("Hello", AGAIN)
        assert first.json() == again.json()
        assert first.headers["x-request-id"] != again.headers["x-request-id"]
        assert len(stand.model().asked) == 1
        status, error = await stand.refused("Something else", AGAIN)
        assert (status, error["code"]) == (400, "idempotency_mismatch")
        assert (await stand.ask("Hello", {"Idempotency-Key": "order-2"})).json()["id"] != first.json()["id"]
        await clock.advance(61)
        assert (await stand.ask("Hello", AGAIN)).json()["id"] != first.json()["id"], "it is forgotten"
        status, error = await stand.refused("Hello", {"Idempotency-Key": "x" * 256})
        assert status == 400


async def test_applications_do_not_see_the_answers_of_one_another(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        _, shop = await stand.key("shop")
        _, spy = await stand.key("spy")
        mine = await stand.ask("Hello", {**shop, **AGAIN})
        theirs = await stand.ask("Hello", {**spy, **AGAIN})
        assert mine.json()["id"] != theirs.json()["id"]


async def test_a_request_that_is_still_being_answered_is_not_answered_twice(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with standing(tmp_path) as stand:
        stand.model().script["Hello"] = [go_on, "There."]
        first = asyncio.ensure_future(stand.ask("Hello", AGAIN))
        await stand.model().until(1)
        second = await stand.ask("Hello", AGAIN)
        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        go_on.set()
        assert (await first).json() == (await stand.ask("Hello", AGAIN)).json()
        assert len(stand.model().asked) == 1


async def test_a_failure_is_not_kept_and_may_be_tried_again(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        assert (await stand.ask("flaky", AGAIN)).status_code == 502
        assert (await stand.ask("flaky", AGAIN)).status_code == 200


async def test_a_quota_that_is_used_up_says_until_when(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, more=QUOTA, open=False) as stand:
        _, shop = await stand.key("shop")
        _, other = await stand.key("other")
        await clock.advance(600)
        assert [(await stand.ask("Hello", shop)).status_code for _ in range(2)] == [200, 200]
        for streams in (False, True):
            reply = await stand.ask("Hello", shop, stream=streams)
            error = error_of(reply)
            assert reply.status_code == 429
            assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
            assert reply.headers["retry-after"] == "3000"
        assert (await stand.ask("Hello", other)).status_code == 200
        await clock.advance(3000)
        assert (await stand.ask("Hello", shop)).status_code == 200
        assert len(stand.model().asked) == 4


async def test_what_failed_takes_nothing_of_a_quota(tmp_path: Path) -> None:
    async with standing(tmp_path, more=QUOTA) as stand:
        stand.model().script["broken"] = [ModelError("down")]
        assert [(await stand.ask("broken")).status_code for _ in range(3)] == [502] * 3
        assert [(await stand.ask("Hello")).status_code for _ in range(3)] == [200, 200, 429]


async def test_more_choices_than_a_quota_has_room_for_are_refused_as_a_whole(tmp_path: Path) -> None:
    async with standing(tmp_path, more=QUOTA) as stand:
        status, error = await stand.refused("Hello", n=3)
        assert (status, error["code"]) == (429, "insufficient_quota")
        await settle()
        assert stand.model().open == 0


async def test_requests_beyond_those_at_once_are_told_to_come_again(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with standing(tmp_path, requests=1) as stand:
        stand.model().script["Hello"] = ["A start. And", go_on, " an end."]
        async with stand.streaming("Hello") as events:
            await anext(events)
            reply = await stand.ask("Are you there?")
            assert (reply.status_code, error_of(reply)["code"]) == (503, "overloaded")
            assert reply.headers["retry-after"] == "2"
            go_on.set()
            assert text_of([event async for event in events]).endswith("an end.")
        assert (await stand.ask("Are you there?")).status_code == 200


async def chunks(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield b" " * 1000


@pytest.mark.parametrize("path", [CHAT, "/v1/moderations", "/v1alpha1/comments:analyze"])
async def test_a_body_that_is_too_large_is_refused_in_the_shape_of_all_errors(
    tmp_path: Path, path: str
) -> None:
    async with standing(tmp_path, body_bytes=5000) as stand:
        for content in (b" " * 5001, chunks(6)):
            reply = await stand.client.post(path, content=content)
            assert reply.status_code == 413
            assert "5,000 bytes" in error_of(reply)["message"]
        assert (await stand.client.post(path, content=b" " * 5000)).status_code == 400


async def test_a_body_that_is_not_what_its_headers_say_is_refused(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        reply = await stand.client.post(CHAT, content=b"{}", headers={"Content-Encoding": "gzip"})
        assert (reply.status_code, error_of(reply)["type"]) == (400, "invalid_request_error")


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock) as stand:
        host = stand.client.base_url
        reader, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
        line = asyncio.ensure_future(reader.readline())
        async with asyncio.timeout(5):
            while not line.done():
                await clock.advance(10)
        writer.close()
        assert (await line).startswith(b"HTTP/1.1 408 ")
        assert clock.monotonic() >= 30


async def test_scripts_of_other_pages_may_not_ask_unless_they_are_named(tmp_path: Path) -> None:
    ask = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with standing(tmp_path) as stand:
        for reply in (await stand.ask("Hello", PAGE), await stand.client.options(CHAT, headers=ask)):
            assert not [name for name in reply.headers if name.startswith("access-control-")]
        assert reply.status_code == 405
    async with standing(tmp_path, origins=["https://app.example"], open=False) as stand:
        reply = await stand.client.options(CHAT, headers=ask)
        assert reply.status_code == 204
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in reply.headers["access-control-allow-methods"]
        assert "authorization" in reply.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in reply.headers
        refused = await stand.client.post(CHAT, json=body("Hello"), headers=PAGE)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://app.example", "errors can be read"
        stranger = await stand.client.options(CHAT, headers={**ask, "Origin": "https://evil.example"})
        assert not [name for name in stranger.headers if name.startswith("access-control-")]
