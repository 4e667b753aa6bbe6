"""Structured logs, for people at a terminal or as JSON lines, without anything that somebody wrote.

Nothing logs until `configured` is entered. What could be message text is left out by the name of its key, and
everything else that is not plain data by its type, unless ``[log] content`` allows it; secrets are never written.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from enum import Enum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from .errors import ConfigError, RostraError

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

_CONTENT = re.compile(
    r"(?:answer|body|caption|description|message|option|output|piece|question|span|text|title|utterance)s?"
    r"|arguments|content|data|history|input|line|prompt|said|system|view|.*_(?:text|prompt)",
    re.IGNORECASE,
)
"""Keys whose strings could be what somebody wrote."""

_SECRET = re.compile(r"token$|key$|secret|passw|authorization|credential|cookie", re.IGNORECASE)
_HIDDEN = "**********"
_FILE_BYTES, _FILES = 2_000_000, 3


@contextmanager
def configured(
    *,
    level: Level = "info",
    format: Format = "auto",  # noqa: A002  its name in the configuration
    content: bool = False,
    stream: TextIO | None = None,
    file: Path | None = None,
) -> Generator[None]:
    """Log to ``file`` (kept small: it is rotated), or to ``stream``, standard error by default, within the block.

    Everything goes through the standard library's root logger, so that libraries' warnings arrive as well.
    Raises `ConfigError` if the file cannot be written.
    """
    handler = _handler(file, stream or sys.stderr)
    people = format == "console" or (format == "auto" and file is None and (stream or sys.stderr).isatty())
    handler.setFormatter(_formatter(people=people, colour=file is None, content=content))
    handler.addFilter(lambda record: _wanted(record, content=content))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*_chain(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def redact(value: object, key: str = "", *, content: bool = False) -> object:
    """Return ``value`` as it may be logged under ``key``.

    >>> redact("hello", "text"), redact("hello", "stage"), redact("abc", "api_key"), redact(7, "tokens")
    ('<5 characters>', 'hello', '**********', 7)
    """
    if isinstance(value, SecretStr | SecretBytes) or (_SECRET.search(key) and isinstance(value, str | bytes)):
        return _HIDDEN
    if value is None or isinstance(value, bool | int | float | date | timedelta | Path | Enum):
        return value
    if isinstance(value, str | bytes):
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"<{len(value)} {unit}>" if _CONTENT.fullmatch(key) and not content else value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {str(name): redact(inner, _inner(key, str(name)), content=content) for name, inner in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner, key, content=content) for inner in cast("list[object]", value)]
    return value if content else f"<{type(value).__name__}>"


def _inner(key: str, name: str) -> str:
    """Return what a key inside of another goes by: the outer one, if that makes it content."""
    return key if _CONTENT.fullmatch(key) else name


def _redaction(*, content: bool) -> Processor:
    own = {"event", "level", "logger", "timestamp", "exception", "stack", "exc_info", "stack_info"}

    def processor(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        for key, value in event.items():
            if key not in own and not key.startswith("_"):
                event[key] = redact(value, key, content=content)
        return event

    return processor


def traced(error: BaseException, *, content: bool = False) -> str:
    """Return the traceback of ``error`` and of its causes: where it happened, and what it says if that is safe.

    Our own errors and the operating system's name no message text; others (a parser's, say) quote what they choke on.
    Unlike rich's, it shows no local variables.
    """
    lines: list[str] = []
    while True:
        frames = traceback.extract_tb(error.__traceback__)
        safe = content or isinstance(error, RostraError | OSError | ImportError)
        said = str(error) if safe else "<what it says is left out>"
        block = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
        lines = ["".join([*block, f"{type(error).__qualname__}: {said}"]), *lines]
        below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if below is None:
            return "\n\nwhich led to:\n\n".join(lines)
        error = below


def _exceptions(*, content: bool) -> Processor:
    def processor(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        given: Any = event.pop("exc_info", None)
        error: object = given
        if isinstance(given, tuple):
            error = cast("tuple[object, ...]", given)[1]
        elif given is True:
            error = sys.exception()
        if isinstance(error, BaseException):
            event["exception"] = traced(error, content=content)
        return event

    return processor


def _chain() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(*, people: bool, colour: bool, content: bool) -> logging.Formatter:
    renderer: list[Processor]
    if people:
        renderer = [
            structlog.dev.ConsoleRenderer(
                colors=colour and not os.environ.get("NO_COLOR"),
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    else:
        renderer = [structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_chain(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redaction(content=content),
            _exceptions(content=content),
            *renderer,
        ],
    )


def _handler(file: Path | None, stream: TextIO) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(stream)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        return RotatingFileHandler(file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the log {str(file)!r} cannot be written: {error.strerror}") from error


def _wanted(record: logging.LogRecord, *, content: bool) -> bool:
    """Leave out what libraries find interesting: below a warning they may well print what they were given."""
    return content or isinstance(cast("Any", record.msg), dict) or record.levelno >= logging.WARNING
