"""Owns Dataverse's refusals: a status, a code and a message."""

from typing import Any

NO_RECORD_BY_KEY = "0x80060891"
NO_RECORD = "0x80040217"
NO_SEGMENT = "0x80060888"
NO_PROPERTY = "0x80060888"
BAD_QUERY = "0x80060888"
TOO_MANY = "0x80072322"
NO_USER = "0x80072560"


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """What is answered."""
        return error(self.code, str(self))


def error(code: str, message: str) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"code": code, "message": message}}


def malformed(message: str) -> Refused:
    """A query that cannot be understood."""
    return Refused(400, BAD_QUERY, message)
