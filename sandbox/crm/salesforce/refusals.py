"""Owns Salesforce's refusals: a status and an array of errors, each with its code."""

from collections.abc import Sequence

from starlette.responses import Response

from sandbox.bodies import Answer


class Refused(Exception):
    """A request that is answered with an error; *fields* are those at fault."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = fields


def refusal(status: int, code: str, message: str, fields: Sequence[str] | None = None) -> Response:
    """The answer to a refused request."""
    error = {"message": message, "errorCode": code}
    return Answer([error if fields is None else {**error, "fields": list(fields)}], status)


def malformed(message: str) -> Refused:
    """A query that cannot be understood."""
    return Refused(400, "MALFORMED_QUERY", message)


def no_such_field(name: str, object: str) -> Refused:
    """A field that the object does not have, or that the user may not read: the two are worded alike."""
    return Refused(400, "INVALID_FIELD", f"No such column '{name}' on entity '{object}'.", [name])


def no_such_object(name: str) -> Refused:
    """An object that the org does not have, or that the user may not read."""
    return Refused(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")


def not_found() -> Refused:
    """A record or resource that is not there."""
    return Refused(404, "NOT_FOUND", "The requested resource does not exist")
