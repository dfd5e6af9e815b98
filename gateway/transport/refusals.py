"""What the transport itself refuses: a closed table of statuses, codes and words."""

import enum

import msgspec

from gateway.transport.settings import StatusProfile

_RETRYABLE = frozenset({408, 429, 503})


def errors(code: str, message: str, *, retryable: bool) -> bytes:
    """One GraphQL error in its array, as JSON."""
    return msgspec.json.encode([{"message": message, "extensions": {"code": code, "retryable": retryable}}])


def response(errors: bytes) -> bytes:
    """A GraphQL response of these errors alone: no `data`, for nothing ran."""
    return b'{"errors":' + errors + b"}"


class Refusal(enum.Enum):
    """Each member: status, `extensions.code`, the words; and the draft's status where it is another."""

    BAD_HEADERS = 400, "BAD_USER_INPUT", "A header that may occur once was sent twice. Send it once."
    CROSS_SITE = (
        400,
        "BAD_USER_INPUT",
        "A foreign page could have sent this GET. Send a `GraphQL-Require-Preflight: 1` header, or use POST.",
    )
    MALFORMED_JSON = 400, "BAD_USER_INPUT", "The request body is not JSON in UTF-8. Send one JSON object."
    MALFORMED_URL = (
        400,
        "BAD_USER_INPUT",
        "The query string cannot be read. Percent-encode UTF-8 and give each parameter once.",
    )
    BATCH = 400, "BAD_USER_INPUT", "Batches are not taken here. Send one request at a time.", 422
    NOT_AN_OBJECT = 400, "BAD_USER_INPUT", "The request must be one JSON object with a `query`.", 422
    WRONG_QUERY = 400, "BAD_USER_INPUT", "`query` must be a string.", 422
    WRONG_OPERATION_NAME = 400, "BAD_USER_INPUT", "`operationName` must be a string or null.", 422
    WRONG_VARIABLES = 400, "BAD_USER_INPUT", "`variables` must be a JSON object or null.", 422
    WRONG_EXTENSIONS = 400, "BAD_USER_INPUT", "`extensions` must be a JSON object or null.", 422
    BREAK_GLASS_IN_URL = (
        400,
        "BAD_USER_INPUT",
        "Break-glass can't be declared in a URL, which others may keep. Use POST.",
        422,
    )
    MISSING_QUERY = (
        400,
        "BAD_USER_INPUT",
        "There is no `query`. Send the GraphQL document in the `query` parameter.",
        422,
    )
    METHOD_NOT_ALLOWED = 405, "BAD_USER_INPUT", "Use POST for any operation, or GET for what only reads."
    NOT_ACCEPTABLE = (
        406,
        "BAD_USER_INPUT",
        "None of the media types in `Accept` can be given."
        " Accept `application/graphql-response+json`, `application/json` or `text/event-stream`.",
    )
    BODY_TOO_SLOW = 408, "BAD_USER_INPUT", "The request body did not arrive in time. Send the request again."
    HEAD_TOO_SLOW = (
        408,
        "BAD_USER_INPUT",
        "The head of the request did not arrive in time. Send the request again.",
    )
    BODY_TOO_LARGE = (
        413,
        "BAD_USER_INPUT",
        "The request body is too large. Send a smaller document or variables.",
    )
    URL_TOO_LONG = 414, "BAD_USER_INPUT", "The query string is too long. Use POST instead."
    UNSUPPORTED_MEDIA_TYPE = (
        415,
        "BAD_USER_INPUT",
        "The request body must be JSON in UTF-8. Send `Content-Type: application/json`.",
    )
    HEAD_TOO_LARGE = (
        431,
        "BAD_USER_INPUT",
        "The headers of the request are too large. Send fewer or shorter ones.",
    )
    FOREIGN_ORIGIN = (
        403,
        "BAD_USER_INPUT",
        "Pages of this origin may not connect. Ask the operator to add it to the allowed origins.",
    )
    TOO_MANY_OPERATIONS = (
        429,
        "REQUEST_RATE_LIMITED",
        "Too many operations are open on this connection. Complete one before you start another.",
    )
    UNAVAILABLE = 503, "SOURCE_UNAVAILABLE", "A system needed to let you in did not answer. Try again later."
    INTERNAL = 500, "INTERNAL", "Something went wrong on our side."

    def __init__(self, status: int, code: str, message: str, draft_status: int | None = None) -> None:
        self._status = status
        self._draft_status = draft_status or status
        self.errors = errors(code, message, retryable=status in _RETRYABLE)
        self.body = response(self.errors)

    def status(self, profile: StatusProfile) -> int:
        """The HTTP status under this profile."""
        return self._draft_status if profile is StatusProfile.DRAFT_2026 else self._status


class Refused(Exception):
    """The request stops here, for this reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.name)
        self.refusal = refusal
