"""A local model's process is started, shared, watched and started again; here it is a script of a few lines."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from rostra.chat import Sampling, Utterance
from rostra.clock import Clock, SystemClock
from rostra.errors import ModelError, ModelMissing
from rostra.testing.clock import ManualClock, settle
from rostra_models.keeper import Keeper
from rostra_models.process import environment
from rostra_models.wire import Load

LOAD = Load(folder="x", dtype="float32", threads=1, window=64, nice=0, memory=10**6, seats=4)

WORKER = """
import json, os, sys
with open(sys.argv[1], "a") as log:
    log.write("started\\n")
behaviour = open(sys.argv[2]).read().split()
def say(**fields):
    print(json.dumps(fields), flush=True)
sys.stdin.readline()
print("reading the weights", file=sys.stderr, flush=True)
if "dies-loading" in behaviour:
    sys.exit(3)
if "cannot-load" in behaviour:
    say(**{"is": "Broken", "why": "OSError: no weights"})
    sys.exit(1)
if "stuck" in behaviour:
    sys.stdin.readline()
    sys.exit(0)
say(**{"is": "Ready", "seconds": 0.1, "memory": 1000000})
for line in sys.stdin:
    order = json.loads(line)
    if order["is"] != "Generate":
        continue
    question = order["messages"][-1]["text"]
    print(question, "File", file=sys.stderr, flush=True)
    if question == "die":
        os.kill(os.getpid(), 9)
    if question == "babble":
        print("I am no JSON", flush=True)
        continue
    if question == "refuse":
        say(**{"is": "Refused", "id": order["id"], "why": "too long"})
        continue
    say(**{"is": "Text", "id": 999, "text": "for nobody"})
    say(**{"is": "Text", "id": order["id"], "text": question})
    say(**{"is": "Text", "id": order["id"], "text": "!", "finish": "stop", "prompt": 1, "completion": 2})
