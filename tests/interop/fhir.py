"""What others' FHIR servers are loaded with, and whether our adapter gives it back record by record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from sandbox.dataset import generate
from sandbox.loading import load
from sandbox.records import Dataset, Json
from sources.calling import Limits, StaticBearer, Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.errors import SourceError
from sources.memory import MemoryRecords
from sources.model import (
    AllergyIntolerance,
    CarePlan,
    Condition,
    Consent,
    DocumentReference,
    Encounter,
    Immunization,
    Location,
    MedicationRequest,
    Meta,
    Observation,
    Organization,
    Patient,
    PatientId,
    Practitioner,
    Procedure,
    Resource,
)
from sources.naming import alone
from sources.ports import ClinicalRecords, Listed, Narrowing, PatientQuery
from tests.interop.kits import REPOSITORY, NotHere
from tests.interop.programs import Disagreement, same
from tests.sources.fhir_servers import MRNS, TOKEN, VISITS
from tests.sources.practice import as_model, resources

R = TypeVar("R", bound=Resource)

OTHERS = REPOSITORY.parent / "shared" / "data" / "synthea-r4"
"""Patients that nobody here wrote, where they are there."""

PATIENTS, WITH_CONSENTS = 6, 13
_BATCH = 200
_PATIENCE_S = 300.0
_REFERRED_TO = ("Organization", "Location", "Practitioner", "Patient", "Encounter")

_READ: tuple[type[Resource], ...] = (Patient, Encounter, Practitioner, Organization, Location)
_LISTED: tuple[type[Resource], ...] = (
    *(AllergyIntolerance, CarePlan, Condition, Consent, DocumentReference, Encounter, Immunization),
    *(MedicationRequest, Observation, Procedure),
)
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
NARROWINGS: dict[str, tuple[type[Resource], tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "category=system|code": (Observation, (("category", (f"{_CATEGORIES}|vital-signs",)),)),
    "category=a,b": (Observation, (("category", ("laboratory", "survey")),)),
    "code=a,b": (Observation, (("code", ("http://loinc.org|8867-4", "http://loinc.org|4548-4")),)),
    "date=ge&date=lt": (
        Observation,
        (("date", ("ge2025-01-01T00:00:00Z",)), ("date", ("lt2026-01-01T00:00:00Z",))),
    ),
    "status": (Encounter, (("status", ("finished",)),)),
    "class": (Encounter, (("class", ("VR", "AMB")),)),
    "date=gt of a period": (Encounter, (("date", ("gt2026-06-01T00:00:00Z",)),)),
    "category&clinical-status": (
        Condition,
        (("category", ("problem-list-item",)), ("clinical-status", ("active",))),
    ),
}


def ours() -> Dataset:
    """Some of the sandbox's patients. Of so few none has said anything: two bear consents of later ones."""
    held = generate(PATIENTS)
    consents = generate(WITH_CONSENTS).resources["Consent"].values()
    for patient, consent in zip(held.resources["Patient"], consents, strict=False):
        held.add({**consent, "patient": {"reference": f"Patient/{patient}"}})
    return held


def others() -> Dataset:
    """Others' patients.

    Raises:
        NotHere: they are not there.
    """
    if not OTHERS.is_dir():
        raise NotHere("there are no files in shared/data/synthea-r4 beside the repository")
    return load(OTHERS)


async def compared(
    url: str, held: Dataset, vendor: str, strategies: Sequence[str], of_pages: int | None = None, **more: Any
) -> int:
    """How many answers were compared, of an adapter that is set for *vendor*, by each of *strategies*; and
    with pages of that size, if one is given.

    Raises:
        Disagreement, SourceError: an answer is not as it has to be.
    """
    count = 0
    for strategy in strategies:
        count += await _agreed(url, held, vendor=vendor, strategy=strategy, **more)
    if of_pages is not None:
        count += await _agreed(url, held, vendor=vendor, page_size=of_pages, page_limit=5_000, **more)
    return count


async def finds_what_is_new(url: str, held: Dataset, vendor: str) -> None:
    """A resource that is stored between two equal questions is in the second answer.

    Raises:
        Disagreement, SourceError: it is not.
    """
    row = next(iter(held.resources["Condition"].values()))
    patient = PatientId(row["subject"]["reference"].partition("/")[2])
    async with _adapter(url, vendor=vendor, strategy="or-list") as records:

        async def ids() -> set[str]:
            found = await records.of_patients(Condition, [patient], Narrowing(), frozenset({"code"}))
            return set(_lists(found)[patient])

        before = await ids()
        with httpx.Client(timeout=300) as client:
            _put(client, url, [{**row, "id": "stored-a-moment-ago"}])
        same(await ids(), before | {"stored-a-moment-ago"}, "conditions, with one stored a moment ago")


async def _agreed(url: str, held: Dataset, **settings: Any) -> int:
    async with _adapter(url, **settings) as records:
        agreement = Agreement(records, held)
        await agreement.all()
    return agreement.compared


@asynccontextmanager
async def _adapter(url: str, *, keeps_consents: bool = True, **settings: Any) -> AsyncIterator[FhirRecords]:
    upstream = Upstream(
        "ehr", "ehr", url, authorizer=StaticBearer(TOKEN), limits=Limits(timeout_s=_PATIENCE_S)
    )
    of = FhirSettings("ehr", url, alone("pms", MRNS, VISITS), **settings)
    records = FhirRecords(of, upstream, keeps_consents=keeps_consents)
    try:
        yield records
    finally:
        await records.close()


