"""Processes that do the same work in turn: each on one thread and all on the same core, or each on as many as it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

Command = Sequence[str | Path]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ALONE = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


class Died(Exception):
    """A contender's process ended, or could not be started; says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a job made, the seconds it took by processor and by clock, and the process's peak memory in MB."""

    made: Any
    cpu: float
    wall: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A running process that does jobs."""

    name: str
    process: subprocess.Popen[str]
    complaints: IO[str]

    def ask(self, job: str, **arguments: Any) -> Outcome:
        """Have a job done. Raises `Died`."""
        if self.process.stdin is None:
            raise Died(f"{self.name}: no pipe to it")
        try:
            print(json.dumps({"do": job, **arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError as error:
            raise Died(self._last_words()) from error
        return self.outcome()

    def outcome(self) -> Outcome:
        """Wait for the next result. Raises `Died`."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise Died(self._last_words())
        return Outcome(**json.loads(line))

    def _last_words(self) -> str:
        status = self.process.wait()
        self.complaints.seek(0)
        said = self.complaints.read().strip().splitlines() or ["it said nothing"]
        return f"{self.name} ended with status {status}: {said[-1][:300]}"


@contextmanager
def started(name: str, command: Command, *, threads: int = 1) -> Generator[Contender]:
    """Start a contender, wait until it is loaded, and end it at last. Raises `Died`."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(  # noqa: S603  our own scripts in the operator's own interpreters
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, **_ALONE, **dict.fromkeys(_THREADS, str(threads))},
        )
        with process:
            if threads == 1:
                _pin(process.pid)
            contender = Contender(name=name, process=process, complaints=complaints)
            try:
                contender.outcome()
                yield contender
            finally:
                process.kill()


def _pin(process: int) -> None:
    """Keep a process on the last core that we may use, where the system can."""
    if sys.platform == "linux":
        os.sched_setaffinity(process, {max(os.sched_getaffinity(0))})


def commands(folder: Path, files: Mapping[str, Path], python: Path | None) -> dict[str, Command]:
    """Return how each contender is started for the model in ``folder``.

    ``files`` are the same model as GGUF files by kind, and ``python`` is an interpreter that has llama-cpp-python: with
    None, its contenders are left out.
    """
    ours: list[str | Path] = [sys.executable, "-m", "rostra_models.benches.ours", folder]
    theirs: list[str | Path] = [sys.executable, "-m", "rostra_models.benches.huggingface", folder]
    found: dict[str, Command] = {
        "ours": [*ours, "auto"],
        "ours_float32": [*ours, "float32"],
        "transformers_float32": [*theirs, "float32"],
        "transformers_bfloat16": [*theirs, "bfloat16"],
        "transformers_continuous": [*theirs, "float32"],
        "transformers_kept": [*theirs, "float32"],
    }
    script = Path(__file__).parent / "peers" / "llamacpp.py"
    if python is not None:
        for kind, file in files.items():
            # A context for one sequence is some percent faster with one than a context for sixteen.
            found[f"llamacpp_{kind}_alone"] = [python, script, file, "1", "512"]
            found[f"llamacpp_{kind}"] = [python, script, file, "16", "512"]
    return found
