"""The gateway against its own OpenAPI document: whatever schemathesis thinks of to send, the answer is a declared one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks

from rostra.api_keys import ApiKey, new_secret
from rostra.app import open_app
from rostra.config import load
from rostra_adapters.gateway.gateway import Gateway

pytestmark = pytest.mark.slow

CONFIG = """
[storage]
url = "memory:"

[models.canned]
kind = "canned"
otherwise = "Well. So it is, and not otherwise."

[adapters.gateway]
kind = "gateway"
listen = "127.0.0.1:0"
"""
OPERATIONS = (
    ("/v1/chat/completions", "POST"),
    ("/v1/models", "GET"),
    ("/v1/models/{id}", "GET"),
    ("/v1/why/{id}", "GET"),
    ("/v1/moderations", "POST"),
    ("/v1alpha1/comments:analyze", "POST"),
)
positive_data_acceptance: Any = getattr(checks, "positive_data_acceptance")  # noqa: B009  its type is half known
SECONDS = 20.0
"""For one request, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where a gateway answers, its document, and a session with a key."""

    url: str
    schema: Any
    session: requests.Session


async def _serve(folder: Path, secret: str, told: SimpleQueue[str], stop: asyncio.Event) -> None:
    file = folder / "rostra.toml"
    file.write_text(CONFIG)
    async with open_app(load(file, {"ROSTRA_DATA": str(folder / "data")})) as app:
        await app.parts.store.add_key(ApiKey(application="fuzz"), secret)
        run = asyncio.ensure_future(app.run())
        found = app.parts.adapters["gateway"]
        assert isinstance(found, Gateway)
        told.put(found.url)
        await stop.wait()
        app.stop()
        await run


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    folder, secret, told = tmp_path_factory.mktemp("schema"), new_secret(), SimpleQueue[str]()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_serve(folder, secret, told, stop))

    thread = threading.Thread(target=work)
    thread.start()
    url = told.get(timeout=60)
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {secret}"
            document = session.get(f"{url}/v1/openapi.json", timeout=SECONDS).json()
            yield Served(url=url, schema=schemathesis.openapi.from_dict(document), session=session)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


def test_every_path_of_the_document_is_tried(served: Served) -> None:
    found = [(one.ok().path, one.ok().method.upper()) for one in served.schema.get_all_operations()]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_nothing_that_is_sent_breaks_it_or_gets_an_answer_that_is_not_declared(
    served: Served, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    operation = served.schema[path][method]

    @settings(
        max_examples=20,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        reply = case.call(base_url=served.url, session=served.session, timeout=SECONDS)
        # A schema cannot say that somebody has to ask something: what fits it may be refused all the same.
        case.validate_response(reply, excluded_checks=[positive_data_acceptance])

    send()
