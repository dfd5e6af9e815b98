"""From the claims of a valid token to an `Actor`: its audience, scopes, purpose and patient in context."""

from __future__ import annotations

import logging

from gateway.identity.claims import Claims
from gateway.identity.refusals import Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics
from policies import DEFAULT_PURPOSE, Actor, Audience, Context, Purpose, Scopes
from sources.model import PatientId

log = logging.getLogger(__name__)

PURPOSES = {purpose.value: purpose for purpose in Purpose}


def actor_of(claims: Claims, token_id: str, settings: IdentitySettings, metrics: Metrics) -> Actor:
    """Who bears the token. *token_id* is for a token without a `jti`.

    Raises Unauthenticated: no role or one not in the table, roles of two audiences, no client, a patient
    scope without a patient, a purpose that is not ours.
    """
    audience = _audience(claims, settings)
    client_id = claims.client_id or claims.azp
    if client_id is None:
        raise Unauthenticated(Refusal.CLAIMS)
    scopes = _scopes(claims, metrics)
    if claims.patient is None and any(scope.context is Context.PATIENT for scope in scopes.resources):
        raise Unauthenticated(Refusal.PATIENT)
    return Actor(
        issuer=claims.iss or settings.issuer,
        subject=claims.sub or client_id,
        client_id=client_id,
        audience=audience,
        purpose=_purpose(claims, audience),
        scopes=scopes,
        patient=PatientId(claims.patient) if claims.patient is not None else None,
        encounter=claims.encounter,
        fhir_user=claims.fhir_user,
        token_id=claims.jti or token_id,
        expires_at=claims.exp,
        acting=claims.act.sub if claims.act is not None else None,
        claims_purpose=claims.purpose_of_use is not None,
    )


def _audience(claims: Claims, settings: IdentitySettings) -> Audience:
    """The one audience that the roles stand for; roles that are not in the table stand for none."""
    audiences = {settings.roles[role] for role in claims.roles if role in settings.roles}
    if len(audiences) != 1:
        raise Unauthenticated(Refusal.ROLE)
    return audiences.pop()


def _purpose(claims: Claims, audience: Audience) -> Purpose:
    if claims.purpose_of_use is None:
        return DEFAULT_PURPOSE[audience]
    purpose = PURPOSES.get(claims.purpose_of_use)
    if purpose is None:
        raise Unauthenticated(Refusal.CLAIMS)
    return purpose


def _scopes(claims: Claims, metrics: Metrics) -> Scopes:
    said = claims.scope or claims.scp
    scopes = Scopes.parse(said if isinstance(said, str) else " ".join(said))
    if scopes.ignored:
        metrics.scopes_ignored.inc(len(scopes.ignored))
        log.info("scopes ignored", extra={"count": len(scopes.ignored)})
    return scopes
