"""Logs: structured, and without anything that somebody wrote."""

from __future__ import annotations

import io
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from rostra.errors import StoreError
from rostra.logs import Format, configured, redact

log = structlog.get_logger("rostra.test")


@dataclass(frozen=True)
class Note:
    text: str


def logged(**settings: Any) -> tuple[io.StringIO, Any]:
    stream = io.StringIO()
    return stream, configured(format="json", stream=stream, **settings)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_time_level_and_logger() -> None:
    stream, block = logged()
    with block:
        log.info("answered", place="console//terminal", seconds=0.25)
    (line,) = lines(stream)
    assert line["event"] == "answered"
    assert (line["level"], line["logger"]) == ("info", "rostra.test")
    assert (line["place"], line["seconds"]) == ("console//terminal", 0.25)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "values",
    [
        {"text": "my secret diary"},
        {"Question": "my secret diary"},
        {"system_prompt": "my secret diary"},
        {"detail": {"answer": "my secret diary"}},
        {"messages": [{"role": "user", "words": "my secret diary"}]},
        {"note": Note("my secret diary")},
        {"notes": [Note("my secret diary")]},
        {"password": "my secret diary"},
        {"authorization": "my secret diary"},
        {"api_key": "my secret diary"},
        {"headers": {"X-Auth-Token": "my secret diary"}},
        {"harmless": SecretStr("my secret diary")},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_somebody_wrote_and_what_is_secret_is_left_out(form: Format, values: dict[str, Any]) -> None:
    stream = io.StringIO()
    with configured(format=form, stream=stream):
        log.warning("look", **values)
    assert "look" in stream.getvalue()
    assert "diary" not in stream.getvalue()


def test_content_is_logged_where_it_is_allowed_but_secrets_never_are() -> None:
    stream, block = logged(content=True)
    with block:
        log.info("look", text="my diary", token="tk-1", other=SecretStr("tk-2"))
    (line,) = lines(stream)
    assert line["text"] == "my diary"
    assert "tk-" not in stream.getvalue()


def test_figures_are_no_secrets() -> None:
    assert redact({"tokens": 12, "key": 3, "text": 4}) == {"tokens": 12, "key": 3, "text": 4}


def test_a_traceback_shows_where_but_not_what_was_said() -> None:
    stream, block = logged()
    with block:
        diary = "my secret diary"
        try:
            int(diary)
        except ValueError:
            log.exception("broken")
    (line,) = lines(stream)
    assert "test_logs.py" in line["exception"]
    assert "ValueError" in line["exception"]
    assert diary not in line["exception"]


def test_a_traceback_says_what_our_own_errors_say_and_what_led_to_them() -> None:
    stream = io.StringIO()
    with configured(format="console", stream=stream):
        try:
            try:
                int("seven")
            except ValueError as error:
                raise StoreError("the disk is full") from error
        except StoreError:
            log.exception("broken")
    assert "StoreError: the disk is full" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "invalid literal" not in stream.getvalue()


def test_libraries_are_heard_from_warnings_on() -> None:
    stream, block = logged(level="debug")
    with block:
        logging.getLogger("httpx").info("GET https://example.org/?q=diary")
        logging.getLogger("httpx").warning("slow: %s", "reply")
    assert [line["event"] for line in lines(stream)] == ["slow: reply"]


def test_warnings_become_lines() -> None:
    stream, block = logged()
    with block, warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    assert "old ways" in lines(stream)[0]["event"]


def test_less_than_the_level_is_left_out() -> None:
    stream, block = logged(level="warning")
    with block:
        log.info("chatter")
        log.error("trouble")
    assert [line["event"] for line in lines(stream)] == ["trouble"]


def test_a_file_is_for_its_owner_alone_and_holds_json(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "chat.log"
    with configured(file=file):
        log.info("started")
    assert json.loads(file.read_text())["event"] == "started"
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_behind() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, structlog.get_config())
    _, block = logged()
    with block:
        log.info("hello")
    assert (list(root.handlers), root.level, structlog.get_config()) == before