def put(base_url: str, held: Dataset) -> int:
    """Loads all resources under their own ids, by batches of PUT; how many they are.

    What others refer to goes first: HAPI, where it does not check references, finds nothing by a reference to
    what was not there when it was stored.
    """
    types = [*_REFERRED_TO, *(type_ for type_ in held.resources if type_ not in _REFERRED_TO)]
    rows = [row for type_ in types for row in held.resources.get(type_, {}).values()]
    with httpx.Client(timeout=300) as client:
        for start in range(0, len(rows), _BATCH):
            _put(client, base_url, rows[start : start + _BATCH])
    return len(rows)


def _put(client: httpx.Client, base_url: str, rows: Sequence[Json]) -> None:
    entries = [
        {"resource": row, "request": {"method": "PUT", "url": f"{row['resourceType']}/{row['id']}"}}
        for row in rows
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = client.post(
        base_url, content=msgspec.json.encode(bundle), headers={"Content-Type": "application/fhir+json"}
    )
    if answer.status_code != 200:
        raise Disagreement(f"it refuses to be loaded: {answer.status_code} {answer.text[:300]}")
    for entry, row in zip(answer.json()["entry"], rows, strict=True):
        if not entry["response"]["status"].startswith("20"):
            why = str(entry["response"])[:300]
            raise Disagreement(f"it does not take {row['resourceType']}/{row['id']}: {why}")


class Agreement:
    """Asks an adapter for all that was loaded, in each way there is, and counts what was compared."""

    def __init__(self, records: FhirRecords, held: Dataset) -> None:
        self._records = records
        self._expected = [plain(row) for row in resources(held)]
        self._patients = [PatientId(row.id) for row in self._of(Patient)]
        self._memory = MemoryRecords(self._expected)
        self.compared = 0

    async def all(self) -> None:
        """Raises: Disagreement, SourceError."""
        for kind in _READ:
            await self._by_id(kind)
        for kind in _LISTED:
            await self._by_patient(kind)
        await self._by_identifier()
        await self._narrowed()
        await self._searched(5)

    async def _narrowed(self) -> None:
        """Narrowed lists, against those of our own reading of the parameters."""
        for name, (kind, parameters) in NARROWINGS.items():
            narrowing, wanted = Narrowing(parameters), everything(kind)
            found = await self._records.of_patients(kind, self._patients, narrowing, wanted)
            expected = await self._memory.of_patients(kind, self._patients, narrowing, wanted)
            self._same(_lists(found), _lists(expected), f"{kind.__name__}?{name}")

    async def _searched(self, size: int) -> None:
        """A search of patients, page after page, and by what they are searched by."""
        row = self._of(Patient)[0]
        family = next(name.family for name in row.name if name.family)
        for query in (
            PatientQuery(),
            PatientQuery(family=family),
            PatientQuery(gender=row.gender, birth_date=row.birth_date),
            PatientQuery(id=PatientId(row.id)),
        ):
            found = await self._search(self._records, query, size)
            self._same(found, await self._search(self._memory, query, 100), "Patient?…")

    async def _search(self, records: ClinicalRecords, query: PatientQuery, size: int) -> dict[str, Patient]:
        rows, bookmark, wanted = list[Patient](), None, everything(Patient)
        while True:
            page = await records.search_patients(query, size, bookmark, wanted)
            rows += page.rows
            bookmark = page.next
            if bookmark is None:
                break
        if len({row.id for row in rows}) != len(rows):
            raise Disagreement("a search for patients gives one of them twice")
        return {row.id: plain(row) for row in rows}

    async def _by_id(self, kind: type[R]) -> None:
        expected = {row.id: row for row in self._of(kind)}
        found = await self._records.read(kind, [*expected, "nobody"], everything(kind))
        self._same({key: plain(row) for key, row in found.items()}, expected, f"{kind.__name__} by id")

    async def _by_patient(self, kind: type[Resource]) -> None:
        found = await self._records.of_patients(kind, self._patients, Narrowing(), everything(kind))
        expected: dict[str, Any] = {
            patient: rows
            for patient in self._patients
            if (
                rows := {row.id: row for row in self._of(kind) if getattr(row, "patient_id", None) == patient}
            )
        }
        self._same(_lists(found), expected, f"{kind.__name__} by patient")

    async def _by_identifier(self) -> None:
        for kind in (Patient, Practitioner):
            bearers = {
                f"{identifier.system}|{identifier.value}": row
                for row in self._of(kind)
                for identifier in getattr(row, "identifier", ())[:1]
                if identifier.system and identifier.value
            }
            found = await self._records.identified(kind, [*bearers, "urn:none|1"], everything(kind))
            self._same(
                {key: plain(row) for key, row in found.items()}, bearers, f"{kind.__name__} by identifier"
            )

    def _of(self, kind: type[R]) -> list[R]:
        return [row for row in self._expected if isinstance(row, kind)]

    def _same(self, found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
        same(found, expected, what)
        self.compared += len(expected)


def everything(kind: type[Resource]) -> frozenset[str]:
    """Every attribute of that kind."""
    return frozenset(kind.__struct_fields__)


def plain(row: Any) -> Any:
    """*row* without what a server says of its own keeping: when it was stored, and as which version."""
    if isinstance(row, SourceError):
        return str(row)
    labels = sorted(row.security, key=lambda label: (label.system or "", label.code or ""))
    meta = Meta(security=tuple(labels)) if labels else None
    return as_model(msgspec.structs.replace(row, meta=meta))


def _lists(found: Mapping[PatientId, Any]) -> dict[str, Any]:
    return {
        patient: {row.id: plain(row) for row in rows.rows}
        if isinstance(rows, Listed) and rows.complete
        else str(rows)[:200]
        for patient, rows in found.items()
    }
