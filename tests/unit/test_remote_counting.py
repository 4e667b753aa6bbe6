"""How many tokens a text has where nobody knows the tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from rostra.chat import Sampling, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra_models.remote.component import opened
from rostra_models.remote.counting import Estimate
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.testing import FakeServer, refusing

HELLO = (Utterance(role="user", text="Hello my friend"),)


def test_an_estimate_is_never_more_than_the_bytes() -> None:
    estimate = Estimate()
    for _ in range(20):
        estimate.was_too_low()
    for said in ("Hello there.", "1 + 1", "Übergröße 中文", ""):
        assert estimate.count(said) == len(said.encode())


def test_an_estimate_follows_what_the_server_counts() -> None:
    estimate = Estimate()
    messages = (Utterance(role="user", text="word " * 300),)
    before = estimate.count("word " * 300)
    estimate.learn(messages, Sampling(), 100)
    assert estimate.count("word " * 300) == before, "one small prompt proves nothing"
    estimate.learn(HELLO, Sampling(), 5000)
    assert estimate.rate == 1.25, "a short prompt is all template"
    estimate.learn(messages, Sampling(), 1000)
    assert 996 <= estimate.count("word " * 300) + 4 <= 1004, "too low once is believed at once"
    for _ in range(32):
        estimate.learn(messages, Sampling(), 400)
    assert 400 <= estimate.count("word " * 300) + 4 <= 404


async def test_a_prompt_that_was_too_long_makes_the_next_one_shorter() -> None:
    async with FakeServer(script=[refusing(400, "context_length_exceeded")]).listening() as url:
        settings = RemoteSettings(url=url, model="echo")
        async with opened(settings, Services(name="far", data=Path(), base=Path())) as model:
            before = model.count("some words " * 100)
            with pytest.raises(ModelError):
                _ = [piece async for piece in model.stream(HELLO, Sampling())]
            assert model.count("some words " * 100) > before


async def test_the_server_teaches_how_many_tokens_there_are() -> None:
    text = "gargantuan " * 100
    async with FakeServer().listening() as url:
        settings = RemoteSettings(url=url, model="echo")
        async with opened(settings, Services(name="far", data=Path(), base=Path())) as model:
            before = model.count(text)
            for _ in range(32):
                asked = (Utterance(role="user", text=text),)
                _ = [piece async for piece in model.stream(asked, Sampling(max_tokens=1))]
            assert 275 <= model.count(text) < before
