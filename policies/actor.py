"""Who asks: a verified token turned into a value, with the audience and the purpose that policy reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from policies.emergency import Emergency
from policies.scopes import Scopes
from sources.model import PatientId


class Audience(Enum):
    """On whose side of the boundary a client stands. A client has exactly one."""

    PATIENT = "patient"
    CLINICIAN = "clinician"
    PRACTICE = "practice"
    PARTNER = "partner"
    CRM = "crm"
    AI = "ai"


class Purpose(Enum):
    """Why the data is asked for: codes of http://terminology.hl7.org/CodeSystem/v3-ActReason.

    Break-glass (BTG) is not among them: it can't be claimed by a token alone.
    """

    TREAT = "TREAT"
    ETREAT = "ETREAT"
    COC = "COC"
    HPAYMT = "HPAYMT"
    HOPERAT = "HOPERAT"
    CAREMGT = "CAREMGT"
    PATADMIN = "PATADMIN"
    HMARKT = "HMARKT"
    PATRQT = "PATRQT"
    FAMRQT = "FAMRQT"
    PWATRNY = "PWATRNY"


DEFAULT_PURPOSE: Mapping[Audience, Purpose] = MappingProxyType(
    {
        Audience.PATIENT: Purpose.PATRQT,
        Audience.CLINICIAN: Purpose.TREAT,
        Audience.PRACTICE: Purpose.HOPERAT,
        Audience.PARTNER: Purpose.HOPERAT,
        Audience.CRM: Purpose.HMARKT,
        Audience.AI: Purpose.TREAT,
    }
)
"""The purpose of a token that states none."""


@dataclass(frozen=True, slots=True, repr=False)
class Actor:
    """The bearer of one verified token.

    `patient` is the launch context's Patient id, `fhir_user` the reference of the person signed in,
    `token_id` the token's `jti`, `expires_at` seconds since the epoch. `encounter` is the launch context's
    Encounter id: what was open when the app was launched. No decision looks at it; whether the bearer may
    know of that encounter is decided as of any other. `claims_purpose` says whether the
    token itself states the purpose: a request may then narrow it, and no more. `emergency` is there while the
    glass is broken: `policies.break_glass` alone puts it there. `acting` is who uses the token on behalf of
    its subject, where that is somebody else (`act`); policy decides by the subject.
    """

    issuer: str
    subject: str
    client_id: str
    audience: Audience
    purpose: Purpose
    scopes: Scopes
    patient: PatientId | None
    fhir_user: str | None
    token_id: str
    expires_at: float
    claims_purpose: bool = True
    acting: str | None = None
    emergency: Emergency | None = None
    encounter: str | None = None

    @property
    def is_user(self) -> bool:
        """Whether a person signed in: a backend's token names the client itself as its subject (RFC 9068)."""
        return self.fhir_user is not None or self.subject != self.client_id

    def __repr__(self) -> str:
        """Audience and client alone, so that no subject, patient or token id reaches a log."""
        return f"Actor(audience={self.audience.value!r}, client_id={self.client_id!r})"
