"""Which FHIR types and interactions the SMART scopes of a token open at this server."""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.ehr.outcomes import Refusal

_SCOPE = re.compile(r"(system|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True)
class Access:
    """What one token may do here: interaction letters (`cruds`) by FHIR type, `*` for every type."""

    letters: dict[str, frozenset[str]]

    def allows(self, type_: str, interaction: str) -> bool:
        """Whether *interaction* (one letter of `cruds`) is open for *type_*."""
        return any(interaction in self.letters.get(name, ()) for name in (type_, "*"))

    def require(self, type_: str, interaction: str) -> None:
        """Raises a 403 Refusal unless *interaction* is open for *type_*."""
        if not self.allows(type_, interaction):
            raise Refusal(
                403, "forbidden", f"the token has no scope for `{type_}` with permission `{interaction}`"
            )


def access_of(claims: dict[str, Any]) -> Access:
    """Reads the `scope` claim (SMART App Launch 2.2, scopes v1 and v2).

    `patient/` scopes and granular ones (with a query) open nothing here: this server would have to
    filter rows for them, and what it can't enforce it doesn't grant.
    """
    letters: dict[str, frozenset[str]] = {}
    scope = claims.get("scope")
    for word in scope.split() if isinstance(scope, str) else ():
        match = _SCOPE.fullmatch(word)
        if match:
            type_, permissions = match.group(2), match.group(3)
            letters[type_] = letters.get(type_, frozenset()) | set(_V1.get(permissions, permissions))
    return Access(letters)
