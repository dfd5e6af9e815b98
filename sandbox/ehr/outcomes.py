"""What the EHR answers: a status, a body, headers; and the refusals that become OperationOutcomes."""

from dataclasses import dataclass, field

import msgspec

from sandbox.records import Resource

NUMBERS = "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369"
"""The code system of Epic's error numbers."""

FHIR_JSON = "application/fhir+json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """One FHIR interaction's result, ready for the wire or for an entry of a batch response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The request can't be served; `code` is a FHIR issue-type, the text never repeats what was sent."""

    def __init__(
        self,
        status: int,
        code: str,
        diagnostics: str,
        headers: dict[str, str] | None = None,
        *,
        number: str | None = None,
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics
        self.headers = headers or {}
        self.number = number

    def answer(self) -> Answer:
        """The refusal as FHIR says it: an OperationOutcome with one error."""
        body = msgspec.json.encode(outcome("error", self.code, self.diagnostics, self.number))
        return Answer(self.status, body, self.headers)


def outcome(severity: str, code: str, diagnostics: str, number: str | None = None) -> Resource:
    """An OperationOutcome with one issue (R4, `OperationOutcome.issue`); *number* is a code of Epic's own."""
    issue: Resource = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if number is not None:
        issue["details"] = {"coding": [{"system": NUMBERS, "code": number}]}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
