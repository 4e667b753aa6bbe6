"""TRL's own trainers take a step on what is exported for them; they live in the environment of the peers."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from rostra.benches.report import peer_python
from rostra.feedback.data.export import Exported, Order, export
from rostra.storage import open_store
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import stand

STEP = Path(__file__).parents[2] / "bot" / "rostra" / "benches" / "peers" / "trl_step.py"


async def exported(folder: Path) -> Exported:
    clock = ManualClock()
    async with open_store("memory:", data=folder, clock=clock) as store:
        here = await stand(store, clock, folder)
        for question in ("why?", "what is it?", "how long?"):
            await here.ask(question, "A > B > C > D", "+B -D")
        dataset = (await here.freeze()).dataset
        return await export(
            store, dataset, Order(format="trl"), folder / "out", setting=here.setting, scrubber=None
        )


@pytest.mark.slow
def test_trainers_of_trl_take_a_step(tmp_path: Path) -> None:
    python = peer_python("trl")
    if python is None:
        pytest.skip(
            "TRL is not installed: .venv-bench/bin/pip install --no-deps trl==1.12.0 datasets accelerate"
        )
    done = asyncio.run(exported(tmp_path))
    ran = subprocess.run(
        [python, STEP, done.folder], capture_output=True, text=True, check=False, timeout=110
    )
    assert ran.returncode == 0, ran.stderr[-1000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["rows"] == done.artifact.rows
    assert set(told["losses"]) == {"reward", "dpo"}
    assert all(0 < loss < 20 for loss in told["losses"].values())
