"""Runs transformers' own server (that of ``transformers serve``) on a free port, which it prints: ``served.py MODEL_FOLDER``.

The command line always passes a ``device_map``, and for that transformers wants accelerate, which nothing else here needs:
so its parts are put together as ``transformers.cli.serve.Serve`` does, without one.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from transformers.cli.serving.chat_completion import ChatCompletionHandler
from transformers.cli.serving.completion import CompletionHandler
from transformers.cli.serving.model_manager import ModelManager
from transformers.cli.serving.response import ResponseHandler
from transformers.cli.serving.server import build_server
from transformers.cli.serving.systemone import SystemOneHandler
from transformers.cli.serving.transcription import TranscriptionHandler
from transformers.cli.serving.utils import GenerationState


def app(folder: str) -> Any:
    """Return the server's application, with the model loaded."""
    manager: Any = ModelManager(device="cpu", model_timeout=-1)
    manager.device = None
    state: Any = GenerationState(continuous_batching=False, compile=False)
    own: dict[str, Any] = {"model_manager": manager, "generation_state": state}
    built: Any = build_server(
        manager,
        ChatCompletionHandler(**own, chat_template_kwargs={}),
        completion_handler=CompletionHandler(**own),
        response_handler=ResponseHandler(**own, chat_template_kwargs={}),
        transcription_handler=TranscriptionHandler(manager, state),
        systemone_handler=SystemOneHandler(**own, chat_template_kwargs={}, decision_config=None),
        generation_state=state,
        enable_cors=False,
    )
    manager.load_model_and_processor(manager.process_model_name(folder))
    return built


if __name__ == "__main__":
    here = socket.create_server(("127.0.0.1", 0))
    built = app(sys.argv[1])
    print(here.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(built, log_level="error")).run(sockets=[here])
