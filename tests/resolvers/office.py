"""A small practice in memory: two patients, three systems that write down what they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from policies import Actor, Policy
from resolvers.consents import Consents, KeptConsents
from resolvers.cursors import Seal
from resolvers.house import House, Sources
from resolvers.loaders import Loaders
from resolvers.schema import build, classify, core_of
from sources.memory import MemoryEngagements, MemoryPractice, MemoryRecords
from sources.model import (
    Appointment,
    Balance,
    Booked,
    CareKey,
    CodeableConcept,
    Coding,
    Condition,
    Consent,
    Coverage,
    DocumentReference,
    Encounter,
    Engagement,
    Identifier,
    Location,
    Meta,
    Money,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Provision,
    Reference,
)
from tests.policies.people import ANA, BEN

POLICY = Policy(classify(core_of(build())))
NPI = "http://hl7.org/fhir/sid/us-npi"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
MRNS = {ANA: Mrn("M1"), BEN: Mrn("M2")}


def concept(code: str, system: str = ICD) -> CodeableConcept:
    return CodeableConcept(coding=(Coding(system=system, code=code),))


def patient(id_: PatientId, *labels: str, mrn: str | None = None) -> Patient:
    typed = concept("MR", "http://terminology.hl7.org/CodeSystem/v2-0203")
    number = Identifier(system="urn:mrn", value=mrn or MRNS[id_], type=typed)
    return Patient(id=id_, identifier=(number,), meta=labelled(*labels))


def labelled(*codes: str) -> Meta:
    return Meta(security=tuple(Coding(system=ACT_CODE, code=code) for code in codes))


def of(id_: PatientId) -> Reference:
    return Reference(reference=f"Patient/{id_}")


def condition(id_: str, whose: PatientId, code: str = "I10", *labels: str) -> Condition:
    return Condition(id=id_, subject=of(whose), code=concept(code), meta=labelled(*labels))


def observation(id_: str, whose: PatientId, category: str, encounter: str | None = None) -> Observation:
    seen = Reference(reference=f"Encounter/{encounter}") if encounter is not None else None
    return Observation(id=id_, subject=of(whose), category=(concept(category, "c"),), encounter=seen)


def booking(id_: str, whose: PatientId, day: int = 1, npi: str = "N1", **more: Any) -> Appointment:
    start = f"2026-11-{day:02}T10:00:00Z"
    booked = (Booked(npi=npi),)
    return Appointment(
        id=id_,
        patient_mrn=MRNS[whose],
        status="booked",
        start=start,
        booked=booked,
        visit_number=f"V{id_}",
        **more,
    )


def denial(whose: PatientId, **criteria: Any) -> Consent:
    """A consent by which the patient denies all that the criteria fit."""
    return Consent(
        id=f"no-{whose}",
        status="active",
        scope=concept("patient-privacy", SCOPE),
        patient=of(whose),
        provision=Provision(type="deny", **criteria),
    )


RECORDS = (
    patient(ANA),
    patient(BEN),
    Practitioner(id="prac-1", identifier=(Identifier(system=NPI, value="N1"),)),
    condition("c-ana", ANA),
    condition("c-ben", BEN),
    observation("o-lab", ANA, "laboratory", "e-ana"),
    observation("o-vital", ANA, "vital-signs"),
    observation("o-ben", BEN, "laboratory", "e-ben"),
    Encounter(id="e-ana", status="finished", subject=of(ANA)),
    DocumentReference(id="d-ana", subject=of(ANA)),
)
BOOKINGS = (booking("1", ANA, 3), booking("2", BEN, 2), booking("3", ANA, 1, "N2"))


class Recorded:
    """A source that notes what it is asked, and answers otherwise where it is told to."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.instead: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._source, name)
        if not callable(value) or name in ("mrn_identifier", "visit_identifier", "health"):
            return value

        async def noted(*how: Any) -> Any:
            self.asked.append((name, how))
            if isinstance(self.instead.get(name), Exception):
                raise self.instead[name]
            return self.instead[name] if name in self.instead else await value(*how)

        return noted

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


class Office:
    """The three systems, and loaders for whoever asks them."""

    def __init__(
        self,
        records: tuple[Any, ...] = RECORDS,
        bookings: tuple[Appointment, ...] = BOOKINGS,
        consents: tuple[Consent, ...] = (),
    ) -> None:
        self.ehr = Recorded(MemoryRecords((*records, *consents)))
        self.pms = Recorded(
            MemoryPractice(
                bookings,
                [Location(id="loc-1", name="Springfield")],
                [Coverage(id=f"cov-{mrn}", patient_mrn=mrn, status="active") for mrn in MRNS.values()],
                [balance(mrn) for mrn in MRNS.values()],
            )
        )
        self.crm = Recorded(
            MemoryEngagements([Engagement(care_key=CareKey(f"key {id_}"), score=7.0) for id_ in MRNS])
        )
        self.consents: Consents = KeptConsents(cast("Any", self.ehr), 0)

    def loaders(self, actor: Actor, wanted: Mapping[str, frozenset[str]] | None = None) -> Loaders:
        ehr, pms, crm = (cast("Any", source) for source in (self.ehr, self.pms, self.crm))
        house = House(
            Sources(ehr, pms, pms, crm, (ehr, pms, crm)),
            lambda patient: CareKey(f"key {patient}"),
            Seal(b"a secret"),
            cast("Any", None),
            self.consents,
        )
        return Loaders(house, POLICY.grant(actor), wanted or {})


def balance(mrn: Mrn, value: str = "12.50", **more: Any) -> Balance:
    return Balance(patient_mrn=mrn, amount=Money(value=value, currency="USD"), **more)
