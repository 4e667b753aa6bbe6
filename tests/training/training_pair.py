"""Two processes of one run, as ``torchrun`` would start them: this one imports what they need, and they are its children.

``torchrun`` itself imports everything once more for each; what it tells its processes, they are told here as well.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

GIVEN = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
ENDS = "ends.json"
_NEEDED = (
    "torch.distributed.fsdp",
    *(f"rostra_models.training.{one}" for one in ("pretrain", "sft", "reward", "ppo")),
)


def run(folder: Path) -> Mapping[str, Any]:
    """Have two processes do each of `WORKS` in ``folder``. Return how they ended, by its name: statuses and messages."""
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    found: Mapping[str, Any] = json.loads((folder / ENDS).read_bytes())
    return found


def stages(folder: Path) -> None:
    """Train each stage in both ways, and go on with a checkpoint of one process."""
    for file in sorted(folder.glob("*.settings.json")):
        asked: dict[str, Any] = json.loads(file.read_bytes())
        name: str = asked.pop("stage")
        stage = import_module(f"rostra_models.training.{name}")
        settings = getattr(stage, f"{name.capitalize()}Settings").model_validate(asked)
        getattr(stage, name)(settings, resume=asked["out"].endswith("-resumed"))


def killed(folder: Path) -> None:
    """Kill the second process in its third step."""
    from dataclasses import replace

    from training_texts import line_fit, line_model, points

    from rostra_models.training.loop import train
    from rostra_models.training.processes import rank
    from rostra_models.training.settings import LoopSettings

    def after(step: int, _means: Mapping[str, float]) -> bool:
        if step == 2 and rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    settings = LoopSettings(steps=50, learning_rate=0.05, tensorboard=False, plot=False, device="cpu")
    recipe = replace(line_fit([[points(4), points(4, 1)]]), after=after)
    train(line_model(), recipe, settings, out=folder / "killed", stage="fit")


WORKS: Mapping[str, Callable[[Path], None]] = {"killed": killed, "stages": stages}


def _child(number: int, work: str, folder: Path, port: int) -> None:
    os.environ.update(GIVEN, RANK=str(number), LOCAL_RANK=str(number), MASTER_PORT=str(port))
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"  # the parent is where they meet
    from rostra.errors import RostraError

    said = ""
    try:
        WORKS[work](folder)
    except RostraError as error:
        said = str(error)
    except BaseException:  # noqa: BLE001  a child must never go on as its parent
        said = traceback.format_exc()
    (folder / f"{work}-{number}.txt").write_text(said, encoding="utf-8")
    os._exit(1 if said else 0)


def _pair(work: str, folder: Path) -> Mapping[str, Any]:
    group: Any = import_module("torch.distributed")
    children: list[int] = []
    ends: list[socket.socket] = []
    for number in range(2):
        ours, theirs = socket.socketpair()
        child = os.fork()
        if not child:
            _child(number, work, folder, int(theirs.recv(16)))
        children.append(child)
        ends.append(ours)
        theirs.close()
    store = group.TCPStore(
        "127.0.0.1", 0, is_master=True, wait_for_workers=False
    )  # its threads begin once both are born
    for one in ends:
        one.sendall(str(store.port).encode())
        one.close()
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    files = [folder / f"{work}-{number}.txt" for number in range(2)]
    return {"statuses": statuses, "said": [file.read_text() if file.is_file() else "" for file in files]}


def main(folder: Path) -> None:
    """Be the parent of all."""
    library: Any = import_module("torch")
    for name in _NEEDED:
        import_module(name)
    for name in (
        "AutoModelForCausalLM",
        "AutoModelForSequenceClassification",
        "LlamaForCausalLM",
        "AutoTokenizer",
    ):
        getattr(import_module("transformers"), name)
    library.set_num_threads(1)
    found = {work: _pair(work, folder) for work in WORKS}
    (folder / ENDS).write_text(json.dumps(found), encoding="utf-8")


def copied(run: Path, other: Path, *, without: str) -> None:
    """Copy a run as it was before a later checkpoint."""
    shutil.copytree(run, other)
    shutil.rmtree(other / "checkpoints" / without)
    shutil.rmtree(other / "model")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
