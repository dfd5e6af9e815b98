"""Owns the provider's refusals, in the codes of RFC 6749 section 5.2."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox.bodies import Answer

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """A request is refused: the protocol's code, and a sentence for the developer who sent it."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.status = status


def refused(request: Request, error: Exception) -> Response:
    """The JSON answer to a refusal; what is not an `OAuthError` is a malformed request."""
    if not isinstance(error, OAuthError):
        error = OAuthError("invalid_request", str(error))
    headers = {**NO_STORE, "WWW-Authenticate": "Bearer"} if error.status == 401 else NO_STORE
    return Answer({"error": error.code, "error_description": error.description}, error.status, headers)
