"""Owns what a practice's FHIR server needs to be told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sources.fhir.settings import FhirServer

Route = Literal["patient", "date", "encounter"]

VIRTUAL_SERVICE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.virtualService"
ACCOUNT_BALANCE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.balance"


@dataclass(frozen=True, kw_only=True)
class FhirPmsSettings(FhirServer):
    """A practice: `mrn_system` and `visit_system` are the systems of MRNs and visit numbers on this server.

    `appointments_by` is how a patient's appointments are found: by `patient`, by `date` (all of the days from
    `days_back` to `days_ahead`, of which other patients' are dropped here) or by `encounter` (those that
    led to one); `auto` takes the first of these that the server knows. An appointment whose type or service
    category has one of the `telehealth_codes`, or that has a link in `video_extension`, is by video.
    `balance_extension` is the extension of an Account that holds what is owed.
    """

    mrn_system: str
    visit_system: str
    appointments_by: Literal["auto"] | Route = "auto"
    days_back: int = 90
    days_ahead: int = 180
    telehealth_codes: tuple[str, ...] = ("VR",)
    video_extension: str = VIRTUAL_SERVICE
    balance_extension: str = ACCOUNT_BALANCE