"""


@dataclass
class Machine:
    """Where the script lies, how it behaves, and how often it was started."""

    folder: Path
    missing: bool = False
    keepers: list[Keeper] = field(default_factory=list[Keeper])

    def behaves(self, *behaviour: str) -> None:
        (self.folder / "behaviour").write_text(" ".join(behaviour))

    @property
    def starts(self) -> int:
        log = self.folder / "log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def keeper(self, clock: Clock | None = None, command: tuple[str, ...] = ()) -> Keeper:
        script = [str(self.folder / name) for name in ("worker.py", "log", "behaviour")]
        made = Keeper(
            "tiny",
            self.prepared,
            clock=clock or SystemClock(),
            start=30,
            command=command or (sys.executable, "-I", "-S", *script),
        )
        self.keepers.append(made)
        return made

    def prepared(self) -> Load:
        if self.missing:
            raise ModelMissing("no weights")
        return LOAD


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncGenerator[Machine]:
    (tmp_path / "worker.py").write_text(WORKER)
    made = Machine(tmp_path)
    made.behaves()
    yield made
    for keeper in made.keepers:
        await keeper.close()


async def ask(keeper: Keeper, question: str) -> str:
    said = (Utterance(role="user", text=question),)
    async with asyncio.timeout(30), aclosing(keeper.answer(said, Sampling())) as texts:
        return "".join([text.text async for text in texts])


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  another process brings it about
            await asyncio.sleep(0)


async def test_nothing_is_started_before_the_first_question(machine: Machine) -> None:
    keeper = machine.keeper()
    assert (keeper.state, keeper.pid, machine.starts) == ("idle", None, 0)
    assert await ask(keeper, "hello") == "hello!"
    assert (keeper.state, machine.starts) == ("ready", 1)


async def test_all_questions_share_one_process(machine: Machine) -> None:
    keeper = machine.keeper()
    answers = await asyncio.gather(*(ask(keeper, question) for question in "abc"))
    assert answers == ["a!", "b!", "c!"]
    assert machine.starts == 1


async def test_it_can_be_started_ahead_of_the_questions(machine: Machine) -> None:
    keeper = machine.keeper()
    keeper.start()
    keeper.start()
    assert keeper.state == "loading"
    await keeper.ready()
    assert await ask(keeper, "hello") == "hello!"
    assert machine.starts == 1


async def test_whoever_asked_first_may_leave_while_it_loads(machine: Machine) -> None:
    keeper = machine.keeper()
    first = asyncio.create_task(ask(keeper, "first"))
    second = asyncio.create_task(ask(keeper, "second"))
    await until(lambda: keeper.state == "loading")
    first.cancel()
    assert await second == "second!"
    assert machine.starts == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_death_is_told_to_who_waits_and_the_next_question_starts_it_again(machine: Machine) -> None:
    keeper = machine.keeper()
    assert await ask(keeper, "hello") == "hello!"
    with pytest.raises(
        ModelError, match=r"^the process of model 'tiny' was killed by SIGKILL, perhaps for want"
    ):
        await ask(keeper, "die")
    assert keeper.state == "idle"
    assert await ask(keeper, "again") == "again!"
    assert machine.starts == 2


async def test_after_two_deaths_in_a_row_it_is_left_alone_for_a_while(machine: Machine) -> None:
    clock = ManualClock()
    keeper = machine.keeper(clock)
    machine.behaves("dies-loading")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"^the process of model 'tiny' ended with status 3$"):
            await ask(keeper, "hello")
    with pytest.raises(ModelError, match=r"status 3: 2 times in a row; it is started again in 1 s$"):
        await ask(keeper, "hello")
    assert machine.starts == 2
    await clock.advance(1)
    machine.behaves()
    assert await ask(keeper, "hello") == "hello!"


async def test_the_wait_doubles_with_every_death_up_to_a_minute(machine: Machine) -> None:
    clock = ManualClock()
    keeper = machine.keeper(clock)
    machine.behaves("dies-loading")
    waits: list[str] = []
    for _ in range(9):
        with pytest.raises(ModelError, match="status 3"):
            await ask(keeper, "hello")
        with pytest.raises(ModelError) as refusal:
            await ask(keeper, "hello")
        waits.append(str(refusal.value).rpartition(" in ")[2])
        await clock.advance(60)
    assert waits[1:] == ["2 s", "4 s", "8 s", "16 s", "32 s", "60 s", "60 s", "60 s"]


async def test_an_answer_in_between_makes_a_death_the_first_again(machine: Machine) -> None:
    keeper = machine.keeper(ManualClock())
    for _ in range(3):
        with pytest.raises(ModelError, match="SIGKILL"):
            await ask(keeper, "die")
        assert await ask(keeper, "hello") == "hello!"


async def test_a_model_that_cannot_be_loaded_says_why(machine: Machine) -> None:
    machine.behaves("cannot-load")
    with pytest.raises(ModelError, match=r"^model 'tiny' cannot be loaded: OSError: no weights$"):
        await ask(machine.keeper(), "hello")


async def test_loading_for_too_long_is_given_up(machine: Machine) -> None:
    machine.behaves("stuck")
    clock = ManualClock()
    keeper = machine.keeper(clock)
    asked = asyncio.create_task(ask(keeper, "hello"))
    await until(lambda: machine.starts)
    await settle()
    await clock.advance(30)
    with pytest.raises(ModelError, match=r"^model 'tiny' was not loaded within 30 s$"):
        await asked
    assert keeper.state == "idle"


async def test_missing_weights_are_looked_for_again_without_a_wait(machine: Machine) -> None:
    keeper = machine.keeper(ManualClock())
    machine.missing = True
    for _ in range(3):
        with pytest.raises(ModelMissing, match="no weights"):
            await ask(keeper, "hello")
    assert machine.starts == 0
    machine.missing = False
    assert await ask(keeper, "hello") == "hello!"


async def test_a_program_that_cannot_be_run_is_named(machine: Machine) -> None:
    with pytest.raises(ModelError, match=r"model 'tiny' cannot be started: No such file"):
        await ask(machine.keeper(command=("/nowhere/python",)), "hello")


async def test_a_refusal_is_an_error_and_the_next_question_is_answered(machine: Machine) -> None:
    keeper = machine.keeper()
    with pytest.raises(ModelError, match=r"^model 'tiny': too long$"):
        await ask(keeper, "refuse")
    assert await ask(keeper, "hello") == "hello!"
    assert machine.starts == 1


async def test_a_process_that_babbles_is_ended_and_started_again(machine: Machine) -> None:
    keeper = machine.keeper()
    with pytest.raises(ModelError, match=r"says what nobody understands \(JSONDecodeError\) and was ended"):
        await ask(keeper, "babble")
    assert await ask(keeper, "hello") == "hello!"


async def test_closing_ends_it_while_it_loads(machine: Machine) -> None:
    machine.behaves("stuck")
    keeper = machine.keeper()
    asked = asyncio.create_task(ask(keeper, "hello"))
    await until(lambda: machine.starts)
    await keeper.close()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_closing_ends_the_process(machine: Machine) -> None:
    keeper = machine.keeper()
    await keeper.ready()
    pid = keeper.pid
    assert pid is not None
    await keeper.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_it_writes_is_logged_until_it_has_heard_a_conversation(machine: Machine) -> None:
    keeper = machine.keeper()
    with capture_logs() as logs:
        assert await ask(keeper, "my secret") == "my secret!"
        await keeper.close()
    assert [log["wrote"] for log in logs if "wrote" in log] == ["reading the weights"]
    assert [log["lines"] for log in logs if "lines" in log] == [1]
    assert "secret" not in str(logs)


def test_the_process_gets_no_secrets_and_no_network() -> None:
    given = {"PATH": "/bin", "ROSTRA_MASTER_KEY": "secret", "ROSTRA_ADAPTERS__DISCORD__TOKEN": "secret"}
    passed = environment(given, 3)
    assert "secret" not in passed.values()
    assert passed["PATH"] == "/bin"
    assert passed["HF_HUB_OFFLINE"] == "1"
    assert passed["OMP_NUM_THREADS"] == "3"
