"""Filling PMS and CRM for the patients of an EHR that was loaded from files."""

from collections.abc import Iterable
from datetime import date
from random import Random
from typing import Any

from sandbox.derivation.appointments import Deriver
from sandbox.derivation.directory import Directory, typed_identifier
from sandbox.generator.engagement import balance_of, contact_of, coverages_of
from sandbox.generator.people import FIRST_CHART, chart_of
from sandbox.generator.visits import FIRST_APPOINTMENT
from sandbox.records import Dataset, Json, Resource


def derive(dataset: Dataset, seed: int, today: date) -> None:
    """Fills PMS and CRM of *dataset* for its patients; the same arguments give the same records.

    A chart's MRN is the Patient's identifier of type MR; a Patient without one has their chart under
    `MRN-<id>`, which the EHR knows nothing of. Appointments come of encounters, whose visit number they
    carry; a few more are made up, ahead and missed, with practitioners there are.
    """
    pms = dataset.pms
    directory = Directory(dataset.resources)
    pms.practitioners, pms.locations = directory.practitioners, directory.locations
    encounters = _by_patient(dataset.resources.get("Encounter", {}).values())
    for number, (id_, patient) in enumerate(sorted(dataset.resources.get("Patient", {}).items()), 1):
        rng = Random(f"{seed}/{id_}")
        mrn = typed_identifier(patient, "MR") or f"MRN-{id_}"
        chart = chart_of(patient, FIRST_CHART + number, mrn)
        deriver = Deriver(rng, directory, chart, today)
        rows = [*deriver.past(encounters.get(f"Patient/{id_}", ())), *deriver.made_up(not _has_died(patient))]
        pms.patients.append(chart)
        pms.appointments += _numbered(rows, FIRST_APPOINTMENT + len(pms.appointments))
        pms.balances.append(balance_of(rng, mrn, today))
        pms.coverages += coverages_of(rng, mrn, number, today)
        dataset.contacts.append(contact_of(rng, patient, chart, rows, number, today))


def _by_patient(encounters: Iterable[Resource]) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for encounter in encounters:
        subject: Any = encounter.get("subject", {}).get("reference", "")
        found.setdefault(subject, []).append(encounter)
    return found


def _numbered(rows: list[Json], first: int) -> list[Json]:
    rows.sort(key=lambda row: str(row["starts_at"]))
    for id_, row in enumerate(rows, first):
        row["id"] = id_
        row["video_url"] = f"https://video.sandbox.example/v/{id_}" if row["is_telehealth"] else None
    return rows


def _has_died(patient: Resource) -> bool:
    return "deceasedDateTime" in patient or patient.get("deceasedBoolean") is True
