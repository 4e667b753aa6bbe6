"""The remote moderator against a service on loopback that misbehaves; its time is a clock that tests set."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from rostra.breaker import State
from rostra.components import Services
from rostra.errors import ModerationError
from rostra.places import Person, Place
from rostra.testing.clock import ManualClock, settle
from rostra.verdicts import Decision, Passage
from rostra_moderation.combine import ask
from rostra_moderation.openai_shape import KEYS
from rostra_moderation.policy import Policy
from rostra_moderation.remote import Remote, opened
from rostra_moderation.service import MOST_BYTES, RemoteSettings
from rostra_moderation.testing import Answer, Asked, FakeService, judged

SECRET = "the-secret-text"
KEY = "sk-very-secret"


class Hasty(ManualClock):
    """Lets the time that somebody sleeps pass at once, and keeps a list of it."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.advance(seconds)


def passage(text: str) -> Passage:
    place = Place(adapter="test", channel="room")
    return Passage(text=text, direction="question", place=place, author=Person(id="ann"))


@asynccontextmanager
async def asking(
    *script: Answer | Callable[[Asked], Answer], clock: ManualClock | None = None, **given: object
) -> AsyncGenerator[tuple[Remote, FakeService]]:
    service = FakeService(script=list(script))
    async with service.listening() as url:
        settings = RemoteSettings.model_validate({"url": url, "api_key": KEY, **given})
        services = Services(name="remote", data=Path(), base=Path(), clock=clock or Hasty())
        async with opened(settings, services) as remote:
            yield remote, service


