"""What a token says, once it is known who says it: the claims we read, their shapes, their times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.identity.refusals import Refusal, Unauthenticated

_ID = r"([a-z][a-z0-9]{0,31}:)?[A-Za-z0-9.\-]{1,64}"

FhirId = Annotated[str, Meta(pattern=rf"^{_ID}\Z")]
"""An id as the graph has it: behind the name of its source, where a role has several."""
FhirUser = Annotated[
    str,
    Meta(
        pattern=r"^(https?://\S{1,1000}/)?"
        rf"(Patient|Practitioner|PractitionerRole|RelatedPerson|Person)/{_ID}\Z"
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
Instant = Annotated[float, Meta(ge=0, lt=1e12)]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts for the token's subject (RFC 8693 section 4.1); whoever acted before them is passed over."""

    sub: Name | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an access token (RFC 9068) or an introspection answer (RFC 7662); times in seconds."""

    exp: Instant
    iss: str | None = None
    sub: Name | None = None
    aud: str | list[str] | None = None
    nbf: Instant | None = None
    iat: Instant | None = None
    jti: Name | None = None
    client_id: Name | None = None
    azp: Name | None = None
    scope: str | list[str] = ""
    scp: str | list[str] = ""
    patient: FhirId | None = None
    encounter: FhirId | None = None
    fhir_user: FhirUser | None = msgspec.field(default=None, name="fhirUser")
    purpose_of_use: str | None = None
    act: Act | None = None
    roles: tuple[str, ...] = ()


def claims_of(said: Mapping[str, Any], role_claim: str) -> Claims:
    """The claims; `roles` from the claim of that name. Raises Unauthenticated if one is malformed."""
    role = said.get(role_claim)
    if not (role is None or isinstance(role, str | list)):
        raise Unauthenticated(Refusal.ROLE)
    roles = [role] if isinstance(role, str) else role or []
    try:
        return msgspec.convert({**said, "roles": roles}, Claims)
    except (msgspec.ValidationError, OverflowError, RecursionError):
        raise Unauthenticated(Refusal.CLAIMS) from None


def check_audience(claims: Claims, audience: str) -> None:
    """The token has to be meant for us. Raises Unauthenticated."""
    meant = claims.aud if isinstance(claims.aud, list) else [claims.aud]
    if audience not in meant:
        raise Unauthenticated(Refusal.AUDIENCE)


def check_times(claims: Claims, now: float, leeway_s: float) -> None:
    """The token has to be valid now, give or take the leeway. Raises Unauthenticated."""
    if now >= claims.exp + leeway_s:
        raise Unauthenticated(Refusal.EXPIRED)
    if any(begin is not None and begin > now + leeway_s for begin in (claims.nbf, claims.iat)):
        raise Unauthenticated(Refusal.EARLY)
