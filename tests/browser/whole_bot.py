"""A whole bot behind its page, as ``rostra serve`` opens it, for a browser on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from argon2 import PasswordHasher

from rostra.accounts import Account, AccountRole, Session, new_token
from rostra.app import App, open_app
from rostra.clock import Clock, SystemClock
from rostra.config import load

if TYPE_CHECKING:
    from paused_model import PausedModel

CONFIG = """
data = "data"
[storage]
{storage}
[delivery]
grace_seconds = 0.1
[limits]
burst = 100
[models.canned]
kind = {kind}
answers = {answers}
piece = 6
{otherwise}
[models.other]
kind = "canned"
otherwise = "You said something, or *something else*."
[models.third]
kind = "canned"
otherwise = "What did you say?"
[answerers.default]
model = "canned"
[answerers.other]
model = "other"
[answerers.third]
model = "third"
[moderators.rules]
kind = "rules"
lists = [] # what is in them is not looked at here, and takes a quarter of a second to read
words.spoilers = ["rosebud"]
words.weapons = {{ find = ["pipe bomb"], category = "illicit/violent", severity = 0.95 }}
[personas.pirate]
prompt = "Answer as a pirate."
[adapters.web]
kind = "web"
listen = "127.0.0.1:0"
accounts = true
{more}
"""
ANSWERS = {
    "What is tea?": (
        "Tea is a drink. It is made of the leaves of a shrub.\n\n⏸"
        "**Green** tea is heated early. *Black* tea is left to oxidise.\n\n⏸"
        "That is all."
    ),
    "Tell me the story": (
        "It all begins on a quiet evening in the old house by the lake.\n\n"
        "Nobody has lived there for years, and the path is overgrown. ⏸\n\n"
        "The sledge is called rosebud."
    ),
    "Show me everything": (
        "# A heading\n\nA paragraph with [a link](https://example.org/tea), `code` and **weight**.\n\n"
        "- one\n- two\n  1. deeper\n\n> said by somebody\n\n"
        "| leaf | minutes | and a column that has a rather long heading |\n|---|---|---|\n| green | 2 | x |\n\n"
        "```python\nprint('a line of code that is longer than a telephone is wide, by far and then some')\n```\n\n---\n\nThe end."
    ),
}
PASSWORD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Made cheaply: what it takes to check a hash stands in the hash."""
MODEL = Path(__file__).parent / "paused_model.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A bot that runs: where, and the link that it printed."""

    app: App
    url: str
    link: str

    def go_on(self) -> None:
        """Let an answer on that waits."""
        cast("PausedModel", self.app.parts.models["canned"]).go_on()

    async def account(self, name: str, *roles: AccountRole) -> Account:
        """Make an account with the password of all."""
        wanted = Account(adapter="web", name=name, roles=frozenset(roles), password=HASH)
        return await self.app.parts.store.add_account(wanted)

    async def session(self, account: Account) -> str:
        """Return the cookie of somebody who has just signed in."""
        token, now = new_token(), self.app.parts.clock.now()
        until = now + timedelta(days=1)
        session = Session(account=account.id, made_at=now, seen_at=now, expires_at=until)
        await self.app.parts.store.open_session(session, token)
        return token


@asynccontextmanager
async def standing(
    folder: Path,
    *,
    answers: Mapping[str, str] = ANSWERS,
    echo: bool = False,
    disk: bool = False,
    more: str = "",
    clock: Clock | None = None,
) -> AsyncGenerator[Stand]:
    """Run a bot with the page; one that says an ``echo`` answers with the question, whatever it is.

    It keeps things in memory, or on ``disk``. ``more`` is added to its configuration.
    """
    file = folder / "rostra.toml"
    said = ", ".join(f"{json.dumps(question)} = {json.dumps(answer)}" for question, answer in answers.items())
    filled = {
        "kind": json.dumps(f"{MODEL}:component"),
        "answers": f"{{ {said} }}",
        "otherwise": "" if echo else 'otherwise = "You said something."',
        "storage": "" if disk else 'url = "memory:"',
        "more": more,
    }
    file.write_text(CONFIG.format(**filled))
    told = io.StringIO()
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.redirect_stderr(told):
            app = await stack.enter_async_context(open_app(load(file, {}), clock=clock or SystemClock()))
        found = re.search(r"(http://[^/]+)(/link/\S+)", told.getvalue())
        assert found, "no link was printed"
        run = asyncio.ensure_future(app.run())
        try:
            yield Stand(app=app, url=found[1], link=found[1] + found[2])
        finally:
            app.stop()
            await run