def error(status: int, code: object = None, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": f"cannot take {SECRET}", "code": code}}).encode()
    return Answer(
        status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_scores_become_a_verdict() -> None:
    async with asking() as (remote, service):
        verdict = await remote.judge(passage("kill it"))
    assert verdict.decision is Decision.BLOCK
    assert (verdict.source, verdict.kind) == ("remote", "judged")
    assert verdict.categories["violence"] == 0.9
    assert set(verdict.categories) == set(KEYS)
    (asked,) = service.asked
    assert asked.target == "/v1/moderations"
    assert asked.body == {"input": ["kill it"], "model": "omni-moderation-latest"}
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_without_a_key_or_a_model_none_is_sent() -> None:
    async with asking(api_key="", model="") as (remote, service):
        await remote.judge(passage("hello"))
    assert "authorization" not in service.asked[0].headers
    assert list(service.asked[0].body) == ["input"]


async def test_one_connection_serves_many_texts() -> None:
    async with asking() as (remote, service):
        for _ in range(5):
            await remote.judge(passage("hello"))
    assert len(service.asked) == 5
    assert service.connections == 1


async def test_nothing_is_asked_about_nothing() -> None:
    async with asking() as (remote, service):
        for empty in ("", " \n", "\u200b\U000e0041"):
            assert (await remote.judge(passage(empty))).decision is Decision.ALLOW
    assert service.asked == []


async def test_texts_judged_at_the_same_time_share_calls() -> None:
    async with asking(batch=8, concurrent=1) as (remote, service):
        texts = [f"{'kill' if number % 3 == 0 else 'kiss'} {number}" for number in range(20)]
        verdicts = await asyncio.gather(*(remote.judge(passage(text)) for text in texts))
    assert [verdict.score > 0.5 for verdict in verdicts] == ["kill" in text for text in texts]
    assert [len(asked.body["input"]) for asked in service.asked] == [8, 8, 4]


async def test_a_long_text_is_sent_in_pieces_and_the_worst_decides() -> None:
    async with asking(window=1_000, batch=4) as (remote, service):
        verdict = await remote.judge(passage("all work and no play " * 300 + "kill " + "and so on " * 50))
    assert verdict.categories["violence"] == 0.9
    sent = [text for asked in service.asked for text in asked.body["input"]]
    assert len(sent) > 7
    assert max(map(len, sent)) <= 1_000


async def test_a_text_that_is_too_long_is_not_sent() -> None:
    async with asking(max_characters=10) as (remote, service):
        with pytest.raises(ModerationError, match="11 characters; it sends at most 10"):
            await remote.judge(passage("a" * 11))
    assert service.asked == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    clock = Hasty()
    async with asking(error(status), error(status), clock=clock) as (remote, service):
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
    assert len(service.asked) == 3
    assert 0 <= clock.slept[0] <= 0.2
    assert 0 <= clock.slept[1] <= 0.4


async def test_it_gives_up_after_so_many_attempts() -> None:
    async with asking(*[error(503, "overloaded")] * 3) as (remote, service):
        with pytest.raises(ModerationError, match="its service says: status 503 overloaded") as caught:
            await remote.judge(passage(SECRET))
    assert SECRET not in str(caught.value)
    assert len(service.asked) == 3


async def test_a_service_that_says_when_to_come_back_is_asked_then() -> None:
    clock = Hasty()
    async with asking(error(429, Retry_After="1.5"), clock=clock) as (remote, service):
        await remote.judge(passage("hello"))
    assert clock.slept == [1.5]
    assert len(service.asked) == 2


async def test_it_may_say_so_with_a_date() -> None:
    clock = Hasty()
    date = format_datetime(clock.now() + timedelta(seconds=2), usegmt=True)
    async with asking(error(503, Retry_After=date), clock=clock) as (remote, _):
        await remote.judge(passage("hello"))
    assert clock.slept == [pytest.approx(2, abs=0.01)]


async def test_a_date_long_ago_or_nonsense_is_no_wish() -> None:
    for value in ("Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-5", "nan", ""):
        clock = Hasty()
        async with asking(error(503, Retry_After=value), clock=clock) as (remote, _):
            await remote.judge(passage("hello"))
        assert clock.slept[0] <= 0.2


async def test_a_service_that_wants_to_be_left_alone_beyond_the_deadline_is() -> None:
    clock = Hasty()
    async with asking(error(429, Retry_After="60"), clock=clock) as (remote, service):
        with pytest.raises(ModerationError, match="status 429"):
            await remote.judge(passage("hello"))
        with pytest.raises(ModerationError, match="leaves its service alone for 60 more seconds"):
            await remote.judge(passage("hello"))
        assert clock.slept == []
        assert len(service.asked) == 1
        await clock.advance(60)
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW


async def test_the_wish_to_be_left_alone_for_ever_is_not_granted() -> None:
    clock = Hasty()
    async with asking(error(429, Retry_After="999999999"), clock=clock) as (remote, _):
        with pytest.raises(ModerationError):
            await remote.judge(passage("hello"))
        await clock.advance(300)
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "'api_key' must be one that it accepts"),
        (403, "'api_key' must be one that it accepts"),
        (404, "'url' must be the whole address"),
        (307, "'url' must be the final address"),
        (400, "status 400"),
        (418, "status 418"),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(status: int, says: str) -> None:
    answer = error(status, f"{SECRET} was sent", Location="http://127.0.0.1:1/elsewhere")
    async with asking(answer) as (remote, service):
        with pytest.raises(ModerationError) as caught:
            await remote.judge(passage(SECRET))
        assert remote.breaker.state(0) is State.CLOSED
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(service.asked) == 1


async def test_a_connection_that_breaks_is_made_again() -> None:
    whole = judged(Asked(target="", headers={}, body={"input": ["hello"]}, connection=0))
    cut = [Answer(cut=0), Answer(body=whole.body, cut=40)]
    async with asking(*cut) as (remote, service):
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
    assert len(service.asked) == 3
    assert service.connections == 3


async def test_a_kept_connection_that_was_closed_meanwhile_is_made_again() -> None:
    async with asking() as (remote, service):
        await remote.judge(passage("hello"))
        service.drop()
        await settle()
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
    assert service.connections == 2


async def test_nobody_at_the_address_is_named_without_the_text() -> None:
    async with FakeService().listening() as url:
        pass
    services = Services(name="remote", data=Path(), base=Path(), clock=Hasty())
    async with opened(RemoteSettings(url=url), services) as remote:
        with pytest.raises(
            ModerationError, match=r"no connection \(ConnectError\) from its service"
        ) as caught:
            await remote.judge(passage(SECRET))
    assert SECRET not in str(caught.value)


async def test_a_slow_answer_is_given_up_and_asked_for_again() -> None:
    clock = ManualClock()
    never = asyncio.Event()
    async with asking(Answer(after=never.wait), clock=clock, attempt_seconds=2) as (remote, service):
        asked = asyncio.ensure_future(remote.judge(passage("hello")))
        await service.arrived.wait()
        service.arrived.clear()
        await clock.advance(2.3)
        assert (await asked).decision is Decision.ALLOW
        assert len(service.asked) == 2
        never.set()


async def test_nothing_is_waited_for_beyond_the_deadline() -> None:
    clock = ManualClock()
    never = asyncio.Event()
    slow = Answer(after=never.wait)
    async with asking(slow, clock=clock, timeout=3, attempt_seconds=10) as (remote, service):
        asked = asyncio.ensure_future(remote.judge(passage("hello")))
        await service.arrived.wait()
        await clock.advance(2.9)
        assert not asked.done()
        await clock.advance(0.2)
        with pytest.raises(TimeoutError):
            await asked
        never.set()


@pytest.mark.parametrize("patience", [2.0, 9.0])
async def test_a_service_that_hangs_opens_the_breaker_too(patience: float) -> None:
    """… also where whoever asks is less patient than the settings."""
    clock = ManualClock()
    never = asyncio.Event()
    slow = [Answer(after=never.wait)] * 2
    limits = {"timeout": 3, "attempt_seconds": 3, "breaker_failures": 2, "attempts": 1}
    async with asking(*slow, clock=clock, **limits) as (remote, service):
        for _ in range(2):
            asked = asyncio.ensure_future(
                ask([remote], passage("hello"), Policy(), clock=clock, seconds=patience)
            )
            await service.arrived.wait()
            service.arrived.clear()
            await clock.advance(3.1)
            assert (await asked)[0].kind in {"timeout", "error"}
            await settle()
        assert remote.breaker.state(clock.monotonic()) is State.OPEN
        never.set()


async def test_an_asker_who_goes_away_opens_nothing_and_stops_the_call() -> None:
    never = asyncio.Event()
    limits = {"breaker_failures": 1}
    async with asking(Answer(after=never.wait), clock=ManualClock(), **limits) as (remote, service):
        asked = asyncio.ensure_future(remote.judge(passage("hello")))
        await service.arrived.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await settle()
        assert remote.breaker.state(0) is State.CLOSED
        never.set()
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
    assert service.connections == 2  # the first was closed with its call


async def test_the_breaker_opens_is_half_open_and_closes() -> None:
    clock = Hasty()
    limits = {"attempts": 1, "breaker_failures": 3, "breaker_seconds": 30}
    async with asking(*[error(500)] * 4, clock=clock, **limits) as (remote, service):
        for _ in range(3):
            with pytest.raises(ModerationError, match="status 500"):
                await remote.judge(passage("hello"))
        with pytest.raises(
            ModerationError, match="leaves its service alone for 30 more seconds, after failures"
        ):
            await remote.judge(passage("hello"))
        assert len(service.asked) == 3
        await clock.advance(30)
        with pytest.raises(ModerationError, match="status 500"):
            await remote.judge(passage("hello"))
        with pytest.raises(ModerationError, match="leaves its service alone"):
            await remote.judge(passage("hello"))
        await clock.advance(30)
        assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
        assert remote.breaker.state(clock.monotonic()) is State.CLOSED
        assert len(service.asked) == 5


async def test_one_text_that_is_refused_takes_no_other_down() -> None:
    def picky(asked: Asked) -> Answer:
        return error(400) if any("bad" in text for text in asked.body["input"]) else judged(asked)

    async with asking(*[picky] * 5, concurrent=1) as (remote, service):
        texts = ["kill", "bad", "hello"]
        verdicts = await asyncio.gather(
            *(remote.judge(passage(text)) for text in texts), return_exceptions=True
        )
    assert isinstance(verdicts[1], ModerationError)
    assert [getattr(verdict, "score", None) for verdict in (verdicts[0], verdicts[2])] == [0.9, 0.0]
    assert [len(asked.body["input"]) for asked in service.asked] == [3, 1, 1, 1]


@pytest.mark.parametrize("body", [b"<html>the-secret-text</html>", b'{"results": []}', b'{"results": [{}]}'])
async def test_an_answer_that_is_not_as_it_should_be_is_no_judgement(body: bytes) -> None:
    async with asking(Answer(body=body)) as (remote, _):
        with pytest.raises(ModerationError, match="moderator 'remote': ") as caught:
            await remote.judge(passage(SECRET))
        assert remote.breaker.state(0) is State.CLOSED
    assert SECRET not in str(caught.value)


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with asking(Answer(body=b" " * (MOST_BYTES + 70_000))) as (remote, _):
        with pytest.raises(ModerationError, match=f"an answer of more than {MOST_BYTES} bytes"):
            await remote.judge(passage("hello"))


async def test_neither_key_nor_text_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking(error(500), error(400)) as (remote, _):
        with pytest.raises(ModerationError):
            await remote.judge(passage(SECRET))
    assert SECRET not in caplog.text
    assert KEY not in caplog.text
