"""A moderation service as moderator: any that speaks as OpenAI's does, over HTTPS, with a deadline and a circuit breaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from rostra.breaker import Breaker
from rostra.clock import Clock
from rostra.components import Component, Finding, Services
from rostra.errors import ConfigError, ModerationError
from rostra.verdicts import Decision, Passage, Verdict

from .batches import Answers, Batches
from .excerpts import excerpts
from .normalise import clean
from .openai_shape import Scores, read_results
from .scored import scored
from .service import Refused, RemoteSettings, Service, Unreachable

_OVERLAP = 300
"""Characters that two excerpts of a long text share."""


class Remote:
    """A `rostra.protocols.Moderator` that asks a service. Use it within `opened`, which closes its connections."""

    def __init__(self, name: str, service: Service, settings: RemoteSettings, clock: Clock) -> None:
        self.name = name
        self.seconds = settings.timeout
        self.breaker = Breaker(failures=settings.breaker_failures, seconds=settings.breaker_seconds)
        self._service = service
        self._settings = settings
        self._clock = clock
        self._batches = Batches[str, Scores](self._send, most=settings.batch, flights=settings.concurrent)

    async def judge(self, passage: Passage) -> Verdict:
        """Return the highest score of each category over all excerpts of the text; of an answer, only its own text.

        Raises `ModerationError` where the service cannot be had or does not answer as it should, or the text is too
        long; `TimeoutError` after the settings' time.
        """
        longest = self._settings.max_characters
        if len(passage.text) > longest:
            raise ModerationError(
                f"moderator {self.name!r}: a text of {len(passage.text)} characters; it sends at most {longest}"
            )
        pieces = [piece for piece in self._excerpts(clean(passage.text)) if piece.strip()]
        if not pieces:
            return Verdict(decision=Decision.ALLOW, source=self.name)
        async with self._clock.timeout(self.seconds):
            answers = await self._all(pieces)
        scores: dict[str, float] = {}
        for answer in answers:
            for category, score in answer.items():
                scores[category] = max(score, scores.get(category, 0.0))
        return scored(self.name, scores)

    async def probe(self) -> None:
        """Ask about one harmless word. Raises as `judge` does."""
        async with self._clock.timeout(self.seconds):
            await self._call(["hello"])

    async def close(self) -> None:
        """End what is under way."""
        await self._batches.close()

    def _excerpts(self, text: str) -> Sequence[str]:
        return list(excerpts(text, self._settings.window, _OVERLAP))

    async def _all(self, pieces: Sequence[str]) -> Sequence[Scores]:
        if len(pieces) == 1:
            return [await self._batches.ask(pieces[0])]
        answers = await asyncio.gather(*map(self._batches.ask, pieces), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _send(self, texts: Sequence[str]) -> Answers[Scores]:
        """Return scores for each text; where the service refuses several at once, each gets its own try.

        So nobody's text can take others down with it.
        """
        try:
            return await self._call(texts)
        except Refused as error:
            if len(texts) == 1 or not error.about_the_texts:
                raise
        answers: list[Scores | Exception] = []
        for text in texts:
            try:
                answers += await self._call([text])
            except ModerationError as error:
                answers.append(error)
        return answers

    async def _call(self, texts: Sequence[str]) -> Sequence[Scores]:
        now = self._clock.monotonic()
        if not self.breaker.allow(now):
            wait = self.breaker.wait(now)
            raise ModerationError(
                f"moderator {self.name!r} leaves its service alone for {wait:.0f} more seconds, after failures"
            )
        told = False
        try:
            body = await self._service.post(texts)
            self.breaker.succeeded()
            told = True
        except Refused:
            self.breaker.succeeded()  # it is there, and answers
            told = True
            raise
        except Unreachable as error:
            self.breaker.failed(self._clock.monotonic(), stay_away=error.stay_away)
            told = True
            raise
        finally:
            if not told:
                given_up = self._clock.monotonic()
                self.breaker.given_up(
                    given_up, waited=given_up - now, patience=self._settings.attempt_seconds
                )
        try:
            return read_results(body, len(texts), flagged=self._settings.flagged)
        except ModerationError as error:
            raise Refused(f"moderator {self.name!r}: {error}", about_the_texts=True) from error


@asynccontextmanager
async def opened(settings: RemoteSettings, services: Services) -> AsyncGenerator[Remote]:
    """Open the moderator; its connections are kept between calls, and closed with it. Raises `ConfigError`."""
    trust = services.base / settings.ca_file if settings.ca_file is not None else None
    if trust is not None and not trust.is_file():
        raise ConfigError(
            f"moderator {services.name!r}: no file {str(settings.ca_file)!r}; 'ca_file' must be one"
        )
    async with Service.opened(services.name, settings, services.clock, trust) as service:
        remote = Remote(services.name, service, settings, services.clock)
        try:
            yield remote
        finally:
            await remote.close()


async def check(settings: RemoteSettings, services: Services) -> Sequence[Finding]:
    """Send one harmless word and see whether scores come back."""
    advice = "see that 'url' and 'api_key' are right and that this machine may connect to it"
    try:
        async with opened(settings, services) as remote:
            await remote.probe()
    except (ModerationError, ConfigError, TimeoutError) as error:
        what = str(error) or f"moderator {services.name!r} did not answer in {settings.timeout:g} s"
        return [Finding(ok=False, what=what, advice=advice)]
    return [Finding(ok=True, what=f"moderator {services.name!r} answers")]


component = Component(name="remote", settings=RemoteSettings, open=opened, check=check)
