"""A moderator that knows meaning: a small encoder and a linear model, shipped as arrays, run without torch."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field

from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ConfigError
from rostra.places import Person, Place
from rostra.verdicts import Decision, Passage, Verdict

from .hashing import Linear
from .heads import HEADS, categories
from .idioms import without
from .network import Encoder
from .normalise import clean, readable
from .rules import BLOCK, FLAG
from .windows import Window, Windows
from .wordpiece import WordPiece

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[Any]

Profile: TypeAlias = Literal["full", "linear"]

LANGUAGES = ("en",)
"""Languages of the texts it learned from. What it says of others is a guess."""

MOST = 32
"""Windows of one text that the encoder reads. Of a longer text it reads those that the linear model finds worst."""

_REMEMBERED = 4096
_TOGETHER = 32


class ClassifierSettings(ComponentSettings):
    """Which weights, and how much of a processor.

    ::

        [moderators.classifier]
        profile = "full"      # "linear": a fraction of a millisecond, and less sense of meaning
        threads = 2           # texts that are read at the same time
        timeout = 10.0        # seconds that a text may take, in which it waits for its turn behind others
        weights = "./ours"    # a folder that `rostra classifier train` wrote; what ships, if it is left out
    """

    profile: Profile = "full"
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    timeout: Annotated[float, Field(gt=0)] = 10.0
    weights: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From numbers to probabilities: ``encoder * e + linear * l + bias``, then the logistic function, for each head."""

    encoder: tuple[float, ...]
    linear: tuple[float, ...]
    bias: tuple[float, ...]

    def __call__(self, encoder: Numbers, linear: Numbers) -> Numbers:
        import numpy as np

        summed = encoder * np.array(self.encoder) + linear * np.array(self.linear) + np.array(self.bias)
        made: Numbers = 1 / (1 + np.exp(-np.clip(summed, -30, 30)))
        return made


