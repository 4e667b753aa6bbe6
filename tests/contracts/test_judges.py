"""Moderators that ask somebody else keep the contract of moderators: judges in each format, and the remote one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from rostra.chat import Utterance
from rostra.clock import SystemClock
from rostra.components import Services
from rostra.protocols import Moderator
from rostra.testing.moderators import ModeratorContract
from rostra_moderation.formats.plain import Plain
from rostra_moderation.judge import Judge, JudgeSettings
from rostra_moderation.remote import opened
from rostra_moderation.service import RemoteSettings
from rostra_moderation.testing import FakeService, GuardModel

NONCE = "0123456789abcdef"


def guard(messages: Sequence[Utterance]) -> str:
    return "unsafe\nS10" if "kill" in messages[-1].text else "\n\nsafe"


def qwen(messages: Sequence[Utterance]) -> str:
    safety = (
        "Safety: Unsafe\nCategories: Violent"
        if "kill" in messages[-1].text
        else "Safety: Safe\nCategories: None"
    )
    return f"{safety}\nRefusal: No" if messages[-1].role == "assistant" else safety


def gemma(messages: Sequence[Utterance]) -> str:
    return "Yes" if "kill" in messages[-1].text and "No Harassment" in messages[-1].text else "No"


def plain(messages: Sequence[Utterance]) -> str:
    harmful, categories = ("true", '["violence"]') if "kill" in messages[-1].text else ("false", "[]")
    return f'{{"id": "{NONCE}", "harmful": {harmful}, "categories": {categories}}}'


def judge(form: str, say: Callable[[Sequence[Utterance]], str]) -> Judge:
    settings = JudgeSettings.model_validate({"model": "guard", "format": form, "max_characters": 2**21})
    model = GuardModel(say=say, piece=40)
    return Judge(
        "judge", model, settings, SystemClock(), Plain(nonce=lambda: NONCE) if form == "plain" else None
    )


class TestLlamaGuard(ModeratorContract):
    @pytest.fixture
    def moderator(self) -> Moderator:
        return judge("llama-guard-4", guard)


class TestQwen3Guard(ModeratorContract):
    @pytest.fixture
    def moderator(self) -> Moderator:
        return judge("qwen3guard", qwen)


class TestShieldGemma(ModeratorContract):
    @pytest.fixture
    def moderator(self) -> Moderator:
        return judge("shieldgemma", gemma)


class TestPlain(ModeratorContract):
    @pytest.fixture
    def moderator(self) -> Moderator:
        return judge("plain", plain)


class TestRemote(ModeratorContract):
    @pytest_asyncio.fixture
    async def moderator(self) -> AsyncGenerator[Moderator]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  a fixture that opens and closes
        services = Services(name="remote", data=Path(), base=Path())
        async with FakeService().listening() as url:
            settings = RemoteSettings(url=url, max_characters=2**21)
            async with opened(settings, services) as remote:
                yield remote
