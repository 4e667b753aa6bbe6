"""The servers that the gateway's bench compares, each in a process of its own in front of the same canned model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rostra.benches.report import peer_python

from .gateway_upstream import MODEL

UP_SECONDS = 180.0
"""How long a server may take until it answers; the peer imports for most of a minute on a cold disk."""
DOWN_SECONDS = 15.0
REST_SECONDS = 60.0
_LOOK_EVERY = 0.2
_REST = 0.2
"""The share of a processor that counts as rest."""
_SHOWN = 2_000
_MANY = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it listens, its process, and what it calls the model."""

    port: int
    pid: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of processor time that a process had so far, and the most memory, in MB."""

    processor: float
    memory: float


def cost(pid: int) -> Cost | None:
    """Return what a process has taken, all its threads together; None on a system that does not tell."""
    folder = Path("/proc") / str(pid)
    if not (folder / "stat").is_file():
        return None
    times = (folder / "stat").read_text().rpartition(")")[2].split()
    most = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
    ticks = int(times[11]) + int(times[12])
    return Cost(processor=ticks / os.sysconf("SC_CLK_TCK"), memory=int(most.split()[1]) / 1024)


@contextmanager
def ended_in_order() -> Generator[None]:
    """Within the block, SIGTERM cancels the task, so that no server outlives the bench."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def at_rest(pid: int) -> None:
    """Wait until a process does next to nothing: what it still does for streams that were given up, others would pay."""
    end = time.perf_counter() + REST_SECONDS
    before = cost(pid)
    while before is not None and time.perf_counter() < end:
        await asyncio.sleep(_LOOK_EVERY)
        after = cost(pid)
        if after is None or after.processor - before.processor <= _LOOK_EVERY * _REST:
            return
        before = after


def peer() -> Path | None:
    """Return the interpreter that has LiteLLM's proxy, if there is one."""
    # Only the proxy needs this small package; the big one fetches prices from the network when it is imported.
    python = peer_python("litellm_proxy_extras")
    return None if python is None else python.absolute()  # not resolved: that would leave its environment


@asynccontextmanager
async def rostra(upstream: int, *, moderators: Sequence[str], durable: bool) -> AsyncGenerator[Server]:
    """Run ``rostra serve`` with a gateway; ``durable`` keeps all in SQLite on this disk.

    Raises `RuntimeError` if it does not come up.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(dir=Path.cwd() if durable else None) as folder:
        file = Path(folder) / "rostra.toml"
        file.write_text(_configuration(port, upstream, moderators, durable=durable))
        command = [sys.executable, "-c", "from rostra.cli.main import main; main()"]
        command += ["serve", "--config", str(file)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROSTRA_")}
        async with _running(command, {**kept, "ROSTRA_DATA": folder}, Path(folder), port) as server:
            yield server


def _configuration(port: int, upstream: int, moderators: Sequence[str], *, durable: bool) -> str:
    """Return the configuration: what ships, but for limits that so many questions of one client would meet."""
    return "\n".join(
        [
            f'[adapters.gateway]\nkind = "gateway"\nlisten = "127.0.0.1:{port}"\nopen = true',
            f'[models.{MODEL}]\nkind = "remote"\nurl = "http://127.0.0.1:{upstream}/v1"\nmodel = "{MODEL}"',
            *(f'[moderators.{name}]\nkind = "{name}"' for name in moderators),
            "" if durable else '[storage]\nurl = "memory:"',
            f"[limits]\nper_person_per_minute = {_MANY}\nper_place_per_minute = {_MANY}\nburst = {_MANY}",
            "concurrent = 512\nwaiting = 4096\nwaiting_per_place = 4096",
            '[log]\nlevel = "error"',
        ]
    )


@asynccontextmanager
async def litellm(upstream: int, python: Path) -> AsyncGenerator[Server]:
    """Run LiteLLM's proxy as it ships: one worker, no database, no keys, nothing written about requests.

    Raises `RuntimeError` if it does not come up.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "litellm.yaml"
        served = {
            "model": f"openai/{MODEL}",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "none",
        }
        settings = {
            "model_list": [{"model_name": MODEL, "litellm_params": served}],
            "litellm_settings": {"telemetry": False},
        }
        file.write_text(json.dumps(settings))  # which is YAML too
        command = [str(python), "-m", "litellm.proxy.proxy_cli", "--config", str(file)]
        command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        more = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices of its own package, not those of the network
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # on loopback, as ours is open there
            "LITELLM_DISABLE_ACCESS_LOG_PATHS": "/v1/chat/completions",
            "LITELLM_LOG": "ERROR",
        }
        async with _running(command, {**os.environ, **more}, Path(folder), port) as server:
            yield server


@asynccontextmanager
async def _running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int
) -> AsyncGenerator[Server]:
    """Run a server until the end of the block, whatever happens there."""
    heard = folder / "said.txt"
    with heard.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=folder, stdin=DEVNULL, stdout=out, stderr=out
        )
    try:
        model = await _answering(process, port, heard)
        yield Server(port=port, pid=process.pid, model=model)
    finally:
        await _ended(process)


async def _answering(process: Process, port: int, heard: Path) -> str:
    """Wait until the server names its models, and return the first. Raises `RuntimeError` if it never does."""
    end = time.perf_counter() + UP_SECONDS
    while process.returncode is None and time.perf_counter() < end:
        if (model := await _first_model(port)) is not None:
            return model
        await asyncio.sleep(_LOOK_EVERY)
    raise RuntimeError(f"a server of the bench does not answer; it said: {_tail(heard)}")


def _tail(heard: Path) -> str:
    return heard.read_text(errors="replace")[-_SHOWN:] or "nothing"


async def _first_model(port: int) -> str | None:
    """Return the first model of a server; None if it does not say, yet."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        writer.write(b"GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        body = (await reader.read()).partition(b"\r\n\r\n")[2]
        return str(json.loads(body)["data"][0]["id"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    finally:
        writer.close()


async def _ended(process: Process) -> None:
    """End a server by its process id: first as an operator would, then for certain."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), DOWN_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
