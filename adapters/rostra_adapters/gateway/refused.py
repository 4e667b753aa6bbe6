"""Refusals in the shape that OpenAI's clients read.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED = 400, 401, 403, 404, 405
TIMED_OUT, CONFLICT, TOO_LARGE, TOO_MANY = 408, 409, 413, 429
BROKEN, BAD_UPSTREAM, BUSY, SLOW_UPSTREAM = 500, 502, 503, 504

KINDS = {
    UNAUTHORIZED: "authentication_error",
    FORBIDDEN: "permission_error",
    TOO_MANY: "rate_limit_error",
    BROKEN: "server_error",
    BAD_UPSTREAM: "server_error",
    BUSY: "server_error",
    SLOW_UPSTREAM: "server_error",
}
"""The ``type`` of an error, by status; all others are ``invalid_request_error``."""


@dataclass(eq=False)  # not frozen: whatever it passes through sets its traceback
class Refused(Exception):
    """A request that is not answered. What it says never quotes what was asked."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    allow: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """What is sent as JSON."""
        kind = KINDS.get(self.status, "invalid_request_error")
        if self.code == "insufficient_quota":
            kind = "insufficient_quota"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """What goes along: whole seconds, as RFC 9110 has it."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == UNAUTHORIZED else {}
        if self.allow:
            headers["Allow"] = self.allow
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        return headers
