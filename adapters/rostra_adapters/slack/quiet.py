"""What Slack's libraries log, without what they were given: tokens, texts and addresses stay out of it."""

from __future__ import annotations

import logging

NAME = "rostra_adapters.slack.library"


class _Bare(logging.Filter):
    """Leaves of a record where it was logged, and what kind of error it was about."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        record.msg = f"{record.module}.{record.funcName}" + (f" ({error})" if error else "")
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def library_logger() -> logging.Logger:
    """Return the logger that slack_sdk and slack_bolt get: warnings and worse, saying only where they come from."""
    logger = logging.getLogger(NAME)
    if not any(isinstance(one, _Bare) for one in logger.filters):
        logger.addFilter(_Bare())
    logger.setLevel(logging.WARNING)
    return logger
