"""A watch over sockets that live and deliver nothing: heartbeats are answered, events do not come.

Such a socket has nothing wrong that discord.py could see. So each shard that was silent for a while is asked for
something that must come back as an event, and where nothing does, its socket is closed: the session is then resumed, and
what was missed arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

import discord
import structlog

from rostra.clock import Clock

from . import wire

log = structlog.get_logger(__name__)

LOOKS = 4
"""How often in ``silence`` seconds it is looked whether something came."""

CLOSING = 5.0
"""Seconds that closing a socket may take: one that is dead may never say good-bye."""

BLIND = 8
"""Shards without a server have nothing to be asked for: after so many times ``silence`` they are connected anew."""


@dataclass(slots=True)
class _Pulse:
    sequence: int | None
    since: float


class Watch:
    """Looks after the shards of one client, until it is cancelled."""

    def __init__(
        self, client: discord.AutoShardedClient, clock: Clock, *, silence: float, probe: float
    ) -> None:
        self._client = client
        self._clock = clock
        self._silence = silence
        self._probe = probe
        self._pulses: dict[int, _Pulse] = {}

    async def run(self) -> None:
        """Look, again and again."""
        while True:
            await self._clock.sleep(self._silence / LOOKS)
            for shard in list(self._client.shards):
                await self._look(shard)

    async def _look(self, shard: int) -> None:
        now, sequence = self._clock.monotonic(), wire.pulse(self._client, shard)
        last = self._pulses.get(shard)
        if last is None or last.sequence != sequence or sequence is None:
            self._pulses[shard] = _Pulse(sequence, now)
            return
        silent = now - last.since
        guild = next((one.id for one in self._client.guilds if one.shard_id == shard), None)
        if silent < (self._silence if guild is not None else self._silence * BLIND):
            return
        if guild is not None and await self._answers(shard, guild, sequence):
            return
        log.warning("socket delivers nothing; resuming", shard=shard, silent_seconds=round(silent))
        self._pulses[shard] = _Pulse(sequence, self._clock.monotonic())
        await self._hang_up(shard)

    async def _answers(self, shard: int, guild: int, before: int) -> bool:
        """Return whether an event came after one was asked for."""
        me = self._client.user
        try:
            async with self._clock.timeout(self._probe):
                await wire.ask_who_i_am(self._client, shard, guild, me.id if me is not None else 0)
                await self._clock.sleep(self._probe)
        except TimeoutError:
            pass
        except (discord.DiscordException, OSError) as error:
            log.info("probe not sent", shard=shard, error=type(error).__name__)
        return wire.pulse(self._client, shard) != before

    async def _hang_up(self, shard: int) -> None:
        try:
            async with self._clock.timeout(CLOSING):
                await wire.hang_up(self._client, shard)
        except (TimeoutError, discord.DiscordException, OSError) as error:
            log.info("socket not closed in time", shard=shard, error=type(error).__name__)
