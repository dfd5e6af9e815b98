"""Owns the faults a stand-in can be given: which requests one hits and what an error looks like there."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from sandbox.bodies import Unreadable

Mode = Literal[
    "none",
    "latency",
    "slow_body",
    "status",
    "html",
    "cut",
    "unknown_field",
    "foreign_row",
    "reset",
]


def is_for_tokens(path: str) -> bool:
    """Whether *path* is a token endpoint: `/oauth/token`, `/services/oauth2/token` and the like."""
    return "/oauth" in path and path.endswith("/token")


class Fault(Struct, forbid_unknown_fields=True):
    """How a stand-in misbehaves, until `times` requests have met it or another fault is set.

    | mode | does | `value` |
    |---|---|---|
    | none | nothing | |
    | latency | waits before it answers | seconds, 3 if absent |
    | slow_body | sends the head at once and the body in ten drips | seconds in all, 3 if absent |
    | status | answers the vendor's error; 429 and 503 with `Retry-After` | the status, 500 if absent |
    | html | answers 200 with an HTML page | |
    | cut | sends the first half of the JSON | 1: claims the full length, then hangs up |
    | unknown_field | adds a field that no schema knows to every record | |
    | foreign_row | adds a row of another patient to lists of rows that belong to patients | |
    | reset | resets the connection without an answer | |

    `path` limits it to paths that begin so; without one it spares token endpoints.
    """

    mode: Mode
    value: Annotated[float, Meta(ge=0, le=600)] | None = None
    times: Annotated[int, Meta(ge=1)] | None = None
    path: Annotated[str, Meta(pattern="^/")] | None = None

    def check(self) -> None:
        """Refuse what the types can't: a status that is no error.

        Raises:
            Unreadable: naming `value`.
        """
        if self.mode == "status" and self.status not in range(400, 600):
            raise Unreadable("`value` is the status to answer, from 400 to 599", "value")

    @property
    def status(self) -> int:
        """The status that mode `status` answers."""
        return 500 if self.value is None else int(self.value)

    @property
    def seconds(self) -> float:
        """How long modes `latency` and `slow_body` take."""
        return 3.0 if self.value is None else self.value

    def hits(self, path: str) -> bool:
        """Whether a request for *path* meets this fault."""
        if self.mode == "none" or self.times == 0:
            return False
        if self.path is not None:
            return path.startswith(self.path)
        # Tokens keep coming, so that a fault tests the data calls it is meant for.
        return not is_for_tokens(path)

    def spend(self) -> None:
        """Count one request that met it."""
        if self.times is not None:
            self.times -= 1


def error_body(system: str, status: int) -> Any:
    """An error as the system of that name words one; of any other name, as the PMS does."""
    return _BODIES.get(system, _of_the_pms)(status, "the sandbox was told to answer so")


def _of_the_ehr(status: int, words: str) -> Any:
    code = {401: "login", 403: "forbidden", 404: "not-found", 429: "throttled"}.get(status, "transient")
    issue = {"severity": "error", "code": code, "diagnostics": words}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _of_the_pms(status: int, words: str) -> Any:
    return {"error": {"code": "rate_limited" if status == 429 else "error", "message": words, "field": None}}


def _of_hubspot(status: int, words: str) -> Any:
    category = {401: "INVALID_AUTHENTICATION", 404: "OBJECT_NOT_FOUND", 429: "RATE_LIMITS"}
    return {"status": "error", "message": words, "category": category.get(status, "INTERNAL_ERROR")}


def _of_salesforce(status: int, words: str) -> Any:
    codes = {
        401: "INVALID_SESSION_ID",
        403: "REQUEST_LIMIT_EXCEEDED",
        404: "NOT_FOUND",
        503: "SERVER_UNAVAILABLE",
    }
    return [{"message": words, "errorCode": codes.get(status, "UNKNOWN_EXCEPTION")}]


def _of_dynamics(status: int, words: str) -> Any:
    codes = {401: "0x80072560", 404: "0x80060888", 429: "0x80072322"}
    return {"error": {"code": codes.get(status, "0x80040216"), "message": words}}


_BODIES: Mapping[str, Callable[[int, str], Any]] = {
    "ehr": _of_the_ehr,
    "crm": _of_hubspot,
    "salesforce": _of_salesforce,
    "dynamics": _of_dynamics,
}