class Classifier:
    """A `rostra.protocols.Moderator`. Its threads run numpy and onnxruntime, which let go of the interpreter."""

    languages = LANGUAGES

    def __init__(self, name: str, folder: Path, settings: ClassifierSettings) -> None:
        """Load the weights in ``folder``. Raises `ConfigError` if they are not what they should be."""
        import numpy as np

        self.name = name
        self.seconds = settings.timeout
        """As in `rostra_moderation.combine.Patient`: whoever is many places back in the queue is not refused for that."""
        self._full = settings.profile == "full"
        try:
            pieces = (folder / "pieces.txt").read_text("utf-8").split("\n")[:-1]
            table = json.loads((folder / "calibration.json").read_text("utf-8"))
            if table["heads"] != list(HEADS):
                raise ConfigError(
                    f"the weights in {str(folder)!r} have the heads {table['heads']}, not {list(HEADS)}"
                )
            self._calibration = Calibration(
                **{key: tuple(table[settings.profile][key]) for key in ("encoder", "linear", "bias")}
            )
            self.version: str = table["version"]
            with np.load(folder / "linear.npz", allow_pickle=False) as linear:
                self._linear = Linear(linear["table"], linear["scale"], linear["bias"])
            self._encoder = Encoder(folder, settings.threads) if self._full else None
        except (OSError, KeyError, ValueError) as error:
            raise ConfigError(f"no weights of a classifier in {str(folder)!r}: {error}") from error
        self._windows = Windows(WordPiece(pieces))
        self._known: OrderedDict[Window, Numbers] = OrderedDict()
        self._lock = Lock()
        self._fine = Verdict(decision=Decision.ALLOW, source=name)
        self._waiting: deque[tuple[Passage, asyncio.Future[Verdict]]] = deque()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"moderator-{name}")

    async def judge(self, passage: Passage) -> Verdict:
        """Return scores by category. What is asked for while others are being judged is judged together."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Verdict] = loop.create_future()
        self._waiting.append((passage, future))
        self._worker.submit(self._serve)
        return await future

    def _serve(self) -> None:
        """Judge what waits, up to a batch. Somebody else's turn may have taken it already."""
        taken: list[tuple[Passage, asyncio.Future[Verdict]]] = []
        while self._waiting and len(taken) < _TOGETHER:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                taken.append(waiting)
        if not taken:
            return
        results: Sequence[Verdict | Exception]
        try:
            results = self.judge_all([passage for passage, _ in taken])
        except Exception as error:  # noqa: BLE001  whoever waits is told; the worker lives on
            results = [error] * len(taken)
        for (_, future), result in zip(taken, results, strict=True):
            _tell(future, result)

    def judge_all(self, passages: Sequence[Passage]) -> list[Verdict]:
        """Return a verdict for each of ``passages``, in order: together they cost less than one by one. Blocks."""
        return [self._verdict(categories(each)) for each in self.probabilities(passages)]

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._encoder is not None:
            self._encoder.close()

    def score_rows(self, rows: Sequence[tuple[str, str]]) -> Numbers:
        """Return one probability a row and head; a row is a text and the question that it answers, or an empty one."""
        return self.probabilities([_passage(text, question) for text, question in rows])

    def probabilities(self, passages: Sequence[Passage]) -> Numbers:
        """Return one probability a passage and head: the highest of any of its windows."""
        import numpy as np

        found = [self._windows_of(passage) for passage in passages]
        flat = list(dict.fromkeys(window for each in found for window in each))
        with self._lock:
            known = {window: self._known[window] for window in flat if window in self._known}
        new = [window for window in flat if window not in known]
        known |= dict(zip(new, self._read(new), strict=True))
        self._remember(known)
        nothing = np.zeros(len(HEADS))
        return np.array(
            [np.max([known[window] for window in each], axis=0) if each else nothing for each in found]
        )

    def _windows_of(self, passage: Passage) -> list[Window]:
        """Return what to read: the text, and what it says without its disguise if it has one."""
        text = without(clean(passage.text))
        question = clean(passage.question) if passage.direction == "answer" else ""
        found = self._windows(text, question)
        undisguised = readable(text)
        if undisguised != text:
            found = list(dict.fromkeys((*found, *self._windows(undisguised, question))))
        if len(found) > MOST and self._full:
            ordered = sorted(
                found, key=lambda window: float(self._linear.logits(window.words).max()), reverse=True
            )
            found = ordered[:MOST]
        return found

    def _read(self, windows: Sequence[Window]) -> Sequence[Numbers]:
        import numpy as np

        if not windows:
            return ()
        linear = np.array([self._linear.logits(window.words) for window in windows])
        encoder = self._encoder.logits(windows) if self._encoder else np.zeros_like(linear)
        return list(self._calibration(encoder, linear))

    def _remember(self, known: Mapping[Window, Numbers]) -> None:
        """Keep the latest: of an answer that grows, all windows but the last stay as they were."""
        with self._lock:
            for window, probabilities in known.items():
                self._known[window] = probabilities
                self._known.move_to_end(window)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _verdict(self, scores: Mapping[str, float]) -> Verdict:
        if not scores:
            return self._fine
        worst = max(scores.values())
        decision = Decision.BLOCK if worst >= BLOCK else Decision.FLAG if worst >= FLAG else Decision.ALLOW
        return Verdict(decision=decision, source=self.name, categories=MappingProxyType(dict(scores)))


def _tell(future: asyncio.Future[Verdict], result: Verdict | Exception) -> None:
    """Settle ``future`` in its own loop, from another thread; nobody waits for it any more where that is closed."""

    def settle() -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    with suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(settle)


def _passage(text: str, question: str) -> Passage:
    return Passage(
        text=text,
        question=question,
        direction="answer" if question else "question",
        place=Place(adapter="", channel=""),
        author=Person(id=""),
    )


def shipped() -> Path:
    """Return the folder of the weights that ship."""
    return Path(str(files("rostra_moderation") / "weights"))


def build(name: str, settings: ClassifierSettings, base: Path) -> Classifier:
    """Return the moderator that ``settings`` ask for. Raises `ConfigError`."""
    folder = (base / settings.weights) if settings.weights else shipped()
    return Classifier(name, folder, settings)


@asynccontextmanager
async def _open(settings: ClassifierSettings, services: Services) -> AsyncGenerator[Classifier]:
    made = await asyncio.to_thread(build, services.name, settings, services.base)
    try:
        yield made
    finally:
        made.close()


async def _check(settings: ClassifierSettings, services: Services) -> Sequence[Finding]:
    try:
        made = await asyncio.to_thread(build, services.name, settings, services.base)
    except ConfigError as error:
        return [
            Finding(ok=False, what=str(error), advice="name a folder that `rostra classifier train` wrote")
        ]
    made.close()
    return [Finding(ok=True, what=f"weights {made.version}, profile {settings.profile}")]


component = Component(name="classifier", settings=ClassifierSettings, open=_open, check=_check)
