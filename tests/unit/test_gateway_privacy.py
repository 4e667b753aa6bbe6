"""What the gateway keeps to itself: texts and secrets are in no log, no file and no error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_models import WORDS
from gateway_stand import BAD, CHAT, standing, user

from rostra.errors import StoreError

MINE = "wombat-in-the-larder"


async def test_neither_texts_nor_keys_are_logged(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        _, headers = await stand.key()
        secret = headers["Authorization"].removeprefix("Bearer ")
        stand.model().script["break it"] = [f"It is {MINE}. And", ValueError(f"not with {MINE}")]
        stand.model().script["break it at once"] = [KeyError(MINE)]
        for said in (f"I have a {MINE}", f"{MINE} and {BAD}", "break it", "break it at once", "fail"):
            for streams in (False, True):
                await stand.ask(said, headers, stream=streams, user=f"user {MINE}")
        await stand.client.post(CHAT, content=f'{{"{MINE}": '.encode(), headers=headers)
        await stand.client.post("/v1/moderations", json={"input": MINE}, headers=headers)
        await stand.client.get("/v1/models", headers={"Authorization": f"Bearer rk-{MINE}"})
        await stand.client.get(f"/v1/why/{MINE}", headers=headers)
        address = stand.client.base_url
        for line in (f"GET / HTTP/1.1\r\nAuthorization: {secret}\x01\r\n", f"{MINE} {secret} / HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(f"{line}\r\n".encode())
            assert b" 400 " in await reader.readline()
            writer.close()
        written = stand.logs.getvalue()
    assert "request failed" in written, "there is something in the log"
    assert "req_" in written, "by which a request can be found"
    assert MINE not in written
    assert secret not in written


async def test_errors_quote_neither_the_request_nor_what_is_inside(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.model().script["break it"] = [ValueError(f"{MINE} {WORDS}")]
        replies = [
            await stand.ask("break it"),
            await stand.ask("fail"),
            await stand.ask([{"role": MINE, "content": MINE}]),
            await stand.ask([user("x"), {"role": "tool", "content": MINE}]),
            await stand.ask("Hello", temperature=MINE),
            await stand.ask("Hello", tools=[{"type": "function", "function": {"name": f"{MINE} {MINE}"}}]),
            await stand.ask("Hello", {"Idempotency-Key": MINE * 20}),
            await stand.client.post(CHAT, content=f"{{{MINE}".encode()),
            await stand.client.post("/v1/moderations", json={"input": {"a": MINE}}),
            await stand.client.post("/v1alpha1/comments:analyze", json={"comment": MINE}),
            await stand.client.get(f"/v1/why/{MINE}"),
            await stand.client.get(f"/v1/{MINE}"),
        ]
    for reply in replies:
        assert reply.status_code >= 400
        assert MINE not in reply.text.lower()
        assert WORDS not in reply.text
        assert "Traceback" not in reply.text
        assert ".py" not in reply.text


async def test_a_store_that_fails_is_out_of_order_and_says_no_more(tmp_path: Path) -> None:
    async def broken(secret: str) -> None:
        raise StoreError(f"cannot open {MINE}")

    async with standing(tmp_path, open=False) as stand:
        store = stand.app.parts.store
        _, headers = await stand.key()
        good, store.key_of = store.key_of, broken  # type: ignore[method-assign,assignment]  # a store that is down
        reply = await stand.ask("Hello", headers)
        store.key_of = good  # type: ignore[method-assign]  # and up again
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "10"
        assert MINE not in reply.text
        assert (await stand.ask("Hello", headers)).status_code == 200


@pytest.mark.slow
async def test_nothing_of_a_conversation_is_stored(tmp_path: Path) -> None:
    async with standing(tmp_path, storage="") as stand:
        for said in (f"I have a {MINE}", f"{MINE} and {BAD}"):
            answer = await stand.answer([user(f"earlier {MINE}"), user(said)], user="ann-the-asker")
            await stand.streamed(said)
            assert (await stand.client.get(f"/v1/why/{answer['id']}")).status_code == 200
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert any(file.stat().st_size > 10_000 for file in files), "there is a database"
    for file in files:
        assert MINE.encode() not in file.read_bytes(), file.name
