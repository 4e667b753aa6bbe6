"""How the pretended Discord refuses: status, code and body as the real one sends them.

https://docs.discord.com/developers/topics/opcodes-and-status-codes.
"""

from __future__ import annotations

from .world import Json


class Refused(Exception):
    """A request is refused; it changed nothing."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def unauthorized() -> Refused:
    return Refused(401, 0, "401: Unauthorized")


def missing_access() -> Refused:
    return Refused(403, 50001, "Missing Access")


def not_yours() -> Refused:
    return Refused(403, 50005, "Cannot edit a message authored by another user")


def unknown(what: str) -> Refused:
    """Return 404 for a kind of thing, such as ``Channel`` or ``interaction``."""
    codes = {
        "Channel": 10003,
        "Guild": 10004,
        "Message": 10008,
        "User": 10013,
        "Webhook": 10015,
        "interaction": 10062,
        "application command": 10063,
    }
    return Refused(404, codes[what], f"Unknown {what}")


def already_acknowledged() -> Refused:
    return Refused(400, 40060, "Interaction has already been acknowledged.")


def token_expired() -> Refused:
    return Refused(401, 50027, "Invalid Webhook Token")


def empty() -> Refused:
    return Refused(400, 50006, "Cannot send an empty message")


def invalid(field: str, code: str, message: str) -> Refused:
    """Return 50035 for a field, its path written with dots."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(field.split(".")):
        errors = {name: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)


def too_long(field: str, most: int) -> Refused:
    return invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
