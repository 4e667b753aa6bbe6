"""The Slack half of ``rostra bench adapters``."""

from __future__ import annotations

import pytest

from rostra_adapters.benches import slack


@pytest.mark.slow
async def test_the_whole_bot_and_bare_slack_bolt_answer_the_same_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slack, "WARM", 10)
    for contender in ("bare", "in_memory"):
        run = await slack.run(contender, 20, 10)
        assert len(run.acknowledged) == 20
        assert 0 < max(run.acknowledged) < 3
        assert run.by_processor > 0
