"""Other people's clients, as they are, against a running ``rostra serve``: OpenAI's SDK, LangChain, ``llm``, an SSE reader."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

pytestmark = pytest.mark.slow

PARTS = Path(__file__).parents[1] / "unit" / "gateway_models.py"
READY = Path(__file__).with_name("gateway_ready.py")
BIN = Path(sys.executable).parent
BAD = "rosebud"
CONFIG = """
data = "data"

[models.script]
kind = "{parts}:model"
takes = ["tools", "tool_choice"]

[moderators.rules]
kind = "rules"
lists = []
words.spoilers = ["rosebud"]

[moderators.watcher]
kind = "{parts}:watcher"

[adapters.gateway]
kind = "gateway"
listen = "{listen}"

[adapters.ready]
kind = "{ready}:ready"
"""
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where ``rostra serve`` answers, in which folder it runs, and the secret of a key."""

    url: str
    folder: Path
    key: str

    def new_key(self, *more: str) -> str:
        """Make a key as an operator does."""
        return rostra(self.folder, "key", "new", "shop", *more)


def rostra(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [BIN / "rostra", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "rostra.toml").write_text(CONFIG.format(parts=PARTS, ready=READY, listen=listen))
    key = rostra(folder, "key", "new", "shop")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [BIN / "rostra", "serve"], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready", (folder / "log").read_text()
            yield Served(url=f"http://{listen}/v1", folder=folder, key=key)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def client(served: Served) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key=served.key, max_retries=0, timeout=20) as made:
        yield made


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_the_sdk_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="default", messages=user("Hello my friend"), temperature=0)
    assert answer.choices[0].message.content == "Hello my friend"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10
    request: Any = getattr(answer, "_request_id")  # noqa: B009  the SDK documents it, with its underscore
    assert request.startswith("req_")
    assert "default" in [one.id for one in client.models.list()]
    assert client.models.retrieve("default").id == "default"


def test_the_sdk_streams_and_is_told_what_it_took(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="default",
            messages=user("One is this. Two is that."),
            stream=True,
            stream_options={"include_usage": True},
            logprobs=True,
        )
    )
    texts = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert "".join(texts) == "One is this. Two is that."
    assert len([text for text in texts if text]) > 1
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


def test_the_sdk_puts_a_stream_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="default", messages=user("Well?"), tools=[TOOL]) as stream:
        done = stream.get_final_completion()
    (call,) = done.choices[0].message.tool_calls or []
    assert done.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"town": "Bonn"})


@pytest.mark.parametrize("word", [BAD, "kaboom"])
def test_a_blocked_question_and_a_blocked_answer_are_what_the_sdk_expects(
    client: openai.OpenAI, word: str
) -> None:
    asked = client.chat.completions.create(model="default", messages=user(f"A {word}?"))
    assert asked.choices[0].finish_reason == "content_filter"
    assert asked.choices[0].message.content
    assert word not in asked.choices[0].message.content
    chunks = list(
        client.chat.completions.create(model="default", messages=user(f"tell {word[::-1]}"), stream=True)
    )
    text = "".join(one.choices[0].delta.content or "" for one in chunks)
    assert text.startswith("This much is fine.\n\n")
    assert word not in text
    assert chunks[-1].choices[0].finish_reason == "content_filter"


def test_the_sdk_moderates(client: openai.OpenAI) -> None:
    found = client.moderations.create(input=["Hello", "kaboom"], model="omni-moderation-latest")
    fine, harm = found.results
    assert (fine.flagged, harm.flagged) == (False, True)
    assert (harm.categories.violence, harm.category_scores.violence) == (True, 1.0)
    assert not fine.categories.harassment_threatening


def test_errors_are_the_sdks_own(client: openai.OpenAI, served: Served) -> None:
    create = client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as missing:
        create(model="gpt-9", messages=user("Hello"))
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="default", messages=user("Hello"), logit_bias={"5": 1})
    assert wrong.value.code == "unsupported_parameter"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="rk-wrong").models.list()
    moderations = served.new_key("--scope", "moderations")
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=moderations).models.list()
    with pytest.raises(openai.InternalServerError) as failed:
        create(model="default", messages=user("fail"))
    assert failed.value.status_code == 502
    with pytest.raises(openai.APIError, match="the model failed"):
        list(create(model="default", messages=user("break off"), stream=True))


def test_the_sdk_comes_again_after_a_failure_and_when_it_is_told_to(
    client: openai.OpenAI, served: Served
) -> None:
    again = client.with_options(max_retries=2)
    answer = again.chat.completions.create(model="default", messages=user("flaky"))
    assert answer.choices[0].message.content == "flaky"
    assert not again.moderations.create(input="unsure").results[0].flagged
    slow = served.new_key("--per-minute", "60")
    with httpx.Client(headers={"Authorization": f"Bearer {slow}"}, trust_env=False) as quick:
        statuses = [quick.get(f"{served.url}/models").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    with pytest.raises(openai.RateLimitError) as often:
        client.with_options(api_key=slow).models.list()
    assert often.value.response.headers["retry-after"] == "1"
    assert [one.id for one in again.with_options(api_key=slow).models.list()]


def test_langchain_is_answered_and_streams(served: Served) -> None:
    # LangChain's core wants uuid-utils below 1, and is here only where somebody installed it.
    langchain = pytest.importorskip("langchain_openai")
    key: Mapping[str, Any] = {"base_url": served.url, "api_key": served.key, "max_retries": 0}
    chat = langchain.ChatOpenAI(model="default", **key)
    assert chat.invoke("Hello my friend").content == "Hello my friend"
    blocked = chat.invoke(f"A {BAD}?")
    assert blocked.response_metadata["finish_reason"] == "content_filter"
    pieces = list(chat.stream("tell dubesor"))
    assert "".join(one.content for one in pieces).startswith("This much is fine.\n\n")
    assert BAD not in str(pieces)
    (call,) = chat.bind_tools([TOOL]).invoke("Well?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"town": "Bonn"})


MODELS = """
- model_id: bot
  model_name: default
  api_base: {url}
  api_key_name: bot
"""


def llm(served: Served, folder: Path, *arguments: str) -> str:
    (folder / "extra-openai-models.yaml").write_text(MODELS.format(url=served.url))
    (folder / "keys.json").write_text(json.dumps({"bot": served.key}))
    # Other people's plugins are none of our business.
    environment = {**os.environ, "LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": "", "NO_PROXY": "*"}
    done = subprocess.run(
        [BIN / "llm", "-m", "bot", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


def test_the_llm_command_is_answered_and_told_what_was_withdrawn(served: Served, tmp_path: Path) -> None:
    assert llm(served, tmp_path, "--no-stream", "-s", "Be brief.", "Hello my friend") == "Hello my friend"
    said = llm(served, tmp_path, "tell dubesor")
    assert said.startswith("This much is fine.\n\n")
    assert BAD not in said


async def test_whoever_reads_events_by_the_line_reads_json_until_done(served: Served) -> None:
    body = {"model": "default", "messages": user("One is this. Two is that."), "stream": True}
    headers = {"Authorization": f"Bearer {served.key}"}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        client.stream("POST", f"{served.url}/chat/completions", json=body, headers=headers) as reply,
    ):
        lines = [line async for line in reply.aiter_lines()]
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in reply.headers
    assert lines[1::2] == [""] * (len(lines) // 2)
    events = lines[::2]
    assert events[-1] == "data: [DONE]"
    said = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content", "") for delta in said) == "One is this. Two is that."
