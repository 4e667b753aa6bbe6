"""The settings and presets of remote models, and what the doctor finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from rostra.clock import SystemClock
from rostra.components import Services
from rostra.errors import ConfigError, ModelMissing
from rostra.testing.clock import ManualClock
from rostra_models.remote.component import CHECK_SECONDS, check, component, opened
from rostra_models.remote.presets import Preset, presets
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.testing import Asked, Connection, FakeServer, refusing
from rostra_models.testing import tiny_llama

KEY = "sk-very-secret"
HERE = "http://127.0.0.1:9/v1"


def made(**given: object) -> RemoteSettings:
    return RemoteSettings.model_validate({"url": HERE, "model": "echo", **given})


def services(base: Path = Path()) -> Services:
    return Services(name="far", data=base, base=base, clock=SystemClock())


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = made(api_key=KEY, headers={"X-Key": f"{KEY}-2"})
    assert KEY not in repr(settings)
    assert KEY not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": ""}, "set 'url', or 'preset' to one of: openai, vllm"),
        ({"preset": "opnai"}, "no preset 'opnai'; there are: openai, vllm"),
        ({"url": "example.org"}, "must be a whole address"),
        ({"url": "ftp://example.org/v1"}, "must be a whole address"),
        ({"url": "http://[::1/v1"}, "it is no address"),
        ({"url": "http://localhost:99999/v1"}, "it is no address"),
        ({"url": "https://ann:pw@example.org/v1"}, "must have no user, password"),
        ({"url": "https://example.org/v1?key=1"}, "must have no user, password"),
        ({"url": "http://example.org/v1"}, "must begin with https://"),
        ({"model": ""}, "at least 1 character"),
        ({"api_key": "two words"}, "which no header can have"),
        ({"headers": {"a b": "c"}}, "'a b' is not the name of a header"),
        ({"headers": {"authorization": "c"}}, "a key goes into 'api_key'"),
        ({"headers": {"X-A": "c\r\nX-B: d"}}, "the value of 'X-A' has what no header can have"),
        ({"extra": {"messages": []}}, "'messages' cannot be set here"),
        ({"first_token_seconds": 0}, "greater than 0"),
        ({"window": 3}, "greater than or equal to 16"),
    ],
)
def test_wrong_settings_are_explained(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        made(**wrong)
    assert "X-B" not in caught.value.json(include_input=False)


def test_every_preset_is_usable_and_what_is_not_on_this_machine_is_encrypted() -> None:
    assert {
        "openai",
        "vllm",
        "llama.cpp",
        "ollama",
        "lm-studio",
        "openrouter",
        "groq",
        "mistral",
        "together",
    } <= set(presets())
    for name, preset in presets().items():
        settings = RemoteSettings(preset=name, model="m")
        assert settings.address == preset.url
        assert preset.url.startswith("https://") == bool(preset.key), "who lives elsewhere wants a key"


def test_a_preset_may_have_another_address() -> None:
    settings = RemoteSettings(preset="vllm", url="https://gpu.example.org/v1/", model="m")
    assert settings.address == "https://gpu.example.org/v1"
    assert settings.known.n
    assert RemoteSettings(url=HERE, model="m").known == Preset()


def test_the_key_of_a_presets_variable_goes_to_the_presets_address_only() -> None:
    there = {"OPENAI_API_KEY": KEY}
    assert RemoteSettings(preset="openai", model="m").key(there) == SecretStr(KEY)
    own = RemoteSettings(preset="openai", model="m", api_key=SecretStr("own"))
    assert own.key(there) == SecretStr("own")
    assert RemoteSettings(preset="openai", url=HERE, model="m").key(there) is None
    assert RemoteSettings(preset="groq", model="m").key(there) is None
    assert RemoteSettings(preset="openai", model="m").key({}) is None


async def test_a_key_in_the_environment_that_no_header_can_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    with pytest.raises(ConfigError, match="the key in OPENAI_API_KEY") as caught:
        async with opened(RemoteSettings(preset="openai", model="m"), services()):
            pass
    assert KEY not in str(caught.value)


async def test_a_tokenizer_counts_exactly(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "tiny")
    for tokenizer in ("tiny", "tiny/tokenizer.json"):
        async with opened(made(tokenizer=tokenizer), services(tmp_path)) as model:
            assert model.count("Hello, you") == 10
    async with opened(made(), services(tmp_path)) as model:
        assert model.count("Hello, you") == 5


@pytest.mark.parametrize("tokenizer", ["nowhere", "other.json"])
async def test_a_tokenizer_that_is_not_there_is_missed(tmp_path: Path, tokenizer: str) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ModelMissing, match=f"no tokenizer at '{tokenizer}'"):
        async with opened(made(tokenizer=tokenizer), services(tmp_path)):
            pass


async def test_certificates_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file 'ca.pem'"):
        async with opened(made(ca_file="ca.pem"), services(tmp_path)):
            pass
    (finding,) = await check(made(ca_file="ca.pem"), services(tmp_path))
    assert not finding.ok


async def look(server: FakeServer, **given: object) -> tuple[bool, str, str]:
    async with server.listening() as url:
        assert component.check is not None
        (finding,) = await component.check(made(url=url, **given), services())
    return finding.ok, finding.what, finding.advice


async def test_the_doctor_finds_a_model_that_is_there() -> None:
    assert (await look(FakeServer()))[0]


async def test_the_doctor_says_which_models_there_are_instead() -> None:
    ok, what, advice = await look(FakeServer(), model="gpt")
    assert not ok
    assert what.endswith("has no model 'gpt'")
    assert advice == "set 'model' to one that it has: echo"


async def test_the_doctor_sends_the_key_and_shows_it_nowhere() -> None:
    server = FakeServer(list_of_models=refusing(401, "invalid_api_key"))
    ok, what, advice = await look(server, api_key=KEY)
    assert not ok
    assert what == (
        "model 'far': its server says: status 401 invalid_api_key; 'api_key' must be one that it accepts"
    )
    assert KEY not in what + advice
    assert server.looked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_the_doctor_is_content_with_a_server_that_has_no_list() -> None:
    ok, what, _ = await look(FakeServer(list_of_models=refusing(404)))
    assert ok
    assert what.endswith("answers, and has no list of models")


async def test_the_doctor_finds_that_nobody_is_there() -> None:
    (finding,) = await check(made(), services())
    assert not finding.ok
    assert finding.what == "model 'far': no connection to its server (ClientConnectorError)"
    assert "[models.far]" in finding.advice


async def test_the_doctor_does_not_wait_for_ever() -> None:
    clock = ManualClock()

    async def hang(_: Asked, connection: Connection) -> None:
        await clock.advance(CHECK_SECONDS)
        await connection.gone()

    async with FakeServer(list_of_models=hang).listening() as url:
        (finding,) = await check(made(url=url), Services(name="far", data=Path(), base=Path(), clock=clock))
    assert finding.what == "model 'far': its server did not answer in 5 s"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b'{"data": [{"id": 7}, null, {"id": "a\\nb"}]}'])
async def test_the_doctor_survives_whatever_a_server_lists(body: bytes) -> None:
    async def nonsense(_: Asked, connection: Connection) -> None:
        await connection.head(kind="application/json", length=len(body))
        await connection.raw(body)

    _, what, advice = await look(FakeServer(list_of_models=nonsense))
    assert "\n" not in what + advice
