"""The whole bot as the benches compare it: a canned model, moderation by rules, history and limits behind one adapter."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def whole_bot(
    adapter: Mapping[str, object], answer: str, *, durable: bool = False
) -> AsyncGenerator[None]:
    """Run the bot behind ``adapter``, its section of the configuration; ``durable`` keeps all in SQLite on this disk."""
    from rostra.app import open_app
    from rostra.config import Settings

    with tempfile.TemporaryDirectory(dir=Path.cwd() if durable else None) as folder:
        settings = Settings.model_validate(
            {
                "data": folder,
                "adapters": {str(adapter["kind"]): adapter},
                "models": {"model": {"kind": "canned", "otherwise": answer, "piece": 100}},
                "moderators": {"rules": {"kind": "rules"}},
                "feedback": {"thumbs": False},  # no more in the message than the bare client sends
                "storage": {"url": f"sqlite:///{folder}/rostra.db" if durable else "memory:"},
                "limits": {"per_person_per_minute": 10**9, "per_place_per_minute": 10**9, "burst": 10**9},
            }
        )
        async with open_app(settings) as app:
            running = asyncio.ensure_future(app.run())
            try:
                yield
            finally:
                app.stop()
                await running
