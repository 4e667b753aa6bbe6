"""The peer of the pipeline bench: the same load through nonebot2's matcher. Run by the peers' interpreter.

One plugin that answers every message with its own text, on an adapter that does nothing: what remains is nonebot2's
own cost. ``nonebot_echo.py MESSAGES PLACES`` prints messages per second of processor time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import nonebot
from nonebot.message import handle_event
from nonebot import on_message
from nonebot.adapters import Adapter, Bot, Event, Message, MessageSegment
from nonebot.drivers.none import Driver


class Segment(MessageSegment["Words"]):
    @classmethod
    def get_message_class(cls) -> type[Words]:
        return Words

    def __str__(self) -> str:
        return str(self.data["text"])

    def is_text(self) -> bool:
        return True


class Words(Message[Segment]):
    @classmethod
    def get_segment_class(cls) -> type[Segment]:
        return Segment

    @staticmethod
    def _construct(msg: str) -> Any:
        yield Segment("text", {"text": msg})


class Said(Event):
    text: str
    place: str

    def get_type(self) -> str:
        return "message"

    def get_event_name(self) -> str:
        return "message"

    def get_event_description(self) -> str:
        return "message"

    def get_user_id(self) -> str:
        return self.place

    def get_session_id(self) -> str:
        return self.place

    def get_message(self) -> Words:
        return Words(self.text)

    def is_tome(self) -> bool:
        return True


class NullBot(Bot):
    async def send(self, event: Event, message: Any, **kwargs: Any) -> None:
        return None


class NullAdapter(Adapter):
    @classmethod
    def get_name(cls) -> str:
        return "null"

    async def _call_api(self, bot: Bot, api: str, **data: Any) -> None:
        return None


async def echo(bot: Bot, event: Event) -> None:
    await bot.send(event, event.get_message())


async def run(messages: int, places: int) -> float:
    bot = NullBot(NullAdapter(nonebot.get_driver()), "bot")

    async def place(name: str) -> None:
        for number in range(messages // places):
            await handle_event(bot, Said(text=f"What is {number} plus one?", place=name))

    start = time.process_time()
    await asyncio.gather(*(place(str(name)) for name in range(places)))
    return messages / (time.process_time() - start)


def main() -> None:
    nonebot.init(driver="~none", log_level="ERROR")
    if not isinstance(nonebot.get_driver(), Driver):
        sys.exit("not the null driver")
    on_message(priority=1, block=True).append_handler(echo)
    messages, places = map(int, sys.argv[1:3])
    asyncio.run(run(messages // 10, places))  # warm up
    print(asyncio.run(run(messages, places)))  # noqa: T201  what it is run for


main()
