"""Who may ask the gateway: keys, their scopes and their pace, and whose answers they may ask about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gateway_stand import BAD, CHAT, Stand, body, error_of, standing

from rostra.api_keys import ApiScope
from rostra.testing.clock import ManualClock

SCOPED: Mapping[ApiScope, tuple[str, str]] = {
    "chat": ("GET", "/v1/models"),
    "moderations": ("POST", "/v1/moderations"),
    "why": ("GET", "/v1/why/chatcmpl-0"),
}
GUARDED = (
    ("POST", CHAT),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/script"),
    ("GET", "/v1/why/x"),
    ("POST", "/v1/moderations"),
    ("POST", "/v1alpha1/comments:analyze"),
)


def bearer(secret: str | bytes) -> Mapping[bytes, bytes]:
    return {b"Authorization": b"Bearer " + (secret.encode() if isinstance(secret, str) else secret)}


async def refusal(stand: Stand, headers: Mapping[Any, Any] | None, method: str, path: str) -> tuple[int, str]:
    reply = await stand.client.request(method, path, headers=headers, json={})
    return reply.status_code, error_of(reply)["code"]


async def test_without_a_good_key_nothing_is_answered_and_no_model_asked(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        for method, path in GUARDED:
            assert await refusal(stand, None, method, path) == (401, "missing_api_key")
            for wrong in ("rk-unknown", "x" * 300, "a b", "\xe9".encode("latin-1")):
                status, code = await refusal(stand, bearer(wrong), method, path)
                assert (status, code) in {(401, "invalid_api_key"), (401, "missing_api_key")}
            assert await refusal(stand, {"Authorization": "Basic eDp5"}, method, path) == (
                401,
                "missing_api_key",
            )
        reply = await stand.ask("Hello", {"Authorization": "Bearer rk-unknown"})
        assert reply.headers["www-authenticate"] == "Bearer"
        assert error_of(reply)["type"] == "authentication_error"
        assert "rk-unknown" not in reply.text
        assert not stand.model().asked


async def test_a_good_key_opens_what_it_is_for(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        for scope in SCOPED:
            _, headers = await stand.key(f"for-{scope}", scope)
            for other, (method, path) in SCOPED.items():
                reply = await stand.client.request(method, path, headers=headers, json={"input": "Hello"})
                if other == scope:
                    assert reply.status_code in {200, 404}, path
                else:
                    assert (reply.status_code, error_of(reply)["code"]) == (403, "insufficient_permissions")
                    assert error_of(reply)["type"] == "permission_error"


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_key_that_has_ended_opens_nothing_a_few_seconds_later(tmp_path: Path, how: str) -> None:
    clock = ManualClock()
    async with standing(tmp_path, open=False, clock=clock) as stand:
        ends = clock.now() + timedelta(seconds=60) if how == "expired" else None
        key, headers = await stand.key(expires_at=ends)
        assert (await stand.ask("Hello", headers)).status_code == 200
        if how == "revoked":
            await stand.app.parts.store.end_key(key.id, clock.now())
        await clock.advance(61 if how == "expired" else 6)
        status, error = await stand.refused("Hello", headers)
    assert (status, error["code"]) == (401, "invalid_api_key")
    assert how in error["message"]


async def test_a_key_may_ask_so_often_a_minute_and_hears_when_to_come_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, open=False, clock=clock) as stand:
        _, headers = await stand.key(per_minute=12)
        _, others = await stand.key("other", per_minute=12)
        statuses = [(await stand.ask("Hello", headers)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        reply = await stand.ask("Hello", headers)
        error = error_of(reply)
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert reply.headers["retry-after"] == "5"
        assert (await stand.ask("Hello", others)).status_code == 200, "each key has a pace of its own"
        await clock.advance(int(reply.headers["retry-after"]))
        assert (await stand.ask("Hello", headers)).status_code == 200


async def test_an_application_is_told_why_and_no_other_is(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        _, shop = await stand.key("shop")
        _, again = await stand.key("shop")
        _, spy = await stand.key("spy")
        answer = (await stand.ask(f"What is a {BAD}?", shop)).json()
        path = f"/v1/why/{answer['id']}"
        for headers in (shop, again):
            told = (await stand.client.get(path, headers=headers)).json()
            assert told["id"] == answer["id"]
            assert ("moderation", "block") in [(one["stage"], one["what"]) for one in told["steps"]]
            assert BAD not in str(told["steps"]).replace("spoilers", "")
        reply = await stand.client.get(path, headers=spy)
        nothing = await stand.client.get("/v1/why/chatcmpl-0", headers=spy)
    assert reply.status_code == 404
    assert reply.json() == nothing.json(), "not even that there is one"


async def test_each_choice_can_be_explained_by_the_id_that_it_names(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        answer = await stand.answer(f"What is a {BAD}?", n=2)
        traces = [one["rostra"]["trace"] for one in answer["choices"]]
        assert len(set(traces)) == 2
        for trace in traces:
            assert (await stand.client.get(f"/v1/why/{trace}")).status_code == 200


async def test_an_open_gateway_takes_whatever_key_a_client_sends_but_not_one_that_has_ended(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock) as stand:
        assert (await stand.ask("Hello", {"Authorization": "Bearer none"})).status_code == 200
        key, headers = await stand.key("shop", "moderations")
        assert (await stand.ask("Hello", headers)).status_code == 403
        await stand.app.parts.store.end_key(key.id, clock.now())
        await clock.advance(6)
        assert (await stand.ask("Hello", headers)).status_code == 401


def test_an_open_gateway_listens_to_this_machine_alone() -> None:
    from rostra_adapters.gateway.settings import GatewaySettings

    with pytest.raises(ValueError, match="others could ask"):
        GatewaySettings(listen="0.0.0.0:8080", open=True)
    assert GatewaySettings(listen="127.0.0.1:8080", open=True).open
    assert not GatewaySettings(listen="0.0.0.0:8080").open


async def test_the_document_is_for_everybody(tmp_path: Path) -> None:
    async with standing(tmp_path, open=False) as stand:
        assert (await stand.client.get("/v1/openapi.json")).status_code == 200
        assert (await stand.client.post(CHAT, json=body("Hello"))).status_code == 401
